//! Quota fields: `RateLimit`, `RateLimit-Policy`, the three older IETF fields and the `X-RateLimit-*` family.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};
use sfv::{BareItem, Dictionary, List, ListEntry, Parser};

use super::duration::{reset, seconds, server_time};

/// What an API says about one of its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The policy's name, where it has one.
    pub name: Option<String>,
    /// Requests per window.
    pub limit: Option<u64>,
    /// Requests left.
    pub remaining: u64,
    /// Time until more are allowed; within it no more than `remaining` may be sent.
    pub reset: Option<Duration>,
    /// Length of the window, where it is told.
    pub window: Option<Duration>,
}

/// Every limit that the fields tell of; empty for most answers, at the cost of a look at each name.
pub fn quotas(headers: &HeaderMap, now: SystemTime) -> Vec<Quota> {
    let spoken = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("ratelimit") || name.starts_with("x-rate")
    });
    if !spoken || is_cached(headers) {
        return Vec::new();
    }
    let now = server_time(headers).unwrap_or(now);
    let modern = modern(headers);
    if !modern.is_empty() {
        return modern;
    }
    ["ratelimit", "x-ratelimit", "x-rate-limit"].iter().filter_map(|family| old(headers, family, now)).collect()
}

/// A cached answer's quota is somebody else's past (draft -11 §5).
fn is_cached(headers: &HeaderMap) -> bool {
    let age = headers.get(http::header::AGE).and_then(|value| value.to_str().ok());
    age.and_then(|age| age.trim().parse::<u64>().ok()).is_some_and(|age| age > 0)
}

/// All lines of a field as one value, as RFC 9651 §4.2 says.
fn joined(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

fn count(item: &BareItem) -> Option<u64> {
    item.as_integer().and_then(|number| u64::try_from(i64::from(number)).ok())
}

/// `RateLimit: "default";r=50;t=30` (-08 to -11) or `limit=100, remaining=50, reset=5` (-07).
fn modern(headers: &HeaderMap) -> Vec<Quota> {
    let Some(text) = joined(headers, "ratelimit") else { return Vec::new() };
    let policies = policies(headers);
    if let Ok(list) = Parser::new(text.as_slice()).parse::<List>() {
        let named: Vec<Quota> = list.iter().filter_map(|entry| member(entry, &policies)).collect();
        if !named.is_empty() {
            return named;
        }
    }
    let Ok(dictionary) = Parser::new(text.as_slice()).parse::<Dictionary>() else { return Vec::new() };
    let of = |key: &str| match dictionary.get(key) {
        Some(ListEntry::Item(item)) => count(&item.bare_item),
        _ => None,
    };
    let (Some(remaining), reset) = (of("remaining"), of("reset")) else { return Vec::new() };
    vec![Quota { name: None, limit: of("limit"), remaining, reset: reset.map(Duration::from_secs), window: None }]
}

fn member(entry: &ListEntry, policies: &[(String, Option<u64>, Option<u64>)]) -> Option<Quota> {
    let ListEntry::Item(item) = entry else { return None };
    let name = item.bare_item.as_string()?.as_str().to_owned();
    let remaining = count(item.params.get("r")?)?;
    let reset = item.params.get("t").map(|t| count(t).ok_or(())).transpose().ok()?;
    let policy = policies.iter().find(|(known, ..)| *known == name);
    Some(Quota {
        limit: policy.and_then(|(_, q, _)| *q),
        window: policy.and_then(|(.., w)| *w).map(Duration::from_secs),
        name: Some(name),
        remaining,
        reset: reset.map(Duration::from_secs),
    })
}

/// `RateLimit-Policy: "burst";q=100;w=60`; policies that count something other than requests are left out.
fn policies(headers: &HeaderMap) -> Vec<(String, Option<u64>, Option<u64>)> {
    let Some(text) = joined(headers, "ratelimit-policy") else { return Vec::new() };
    let Ok(list) = Parser::new(text.as_slice()).parse::<List>() else { return Vec::new() };
    list.iter()
        .filter_map(|entry| match entry {
            ListEntry::Item(item) => {
                let name = item.bare_item.as_string()?.as_str().to_owned();
                let of = |key: &str| item.params.get(key).and_then(count);
                Some((name, of("q"), of("w")))
            }
            ListEntry::InnerList(_) => None,
        })
        .collect()
}

/// `…-Limit`, `…-Remaining`, `…-Reset` of one family.
fn old(headers: &HeaderMap, family: &str, now: SystemTime) -> Option<Quota> {
    let of = |tail: &str| headers.get(format!("{family}-{tail}")).and_then(|value| value.to_str().ok());
    let remaining = whole(of("remaining")?)?;
    let after = of("reset-after").and_then(|text| seconds(text.trim()));
    let reset = after.or_else(|| reset(of("reset")?, now));
    // `10, 10;w=1, 50;w=60`: the first number is the limit that the other two fields speak of.
    let limit = of("limit").and_then(|text| whole(text.split([',', ';']).next().unwrap_or("")));
    Some(Quota { name: None, limit, remaining, reset, window: None })
}

/// A count; `599.0` is one, `-1` means unknown and is none.
fn whole(text: &str) -> Option<u64> {
    seconds(text.trim()).map(|number| number.as_secs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[(&str, &str)]) -> Vec<Quota> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        quotas(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
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
        let discord =
            [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1"), ("x-ratelimit-reset-after", "64.57")];
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
            &[("ratelimit", "\"a\";r=0;t=9"), ("age", "30")],
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
}
