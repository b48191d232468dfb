#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// A value made at run time, so that no scanner takes this file for a leak.
fn value(seed: u64) -> String {
    let mut dice = crate::clock::Dice::fixed(seed * 2 + 1);
    (0..24)
        .map(|_| char::from(b"abcdefghijkmnopqrstuvwxyzABCDEF0123456789/+\"&' "[(dice.bits() % 47) as usize]))
        .collect()
}

#[test]
fn every_form_is_masked_at_every_offset() {
    let secret = value(1);
    assert!(register(&secret));
    for form in forms::of(&secret) {
        for offset in 0..64 {
            let line = format!("{}{}{}", "x".repeat(offset), &*form, "y".repeat(offset % 7));
            let clean = scrub(&line);
            assert!(!clean.contains(&*form), "offset {offset}");
            assert!(clean.contains(MASK));
        }
    }
}

#[test]
fn base64_of_a_text_around_the_secret_is_masked() {
    let secret = value(2);
    register(&secret);
    for before in ["", "a", "ab", "user:"] {
        let coded = STANDARD.encode(format!("{before}{secret}tail"));
        assert!(scrub(&coded).contains(MASK), "{before}");
    }
}

#[test]
fn text_without_a_secret_is_the_same_object() {
    register(&value(3));
    assert!(matches!(scrub("GET api.example.com /users/{id:int} status=200"), Cow::Borrowed(_)));
}

#[test]
fn a_short_value_is_not_registered() {
    assert!(!register("abc"));
    assert_eq!(scrub("abc"), "abc");
}

#[test]
fn routes_lose_ids_and_tokens() {
    let token = format!("bot{}:{}", 123_456_789, "A1".repeat(18));
    assert_eq!(route_label(&format!("/{token}/sendMessage")), format!("/{MASK}/sendMessage"));
    assert_eq!(route_label("/users/42/posts"), "/users/{id}/posts");
    assert_eq!(route_label("/users/{id:int}"), "/users/{id:int}");
    assert_eq!(route_label("/api/webhooks/123/abcdefghij-klm"), format!("/api/webhooks/{{id}}/{MASK}"));
    assert_eq!(route_label("/v1/chat/completions"), "/v1/chat/completions");
    assert!(route_label(&"/abc".repeat(10_000)).len() < 220);
    assert_eq!(query_keys("a=1&token=x"), "a&token");
}

#[test]
fn an_excerpt_is_one_line_and_masks_tokens_by_shape() {
    let token = format!("{}:{}", 123_456_789, "Ab3".repeat(12).get(..35).unwrap());
    let text = scrub_bytes_excerpt(format!("bad token {token}\r\n\x1b[2J").as_bytes(), 100);
    assert!(!text.contains(&token) && text.contains(MASK), "{text}");
    assert!(!text.contains('\n') && !text.contains('\x1b'));
    assert!(scrub_bytes_excerpt(&[0xff; 10_000], 50).chars().count() <= 51);
}

proptest! {
    #[test]
    fn whatever_surrounds_a_secret_it_goes(before in "\\PC{0,30}", after in "\\PC{0,30}", seed in 10u64..20) {
        let secret = value(seed);
        register(&secret);
        let line = format!("{before}{secret}{after}");
        prop_assert!(!scrub(&line).contains(&secret));
        let _ = scrub_bytes_excerpt(line.as_bytes(), 20);
        let _ = route_label(&line);
    }
}
