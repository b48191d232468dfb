//! The body of a hop, and the header fields that describe it or that a redirect leaves behind.

use std::time::Instant;

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::error::{Code, Error};
use crate::validate::{Body, Feed, Payload};

/// Keeps for another origin the few fields that say what the caller reads.
pub(super) fn keep_harmless(headers: &mut HeaderMap) {
    keep(headers, |name| [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, USER_AGENT].contains(name));
}

/// Drops what describes a body that is not sent again.
///
/// Source: RFC 9110 §15.4; RFC 9530 for the digests.
pub(super) fn drop_content(headers: &mut HeaderMap) {
    keep(headers, |name| {
        let name = name.as_str();
        !name.starts_with("content-") && !["digest", "repr-digest", "last-modified"].contains(&name)
    });
}

fn keep(headers: &mut HeaderMap, kept: impl Fn(&HeaderName) -> bool) {
    let dropped: Vec<_> = headers.keys().filter(|name| !kept(name)).cloned().collect();
    dropped.iter().for_each(|name| drop(headers.remove(name)));
}

/// The body as it goes out, and the header field that an empty one needs.
pub(super) fn payload(
    body: &Body,
    feed: Option<Feed>,
    method: &Method,
    headers: &mut HeaderMap,
    now: Instant,
) -> Result<Payload, Error> {
    let payload = match body {
        Body::Empty => Payload::Empty,
        Body::Text(text) => Payload::Bytes(text.reveal_at(now)?),
        Body::Feed(slot) => Payload::Feed(feed.or_else(|| slot.take()).ok_or_else(|| {
            Error::new(Code::InputBody)
                .with("reason", "the body is an iterator that was sent already and cannot be repeated")
        })?),
    };
    // RFC 9110 §8.6: methods that usually carry a body say so even when it is empty.
    if matches!(payload, Payload::Empty) && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(payload)
}
