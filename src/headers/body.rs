//! What bodies say about quota: some APIs tell it nowhere else.

use std::time::Duration;

use memchr::memmem;
use serde_json::Value;

use super::dialect::Dialect;
use super::duration::{seconds, whole};
use super::told::{Reach, Told};
use super::vendor::drip;

/// Longest body that is read for this; a refusal is far shorter.
const MAX_BODY: usize = 64 * 1024;

/// Adds what a body says. Whatever is not of the expected form says nothing.
pub(super) fn read(dialect: Dialect, told: &mut Told, status: u16, body: &[u8]) {
    match dialect {
        Dialect::Slack if status == 200 => {
            told.refused |= json(body, b"ratelimited").is_some_and(|v| text(&v, "/error") == Some("ratelimited"));
        }
        Dialect::GitHub if status == 200 => {
            let of = |v: &Value| v.get("errors")?.as_array().cloned();
            let errors = json(body, b"RATE_LIMITED").as_ref().and_then(of).unwrap_or_default();
            told.refused |= errors.iter().any(|error| text(error, "/type") == Some("RATE_LIMITED"));
        }
        Dialect::GitHub if matches!(status, 403 | 429) => {
            let said = json(body, b"secondary rate limit");
            if said.is_some_and(|v| text(&v, "/message").is_some()) {
                (told.refused, told.reach) = (true, Reach::Whole);
            }
        }
        Dialect::Shopify if status == 200 => cost(told, body),
        Dialect::Reddit if matches!(status, 200 | 429) => {
            let said = json(body, b"RATELIMIT").map(|v| v.to_string());
            if let Some(wait) = said.as_deref().and_then(sentence) {
                told.refused = true;
                told.wait(Some(wait));
            }
        }
        _ if told.refused => refusal(dialect, told, body),
        _ => {}
    }
}

/// A body as JSON, if it is short and holds the mark.
fn json(body: &[u8], mark: &[u8]) -> Option<Value> {
    if body.len() > MAX_BODY || memmem::find(body, mark).is_none() {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn number(value: &Value) -> Option<Duration> {
    match value {
        Value::Number(number) => seconds(&number.to_string()),
        _ => None,
    }
}

/// The body of a 429: seconds for Discord and Telegram, milliseconds for Matrix.
fn refusal(dialect: Dialect, told: &mut Told, body: &[u8]) {
    let Some(said) = json(body, b"retry_after") else { return };
    let wait = said.pointer("/retry_after").or_else(|| said.pointer("/parameters/retry_after")).and_then(number);
    let millis = said.pointer("/retry_after_ms").and_then(number).map(|millis| millis / 1000);
    told.wait(wait.max(millis));
    if dialect == Dialect::Discord && said.pointer("/global") == Some(&Value::Bool(true)) {
        told.reach = Reach::Whole;
    }
}

/// Shopify's GraphQL cost, which stands behind the data: what the query asked for, what the bucket holds, how fast it fills.
fn cost(told: &mut Told, body: &[u8]) {
    let Some(at) = memmem::rfind(body, b"\"throttleStatus\"") else { return };
    let object = body.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'{').and_then(|open| rest.get(open..)));
    let after = |mark: &[u8]| {
        let from = memmem::rfind(body, mark)? + mark.len();
        let rest = body.get(from..)?.trim_ascii_start().strip_prefix(b":")?;
        let end = rest.iter().position(|b| matches!(b, b',' | b'}')).unwrap_or(rest.len()).min(32);
        whole(std::str::from_utf8(rest.get(..end)?).ok()?)
    };
    let Some(status) =
        object.and_then(|object| serde_json::Deserializer::from_slice(object).into_iter::<Value>().next())
    else {
        return;
    };
    let Ok(status) = status else { return };
    let of = |name: &str| status.get(name).and_then(number).map(|value| value.as_secs_f64());
    let (Some(available), Some(rate)) = (of("currentlyAvailable"), of("restoreRate").filter(|rate| *rate > 0.0)) else {
        return;
    };
    let asked = after(b"\"requestedQueryCost\"").unwrap_or(1).max(1) as f64;
    let spacing = Duration::try_from_secs_f64(asked / rate).unwrap_or(Duration::MAX);
    if memmem::find(body, b"\"THROTTLED\"").is_some() {
        told.refused = true;
        told.wait(Duration::try_from_secs_f64((asked - available).max(0.0) / rate).ok());
    }
    told.quotas.push(drip((available / asked) as u64, spacing));
}

/// "try again in 3 minutes": the wait that a sentence tells.
fn sentence(said: &str) -> Option<Duration> {
    let from = said.to_ascii_lowercase();
    let rest = from.split_once("try again in ")?.1;
    let (count, unit) = rest.split_once(' ')?;
    let each = match unit.get(..3)? {
        "mil" => return whole(count).map(Duration::from_millis),
        "sec" => 1,
        "min" => 60,
        "hou" => 3600,
        _ => return None,
    };
    whole(count).map(|count| Duration::from_secs(count.saturating_mul(each)))
}
