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
        "https://exam\u{ad}ple.com/",
        "https://exam\u{202e}ple.com/",
        "https://exam ple.com/",
        "https://example.com /",
        "https://example.com\u{a0}/",
        "https:// example.com/",
        "https://example.com\\a",
    ] {
        assert!(SafeUrl::parse(text).is_err() && SafeUrl::parse_pasted(text).is_err(), "{text}");
    }
}

#[test]
fn what_nobody_sees_behind_the_authority_is_sent_encoded() {
    let base = SafeUrl::parse("https://other.example/").unwrap();
    for (written, sent) in [
        ("/a b", "/a%20b"),
        ("/a?b c=d e#f g", "/a?b%20c=d%20e"),
        ("?a b", "/?a%20b"),
        ("/#a b", "/"),
        ("/\u{feff}/foo", "/%EF%BB%BF/foo"),
        ("/\u{202e}/foo/\u{202d}/bar", "/%E2%80%AE/foo/%E2%80%AD/bar"),
        ("/a\u{a0}b\u{3000}c\u{2028}d", "/a%C2%A0b%E3%80%80c%E2%80%A8d"),
        ("/نامه\u{200c}ای", "/%D9%86%D8%A7%D9%85%D9%87%E2%80%8C%D8%A7%DB%8C"),
        ("/a//b c", "/a//b%20c"),
    ] {
        let text = format!("https://example.com{written}");
        let wanted = format!("https://example.com{sent}");
        assert_eq!(SafeUrl::parse_pasted(&text).unwrap().as_sent(), wanted, "{text:?}");
        assert_eq!(base.join(&text).unwrap().as_sent(), wanted, "{text:?}");
        assert_eq!(base.join(&format!("//example.com{written}")).unwrap().as_sent(), wanted, "{text:?}");
        if written.starts_with('/') {
            assert_eq!(base.join(written).unwrap().as_sent(), format!("https://other.example{sent}"), "{written:?}");
        }
    }
    for literal in ["/a b", "/\u{202e}a", "/\u{feff}a", "/a\u{a0}b"] {
        let text = format!("https://example.com{literal}");
        assert!(SafeUrl::parse(&text).is_err() && SafeUrl::parse_base(&text).is_err(), "{text:?}");
    }
    assert_eq!(base.join("page two.html").unwrap().as_sent(), "https://other.example/page%20two.html");
}

#[test]
fn controls_and_backslashes_are_refused_everywhere() {
    let base = SafeUrl::parse("https://other.example/").unwrap();
    for odd in ["\\", "\t", "\n", "\r", "\0", "\u{b}", "\u{1b}", "\u{7f}", "\u{85}", "\u{9b}"] {
        for place in ["/a{}b", "/a{}", "/{}a", "?a{}b", "/#a{}b", "/a?b{}", "/a#{}"] {
            let place = place.replace("{}", odd);
            assert!(SafeUrl::parse_pasted(&format!("https://example.com{place}")).is_err(), "{place:?}");
            assert!(base.join(&place).is_err(), "{place:?}");
        }
    }
    for blank in [" ", "\u{a0}", "\u{3000}", "\u{2028}"] {
        for text in [
            format!("{blank}https://example.com/"),
            format!("https://example.com/a{blank}"),
            format!("https://example.com/?a{blank}"),
        ] {
            assert!(SafeUrl::parse_pasted(&text).is_err() && base.join(&text).is_err(), "{text:?}");
        }
        assert!(base.join(&format!("{blank}/a")).is_err() && base.join(&format!("/a{blank}")).is_err());
        // A relative text that begins with a blank is cut by some parsers.
        assert!(base.join(&format!("{blank}a")).is_err());
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
