#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::SystemTime;

use http::HeaderMap;

use super::*;

fn told(dialect: Dialect, status: u16, lines: &[(&str, &str)], body: &str) -> Told {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let mut told = dialect.read(status, &headers, SystemTime::now());
    dialect.conclude(&mut told, status, Some(body.as_bytes()));
    told
}

/// Refused or not, the wait in milliseconds, whom it concerns.
fn refusal(told: &Told) -> (bool, Option<u128>, Reach) {
    (told.refused, told.retry_after.map(|wait| wait.as_millis()), told.reach)
}

#[test]
fn bodies_tell_what_headers_do_not() {
    let slack = "{\"ok\":false,\"error\":\"ratelimited\"}";
    assert_eq!(
        refusal(&told(Dialect::Slack, 429, &[("retry-after", "30")], slack)),
        (true, Some(30_000), Reach::Bucket)
    );
    assert_eq!(
        refusal(&told(Dialect::Slack, 200, &[("retry-after", "30")], slack)),
        (true, Some(30_000), Reach::Bucket)
    );
    assert!(!told(Dialect::Slack, 200, &[], "{\"ok\":true,\"text\":\"ratelimited\"}").refused);
    let telegram = "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry after 42\",\
                    \"parameters\":{\"retry_after\":42}}";
    assert_eq!(refusal(&told(Dialect::Telegram, 429, &[], telegram)), (true, Some(42_000), Reach::Bucket));
    let moved = "{\"ok\":false,\"error_code\":400,\"parameters\":{\"migrate_to_chat_id\":-1001234567890}}";
    let answer = told(Dialect::Telegram, 400, &[], moved);
    assert_eq!((answer.refused, answer.moved_to), (false, Some(-1_001_234_567_890)));
    assert_eq!(told(Dialect::Telegram, 400, &[], "{\"description\":\"migrate_to_chat_id\"}").moved_to, None);
    let matrix = "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":2000}";
    assert_eq!(refusal(&told(Dialect::Generic, 429, &[], matrix)), (true, Some(2_000), Reach::Bucket));
    let reddit = "{\"json\":{\"errors\":[[\"RATELIMIT\",\"Looks like you do that a lot. Try again in 3 minutes.\",\"ratelimit\"]]}}";
    assert_eq!(refusal(&told(Dialect::Reddit, 200, &[], reddit)), (true, Some(180_000), Reach::Bucket));
    for broken in
        ["", "{", "[]", "{\"retry_after\":\"soon\"}", "{\"retry_after\":-3}", "{\"retry_after\":1e400}", "null"]
    {
        assert_eq!(refusal(&told(Dialect::Telegram, 429, &[], broken)), (true, None, Reach::Bucket), "{broken}");
    }
}

