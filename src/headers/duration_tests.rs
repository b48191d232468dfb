#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_755_780_000)
}

fn wait(value: &str) -> Result<f64, Malformed> {
    retry_after(value.as_bytes(), now()).map(|wait| wait.as_secs_f64())
}

#[test]
fn seconds_are_read_and_nonsense_is_not() {
    for (text, expected) in [("0", 0.0), ("120", 120.0), ("3600", 3600.0), ("1.5", 1.5), ("  7  ", 7.0), ("7,8", 8.0)] {
        assert_eq!(wait(text), Ok(expected), "{text}");
    }
    for bad in ["-1", "+5", "1e3", "NaN", "inf", "", "abc", "0x10", "٣", "1.", ".5", "7,,8", "1_0", "-0"] {
        assert_eq!(wait(bad), Err(Malformed), "{bad}");
    }
    assert!(wait(&"9".repeat(400)).unwrap() > 1e9);
    assert!(wait("99999999999999999999999").unwrap() > 1e9);
}

#[test]
fn a_date_is_a_wait_and_a_past_one_is_zero() {
    let at = |delta: i64| {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs((1_755_780_000 + delta) as u64))
    };
    assert_eq!(wait(&at(90)), Ok(90.0));
    assert_eq!(wait(&at(-3600)), Ok(0.0));
    assert_eq!(wait("Sunday, 06-Nov-94 08:49:37 GMT"), Ok(0.0));
    assert_eq!(wait("Sun Nov  6 08:49:37 1994"), Ok(0.0));
    assert!(wait("Fri, 31 Dec 9999 23:59:59 GMT").unwrap() > 1e9);
    for bad in ["Sun, 06 Nov 1994 08:49:37 +0200", "1994-11-06T08:49:37Z", "Mon, 06 Nov 1994 08:49:37 GMT"] {
        assert_eq!(wait(bad), Err(Malformed), "{bad}");
    }
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
fn resets_are_told_apart() {
    let of = |text: &str| reset(text, now()).map(|wait| wait.as_secs_f64());
    for (text, expected) in [
        ("28", 28.0),
        ("64.57", 64.57),
        ("1755780060", 60.0),
        ("1755780060500", 60.5),
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("12ms", 0.012),
        ("1h2m3s", 3723.0),
        ("100us", 0.0001),
        ("1.5s", 1.5),
        ("6m", 360.0),
        ("2025-08-21T12:41:00Z", 60.0),
        ("2025-08-21T14:41:00+02:00", 60.0),
        ("2025-08-21T12:40:59.5z", 59.5),
        ("2025-08-21T12:39:00Z", 0.0),
    ] {
        assert!(of(text).is_some_and(|wait| (wait - expected).abs() < 1e-6), "{text} {:?}", of(text));
    }
    // A date three thousand years ahead is no longer than any other absurd wait.
    assert_eq!(reset("111111111111", now()), Some(FOR_EVER));
    for bad in [
        "-5s",
        "1m1m",
        "2025-08-21T12:41:00",
        "2025-08-21T12:41:60Z",
        "Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)",
        "",
        "s",
        "-1",
    ] {
        assert_eq!(of(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}|[0-9TtZz:.,+hmsµun -]{0,40}") {
        let _ = retry_after(text.as_bytes(), now());
        let _ = reset(&text, now());
    }
}
