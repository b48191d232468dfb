#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn code(text: &str) -> Code {
    SafeUrl::parse(text).unwrap_err().code()
}

#[test]
fn a_plain_url_keeps_its_parts() {
    let url = SafeUrl::parse("https://API.example.com:8443/a/b?c=d#e").unwrap();
    assert_eq!(url.origin().authority(), "api.example.com:8443");
    assert_eq!(url.path_and_query(), ("/a/b", Some("c=d")));
    assert_eq!(format!("{url:?}"), "https://api.example.com:8443/…");
}

#[test]
fn other_schemes_are_insecure() {
    for text in ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "data:,x"] {
        assert_eq!(code(text), Code::PolicyInsecureUrl, "{text}");
    }
}

#[test]
fn whatever_changes_its_authority_is_refused() {
    for text in [
        "https:example.com",
        "https:///example.com",
        "https://u:p@example.com/",
        "https://example.com@evil.com/",
        "https://example.com\\@evil.com/",
        "https://exa\tmple.com/",
        "https://example.com/\n",
        " https://example.com/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://[fe80::1%25eth0]/",
        "https://１２７.0.0.1/",
        "https://ｅxample.com/",
        "https://example。com/",
        "https://%65xample.com/",
        "https://example.com:0/",
        "https://example.com:/",
        "https://example.com:99999/",
        "https://example.com:٣/",
        "https://-a.com/",
        "https://a..com/",
        "https://1.2.3.4.5/",
        "https:/example.com",
        "https://example.com/\u{202e}",
        "https://example.com/\u{feff}",
        "https://exam\u{ad}ple.com/",
    ] {
        assert!(SafeUrl::parse(text).is_err(), "{text}");
    }
}

#[test]
fn an_international_name_is_canonical() {
    assert_eq!(SafeUrl::parse("https://bücher.example/").unwrap().origin().authority(), "xn--bcher-kva.example");
    assert!(SafeUrl::parse("https://xn--bcher-kva.example/").is_ok());
}

#[test]
fn an_international_name_has_no_label_that_idna_rewrites() {
    for text in [
        "https://bücher.exa\u{fe0f}mple/",
        "https://bü\u{34f}cher.example/",
        "https://bücher.\u{ff45}xample/",
        "https://bücher\u{3002}example/",
        "https://b\u{fb01}ü.example/",
        "https://bü\u{200d}cher.example/",
    ] {
        assert!(SafeUrl::parse(text).is_err(), "{text:?}");
    }
    for (text, name) in [
        ("https://BÜCHER.Example./", "xn--bcher-kva.example"),
        ("https://bu\u{308}cher.example/", "xn--bcher-kva.example"),
        ("https://日本.jp/", "xn--wgv71a.jp"),
        ("https://\u{5de}\u{5dc}\u{5d5}\u{5df}.example/", "xn--9dbnfg.example"),
    ] {
        assert_eq!(SafeUrl::parse(text).unwrap().origin().authority(), name, "{text:?}");
    }
}

#[test]
fn a_location_is_resolved_and_stays_https() {
    let base = SafeUrl::parse("https://a.example/x/y?z").unwrap();
    assert_eq!(base.join("../w").unwrap().as_sent(), "https://a.example/w");
    assert_eq!(base.join("//b.example/q").unwrap().origin().authority(), "b.example");
    assert_eq!(base.join("http://a.example/").unwrap_err().code(), Code::PolicyRedirectRefused);
    assert!(base.join("https://0x7f.1/").is_err());
    assert!(base.join("//u@b.example/").is_err());
    assert_eq!(base.join("?to=https://b.example").unwrap().origin().authority(), "a.example");
}

#[test]
fn a_location_that_parsers_read_in_two_ways_is_refused() {
    let base = SafeUrl::parse("https://a.example/x/y?z").unwrap();
    for odd in
        ["https:b.example", "https:/b.example", "https:", "///b.example", "//b.example:0443/", "/\\b.example", " /w"]
    {
        assert_eq!(base.join(odd).unwrap_err().code(), Code::PolicyRedirectRefused, "{odd}");
    }
}

#[test]
fn an_origin_has_no_path() {
    assert_eq!(Origin::parse("localhost:8443").unwrap().authority(), "localhost:8443");
    assert_eq!(Origin::parse("[::1]:8443").unwrap().authority(), "[::1]:8443");
    assert!(Origin::parse("example.com/x").is_err());
}

proptest! {
    #[test]
    fn a_location_stays_on_https_and_parses_again(text in "(https?:)?/{0,3}\\PC{0,40}") {
        let base = SafeUrl::parse("https://a.example/x/y?z").unwrap();
        if let Ok(url) = base.join(&text) {
            let again = SafeUrl::parse(&url.as_sent()).unwrap();
            prop_assert_eq!(again.as_sent(), url.as_sent());
            if !text.contains("//") {
                prop_assert_eq!(url.origin(), base.origin());
            }
        }
    }

    #[test]
    fn parsing_never_panics_and_is_stable(text in "\\PC{0,80}") {
        for text in [text.clone(), format!("https://{text}")] {
            if let Ok(url) = SafeUrl::parse(&text) {
                let again = SafeUrl::parse(&url.as_sent()).unwrap();
                prop_assert_eq!(again.origin(), url.origin());
            }
        }
    }
}