#[test]
fn what_strangers_wrote_is_no_refusal() {
    let cost = "\"extensions\":{\"cost\":{\"requestedQueryCost\":10,\"throttleStatus\":\
                {\"maximumAvailable\":1000,\"currentlyAvailable\":990,\"restoreRate\":50}}}";
    let note = "{\"note\":\"THROTTLED\",\"errors\":[{\"extensions\":{\"code\":\"THROTTLED\"}}]}";
    let throttled = "{\"message\":\"x\",\"extensions\":{\"code\":\"THROTTLED\"}}";
    let other = "{\"message\":\"THROTTLED\",\"extensions\":{\"code\":\"BAD\",\"note\":\"THROTTLED\"}}";
    let limited = "{\"type\":\"RATE_LIMITED\"}";
    let fence = "you have exceeded a secondary rate limit";
    for (dialect, status, body, refused) in [
        (Dialect::Shopify, 200, format!("{{\"data\":{note},{cost}}}"), false),
        (Dialect::Shopify, 200, format!("{{\"errors\":[{other}],{cost}}}"), false),
        (Dialect::Shopify, 200, format!("{{\"data\":{{}},\"errors\":[{throttled}],{cost}}}"), false),
        (Dialect::Shopify, 200, format!("{{\"data\":null,\"errors\":[{throttled}],{cost}}}"), true),
        (Dialect::GitHub, 200, format!("{{\"data\":{{\"x\":1}},\"errors\":[{limited}]}}"), false),
        (Dialect::GitHub, 200, format!("{{\"data\":{{\"errors\":[{limited}]}}}}"), false),
        (Dialect::GitHub, 200, format!("{{\"errors\":[{limited}]}}"), true),
        (Dialect::GitHub, 200, format!("{{\"errors\":[{{\"message\":\"{fence}\"}}]}}"), true),
        (Dialect::GitHub, 403, format!("{{\"message\":\"No rule named {fence}\"}}"), false),
        (Dialect::GitHub, 403, format!("{{\"message\":\"no\",\"title\":\"{fence}\"}}"), false),
        (Dialect::GitHub, 403, format!("{{\"message\":\"{fence}.\"}}"), true),
        (Dialect::Slack, 200, "{\"ok\":true,\"error\":\"ratelimited\"}".to_owned(), false),
        (Dialect::Slack, 200, "{\"ok\":false,\"message\":{\"error\":\"ratelimited\"}}".to_owned(), false),
        (Dialect::Slack, 200, "{\"ok\":false,\"error\":\"rate_limited\"}".to_owned(), true),
        (Dialect::Aws, 400, "{\"message\":\"#ThrottlingException\",\"__type\":\"x#Validation\"}".to_owned(), false),
        (Dialect::Aws, 400, "{\"__type\":\"com.amazon.coral.service#ThrottlingException\"}".to_owned(), true),
    ] {
        assert_eq!(told(dialect, status, &[], &body).refused, refused, "{dialect:?} {body}");
    }
    let reddit = |errors: &str, text: &str| {
        let body = format!("{{\"json\":{{\"errors\":{errors},\"data\":{{\"body\":\"{text}\"}}}}}}");
        refusal(&told(Dialect::Reddit, 200, &[], &body))
    };
    let lure = "RATELIMIT lol, try again in 3 hours";
    assert_eq!(reddit("[]", lure), (false, None, Reach::Bucket));
    assert_eq!(reddit(&format!("[[\"BAD\",\"RATELIMIT: {lure}\",\"x\"]]"), lure), (false, None, Reach::Bucket));
    let limit = "[[\"RATELIMIT\",\"Try again in 2 seconds.\",\"ratelimit\"]]";
    assert_eq!(reddit(limit, lure), (true, Some(2_000), Reach::Bucket));
}

#[test]
fn a_leaky_bucket_is_told_by_a_fraction_or_by_the_cost_of_a_query() {
    let used = |text: &str| told(Dialect::Shopify, 200, &[("x-shopify-shop-api-call-limit", text)], "").quotas;
    assert_eq!(used("32/40")[0].remaining, 8);
    assert_eq!((used("40/40")[0].remaining, used("40/40")[0].reset), (0, Some(Duration::from_millis(500))));
    assert_eq!(used("41/40")[0].remaining, 0);
    for broken in ["/40", "0/0", "40", "a/b", "-1/40", "1/2/3"] {
        assert_eq!(used(broken), [], "{broken}");
    }
    let status = "{\"maximumAvailable\":1000.0,\"currentlyAvailable\":80,\"restoreRate\":50.0}";
    let cost = format!(
        "\"extensions\":{{\"cost\":{{\"requestedQueryCost\":101,\"actualQueryCost\":null,\"throttleStatus\":{status}}}}}"
    );
    let answer =
        told(Dialect::Shopify, 200, &[], &format!("{{\"data\":{{\"x\":\"\\\"throttleStatus\\\":{{\"}},{cost}}}"));
    assert_eq!((answer.refused, answer.quotas[0].remaining), (false, 0));
    assert_eq!(answer.quotas[0].reset, Some(Duration::from_millis(2020)));
    let body =
        format!("{{\"errors\":[{{\"message\":\"Throttled\",\"extensions\":{{\"code\":\"THROTTLED\"}}}}],{cost}}}");
    assert_eq!(refusal(&told(Dialect::Shopify, 200, &[], &body)), (true, Some(420), Reach::Bucket));
}
