//! `Retry-After` and the other ways in which servers write a time.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// A value that is none of the known forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What absurdly long waits become: a hundred years, which every caller refuses.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Time the server asks us to wait, from a `Retry-After` value.
///
/// Accepts delay-seconds (a fraction too, which some APIs send), the three HTTP-date forms, and several values of one kind
/// joined by commas, of which the longest counts; a date in the past is zero, an absurd number a hundred years.
///
/// # Errors
/// [`Malformed`] when the value is none of these; the caller then falls back to its own backoff.
///
/// Source: RFC 9110 §10.2.3.
pub fn retry_after(value: &[u8], now: SystemTime) -> Result<Duration, Malformed> {
    let text = std::str::from_utf8(value).map_err(|_| Malformed)?.trim_matches([' ', '\t']);
    if text.len() > 512 {
        return if text.bytes().all(|b| b.is_ascii_digit()) { Ok(FOR_EVER) } else { Err(Malformed) };
    }
    if let Some(date) = last_date(text) {
        return Ok(date.duration_since(now).unwrap_or(Duration::ZERO).min(FOR_EVER));
    }
    let parts = text.split(',').map(|part| seconds(part.trim_matches([' ', '\t'])));
    parts.collect::<Option<Vec<_>>>().and_then(|waits| waits.into_iter().max()).ok_or(Malformed)
}

/// The latest of HTTP-dates joined by commas. Dates hold commas themselves, so they are parted behind their zone.
fn last_date(text: &str) -> Option<SystemTime> {
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date);
    }
    let mut latest = None;
    for (index, part) in text.split_inclusive("GMT").enumerate() {
        let part = if index == 0 { part } else { part.strip_prefix(',')? };
        let date = httpdate::parse_http_date(part.trim_matches([' ', '\t'])).ok()?;
        latest = latest.max(Some(date));
    }
    latest
}

/// ASCII decimal seconds with an optional fraction; no sign, no exponent.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    decimal(text).map(|wait| wait.min(FOR_EVER))
}

pub(super) fn decimal(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|fraction| !digits(fraction)) {
        return None;
    }
    let whole = Duration::from_secs(whole.parse().unwrap_or(u64::MAX));
    let nanos = fraction.map_or(0, |fraction| {
        let padded: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        padded.parse().unwrap_or(0)
    });
    whole.checked_add(Duration::from_nanos(nanos))
}

/// A count; `599.0` is one, `-1` means unknown and is none.
pub(super) fn whole(text: &str) -> Option<u64> {
    seconds(text.trim()).map(|number| number.as_secs())
}

/// The wait that a whole answer asks for: every `Retry-After` line and the vendors' millisecond forms; the longest counts.
/// Dates are read against the answer's own `Date`, so that a wrong local clock does not matter.
pub fn retry_after_of(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let now = server_time(headers).unwrap_or(now);
    let whole = headers.get_all("retry-after").iter().filter_map(|value| retry_after(value.as_bytes(), now).ok());
    let millis = ["retry-after-ms", "x-amz-retry-after"]
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .filter_map(|value| decimal(value.to_str().ok()?.trim()).map(|wait| (wait / 1000).min(FOR_EVER)));
    whole.chain(millis).max()
}

/// The server's clock, when it says so.
pub(super) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(http::header::DATE)?.to_str().ok()?).ok()
}

/// A reset as servers write it: delta seconds, epoch seconds or milliseconds, RFC 3339, or a duration such as `6m0s`.
pub(super) fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    if text.contains('T') || text.contains('t') && text.contains(':') {
        return rfc3339(text)?.duration_since(now).map_or(Some(Duration::ZERO), |wait| Some(wait.min(FOR_EVER)));
    }
    if let Some(number) = decimal(text) {
        // No quota window is thirty years long: numbers of that size are dates.
        return match number.as_secs() {
            0..=1_000_000_000 => Some(number),
            1_000_000_001..=1_000_000_000_000 => Some(until_epoch(number, now)),
            _ => Some(until_epoch(number / 1000, now)),
        };
    }
    go_duration(text)
}

/// Time until so long after the Unix epoch; zero for the past.
pub(super) fn until_epoch(since: Duration, now: SystemTime) -> Duration {
    let at = SystemTime::UNIX_EPOCH.checked_add(since);
    at.map_or(FOR_EVER, |at| at.duration_since(now).unwrap_or(Duration::ZERO).min(FOR_EVER))
}

/// `1h2m3s`, `6m0s`, `12ms`, `1.5s`: units in falling order, each once.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("µs", 1_000),
        ("ns", 1),
    ];
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at_checked(unit_end)?;
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if *nanos >= last {
            return None;
        }
        last = *nanos;
        let number = seconds(number)?.as_secs_f64() * (*nanos as f64 / 1e9);
        total = total.checked_add(Duration::try_from_secs_f64(number.min(1e10)).ok()?)?;
        rest = after;
    }
    (last != u64::MAX).then_some(total.min(FOR_EVER))
}

/// An RFC 3339 time with a zone. Leap seconds and missing zones are malformed.
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let mark = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|b| wanted.contains(b));
    if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt") && mark(13, b":") && mark(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || day == 0 || day > days_in(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = fraction.split_at_checked(end)?;
        nanos = seconds(&format!("0.{digits}"))?.subsec_nanos();
        rest = tail;
    }
    let offset = offset(rest)?;
    let days = days_from_civil(year as i64, month as i64, day as i64);
    let at = days * 86_400 + (hour * 3600 + minute * 60 + second) as i64 - offset;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(u64::try_from(at).ok()?, nanos))
}

/// Seconds east of Greenwich: `Z`, `+02:00`, `-08:30`.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |part: &str| -> Option<i64> {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok())?
    };
    Some(sign * (two(hours).filter(|h| *h < 24)? * 3600 + two(minutes).filter(|m| *m < 60)? * 60))
}

fn days_in(year: u64, month: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
#[path = "duration_tests.rs"]
mod tests;
