#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::task::Waker;
use std::time::{Instant, SystemTime};

use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::clock::Dice;
use crate::retry::{Attempt, Budget, Outcome, Rules, Verdict};
use crate::throttle::{Ask, Decision, Priority, Refusal, Shared};

const CAP: Duration = Duration::from_secs(60);
const ASK: Ask<'static> = Ask { lane: None, weight: 1, priority: Priority::Normal, patience: CAP };

fn gate(dialect: Dialect) -> Gate {
    let host = Arc::new(Host::new(clock::now()));
    let line = Arc::new(Shared::before(host.clone(), &[], 100));
    let front = Front::new(line, None, Limits::default());
    let gate = Gate { front, dialect, host, per_route: false, exempt: None, is_exempt: false };
    gate.prepare();
    gate
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

fn told(gate: &Gate, status: u16, lines: &[(&str, &str)], body: &str) -> Told {
    let mut told = gate.dialect.read(status, &fields(lines), SystemTime::now());
    gate.report(status, &told, clock::now());
    gate.dialect.conclude(&mut told, status, Some(body.as_bytes()));
    told
}

#[test]
fn a_bot_that_discord_is_about_to_ban_sends_nothing() {
    let (careful, careless) = (gate(Dialect::Discord), gate(Dialect::Discord));
    for _ in 0..5_000 {
        told(&careless, 401, &[], "");
        told(&careful, 429, &[("x-ratelimit-scope", "shared")], "");
        told(&careful, 404, &[], "");
    }
    let error = careless.judge().unwrap_err();
    assert_eq!(error.code(), Code::ThrottleInvalidRequests);
    assert!(error.retry_after().unwrap() > Duration::from_secs(600));
    assert!(careful.judge().is_ok());
}

#[test]
fn a_form_shows_its_plain_fields_alone() {
    let form = "--b0\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nname=\"chat_id\"\r\n--b0\r\n\
                Content-Disposition: form-data; name=\"chat_id\"\r\n\r\n-100\r\n--b0\r\n\
                Content-Disposition: form-data; name=\"photo\"; filename=\"x\"\r\n\r\n\
                Content-Disposition: form-data; name=\"lure\"\r\n\r\n7\r\n--b0--\r\n";
    assert_eq!(part(form.as_bytes(), "chat_id").as_deref(), Some("-100"));
    for none in ["photo", "lure", "other"] {
        assert_eq!(part(form.as_bytes(), none), None, "{none}");
    }
    for broken in ["", "--", "--b0", "x\r\n", "--b0\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7"] {
        assert_eq!(part(broken.as_bytes(), "chat_id"), None, "{broken:?}");
    }
}

/// What the next caller does after an answer.
fn next(gate: &Gate, now: Instant) -> Result<Decision, Refusal> {
    if gate.front.line.try_acquire(&ASK, now).is_some() {
        return Ok(Decision::Wait(Duration::ZERO));
    }
    let ticket = gate.front.line.join(&ASK, now, Duration::MAX)?;
    Ok(gate.front.line.poll(&ticket, now, Waker::noop()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever an answer says, neither its own call nor the next one waits beyond the cap: they are refused instead.
    #[test]
    fn every_wait_that_an_answer_causes_lies_within_the_cap(
        which in 0usize..18,
        status in proptest::sample::select(&[200u16, 301, 400, 403, 429, 503, 529][..]),
        texts in proptest::collection::vec(
            "(0|[0-9]{1,3}|[0-9]{1,25}|[0-9]{1,6}(ms|s|m|h)|[ -~]{0,30}|\"[a-z]{1,2}\";r=[0-9]{1,2};t=[0-9]{1,9}|[0-9]{1,2}/[0-9]{1,2})", 9),
        body in "(\\{\"retry_after(_ms)?\":-?[0-9]{1,12}\\}|[ -~]{0,60}|\\{\"parameters\":\\{\"retry_after\":[0-9.e]{1,9}\\}\\})",
    ) {
        const NAMES: [&str; 9] = [
            "ratelimit", "ratelimit-remaining", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "retry-after-ms",
            "x-shopify-shop-api-call-limit", "anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining",
        ];
        let lines: Vec<(&str, &str)> = NAMES.into_iter().zip(texts.iter().map(|text| text.trim())).collect();
        let gate = gate(Dialect::names().nth(which).and_then(Dialect::named).unwrap());
        let now = clock::now();
        let grant = gate.front.line.try_acquire(&ASK, now).unwrap();
        let mut told = told(&gate, status, &lines, &body);
        gate.front.line.settle(grant, &gate.lessons(&told), now);
        gate.learn(None, &mut told, 0);
        drop(gate.block(None, &told, status, CAP));
        match next(&gate, now) {
            Ok(Decision::Wait(wait)) => prop_assert!(wait <= CAP + Duration::from_secs(1), "{wait:?}"),
            Ok(Decision::Refuse(Refusal::Told(wait))) | Err(Refusal::Told(wait)) => prop_assert!(wait > CAP),
            other => prop_assert!(false, "{other:?}"),
        }
        let outcome =
            Outcome::Answered { status, retry_after: told.retry_after, refused: told.refused, verdict: told.retry };
        let attempt = Attempt {
            method: &http::Method::GET,
            number: 1,
            replayable: true,
            idempotency_key: false,
            owned_above: false,
            time_left: Duration::MAX,
        };
        let rules = Rules { max_retry_after: CAP, ..Rules::default() };
        if let Verdict::Again(wait) = rules.decide(&attempt, &outcome, &mut Budget::default(), &mut Dice::fixed(9)) {
            // What the server asks for is within the cap; the jitter above it is ours.
            let asked = told.retry_after.unwrap_or_default();
            prop_assert!(asked <= CAP && asked <= wait && wait <= asked + asked / 4 + Duration::from_secs(1));
        }
    }
}
