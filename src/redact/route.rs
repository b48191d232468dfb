//! Paths as logs and metrics may have them: ids generalised, tokens masked, bounded in length and in number.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::excerpt::cut;
use super::shapes::reads_as_words;
use crate::encode;
use crate::fork::Lock;

/// Longest label, in characters.
const MAX_LABEL: usize = 200;
/// Most keys of one query that are shown.
const MAX_KEYS: usize = 32;
/// A segment that is no word at this length when it mixes kinds of characters.
const TOKEN: usize = 20;
/// A run of one segment this long is no word at all.
const RUN: usize = 40;

const MASKED: &str = "{redacted}";
const ID: &str = "{id}";

/// A path with segments that look like ids as `{id}`, those that look like tokens as `{redacted}`; template fields stay.
pub fn route_label(path: &str) -> String {
    let mut out = String::with_capacity(path.len().min(MAX_LABEL));
    let mut before = ("", "");
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        out.push_str(&label(segment, before));
        before = (before.1, segment);
        // A character has at least one byte, so this is enough for the cut below.
        if out.len() > 4 * MAX_LABEL {
            break;
        }
    }
    cut(&out, MAX_LABEL)
}

/// A query's keys; values are dropped.
pub fn query_keys(query: &str) -> String {
    let mut keys = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or(""));
    let mut shown: Vec<Cow<'_, str>> = keys.by_ref().take(MAX_KEYS).map(|key| label(key, ("", ""))).collect();
    if keys.next().is_some() {
        shown.push("…".into());
    }
    cut(&shown.join("&"), MAX_LABEL)
}

/// The segment as it may be shown; `before` are the two segments to its left.
fn label<'s>(segment: &'s str, before: (&str, &str)) -> Cow<'s, str> {
    if segment.contains('{') && is_template(segment) {
        return segment.into();
    }
    // Telegram: `/bot<digits>:<token>/method`.
    if segment
        .strip_prefix("bot")
        .is_some_and(|rest| rest.len() >= TOKEN && rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        return "bot{redacted}".into();
    }
    if is_token_place(segment, before) || is_token(segment) {
        return MASKED.into();
    }
    if is_id(segment) {
        return ID.into();
    }
    encode::log(segment)
}

/// Places where services put tokens, however these look: Discord's `/webhooks/<id>/<token>` and
/// `/interactions/<id>/<token>`, Slack's `/services/T…/B…/<token>`, and `/key/<token>`, `/t/<token>`.
fn is_token_place(segment: &str, (second, first): (&str, &str)) -> bool {
    let digit = segment.bytes().any(|b| b.is_ascii_digit());
    let numbered = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
    let discord = matches!(second, "webhooks" | "interactions") && (numbered || first.starts_with('{'));
    let slack =
        |segment: &str| segment.len() >= 7 && segment.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let slack = slack(second) && second.starts_with(['T', 'E']) && slack(first);
    let named = matches!(first, "key" | "token" | "t" | "hook") && (digit || segment.len() >= TOKEN);
    segment.len() >= 8 && (discord || slack || named)
}

/// Whether the segment is literal text around fields such as `{id:int}`, written by a programmer.
fn is_template(segment: &str) -> bool {
    let mut rest = segment;
    while let Some((literal, field)) = rest.split_once('{') {
        let Some((field, after)) = field.split_once('}') else { return false };
        let (name, kind) = field.split_once(':').unwrap_or((field, "str"));
        let plain = |text: &str, more: &[u8]| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b))
        };
        let fits = plain(name, b"_?&,") && plain(kind, b"_.()-") && field.len() <= RUN;
        if !fits || is_token(name) || is_token(literal) || is_id(literal) {
            return false;
        }
        rest = after;
    }
    !is_token(rest) && !is_id(rest)
}

/// Numbers, UUIDs, hexadecimal, an address (which names a person), and what only escapes make fit for a path.
fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let hex = bytes.len() >= 16 && bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let coded = digits > 0 && bytes.len() >= 8 && bytes.iter().any(u8::is_ascii_uppercase) && !reads_as_words(segment);
    let address = !segment.starts_with('@') && segment.contains('@');
    let number = digits > 0 && digits == bytes.len();
    number || digits >= 6 && !is_date(bytes) || hex || coded || address || segment.contains('%') || !segment.is_ascii()
}

/// `2024-10` and `2024-10-01` name versions of APIs.
fn is_date(bytes: &[u8]) -> bool {
    let shape = |b: &u8| if b.is_ascii_digit() { b'0' } else { *b };
    let shape: Vec<u8> = bytes.iter().take(11).map(shape).collect();
    shape == b"0000-00" || shape == b"0000-00-00"
}

/// Twenty characters of mixed kinds that do not read as words, or forty without a break.
fn is_token(segment: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| usize::from(segment.as_bytes().iter().any(kind));
    let kinds = has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit);
    let uuid = segment.len() == 36 && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let run = segment.split(['-', '_', '.']).any(|run| run.len() >= RUN);
    let mixed = kinds >= 2 && !reads_as_words(segment);
    segment.len() >= TOKEN && (mixed || run) && !uuid && !segment.bytes().all(|b| b.is_ascii_digit())
}

/// The labels seen so far, bounded: what strangers put into paths cannot fill a metrics store.
#[derive(Debug)]
pub struct RouteTable {
    limit: usize,
    known: Lock<HashSet<Arc<str>>>,
}

impl RouteTable {
    /// What stands for every label beyond the limit.
    pub const OTHER: &'static str = "{other}";

    /// A table of at most `limit` labels.
    pub fn new(limit: usize) -> Self {
        Self { limit, known: Lock::default() }
    }

    /// The label itself while there is room or when it is known; [`RouteTable::OTHER`] after that.
    pub fn admit(&self, label: &str) -> Arc<str> {
        let mut known = self.known.lock();
        if let Some(known) = known.get(label) {
            return known.clone();
        }
        let full = known.len() >= self.limit;
        let label: Arc<str> = if full { Self::OTHER.into() } else { label.into() };
        if !full {
            known.insert(label.clone());
        }
        label
    }
}

impl Default for RouteTable {
    /// Room for 1,000 labels: far more than any API has routes.
    fn default() -> Self {
        Self::new(1_000)
    }
}
