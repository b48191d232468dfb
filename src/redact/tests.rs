#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::filter::Filter;
use super::*;
use crate::secret::Version;

/// A value made at run time, so that no scanner takes this file for a leak.
fn value(seed: u64, length: usize, alphabet: &[u8]) -> String {
    let mut dice = crate::clock::Dice::fixed(seed * 2 + 1);
    (0..length).map(|_| char::from(alphabet[(dice.bits() >> 20) as usize % alphabet.len()])).collect()
}

const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
const HARD: &[u8] = b"abcXYZ0189/+\"&' <>\\%=;:@#?!*()\t";

fn percent(text: &str, keep: &[u8], upper: bool) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || keep.contains(&b) => char::from(b).to_string(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        })
        .collect()
}

fn unicode(text: &str, write: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(write).collect()
}

/// What encoders of other houses make of a value.
fn encodings(value: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(value).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let debug = format!("{value:?}");
    let html = html_escape::encode_quoted_attribute(value).into_owned();
    let hex =
        |upper: bool| value.bytes().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect();
    vec![
        ("raw", value.to_owned()),
        ("percent", percent(value, b"-._~", true)),
        ("percent, lower", percent(value, b"-._~", false)),
        ("percent, path", percent(value, b"-._~/:@!$&'()*+,;=", true)),
        ("percent, javascript", percent(value, b"-._~!*'()", true)),
        ("percent, twice", percent(&percent(value, b"-._~", true), b"-._~", true)),
        ("percent, all", value.bytes().map(|b| format!("%{b:02x}")).collect()),
        ("form", percent(value, b"-._ *", true).replace(' ', "+")),
        ("json", json.clone()),
        ("json, slash", json.replace('/', "\\/")),
        ("json, ascii", unicode(value, |unit| format!("\\u{unit:04x}"))),
        ("json in json", json.replace('\\', "\\\\").replace('"', "\\\"")),
        ("json in url", percent(&json, b"-._~", true)),
        ("rust", debug[1..debug.len() - 1].to_owned()),
        ("python", value.replace('\\', "\\\\").replace('\'', "\\'").replace('\t', "\\t")),
        ("python bytes", value.bytes().map(|b| format!("\\x{b:02x}")).collect()),
        ("html", html.clone()),
        ("html, numbers", value.chars().map(|c| format!("&#{};", c as u32)).collect()),
        ("html, hex", value.chars().map(|c| format!("&#x{:X};", c as u32)).collect()),
        ("html, decimal quote", html.replace("&#x27;", "&#39;")),
        ("hex", hex(false)),
        ("hex, upper", hex(true)),
        ("our own log", crate::encode::log(value).into_owned()),
        ("our own html", crate::encode::html(value).into_owned()),
    ]
}

#[test]
fn every_encoding_is_masked_at_every_offset() {
    let values = [
        value(1, 24, HARD),
        value(2, 8, PLAIN),
        value(3, 13, HARD),
        value(4, 35, PLAIN),
        value(5, 300, HARD),
        "пароль-日本-😀-çé".into(),
    ];
    for secret in values {
        assert!(register(&secret));
        for (name, form) in encodings(&secret) {
            for offset in 0..64 {
                let (before, after) = ("x ".repeat(offset) + "=", ".".repeat(offset % 7));
                let clean = scrub(&format!("{before}{form}{after}")).into_owned();
                assert_eq!(clean, format!("{before}{MASK}{after}"), "{name}, offset {offset}");
            }
        }
    }
}

#[test]
fn every_length_is_found_at_every_place() {
    for length in 8..=140 {
        let secret = value(300 + length as u64, length, PLAIN);
        let mut filter = Filter::new();
        filter.add(secret.as_bytes());
        for place in 0..70 {
            let line = format!("{}{secret}{}", "~".repeat(place), "~".repeat(place % 3));
            assert_eq!(filter.ranges(&line).first(), Some(&(place..place + length)));
        }
    }
}

