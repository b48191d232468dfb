#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn form(set: &str, require_tld: bool) -> Option<Form> {
    Some(match set {
        "email" | "email.isemail" => Form::Email(Email { tld: require_tld, ..Email::default() }),
        "hostname" => Form::Hostname(Hostname::default()),
        "idn-hostname" | "idna.toascii(whatwg)" => Form::Hostname(Hostname { idna: true, dotted: false }),
        "ipv4" => Form::Ip(Ip { version: Some(4), public: None }),
        "ipv6" => Form::Ip(Ip { version: Some(6), public: None }),
        "uuid" => Form::Uuid,
        "uri" | "url.https_strict" => Form::HttpsUrl(HttpsUrl::default()),
        "date" => Form::Date,
        "date-time" => Form::DateTime,
        "phone.e164" => Form::E164,
        "slug" => Form::Slug(Slug::Words),
        "text.nfc" | "text.single_line_safe" => Form::Text(Text::default()),
        _ => return None,
    })
}

#[test]
fn cherokee_stands_in_capitals() {
    let (plain, own) =
        (Form::Hostname(Hostname::default()), Form::Hostname(Hostname { idna: true, ..Hostname::default() }));
    assert!(plain.fits("xn--58d") && !plain.fits("xn--kz9a"));
    assert_eq!(own.read("Ꭰ.example").as_deref(), Some("xn--58d.example"));
    assert_eq!(own.read("Ж.example").as_deref(), own.read("ж.example").as_deref());
}

/// `tests/vectors/validation.json`: what fits and what does not; what we do not claim says why.
#[test]
fn every_vector_is_judged_right() {
    let rows = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/validation.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let mut judged = 0;
    for row in rows.iter().filter(|row| row["input"].is_string()) {
        let Some(form) = form(row["set"].as_str().unwrap(), row["options"]["require_tld"] != false) else { continue };
        // A row that is not claimed is one that we refuse.
        let valid = row["valid"] == true && row["excluded"].is_null();
        assert_eq!(form.fits(row["input"].as_str().unwrap()), valid, "{row}");
        judged += 1;
    }
    assert!(judged > 600, "{judged}");
}

fn fits(form: &Form, texts: &[&str]) -> Vec<bool> {
    texts.iter().map(|text| form.fits(text)).collect()
}

#[test]
fn an_international_domain_becomes_a_labels() {
    let email = Form::Email(Email::default());
    assert_eq!(email.read("a@bücher.de").unwrap(), "a@xn--bcher-kva.de");
    assert_eq!(email.read("a@Bücher.de").unwrap(), "a@xn--bcher-kva.de");
    assert_eq!(email.read("A.B@Example.COM").unwrap(), "A.B@Example.COM");
    assert!(!Form::Email(Email { idna: false, tld: true }).fits("a@bücher.de"));
    // Full-width letters, an ideographic stop, a soft hyphen, a Kelvin sign: IDNA would map or drop them.
    for bad in
        ["a@ｅxample.com", "a@example。com", "a@exam\u{ad}ple.com", "a@\u{212a}elvin.com", "a@ex\u{200d}ample.com"]
    {
        assert!(!email.fits(bad), "{bad:?}");
    }
}

#[test]
fn a_host_name_is_no_address() {
    let name = Form::Hostname(Hostname::default());
    let numbers = ["127.0.0.1", "1", "a.1", "a.0x7f", "a.0x", "2130706433"];
    assert_eq!(fits(&name, &numbers), [false; 6]);
    assert_eq!(fits(&name, &["a.1b", "1a", "r3---sn-ab.example.com", "0xyz"]), [true; 4]);
    let dotted = Form::Hostname(Hostname { dotted: true, idna: false });
    assert_eq!(fits(&dotted, &["localhost", "a.b"]), [false, true]);
}

#[test]
fn a_text_shows_what_it_holds() {
    let line = Form::Text(Text::default());
    for bad in
        ["a\nb", "a\r", "a\tb", "a\u{7f}", "\u{200b}", "a\u{2028}b", "\u{2067}x", "\u{fff9}", "\u{fdd0}", "\u{10ffff}"]
    {
        assert!(!line.fits(bad), "{bad:?}");
    }
    for good in ["", "a b", "日本語", "é", "\u{1f600}", "\u{e000}", "नमस्ते"] {
        assert!(line.fits(good), "{good:?}");
    }
    let lines = |newlines| Form::Text(Text { newlines, ..Text::default() });
    assert_eq!(lines(Newlines::Keep).read("a\nb").unwrap(), "a\nb");
    assert!(!lines(Newlines::Keep).fits("a\r\nb"));
    assert_eq!(lines(Newlines::Normalize).read("a\r\nb\rc").unwrap(), "a\nb\nc");
    assert!(Form::Text(Text { tabs: true, ..Text::default() }).fits("a\tb"));
}

