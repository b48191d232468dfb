//! Quota fields: `RateLimit`, `RateLimit-Policy`, the three older IETF fields and the `X-RateLimit-*` family.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};
use sfv::{BareItem, Dictionary, List, ListEntry, Parser};

use super::duration::{decimal, reset, seconds, server_time, until_epoch, whole};

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

/// Most members of one field that are read; no API has more limits at once, and a longer list is an attack.
const MAX_MEMBERS: usize = 16;

/// How a reset is written where that cannot be told from its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resets {
    /// Large numbers are dates, small ones seconds.
    Guessed,
    /// Numbers are dates.
    Dates,
    /// Numbers are seconds.
    Seconds,
}

/// Every limit that the shared fields tell of, if the answer is fresh.
pub(super) fn quotas(headers: &HeaderMap, now: SystemTime, resets: Resets) -> Vec<Quota> {
    let now = server_time(headers).unwrap_or(now);
    let modern = modern(headers);
    if !modern.is_empty() {
        return modern;
    }
    ["ratelimit", "x-ratelimit", "x-rate-limit"].iter().filter_map(|family| old(headers, family, now, resets)).collect()
}

/// A cached answer's quota is somebody else's past (draft -11 §5).
pub(super) fn is_cached(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(http::header::AGE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|age| whole(age).is_some_and(|age| age > 0))
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
    let policies = policies(headers, "ratelimit-policy");
    if let Ok(list) = Parser::new(text.as_slice()).parse::<List>() {
        let named: Vec<Quota> = list.iter().take(MAX_MEMBERS).filter_map(|entry| member(entry, &policies)).collect();
        if !named.is_empty() {
            return named;
        }
    }
    let Ok(dictionary) = Parser::new(text.as_slice()).parse::<Dictionary>() else { return Vec::new() };
    let of = |key: &str| match dictionary.get(key) {
        Some(ListEntry::Item(item)) => count(&item.bare_item),
        _ => None,
    };
    let (Some(remaining), limit, reset) = (of("remaining"), of("limit"), of("reset")) else { return Vec::new() };
    let window = window_of(&policies, limit);
    vec![Quota { name: None, limit, remaining, reset: reset.map(Duration::from_secs).or(window), window }]
}

fn member(entry: &ListEntry, policies: &[Policy]) -> Option<Quota> {
    let ListEntry::Item(item) = entry else { return None };
    let name = item.bare_item.as_string()?.as_str().to_owned();
    let remaining = count(item.params.get("r")?)?;
    let reset = item.params.get("t").map(|t| count(t).ok_or(())).transpose().ok()?;
    let policy = policies.iter().find(|policy| policy.name.as_ref() == Some(&name));
    if policy.is_some_and(|policy| !policy.counts_requests) {
        return None;
    }
    let window = policy.and_then(|policy| policy.window);
    Some(Quota {
        limit: policy.and_then(|policy| policy.quota),
        window,
        name: Some(name),
        remaining,
        // Without a time the window's length is the longest that it can be.
        reset: reset.map(Duration::from_secs).or(window),
    })
}

/// One member of `RateLimit-Policy`: `"burst";q=100;w=60` (-08 to -11) or `100;w=60` (-05 to -07).
struct Policy {
    name: Option<String>,
    quota: Option<u64>,
    window: Option<Duration>,
    /// False for quotas of bytes or of concurrent requests, which say nothing about the next request's turn.
    counts_requests: bool,
}

fn policies(headers: &HeaderMap, field: &str) -> Vec<Policy> {
    let Some(text) = joined(headers, field) else { return Vec::new() };
    let Ok(list) = Parser::new(text.as_slice()).parse::<List>() else { return Vec::new() };
    list.iter().take(MAX_MEMBERS).filter_map(policy).collect()
}

fn policy(entry: &ListEntry) -> Option<Policy> {
    let ListEntry::Item(item) = entry else { return None };
    let of = |key: &str| item.params.get(key).and_then(count);
    let name = item.bare_item.as_string().map(|name| name.as_str().to_owned());
    let quota = if name.is_some() { of("q") } else { Some(count(&item.bare_item)?) };
    let window = of("w").filter(|w| *w > 0).map(Duration::from_secs);
    let unit = item.params.get("qu").map(|unit| unit.as_string().map(|unit| unit.as_str()));
    Some(Policy { name, quota, window, counts_requests: unit.is_none_or(|unit| unit == Some("requests")) })
}

/// The window of the nameless policy that allows this many requests.
fn window_of(policies: &[Policy], limit: Option<u64>) -> Option<Duration> {
    policies
        .iter()
        .find(|policy| {
            policy.name.is_none() && policy.quota.is_some() && policy.quota == limit && policy.window.is_some()
        })?
        .window
}

/// `…-Limit`, `…-Remaining`, `…-Reset` of one family.
fn old(headers: &HeaderMap, family: &str, now: SystemTime, resets: Resets) -> Option<Quota> {
    let of = |tail: &str| headers.get(format!("{family}-{tail}")).and_then(|value| value.to_str().ok());
    let remaining = whole(of("remaining")?)?;
    let after = of("reset-after").and_then(|text| seconds(text.trim()));
    let reset = after.or_else(|| match (resets, of("reset")?.trim()) {
        (Resets::Guessed, text) => reset(text, now),
        (Resets::Dates, text) => decimal(text).map(|at| until_epoch(at, now)),
        (Resets::Seconds, text) => seconds(text),
    });
    // `10, 10;w=1, 50;w=60`: the first number is the limit that the other two fields speak of.
    let limit = of("limit").and_then(|text| whole(text.split([',', ';']).next().unwrap_or("")));
    let window =
        ["limit", "policy"].iter().find_map(|tail| window_of(&policies(headers, &format!("{family}-{tail}")), limit));
    Some(Quota { name: None, limit, remaining, reset: reset.or(window), window })
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