#[test]
fn base64_of_a_text_around_the_secret_is_masked() {
    for (seed, length) in [(20, 8), (21, 24), (22, 25), (23, 200)] {
        let secret = value(seed, length, HARD);
        register(&secret);
        for before in ["", "a", "ab", "user:", "{\"token\":"] {
            for after in ["", "z", "zz"] {
                let text = format!("{before}{secret}{after}");
                for coded in
                    [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text), percent(&STANDARD.encode(&text), b"", true)]
                {
                    let clean = scrub(&coded);
                    assert!(clean.contains(MASK), "{length} {before}");
                    // What is left holds the neighbours and at most the characters that they share with the value.
                    assert!(clean.len() <= MASK.len() + 3 * (before.len() + after.len() + 4), "{clean}");
                }
            }
        }
    }
}

#[test]
fn a_pair_is_masked_as_basic_sends_it() {
    let secret = value(30, 6, PLAIN);
    assert!(!register(&secret));
    assert!(register_pair("bot-user", &version(&secret)));
    let sent = STANDARD.encode(format!("bot-user:{secret}"));
    assert!(scrub(&format!("Authorization: Basic {sent}")).starts_with(&format!("Authorization: Basic {MASK}")));
}

#[test]
fn lines_of_a_long_value_are_masked_one_by_one() {
    let lines: Vec<String> = (0..5).map(|line| value(40 + line, 64, PLAIN)).collect();
    register(&format!("-----BEGIN KEY-----\n{}\n-----END KEY-----\n", lines.join("\n")));
    for line in &lines {
        assert_eq!(scrub(&format!("> {line}")), format!("> {MASK}"));
    }
    assert_eq!(scrub("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
}

fn version(value: &str) -> Version {
    Version::new(value.to_owned().into(), None, "f".into())
}

#[test]
fn whoever_rotates_keys_for_years_fills_nothing() {
    let (ours, always) = (version(&value(500, 40, PLAIN)), value(501, 40, PLAIN));
    // Of a length that base64 leaves no rest of.
    let password = version(&value(502, 25, PLAIN));
    assert!(register_version(&ours) && register(&always) && register_pair("rotator", &password));
    let sent = STANDARD.encode(format!("rotator:{}", &*password));
    let long = |seed: u64| version(&value(10_000 + seed, 20_000, PLAIN));
    let mut first = None;
    // More than there is room for.
    for seed in 0..60 {
        let new = long(seed);
        assert!(register_version(&new), "{seed}");
        first.get_or_insert_with(|| new.to_owned());
        // The one before has no holder any more, and is masked nevertheless.
        if seed % 6 == 5 {
            assert_eq!((scrub(&new), scrub(&long(seed - 1))), (MASK.into(), MASK.into()), "{seed}");
        }
    }
    // What is in use or without a holder is known however many have come since.
    assert_eq!(scrub(&format!("{} {always} {sent}", &*ours)), format!("{MASK} {MASK} {MASK}"));
    // And what was over long ago takes no room any more.
    assert_ne!(scrub(&first.unwrap()), MASK);
}

#[test]
fn text_without_a_secret_is_the_same_object() {
    register(&value(50, 24, PLAIN));
    for text in ["GET api.example.com /users/{id:int} status=200", "100% \\o/ &amp; a+b %zz \\u12 &nope; &", ""] {
        assert!(matches!(scrub(text), Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn a_short_value_is_not_registered() {
    assert!(!register("ab~cdef"));
    assert!(!register(" \n        ~ "));
    assert_eq!(scrub("ab~cdef"), "ab~cdef");
}

#[test]
fn the_filter_holds_no_part_of_a_secret() {
    let secret = value(60, 40, PLAIN);
    let mut filter = Filter::new();
    forms::of(&secret).iter().for_each(|form| filter.add(form));
    assert_eq!(filter.ranges(&format!("a{secret}b")).first(), Some(&(1..41)));
    let state = filter.state();
    for part in secret.as_bytes().windows(6) {
        assert!(!state.windows(6).any(|window| window == part));
    }
}

#[test]
fn hostile_repetition_costs_linear_time() {
    let secret = "ab".repeat(2000);
    register(&secret);
    register(&"a".repeat(63));
    // A quadratic search would take hours on any of these.
    for text in [
        "ab".repeat(1 << 19),
        "a".repeat(1 << 20),
        "%61".repeat(1 << 18),
        "\\u0061".repeat(1 << 18),
        "&".repeat(1 << 20),
    ] {
        assert!(scrub(&text).len() <= text.len());
    }
    for text in [
        "AKIA.".repeat(1 << 14),
        "a://".repeat(1 << 14),
        "-----BEGIN PRIVATE KEY-----".repeat(1 << 12),
        "token=".repeat(1 << 14),
    ] {
        assert!(scrub_bytes_excerpt(text.as_bytes(), 1 << 18).len() <= 4 << 18);
    }
}

#[test]
fn threads_see_what_another_thread_registered() {
    let secrets: Vec<String> = (0..8).map(|n| value(70 + n, 30, PLAIN)).collect();
    std::thread::scope(|scope| {
        for secret in &secrets {
            scope.spawn(move || register(secret));
        }
    });
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(secrets.iter().all(|secret| scrub(secret) == MASK)));
    });
    assert!(secrets.iter().all(|secret| scrub(secret) == MASK));
}

#[test]
fn routes_lose_ids_and_tokens() {
    let telegram = format!("{}:{}", 123_456_789, value(80, 35, PLAIN));
    let (token, hex, upper) =
        (value(81, 68, PLAIN), value(82, 32, b"0123456789abcdef"), value(83, 9, b"ABCDEFG0123456789"));
    for (path, label) in [
        (format!("/bot{telegram}/sendMessage"), "/bot{redacted}/sendMessage".to_owned()),
        (format!("/file/bot{telegram}/photos/file_1.jpg"), "/file/bot{redacted}/photos/file_1.jpg".to_owned()),
        (
            format!("/api/v10/webhooks/{}/{token}/messages/@original", u64::MAX),
            "/api/v10/webhooks/{id}/{redacted}/messages/@original".to_owned(),
        ),
        ("/api/webhooks/123/abcdefghij-klm".to_owned(), "/api/webhooks/{id}/{redacted}".to_owned()),
        (format!("/services/T{upper}/B{upper}/{}", value(84, 24, PLAIN)), "/services/{id}/{id}/{redacted}".to_owned()),
        (format!("/v3/{hex}"), "/v3/{redacted}".to_owned()),
        (format!("/with/key/{}", value(85, 22, PLAIN)), "/with/key/{redacted}".to_owned()),
        ("/users/42/posts".to_owned(), "/users/{id}/posts".to_owned()),
        ("/users/123e4567-e89b-12d3-a456-426614174000".to_owned(), "/users/{id}".to_owned()),
        ("/users/person@example.com".to_owned(), "/users/{id}".to_owned()),
        ("/users/%2e%2e".to_owned(), "/users/{id}".to_owned()),
        (format!("/x/{{{token}}}"), "/x/{redacted}".to_owned()),
    ] {
        assert_eq!(route_label(&path), label);
    }
}

#[test]
fn routes_that_a_programmer_wrote_stay() {
    for path in [
        "/",
        "",
        "/users/{id:int}",
        "/users/{id:int(1..100)}/posts",
        "/bot{token}/sendMessage",
        "/file-{name:slug}.json",
        "/v1/chat/completions",
        "/v1beta/models/gemini-1.5-flash:generateContent",
        "/users/@me",
        "/admin/api/2024-10/orders.json",
        "/chat.postMessage",
        "/channels/{channel_id:snowflake}/messages",
        "GET",
    ] {
        assert_eq!(route_label(path), path);
    }
}

#[test]
fn labels_are_one_short_line() {
    assert_eq!(route_label(&"/abc".repeat(10_000)).chars().count(), 200);
    assert_eq!(route_label("/a\n\u{1b}b"), "/a\\n\\u001bb");
    assert!(query_keys(&"k=v&".repeat(1000)).ends_with('…'));
    assert_eq!(query_keys(&"k".repeat(10_000)), "{redacted}");
}

#[test]
fn a_query_keeps_its_keys_only() {
    assert_eq!(query_keys("a=1&token=x=y&c"), "a&token&c");
    assert_eq!(query_keys(&value(90, 40, PLAIN)), "{redacted}");
    assert_eq!(query_keys("8675309"), "{id}");
    assert_eq!(query_keys(""), "");
}

#[test]
fn a_table_of_routes_is_bounded() {
    let table = RouteTable::new(2);
    assert_eq!(&*table.admit("/a"), "/a");
    assert_eq!(&*table.admit("/b"), "/b");
    assert_eq!(&*table.admit("/c"), RouteTable::OTHER);
    assert_eq!(&*table.admit("/a"), "/a");
}

#[test]
fn tokens_are_masked_by_their_shape() {
    let alphabet = |length, alphabet: &[u8]| value(100, length, alphabet);
    let alnum = |length| alphabet(length, b"abcdefXYZ0123456789");
    let telegram = format!("{}:{}-", 123_456_789, alphabet(34, PLAIN));
    for token in [
        telegram.clone(),
        telegram.replace(':', "%3A"),
        format!("M{}.{}.{}", alnum(23), alnum(6), alphabet(38, PLAIN)),
        format!("xoxb-{}-{}-{}", 12_345_678_901u64, 12_345_678_901u64, alnum(24)),
        format!("ghp_{}", alnum(36)),
        format!("github_pat_{}", alnum(82)),
        format!("sk-proj-{}", alphabet(80, PLAIN)),
        format!("sk_live_{}", alnum(24)),
        format!("AKIA{}", alphabet(16, b"ABCDEFGHIJKLMNOP234567")),
        format!("AIza{}", alphabet(35, PLAIN)),
        format!("eyJ{}.eyJ{}.{}", alnum(20), alnum(30), alnum(43)),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", alnum(64)),
    ] {
        for around in [("", ""), ("bad token ", "!"), ("\"", "\""), ("(", ") x")] {
            let text = scrub_bytes_excerpt(format!("{}{token}{}", around.0, around.1).as_bytes(), 400);
            assert_eq!(text, format!("{}{MASK}{}", around.0, around.1));
        }
        assert!(looks_like_token(&token));
    }
    let url = scrub_bytes_excerpt(format!("https://api.telegram.org/bot{telegram}/getMe").as_bytes(), 400);
    assert_eq!(url, format!("https://api.telegram.org/bot{MASK}/getMe"));
    assert!(!looks_like_token("MY_SERVICE_API_KEY") && !looks_like_token("/run/secrets/discord-token-2026"));
}

#[test]
fn values_are_masked_by_the_name_beside_them() {
    let secret = value(110, 16, b"abcdef0123456789");
    for (text, shown) in [
        (format!("Authorization: Bearer {secret}"), format!("Authorization: Bearer {MASK}")),
        (format!("{{\"api_key\": \"{secret}\"}}"), format!("{{\"api_key\": \"{MASK}\"}}")),
        (format!("?page=2&access_token={secret}&x=1"), format!("?page=2&access_token={MASK}&x=1")),
        (format!("postgres://admin:{secret}@db"), format!("postgres://{MASK}@db")),
        (
            "{\"error\": \"invalid_token\", \"message\": \"token: expired\"}".into(),
            "{\"error\": \"invalid_token\", \"message\": \"token: expired\"}".into(),
        ),
        ("token authentication failed, retry in 5 s".into(), "token authentication failed, retry in 5 s".into()),
    ] {
        assert_eq!(scrub_bytes_excerpt(text.as_bytes(), 400), shown);
    }
}

#[test]
fn an_excerpt_is_one_short_line() {
    let text = scrub_bytes_excerpt("a\r\n\u{1b}[2J\u{202e}b\0".as_bytes(), 100);
    assert_eq!(text, "a\\r\\n\\u001b[2J\\u202eb\\u0000");
    assert_eq!(scrub_bytes_excerpt(b"abcdef", 6), "abcdef");
    assert_eq!(scrub_bytes_excerpt(b"abcdef", 5), "abcd…");
    assert_eq!(scrub_bytes_excerpt(b"abcdef", 0), "");
    assert_eq!(scrub_bytes_excerpt(&[0xff; 100_000], 50).chars().count(), 50);
}

#[test]
fn no_part_of_a_secret_survives_the_edges_of_an_excerpt() {
    let secret = value(120, 5000, PLAIN);
    register(&secret);
    // Many maskings shrink the text, so that what the reading's own edge cuts would come into sight.
    let body = secret.repeat(8);
    for (start, max) in [(0, 40), (1, 512), (4000, 512), (4999, 2000)] {
        let text = scrub_bytes_excerpt(&body.as_bytes()[start..], max);
        let rest = text.replace(MASK, "");
        assert!(rest.len() < 64 || start > 0, "{text}");
        assert!(
            !secret.as_bytes().windows(64).any(|part| rest.as_bytes().windows(64).any(|seen| seen == part)),
            "{text}"
        );
    }
}

#[test]
fn headers_are_known_by_their_names() {
    for name in [
        "Authorization",
        "proxy-authorization",
        "Set-Cookie",
        "X-Api-Key",
        "x-vault-token",
        "X-Hub-Signature-256",
        "X-Amz-Credential",
    ] {
        assert!(is_sensitive_header(name), "{name}");
    }
    for name in ["Content-Type", "Date", "Retry-After", "X-RateLimit-Remaining", "ETag", "Server"] {
        assert!(!is_sensitive_header(name), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_surrounds_a_secret_it_goes(before in "\\PC{0,30}", after in "\\PC{0,30}", seed in 200u64..220, way in 0usize..24) {
        let secret = value(seed, 8 + (seed as usize - 200) * 7, PLAIN);
        register(&secret);
        let form = encodings(&secret).swap_remove(way).1;
        let line = format!("{before}{form}{after}");
        prop_assert!(!scrub(&line).contains(&form));
        prop_assert!(!scrub_bytes_excerpt(line.as_bytes(), 1000).contains(&form));
    }

    #[test]
    fn nothing_panics_and_clean_text_is_left_alone(text in any::<String>(), bytes in any::<Vec<u8>>(), max in 0usize..40) {
        register(&value(230, 24, PLAIN));
        prop_assert!(matches!(scrub(&text), Cow::Borrowed(same) if same == text));
        prop_assert!(scrub_bytes_excerpt(&bytes, max).chars().count() <= max);
        prop_assert!(route_label(&text).chars().count() <= 200);
        prop_assert!(query_keys(&text).chars().count() <= 200);
        // A registry of its own: what dice give may stand in the texts of other tests.
        let mut filter = Filter::new();
        forms::of(&text).iter().for_each(|form| filter.add(form));
        prop_assert!(text.len() < 8 || filter.ranges(&text).first() == Some(&(0..text.len())));
    }

    #[test]
    fn escapes_of_every_kind_are_read_without_panic(text in "[%\\\\&#;xuU{}0-9a-fDd8A+ é]{0,40}") {
        register(&value(231, 24, HARD));
        prop_assert!(matches!(scrub(&text), Cow::Borrowed(_)));
    }
}