#[test]
fn joiners_stand_where_they_join() {
    let text = Form::Text(Text { joiners: true, ..Text::default() });
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    assert_eq!(fits(&text, &[family, "❤\u{fe0f}", "❤\u{fe0f}\u{200d}\u{1f525}", "क्\u{200d}ष"]), [true; 4]);
    let lone = ["\u{200d}", "a \u{200d}b", "a\u{200d}\u{200d}b", "\u{fe0f}", "a\u{fe0f}\u{fe0f}", "a\u{200b}b"];
    assert_eq!(fits(&text, &lone), [false; 6]);
}

#[test]
fn text_that_is_not_normal_is_refused_or_rewritten() {
    let decomposed = "cafe\u{301}";
    assert!(!Form::Text(Text::default()).fits(decomposed));
    let rewritten = Form::Text(Text { normalize: true, length: Length::chars(1, 4), ..Text::default() });
    assert_eq!(rewritten.read(decomposed).unwrap(), "café");
}

#[test]
fn text_that_must_not_be_empty_must_not_look_empty() {
    let name = Form::Text(Text { length: Length::chars(1, 10), ..Text::default() });
    assert_eq!(fits(&name, &["", " ", "\u{3000}", "\u{2800}", "\u{3164}"]), [false; 5]);
    assert_eq!(fits(&name, &[" a ", "⠓"]), [true; 2]);
}

#[test]
fn lengths_are_counted_in_their_unit() {
    for (unit, length) in [(Unit::Chars, 2), (Unit::Utf8, 5), (Unit::Utf16, 3)] {
        let exactly = |count| Form::Str(Length { min: count, max: count, unit }).fits("a\u{1f600}");
        assert!(exactly(length) && !exactly(length - 1) && !exactly(length + 1), "{unit:?}");
    }
}

