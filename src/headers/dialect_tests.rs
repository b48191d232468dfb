#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_700_000_000;

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

fn told(dialect: Dialect, status: u16, lines: &[(&str, &str)], body: &str) -> Told {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let mut told = dialect.read(status, &fields(lines), now);
    dialect.conclude(&mut told, status, Some(body.as_bytes()));
    told
}

/// Refused or not, the wait in milliseconds, whom it concerns.
fn refusal(told: &Told) -> (bool, Option<u128>, Reach) {
    (told.refused, told.retry_after.map(|wait| wait.as_millis()), told.reach)
}

fn quota(told: &Told, at: usize) -> (Option<&str>, Option<u64>, u64, Option<u128>) {
    let quota = &told.quotas[at];
    (quota.name.as_deref(), quota.limit, quota.remaining, quota.reset.map(|reset| reset.as_millis()))
}

#[test]
fn every_profile_is_bound_to_its_hosts() {
    for (host, name) in [
        ("discord.com", "discord"),
        ("canary.discord.com", "discord"),
        ("api.github.com", "github"),
        ("slack.com", "slack"),
        ("api.telegram.org", "telegram"),
        ("shop.myshopify.com", "shopify"),
        ("me.openai.azure.com", "openai"),
        ("api.twitch.tv", "twitch"),
        ("api.x.com", "x"),
        ("mastodon.social", "mastodon"),
        ("matrix.org", "matrix"),
        ("api.buildkite.com", "buildkite"),
        ("api.lemlist.com", "lemlist"),
        ("dynamodb.eu-central-1.amazonaws.com", "aws"),
        ("example.com", "generic"),
        ("evil-discord.com", "generic"),
        ("myshopify.com", "generic"),
        (".myshopify.com", "generic"),
    ] {
        assert_eq!(Some(Dialect::of(host)), Dialect::named(name), "{host}");
    }
    assert_eq!(Dialect::names().count(), 18);
}

