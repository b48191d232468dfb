//! What an answer, or the lack of one, means: to the judge of retries, and as an error.

use std::time::Duration;

use super::Failure;
use super::response::Response;
use crate::error::{Code, Error};
use crate::redact;
use crate::retry::{Outcome, Reason};
use crate::transport::{Reached, Reply, Trouble};

/// Most characters of a body in a note.
const EXCERPT: usize = 512;

/// What a trouble means to the retry judge; `None` for what no repeat can mend.
pub(super) fn outcome_of(trouble: &Trouble) -> Option<Outcome> {
    let slow = trouble.error.code() == Code::TransportReadTimeout;
    match trouble.reached {
        Reached::NeverSent => Some(Outcome::NeverSent),
        Reached::Sent | Reached::StaleConnection if slow => Some(Outcome::TimedOut),
        Reached::Sent | Reached::StaleConnection => Some(Outcome::Broken),
        Reached::Refused => None,
    }
}

pub(super) fn stopped(mut failure: Failure, reason: &Reason, retry_after: Option<Duration>) -> Failure {
    failure.error.add("retry", reason.as_str());
    if let Some(wait) = retry_after
        && failure.error.retry_after().is_none()
    {
        failure.error = failure.error.after(wait);
    }
    failure
}

/// The error that a status means.
pub fn status_error(response: &Response, retry_after: Option<Duration>) -> Error {
    let code = match response.status {
        401 => Code::StatusAuthFailed,
        403 => Code::StatusForbidden,
        429 => Code::StatusRateLimited,
        300..=399 => Code::StatusRedirect,
        _ => Code::StatusOther,
    };
    let mut error = Error::new(code).with("status", response.status.to_string());
    if let Some(id) = response.request_id() {
        error.add("request_id", redact::scrub_bytes_excerpt(id.as_bytes(), 80));
    }
    let body = response.bytes().map(|bytes| redact::scrub_bytes_excerpt(bytes, EXCERPT)).unwrap_or_default();
    if !body.is_empty() {
        error.add("body", body);
    }
    match retry_after {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// Whether an answer has one of the media types that are taken; `None` takes all.
pub(super) fn judge_type(wanted: Option<&[String]>, reply: &Reply) -> Result<(), Error> {
    let Some(wanted) = wanted else { return Ok(()) };
    let kind = reply.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if wanted.iter().any(|w| w.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    Err(Error::new(Code::PolicyContentType).with("reason", "a media type that content_types= does not list"))
}
