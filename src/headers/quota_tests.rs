#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use sfv::FieldType as _;

use super::*;

fn read(lines: &[(&str, &str)]) -> Vec<Quota> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    quotas(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), Resets::Guessed)
}

fn first(lines: &[(&str, &str)]) -> (Option<u64>, u64, Option<u64>) {
    let quota = read(lines).remove(0);
    (quota.limit, quota.remaining, quota.reset.map(|reset| reset.as_secs()))
}

#[test]
fn every_generation_of_the_draft_is_read() {
    let policy = ("ratelimit-policy", "\"default\";q=100;w=60");
    assert_eq!(first(&[("ratelimit", "\"default\";r=50;t=30"), policy]), (Some(100), 50, Some(30)));
    assert_eq!(first(&[("ratelimit", "limit=100, remaining=50, reset=5")]), (Some(100), 50, Some(5)));
    let old = [("ratelimit-limit", "10, 10;w=1, 50;w=60"), ("ratelimit-remaining", "5"), ("ratelimit-reset", "50")];
    assert_eq!(first(&old), (Some(10), 5, Some(50)));
}

#[test]
fn vendor_forms_are_read() {
    let github = [("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000060")];
    assert_eq!(first(&github), (Some(60), 0, Some(60)));
    let discord = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1"), ("x-ratelimit-reset-after", "64.57")];
    assert_eq!(first(&discord), (None, 0, Some(64)));
    let reddit = [("x-ratelimit-remaining", "599.0"), ("x-ratelimit-reset", "342")];
    assert_eq!(first(&reddit), (None, 599, Some(342)));
    let x = [("x-rate-limit-remaining", "847"), ("x-rate-limit-reset", "1700000100")];
    assert_eq!(first(&x), (None, 847, Some(100)));
}