#[test]
fn discord_tells_buckets_waits_and_whom_they_concern() {
    let bucket = [
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1470173023.123"),
        ("x-ratelimit-reset-after", "64.57"),
        ("x-ratelimit-bucket", "abcd1234"),
    ];
    let answer = told(Dialect::Discord, 200, &bucket, "");
    assert_eq!(quota(&answer, 0), (None, Some(10), 0, Some(64_570)));
    assert_eq!((answer.bucket.as_deref(), answer.refused), (Some("abcd1234"), false));
    let mut refused = bucket.to_vec();
    refused.extend([("retry-after", "65"), ("x-ratelimit-scope", "user")]);
    let body = "{\"message\":\"You are being rate limited.\",\"retry_after\":64.57,\"global\":false}";
    assert_eq!(refusal(&told(Dialect::Discord, 429, &refused, body)), (true, Some(65_000), Reach::Bucket));
    let shared = [
        ("retry-after", "1337"),
        ("x-ratelimit-scope", "shared"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset-after", "64.57"),
        ("x-ratelimit-bucket", "abcd1234"),
    ];
    let body = "{\"retry_after\":1336.57,\"global\":false}";
    assert_eq!(refusal(&told(Dialect::Discord, 429, &shared, body)), (true, Some(1_337_000), Reach::Bucket));
    let global = [("retry-after", "1"), ("x-ratelimit-global", "true"), ("x-ratelimit-scope", "global")];
    let body = "{\"retry_after\":1.5,\"global\":true}";
    assert_eq!(refusal(&told(Dialect::Discord, 429, &global, body)), (true, Some(1_500), Reach::Whole));
    // The network's edge answers with a page, or with JSON of its own, and without a bucket.
    for body in ["error code: 1015", "{\"code\":0,\"message\":\"You are being blocked\"}"] {
        assert_eq!(refusal(&told(Dialect::Discord, 429, &[], body)), (true, None, Reach::Whole));
    }
}

#[test]
fn github_tells_its_primary_limit_by_a_reset_and_its_secondary_by_a_message() {
    let spent =
        [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000060"), ("x-ratelimit-resource", "search")];
    for status in [403, 429] {
        let answer = told(Dialect::GitHub, status, &spent, "{\"message\":\"API rate limit exceeded\"}");
        assert_eq!(refusal(&answer), (true, Some(61_000), Reach::Bucket));
        assert_eq!(answer.bucket.as_deref(), Some("search"));
    }
    let left = [("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", "1700000060")];
    let message = "{\"message\":\"You have exceeded a secondary rate limit\"}";
    assert_eq!(refusal(&told(Dialect::GitHub, 403, &left, message)), (true, Some(60_000), Reach::Whole));
    let mut waiting = left.to_vec();
    waiting.push(("retry-after", "1"));
    assert_eq!(refusal(&told(Dialect::GitHub, 403, &waiting, message)), (true, Some(1_000), Reach::Whole));
    let forbidden = told(Dialect::GitHub, 403, &left, "{\"message\":\"Resource not accessible\"}");
    assert_eq!(refusal(&forbidden), (false, None, Reach::Bucket));
    let graphql = "{\"errors\":[{\"type\":\"RATE_LIMITED\",\"message\":\"API rate limit exceeded\"}]}";
    assert_eq!(refusal(&told(Dialect::GitHub, 200, &spent, graphql)), (true, Some(61_000), Reach::Bucket));
    assert!(!told(Dialect::Generic, 403, &spent, message).refused, "403 is a refusal for the pace at GitHub alone");
}

#[test]
fn a_refusal_that_says_when_to_come_again_outweighs_the_windows_beside_it() {
    let lessons = |status, lines: &[(&str, &str)]| {
        let answer = told(Dialect::Generic, status, lines, "");
        answer.lessons().iter().map(|quota| quota.reset.map(|reset| reset.as_secs())).collect::<Vec<_>>()
    };
    let later = ("ratelimit", "\"d\";r=0;t=30");
    assert_eq!(lessons(429, &[("retry-after", "1"), later]), []);
    assert_eq!(lessons(429, &[("retry-after", "30"), later]), [Some(30)]);
    assert_eq!(lessons(429, &[later]), [Some(30)]);
    assert_eq!(lessons(200, &[("retry-after", "1"), later]), [Some(30)], "only a refusal has a say");
}

#[test]
fn aws_refuses_with_status_400_by_name() {
    let named = |name| told(Dialect::Aws, 400, &[("x-amzn-errortype", name), ("x-amz-retry-after", "1500")], "");
    assert_eq!(refusal(&named("ThrottlingException:http://internal/")), (true, Some(1_500), Reach::Bucket));
    assert!(!named("ValidationException").refused);
    assert!(!told(Dialect::Generic, 400, &[("x-amzn-errortype", "ThrottlingException")], "").refused);
}

#[test]
fn discords_ban_counts_what_is_the_bots_own_fault() {
    let counts = |status, lines: &[(&str, &str)]| {
        Dialect::Discord.counts_as_invalid(status, &told(Dialect::Discord, status, lines, ""))
    };
    assert!(counts(401, &[]) && counts(403, &[]) && counts(429, &[("x-ratelimit-scope", "user")]));
    assert!(!counts(429, &[("x-ratelimit-scope", "shared")]));
    assert!(!counts(200, &[]) && !counts(404, &[]));
    assert!(!Dialect::Generic.counts_as_invalid(429, &Told::default()));
    let exempt = |path: &str| Dialect::Discord.exempts(&path.split('/').collect::<Vec<_>>());
    assert!(exempt("api/v10/interactions/1/t/callback") && exempt("interactions/1/t/callback"));
    assert!(!exempt("api/v10/channels/1/interactions") && !Dialect::Slack.exempts(&["interactions"]));
}

#[test]
fn requests_and_tokens_have_a_quota_each() {
    let openai = [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    let answer = told(Dialect::OpenAi, 429, &openai, "");
    assert_eq!(quota(&answer, 0), (Some("requests"), Some(60), 59, Some(1_000)));
    assert_eq!(quota(&answer, 1), (Some("tokens"), Some(150_000), 0, Some(360_000)));
    assert_eq!(refusal(&answer), (true, Some(360_000), Reach::Bucket));
    let by_use =
        [("x-ratelimit-remaining-tokens_usage_based", "0"), ("x-ratelimit-reset-tokens_usage_based", "1h2m3s")];
    let answer = told(Dialect::OpenAi, 200, &by_use, "");
    assert_eq!(quota(&answer, 0), (Some("tokens_usage_based"), None, 0, Some(3_723_000)));
    let unknown = [
        ("x-ratelimit-limit-tokens", "-1"),
        ("x-ratelimit-remaining-tokens", "-1"),
        ("x-ratelimit-reset-tokens", "0"),
        ("retry-after-ms", "1500"),
    ];
    let answer = told(Dialect::OpenAi, 429, &unknown, "");
    assert_eq!((answer.quotas.len(), answer.retry_after), (0, Some(Duration::from_millis(1500))));
    let claude = [
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2025-08-21T12:40:59Z"),
        ("date", "Thu, 21 Aug 2025 12:41:00 GMT"),
    ];
    assert_eq!(quota(&told(Dialect::Anthropic, 200, &claude, ""), 0), (Some("requests"), Some(50), 0, Some(0)));
    assert!(told(Dialect::Anthropic, 529, &[], "").refused && told(Dialect::Notion, 529, &[], "").refused);
    assert!(!told(Dialect::Generic, 529, &[], "").refused);
    let unified = [("anthropic-ratelimit-unified-reset", "1700000030")];
    assert_eq!(refusal(&told(Dialect::Anthropic, 429, &unified, "")), (true, Some(30_000), Reach::Bucket));
}

#[test]
fn resets_are_dates_or_seconds_as_the_vendor_writes_them() {
    let read = |dialect, reset: &str| {
        let lines = [("ratelimit-limit", "30"), ("ratelimit-remaining", "29"), ("ratelimit-reset", reset)];
        told(dialect, 200, &lines, "").quotas[0].reset.map(|reset| reset.as_secs())
    };
    assert_eq!(read(Dialect::Twitch, "1700000010"), Some(10));
    assert_eq!(read(Dialect::Twitch, "28"), Some(0));
    assert_eq!(read(Dialect::Generic, "28"), Some(28));
    assert_eq!(read(Dialect::Reddit, "1700000010"), Some(1_700_000_010));
    let of = |lines: &[(&str, &str)]| told(Dialect::Generic, 200, lines, "").quotas;
    let mastodon = [
        ("x-ratelimit-limit", "7500"),
        ("x-ratelimit-remaining", "7495"),
        ("x-ratelimit-reset", "2020-09-08T13:25:00.019685Z"),
        ("date", "Tue, 08 Sep 2020 13:24:00 GMT"),
    ];
    assert_eq!(of(&mastodon)[0].reset, Some(Duration::from_nanos(60_019_685_000)));
    let x = [("x-rate-limit-limit", "900"), ("x-rate-limit-remaining", "847"), ("x-rate-limit-reset", "1705420800")];
    assert_eq!((of(&x)[0].limit, of(&x)[0].remaining), (Some(900), 847));
    let lemlist = [
        ("x-ratelimit-remaining", "3"),
        ("x-ratelimit-reset", "Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)"),
        ("date", "Tue, 16 Feb 2021 08:02:40 GMT"),
    ];
    assert_eq!(told(Dialect::Lemlist, 200, &lemlist, "").quotas[0].reset, Some(Duration::from_secs(2)));
    let x = [("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "28")];
    assert_eq!(told(Dialect::X, 200, &x, "").quotas[0].reset, Some(Duration::ZERO), "a date, however small");
    let buildkite = [("ratelimit-remaining", "35"), ("ratelimit-limit", "50"), ("ratelimit-reset", "28")];
    assert_eq!(quota(&told(Dialect::Buildkite, 200, &buildkite, ""), 0), (None, Some(50), 35, Some(28_000)));
}

#[test]
fn the_servers_word_on_a_repeat_is_taken() {
    let said = |dialect, name, value| told(dialect, 500, &[(name, value)], "").retry;
    assert_eq!(said(Dialect::Stripe, "stripe-should-retry", "false"), Some(false));
    assert_eq!(said(Dialect::Stripe, "stripe-should-retry", "true"), Some(true));
    assert_eq!(said(Dialect::OpenAi, "x-should-retry", "true"), Some(true));
    assert_eq!(said(Dialect::Generic, "x-should-retry", "false"), Some(false));
    assert_eq!(said(Dialect::Generic, "x-should-retry", "true"), None, "nobody unknown makes us send a POST again");
    assert_eq!(said(Dialect::Generic, "x-should-retry", "maybe"), None);
    for no in ["-1", "soon", "", "1e3"] {
        assert_eq!(said(Dialect::Generic, "grpc-retry-pushback-ms", no), Some(false), "{no}");
    }
    let pushed = told(Dialect::Generic, 503, &[("grpc-retry-pushback-ms", "250")], "");
    assert_eq!((pushed.retry, pushed.retry_after), (None, Some(Duration::from_millis(250))));
    assert_eq!(
        told(Dialect::Generic, 503, &[("x-amz-retry-after", "1500")], "").retry_after,
        Some(Duration::from_millis(1500))
    );
    assert!(told(Dialect::Stripe, 429, &[("stripe-rate-limited-reason", "global-concurrency")], "").crowded);
}

#[test]
fn requests_find_their_lanes() {
    let none = |_: &str| None;
    let lane = |dialect: Dialect, method, label, path: &str| {
        dialect.lane(method, label, &path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>(), &none)
    };
    let discord = |path: &str, label| lane(Dialect::Discord, "POST", label, path);
    let message = "/api/v10/channels/{id}/messages";
    assert_ne!(discord("/api/v10/channels/1/messages", message), discord("/api/v10/channels/2/messages", message));
    assert_eq!(discord("/api/v10/users/1", "/users/{id}"), discord("/api/v10/users/2", "/users/{id}"));
    let hook = discord("/api/webhooks/9/token-that-nobody-sees", "/api/webhooks/{id}/{token}").unwrap();
    assert!(hook.starts_with("9.") && !hook.contains("token-that"), "{hook}");
    assert_eq!(discord("/api/v10/interactions/1/abc/callback", "/x"), None);
    let channel = discord("/api/v10/channels/7/messages", message).unwrap();
    assert_eq!(Dialect::Discord.bucket(&channel, "hash"), "7 hash");
    let github = |path| lane(Dialect::GitHub, "GET", "", path).unwrap();
    assert_eq!(github("/repos/a/b"), "core");
    assert_eq!((github("/search/issues"), github("/api/v3/search/code")), ("search".into(), "code_search".into()));
    assert_eq!(github("/graphql"), "graphql");
    assert_eq!(lane(Dialect::Slack, "POST", "", "/api/chat.postMessage").as_deref(), Some("chat.postMessage"));
    let telegram = |method: &str, chat: Option<&str>| {
        let field = |name: &str| chat.filter(|_| name == "chat_id").map(str::to_owned);
        Dialect::Telegram.lane("POST", "", &["bot1:x", method], &field)
    };
    assert_eq!(telegram("sendMessage", Some("42")).as_deref(), Some("chat 42"));
    assert_eq!(telegram("sendPhoto", Some("-1001")).as_deref(), Some("group -1001"));
    assert_eq!(telegram("sendMessage", Some("@channel")).as_deref(), Some("group @channel"));
    assert_eq!((telegram("getUpdates", Some("42")), telegram("sendMessage", None)), (None, None));
}

#[test]
fn a_quota_from_a_cache_says_nothing() {
    for age in [&["30"][..], &["30", "30"], &["0", "30"], &["30, 30"], &["99999999999999999999999"]] {
        let mut cached = vec![
            ("ratelimit", "\"a\";r=0;t=9"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-shopify-shop-api-call-limit", "40/40"),
        ];
        cached.extend(age.iter().map(|age| ("age", *age)));
        for dialect in Dialect::names().filter_map(Dialect::named) {
            assert_eq!(told(dialect, 200, &cached, "").quotas, [], "{age:?}");
        }
    }
    for fresh in ["0", "soon", ""] {
        let lines = [("ratelimit", "\"a\";r=0;t=9"), ("age", fresh)];
        assert_eq!(told(Dialect::Generic, 200, &lines, "").quotas.len(), 1, "{fresh:?}");
    }
}

#[test]
fn a_server_that_knows_its_time_is_believed_whatever_the_local_clock_says() {
    let lines = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1500000060"),
        ("date", "Fri, 14 Jul 2017 02:40:00 GMT"),
    ];
    assert_eq!(told(Dialect::Generic, 429, &lines, "").retry_after, Some(Duration::from_secs(60)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn whatever_a_server_says_is_bounded(
        which in 0usize..18,
        status in proptest::sample::select(&[200u16, 301, 403, 409, 429, 503, 529][..]),
        texts in proptest::collection::vec("(-?[0-9]{0,25}(\\.[0-9]{1,3})?|[ -~]{0,30}|[0-9]{1,6}(ms|s|m|h)|\"[a-z]{1,4}\";r=[0-9]{1,4};t=[0-9]{1,4})", 8),
        body in "(\\{\"retry_after(_ms)?\":-?[0-9]{1,12}\\}|[ -~]{0,60}|\\{\"parameters\":\\{\"retry_after\":[0-9.e]{1,9}\\}\\})",
    ) {
        const NAMES: [&str; 8] = [
            "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "retry-after-ms", "date",
            "x-shopify-shop-api-call-limit", "anthropic-ratelimit-tokens-reset",
        ];
        let longest = Duration::from_secs(100 * 365 * 24 * 3600 + 1);
        let lines: Vec<(&str, &str)> = NAMES.into_iter().zip(texts.iter().map(|text| text.trim())).collect();
        let dialect = Dialect::names().nth(which).and_then(Dialect::named).unwrap();
        let answer = told(dialect, status, &lines, &body);
        prop_assert!(answer.retry_after.is_none_or(|wait| wait <= longest));
        prop_assert!(answer.quotas.iter().all(|quota| quota.reset.is_none_or(|reset| reset <= longest)));
    }
}
