#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_755_780_000)
}

/// Vectors of `tests/vectors/retry_after.json`, judged at Thu, 21 Aug 2025 12:40:00 GMT.
fn vectors(kind: &str) -> Vec<(String, serde_json::Value)> {
    let all: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../tests/vectors/retry_after.json")).unwrap();
    let ours = all.into_iter().filter(|vector| vector["kind"] == kind);
    ours.map(|vector| (vector["input"].as_str().unwrap().to_owned(), vector["expect"].clone())).collect()
}

fn check(kind: &str, read: impl Fn(&str) -> Option<Duration>) {
    let vectors = vectors(kind);
    assert!(vectors.len() > 30);
    for (input, expect) in vectors {
        let wait = read(&input);
        let right = match expect.as_str() {
            Some("malformed") => wait.is_none(),
            Some("for_ever") => wait == Some(FOR_EVER),
            _ => wait.is_some_and(|wait| (wait.as_secs_f64() - expect.as_f64().unwrap()).abs() < 1e-6),
        };
        assert!(right, "{input:?} is {expect}, read as {wait:?}");
    }
}

#[test]
fn every_retry_after_vector_is_read_as_it_says() {
    check("retry_after", |text| retry_after(text.as_bytes(), now()).ok());
}

#[test]
fn every_reset_vector_is_read_as_it_says() {
    check("reset", |text| reset(text, now()));
}

#[test]
fn bytes_that_are_no_text_and_values_without_end_are_malformed() {
    assert_eq!(retry_after(b"\xff\xfe", now()), Err(Malformed));
    assert_eq!(retry_after("7,".repeat(100_000).as_bytes(), now()), Err(Malformed));
    assert_eq!(retry_after("9".repeat(100_000).as_bytes(), now()), Ok(FOR_EVER));
}

#[test]
fn the_longest_of_all_lines_counts_against_the_servers_clock() {
    let mut headers = HeaderMap::new();
    headers.append("retry-after", "3".parse().unwrap());
    headers.append("retry-after", "9".parse().unwrap());
    headers.insert("retry-after-ms", "9500".parse().unwrap());
    assert_eq!(retry_after_of(&headers, now()), Some(Duration::from_millis(9500)));
    let mut headers = HeaderMap::new();
    headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
    headers.insert("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT".parse().unwrap());
    assert_eq!(retry_after_of(&headers, now()), Some(Duration::from_secs(10)));
}

#[test]
fn a_value_that_is_not_understood_does_not_hide_one_that_is() {
    let mut headers = HeaderMap::new();
    headers.append("retry-after", "soon".parse().unwrap());
    assert_eq!(retry_after_of(&headers, now()), None);
    headers.append("retry-after", "4".parse().unwrap());
    assert_eq!(retry_after_of(&headers, now()), Some(Duration::from_secs(4)));
}

#[test]
fn milliseconds_of_the_vendors_are_read() {
    for name in ["retry-after-ms", "x-amz-retry-after"] {
        let mut headers = HeaderMap::new();
        headers.append(name, "20".parse().unwrap());
        headers.append(name, "1500".parse().unwrap());
        assert_eq!(retry_after_of(&headers, now()), Some(Duration::from_millis(1500)), "{name}");
        headers.append(name, u64::MAX.to_string().parse().unwrap());
        assert_eq!(retry_after_of(&headers, now()), Some(FOR_EVER), "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}|[0-9TtZz:.,+hmsµun -]{0,40}") {
        prop_assert!(retry_after(text.as_bytes(), now()).unwrap_or_default() <= FOR_EVER);
        prop_assert!(reset(&text, now()).is_none_or(|wait| wait <= FOR_EVER));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = retry_after(&bytes, now());
    }

    #[test]
    fn whole_seconds_and_dates_round_trip(seconds in 0u64..1_000_000_000) {
        let wait = Duration::from_secs(seconds);
        prop_assert_eq!(retry_after(seconds.to_string().as_bytes(), now()), Ok(wait));
        prop_assert_eq!(retry_after(httpdate::fmt_http_date(now() + wait).as_bytes(), now()), Ok(wait));
    }
}
