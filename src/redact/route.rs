//! Paths as logs and metrics may have them: ids generalised, tokens masked, bounded.

use super::MASK;
use crate::encode;

/// Longest label.
const MAX_LABEL: usize = 200;

/// A path with segments that look like ids as `{id}` and those that look like tokens masked. Template fields stay.
pub fn route_label(path: &str) -> String {
    let mut out = String::with_capacity(path.len().min(MAX_LABEL));
    let mut before = ("", "");
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        out.push_str(&shown(segment, before));
        before = (before.1, segment);
        if out.len() > MAX_LABEL {
            out.truncate(out.floor_char_boundary(MAX_LABEL));
            out.push('…');
            break;
        }
    }
    out
}

fn shown(segment: &str, before: (&str, &str)) -> String {
    if segment.starts_with('{') && segment.ends_with('}') {
        return segment.to_owned();
    }
    let telegram = segment.strip_prefix("bot").is_some_and(|rest| rest.contains(':') && rest.len() > 20);
    // `/webhooks/<id>/<token>` and `/services/T…/B…/<token>`: what follows an id there is a token, however it looks.
    let webhook = before.0 == "webhooks" || before.0 == "interactions";
    if telegram || webhook && segment.len() > 8 || is_token(segment) {
        return MASK.to_owned();
    }
    if is_id(segment) { "{id}".to_owned() } else { encode::log(segment).into_owned() }
}

fn is_id(segment: &str) -> bool {
    let digits = !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let uuid = segment.len() == 36 && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let hex = segment.len() >= 16 && segment.bytes().all(|b| b.is_ascii_hexdigit());
    // An address names a person.
    digits
        || uuid
        || hex
        || segment.contains('@') && segment.len() > 3 && !segment.starts_with('@')
        || segment.contains('%')
}

/// Twenty characters of mixed kinds are no word.
fn is_token(segment: &str) -> bool {
    let kinds = [
        segment.bytes().any(|b| b.is_ascii_lowercase()),
        segment.bytes().any(|b| b.is_ascii_uppercase()),
        segment.bytes().any(|b| b.is_ascii_digit()),
    ];
    segment.len() >= 20 && kinds.iter().filter(|kind| **kind).count() >= 2 && !is_id(segment) && !segment.contains('{')
}

/// A query's keys; values are dropped.
pub fn query_keys(query: &str) -> String {
    let keys = query.split('&').map(|pair| pair.split('=').next().unwrap_or(""));
    let shown: Vec<String> =
        keys.take(32).map(|key| if is_token(key) { MASK.to_owned() } else { encode::log(key).into_owned() }).collect();
    shown.join("&")
}
