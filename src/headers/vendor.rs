//! Header fields that belong to one vendor, and the sum of all that ask for a wait.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::dialect::Dialect;
use super::duration::{reset, retry_after_of, server_time, whole};
use super::quota::{self, Quota, Resets};

/// Whether a field of this name may speak of time or quota.
pub(super) fn is_spoken(name: &str) -> bool {
    const BEGINNINGS: [&str; 10] = [
        "ratelimit",
        "x-rate",
        "retry-after",
        "anthropic-ratelimit",
        "x-shopify-shop-api",
        "x-amz-retry-after",
        "x-amzn-errortype",
        "x-should-retry",
        "stripe-should-retry",
        "grpc-retry-pushback",
    ];
    matches!(name.as_bytes().first(), Some(b'r' | b'x' | b'a' | b's' | b'g'))
        && BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Every limit that the fields tell of.
pub(super) fn quotas(dialect: Dialect, headers: &HeaderMap, now: SystemTime) -> Vec<Quota> {
    if quota::is_cached(headers) {
        return Vec::new();
    }
    match dialect {
        Dialect::Anthropic => by_unit(headers, now, |unit, part| format!("anthropic-ratelimit-{unit}-{part}")),
        Dialect::OpenAi => by_unit(headers, now, |unit, part| format!("x-ratelimit-{part}-{unit}")),
        Dialect::Shopify => leaky(headers).into_iter().collect(),
        Dialect::Twitch | Dialect::X => quota::quotas(headers, now, Resets::Dates),
        Dialect::Buildkite | Dialect::Reddit => quota::quotas(headers, now, Resets::Seconds),
        _ => quota::quotas(headers, now, Resets::Guessed),
    }
}

/// Quotas of requests and of tokens, under names that `name` makes of the unit and the part.
fn by_unit(headers: &HeaderMap, now: SystemTime, name: impl Fn(&str, &str) -> String) -> Vec<Quota> {
    let now = server_time(headers).unwrap_or(now);
    let mut found = Vec::new();
    const UNITS: [&str; 6] =
        ["requests", "tokens", "input-tokens", "output-tokens", "requests_usage_based", "tokens_usage_based"];
    for unit in UNITS {
        let of = |part: &str| headers.get(name(unit, part)).and_then(|value| value.to_str().ok());
        let Some(remaining) = of("remaining").and_then(whole) else { continue };
        // A request takes more than one token: with any left it may try, with none it waits.
        let limit = of("limit").and_then(whole);
        let reset = of("reset").and_then(|text| reset(text, now));
        found.push(Quota { name: Some(unit.to_owned()), limit, remaining, reset, window: None });
    }
    found
}

/// Shopify's `32/40`: a bucket of 40 that leaks 2 a second.
fn leaky(headers: &HeaderMap) -> Option<Quota> {
    let text = headers.get("x-shopify-shop-api-call-limit")?.to_str().ok()?;
    let (used, size) = text.split_once('/')?;
    let (used, size) = (whole(used)?, whole(size)?);
    if size == 0 {
        return None;
    }
    Some(drip(size.saturating_sub(used), Duration::from_millis(500)))
}

/// What a leaky bucket has left, with one more request after each `spacing`.
pub(super) fn drip(remaining: u64, spacing: Duration) -> Quota {
    Quota { name: None, limit: Some(1), remaining, reset: Some(spacing), window: None }
}

/// The wait that the fields ask for; the longest counts.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // gRFC A6: a pushback that is not a number, or negative, is a no, not a wait.
    let pushback = text("grpc-retry-pushback-ms").and_then(whole).map(Duration::from_millis);
    let unified = text("anthropic-ratelimit-unified-reset")
        .filter(|_| text("anthropic-ratelimit-unified-status") != Some("allowed"));
    let unified = unified.and_then(|text| reset(text, server_time(headers).unwrap_or(now)));
    [retry_after_of(headers, now), pushback, unified].into_iter().flatten().max()
}

/// Whether a refusal is for the number of requests at once.
pub(super) fn is_crowded(headers: &HeaderMap) -> bool {
    let reason = headers.get("stripe-rate-limited-reason").and_then(|value| value.to_str().ok());
    reason.is_some_and(|reason| reason.ends_with("concurrency"))
}

/// Whether AWS names a refusal for the pace: with status 400, in a field or in the body.
///
/// Source: botocore's `ThrottledRetryableChecker`.
pub(super) fn is_throttling(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    ];
    // `com.amazon.coral.service#ThrottlingException`, `ThrottlingException:http://internal/…`
    let name = name.rsplit('#').next().unwrap_or(name);
    NAMES.contains(&name.split(':').next().unwrap_or(name).trim())
}

/// What the server says about a repeat. A "no" is believed of everybody; a "yes" of vendors who document it, since it makes us
/// send a POST again.
pub(super) fn verdict(dialect: Dialect, headers: &HeaderMap) -> Option<bool> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let said = ["x-should-retry", "stripe-should-retry"].iter().find_map(|name| match text(name)? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    });
    let pushed = text("grpc-retry-pushback-ms").filter(|text| whole(text).is_none()).map(|_| false);
    match pushed.or(said) {
        Some(true) if !matches!(dialect, Dialect::Anthropic | Dialect::OpenAi | Dialect::Stripe) => None,
        said => said,
    }
}
