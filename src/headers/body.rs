//! What bodies say about quota: some APIs tell it nowhere else.
//!
//! Each rule looks at one place of the API's own structure and nowhere else: answers carry what strangers wrote, and whoever
//! could make a good answer look like a refusal would have a POST sent twice.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::dialect::Dialect;
use super::duration::{seconds, whole};
use super::told::{Reach, Told};
use super::vendor::{drip, is_throttling};

/// Longest body that is read for this; a refusal is far shorter.
const MAX_BODY: usize = 64 * 1024;
/// Longest GraphQL answer whose cost is read; it stands behind the data.
const MAX_GRAPHQL: usize = 4 * 1024 * 1024;

/// Adds what a body says. Whatever is not of the expected form says nothing.
pub(super) fn read(dialect: Dialect, told: &mut Told, status: u16, body: &[u8]) {
    match dialect {
        Dialect::Slack if status == 200 => {
            told.refused |= json(body, b"limited").is_some_and(|v| {
                v.get("ok") == Some(&Value::Bool(false))
                    && matches!(text(&v, "/error"), Some("ratelimited" | "rate_limited"))
            });
        }
        Dialect::GitHub if status == 200 => graphql(told, body),
        Dialect::GitHub if matches!(status, 403 | 429) => {
            let said = json(body, b"message");
            let secondary = said.as_ref().and_then(|v| text(v, "/message")).is_some_and(is_secondary);
            if secondary {
                told.refuse_all();
            }
        }
        Dialect::Shopify if status == 200 => cost(told, body),
        Dialect::Reddit if matches!(status, 200 | 429) => {
            let said = json(body, b"RATELIMIT");
            let errors = said.as_ref().and_then(|v| v.pointer("/json/errors")?.as_array());
            let limited = |error: &&Value| text(error, "/0") == Some("RATELIMIT");
            for error in errors.into_iter().flatten().filter(limited) {
                told.refused = true;
                told.wait(text(error, "/1").and_then(sentence));
            }
        }
        Dialect::Aws if status == 400 => {
            told.refused |= json(body, b"__type").as_ref().and_then(|v| text(v, "/__type")).is_some_and(is_throttling);
        }
        Dialect::Telegram if status == 400 => {
            told.moved_to = json(body, b"migrate_to_chat_id")
                .and_then(|v| v.pointer("/parameters/migrate_to_chat_id").and_then(Value::as_i64));
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

/// GitHub's own sentence, from its beginning: names that people gave may follow in other messages.
fn is_secondary(message: &str) -> bool {
    const BEGINNINGS: [&str; 2] = ["you have exceeded a secondary rate limit", "you have triggered an abuse detection"];
    let message = message.to_ascii_lowercase();
    BEGINNINGS.iter().any(|beginning| message.starts_with(beginning))
}

/// The parts of a GraphQL answer that are the server's own. The data, which is not, is passed over.
#[derive(Default)]
struct GraphQl {
    has_data: bool,
    errors: Vec<Value>,
    extensions: Option<Value>,
}

impl GraphQl {
    fn read(body: &[u8]) -> Option<Self> {
        if body.len() > MAX_GRAPHQL { None } else { serde_json::from_slice(body).ok() }
    }

    /// The errors of an answer without data: a query that was worked on in part was not refused.
    fn refusals(&self) -> &[Value] {
        if self.has_data { &[] } else { &self.errors }
    }
}

impl<'de> Deserialize<'de> for GraphQl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = GraphQl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a GraphQL answer")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GraphQl, A::Error> {
                let mut read = GraphQl::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "data" => read.has_data |= map.next_value::<Option<IgnoredAny>>()?.is_some(),
                        "errors" => read.errors = map.next_value::<Option<Vec<Value>>>()?.unwrap_or_default(),
                        "extensions" => read.extensions = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(Parts)
    }
}

/// GitHub's GraphQL answers a refusal with status 200.
fn graphql(told: &mut Told, body: &[u8]) {
    if memmem::find(body, b"\"errors\"").is_none() {
        return;
    }
    let Some(said) = GraphQl::read(body) else { return };
    for error in said.refusals() {
        told.refused |= matches!(text(error, "/type"), Some("RATE_LIMITED" | "RATE_LIMIT"));
        if text(error, "/message").is_some_and(is_secondary) {
            told.refuse_all();
        }
    }
}

/// Shopify's GraphQL cost, which stands behind the data: what the query asked for, what the bucket holds, how fast it fills.
fn cost(told: &mut Told, body: &[u8]) {
    if memmem::find(body, b"\"throttleStatus\"").is_none() {
        return;
    }
    let Some(said) = GraphQl::read(body) else { return };
    let Some(cost) = said.extensions.as_ref().and_then(|extensions| extensions.get("cost")) else { return };
    let of = |name: &str| cost.pointer(name).and_then(number).map(|value| value.as_secs_f64());
    let available = of("/throttleStatus/currentlyAvailable");
    let rate = of("/throttleStatus/restoreRate").filter(|rate| *rate > 0.0);
    let (Some(available), Some(rate)) = (available, rate) else { return };
    let asked = of("/requestedQueryCost").unwrap_or(1.0).max(1.0);
    let spacing = Duration::try_from_secs_f64(asked / rate).unwrap_or(Duration::MAX);
    if said.refusals().iter().any(|error| text(error, "/extensions/code") == Some("THROTTLED")) {
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

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