#[test]
fn a_pattern_matches_whole_texts_in_ascii() {
    let pattern = |written: &str| Pattern::new(written, 100, None).map(Form::Pattern);
    let digits = pattern(r"\d+").unwrap();
    assert_eq!(fits(&digits, &["123", "１２３", "٣", "1\n", "", "12a"]), [true, false, false, false, false, false]);
    assert!(pattern(r"[\w.]+\s\b\w").unwrap().fits("a_.9\tz"));
    assert!(pattern("a|ab").unwrap().fits("ab"));
    assert!(pattern(r"\D\W\S").unwrap().fits("x-é"));
    assert!(pattern(r"\\d").unwrap().fits(r"\d"));
    for bad in ["a)|(?:b", "(", "(?=a)", r"(a)\1", "[", "(?x)a #", r"\", "a{99999}", r"\p{Greek}", &"(".repeat(99)] {
        assert!(pattern(bad).is_err(), "{bad:?}");
    }
    assert!(!pattern("a*").unwrap().fits(&"a".repeat(101)));
}

#[test]
fn an_https_url_needs_no_repair() {
    let url = Form::HttpsUrl(HttpsUrl::default());
    for bad in [
        "https:///e.com",
        "https://u:p@e.com",
        "https://u@e.com",
        "https://e.com\n",
        "https://e.com/a b",
        "https://e.com/%zz",
        "https://e.com/%2",
        "https://e.com/ü",
        "https://bücher.de",
        "https://e.com./",
        "https://e.com/../a",
        "https://e.com/%2e%2e/a",
        "https://e.com/<",
        "https://e.com/?q=\"",
        "https://e.com/#<",
        "https://e.com:",
        "https://e.com:99999",
        "http://e.com",
    ] {
        assert!(!url.fits(bad), "{bad:?}");
    }
    for good in [
        "https://e.com/",
        "https://e.com:8443/a%20b?q='x'&r#f",
        "https://[2606:4700::1111]/",
        "https://xn--bcher-kva.de",
    ] {
        assert!(url.fits(good), "{good:?}");
    }
    assert!(Form::HttpsUrl(HttpsUrl { idna: true }).fits("https://bücher.de"));
}

#[test]
fn ids_are_what_their_platforms_give() {
    assert!(snowflake("4194304", 1 << 22) && !snowflake("4194303", 1 << 22) && !snowflake("080351110224678912", 1));
    let chats = TelegramChatId { usernames: false };
    assert!(
        chats.fits("-1001234567890") && !chats.fits("0") && !chats.fits("@durov") && !chats.fits("4503599627370496")
    );
    let named = TelegramChatId { usernames: true };
    assert!(named.fits("@durov") && !named.fits("@1abc") && !named.fits("@ab") && !named.fits("@durоv"));
    let slack = |kinds: &str| Form::SlackId(SlackId::of(kinds).unwrap());
    assert_eq!(
        fits(&slack(""), &["C024BE91L", "U012A3CDE45", "c024be91l", "C024BE9", "C024BE91L\n", "1234567890"]),
        [true, true, false, false, false, false]
    );
    assert_eq!(fits(&slack("CG"), &["C024BE91L", "G024BE91L", "U024BE91L"]), [true, true, false]);
    assert_eq!(SlackId::of("c"), None);
    assert_eq!(fits(&Form::Slug(Slug::Open), &["a_b--", "_a", "A", &"a".repeat(129)]), [true, false, false, false]);
    assert_eq!(fits(&Form::IdempotencyKey, &["a-1:/+", "a b", "a\"", "", "é"]), [true, false, false, false, false]);
}

#[test]
fn a_message_names_a_dozen_choices() {
    let names = |count: usize| Form::OneOf((0..count).map(|n| n.to_string()).collect());
    assert_eq!(names(2).expected(), "one of `0` or `1`");
    assert!(names(13).expected().ends_with("`11` or `12`"));
    assert!(names(14).expected().ends_with("`11` or 2 others"));
}

#[test]
fn a_public_address_is_judged_by_who_knows() {
    fn ten(ip: IpAddr) -> bool {
        !ip.to_string().starts_with("10.")
    }
    let ip = |wanted| Form::Ip(Ip { version: None, public: Some((wanted, ten)) });
    assert_eq!(fits(&ip(true), &["10.0.0.1", "1.1.1.1"]), [false, true]);
    assert_eq!(fits(&ip(false), &["10.0.0.1", "1.1.1.1"]), [true, false]);
}

#[test]
fn a_leap_second_stands_at_the_end_of_a_utc_day() {
    let moments = ["2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60+01:00"];
    assert_eq!(fits(&Form::DateTime, &moments), [true, true, false]);
    let odd = ["2016-12-31 23:59:59Z", "2016-12-31T23:59:59", "2016-12-31T23:59:59.Z", "2016-12-31T23:59:59,5Z"];
    assert_eq!(fits(&Form::DateTime, &odd), [false; 4]);
}

#[test]
fn a_header_that_frames_or_authenticates_is_not_open() {
    let names = ["X-Request-Id", "Host", "Authorization", "content-length", "a b", ""];
    assert_eq!(fits(&Form::HeaderName, &names), [true, false, false, false, false, false]);
}

fn all() -> Vec<Form> {
    let sets = ["email", "hostname", "idn-hostname", "ipv4", "ipv6", "uuid", "uri", "date", "date-time", "phone.e164"];
    let more = ["slug", "text.nfc"];
    let mut all: Vec<Form> = sets.iter().chain(&more).filter_map(|set| form(set, true)).collect();
    all.extend([Form::HeaderName, Form::HeaderValue, Form::IdempotencyKey, Form::SlackId(SlackId::default())]);
    all
}

proptest! {
    #[test]
    fn no_form_panics_and_none_but_text_takes_what_nobody_sees(text in "\\PC{0,40}|[a-z0-9@.:/\\-\\[\\]%xnTZ+]{0,40}", at in 0usize..40) {
        let mut spoiled = text.clone();
        let at = spoiled.char_indices().nth(at).map_or(spoiled.len(), |(at, _)| at);
        spoiled.insert(at, '\u{200b}');
        for form in all() {
            if let Some(read) = form.read(&text) {
                prop_assert!(form.read(&read).is_some_and(|again| again == read), "{form:?} {text:?}");
            }
            prop_assert!(!form.fits(&spoiled), "{form:?} {spoiled:?}");
        }
    }
}