#[test]
fn malformed_and_foreign_fields_are_ignored() {
    for lines in [
        &[("ratelimit", "\"a\";r=1.5")][..],
        &[("ratelimit", "\"a\";r=-1")],
        &[("ratelimit", "\"a\";r")],
        &[("ratelimit", "\"a\";r=1,")],
        &[("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "0")],
        &[("x-ratelimit-remaining", "abc")],
        &[("content-type", "text/html")],
    ] {
        assert_eq!(read(lines), [], "{lines:?}");
    }
}

proptest! {
    #[test]
    fn no_field_panics(text in "[ -~]{0,60}") {
        let _ = read(&[("ratelimit", text.trim()), ("ratelimit-policy", text.trim())]);
        let _ = read(&[("x-ratelimit-remaining", text.trim()), ("x-ratelimit-reset", text.trim())]);
    }
}

#[test]
fn a_window_is_read_where_a_policy_tells_it() {
    let window = |lines: &[(&str, &str)]| read(lines).remove(0).window.map(|window| window.as_secs());
    let named = [("ratelimit", "\"a\";r=5;t=3"), ("ratelimit-policy", "\"b\";q=9;w=1, \"a\";q=10;w=60")];
    assert_eq!(window(&named), Some(60));
    let dictionary = [("ratelimit", "limit=100, remaining=50, reset=5"), ("ratelimit-policy", "100;w=10")];
    assert_eq!(window(&dictionary), Some(10));
    let first = [("ratelimit-limit", "10, 10;w=1, 50;w=60"), ("ratelimit-remaining", "5"), ("ratelimit-reset", "1")];
    assert_eq!(window(&first), Some(1));
    let second = [("ratelimit-limit", "50"), ("ratelimit-policy", "10;w=1, 50;w=60"), ("ratelimit-remaining", "5")];
    assert_eq!(window(&second), Some(60));
    assert_eq!(window(&[("ratelimit-limit", "7"), ("ratelimit-policy", "10;w=1"), ("ratelimit-remaining", "5")]), None);
}

#[test]
fn a_window_without_an_end_lasts_as_long_as_its_policy_says() {
    let policy = ("ratelimit-policy", "\"a\";q=10;w=60");
    assert_eq!(first(&[("ratelimit", "\"a\";r=0"), policy]), (Some(10), 0, Some(60)));
    assert_eq!(first(&[("ratelimit", "\"a\";r=0;t=5"), policy]), (Some(10), 0, Some(5)));
    assert_eq!(first(&[("ratelimit", "\"b\";r=0"), policy]), (None, 0, None));
    let old = [("ratelimit", "limit=9, remaining=0"), ("ratelimit-policy", "9;w=7")];
    assert_eq!(first(&old), (Some(9), 0, Some(7)));
}

#[test]
fn quotas_of_other_things_than_requests_are_left_out() {
    for unit in ["content-bytes", "bytes", "concurrent-requests"] {
        let policy = format!("\"a\";q=100;qu=\"{unit}\", \"b\";q=10;qu=\"requests\"");
        let quotas = read(&[("ratelimit", "\"a\";r=0;t=9, \"b\";r=3;t=9"), ("ratelimit-policy", &policy)]);
        assert_eq!(quotas.iter().map(|quota| quota.remaining).collect::<Vec<_>>(), [3], "{unit}");
    }
}

#[test]
fn a_list_without_end_is_read_up_to_its_bound() {
    let many = vec!["\"a\";r=1;t=1"; 5_000].join(",");
    let policies = (0..5_000).map(|n| format!("\"p{n}\";q=1")).collect::<Vec<_>>().join(",");
    assert_eq!(read(&[("ratelimit", &many), ("ratelimit-policy", &policies)]).len(), MAX_MEMBERS);
}

#[test]
fn a_wrong_local_clock_changes_nothing_where_the_answer_is_dated() {
    // One day behind and one day ahead of the clock that `read` uses.
    for (date, reset) in
        [("Mon, 13 Nov 2023 22:13:20 GMT", 1_699_913_660), ("Wed, 15 Nov 2023 22:13:20 GMT", 1_700_086_460u64)]
    {
        let reset = reset.to_string();
        let lines = [("date", date), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
        assert_eq!(first(&lines), (None, 0, Some(60)));
    }
}

/// Vectors of `tests/vectors/structured_fields.json`, by the sections of RFC 9651: what a field is written as, and its canonical
/// form; none for what must be refused.
#[test]
fn structured_fields_are_read_as_their_standard_says() {
    let all: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../tests/vectors/structured_fields.json")).unwrap();
    assert!(all.len() > 120);
    for vector in all {
        let raw = vector["raw"].as_str().unwrap();
        let parser = || Parser::new(raw.as_bytes());
        let read = match vector["type"].as_str().unwrap() {
            "item" => parser().parse::<sfv::Item>().map(|item| item.serialize()),
            "list" => parser().parse::<List>().map(|list| list.serialize().unwrap_or_default()),
            _ => parser().parse::<Dictionary>().map(|dictionary| dictionary.serialize().unwrap_or_default()),
        };
        assert_eq!(read.ok().as_deref(), vector["expect"].as_str(), "{vector}");
        // Whatever it is, it is no quota, and does no harm.
        if let Ok(value) = HeaderValue::from_str(raw) {
            let mut headers = HeaderMap::new();
            headers.insert("ratelimit", value.clone());
            headers.insert("ratelimit-policy", value);
            let quotas = quotas(&headers, SystemTime::UNIX_EPOCH, Resets::Guessed);
            assert_eq!(quotas.len(), usize::from(raw.starts_with("limit=")), "{vector}");
        }
    }
}

/// What the draft's own types ask for beyond a well-formed field.
#[test]
fn quotas_of_a_wrong_type_are_no_quotas() {
    for wrong in
        ["\"a\";r=\"1\"", "\"a\";r=?1", "\"a\";r=1.0", "\"a\";r=-1", "\"a\";t=1", "a;r=1", "1;r=1", "(\"a\");r=1"]
    {
        assert_eq!(read(&[("ratelimit", wrong)]), [], "{wrong}");
    }
    for wrong in ["\"a\";r=1;t=\"9\"", "\"a\";r=1;t=1.5", "\"a\";r=1;t=-1"] {
        assert_eq!(read(&[("ratelimit", wrong)]), [], "{wrong}");
    }
    assert_eq!(first(&[("ratelimit", "\"a\";r=1;t=9;pk=:AQ==:")]), (None, 1, Some(9)));
    assert_eq!(first(&[("ratelimit", "\"a\";r=1;r=2")]), (None, 2, None));
}
