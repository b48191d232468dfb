//! What stands before an origin: the line, the API's dialect, the host's health.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::claim::{Front, Limits};
use crate::clock;
use crate::error::{Code, Error};
use crate::headers::{Dialect, Quota, Reach, Told};
use crate::policy::PermittedRequest;
use crate::throttle::{Health, Host, Lane, Limit};
use crate::transport::{Reached, Trouble};
use crate::validate::{Body, ValidRequest};

/// How requests to one origin are paced.
#[derive(Debug)]
pub struct Gate {
    /// Where they wait their turn.
    pub front: Front,
    /// How the API tells its quota.
    pub dialect: Dialect,
    /// What is known of the host's health.
    pub host: Arc<Host>,
    /// Whether each route has limits of its own.
    pub(super) per_route: bool,
    /// What stands before requests for which no limit of the API's holds; such a gate learns nothing and stops nobody.
    pub(super) exempt: Option<Arc<Gate>>,
    pub(super) is_exempt: bool,
}

impl Gate {
    /// Tells the line how the API tells.
    pub(super) fn prepare(&self) {
        if !self.per_route && !self.is_exempt && self.dialect.lanes_tell() {
            self.front.line.lanes_tell(self.dialect.is_learned());
        }
    }

    /// The gate that a request has to pass: this one, unless it is exempt.
    pub(super) fn of(self: &Arc<Self>, permitted: &PermittedRequest) -> Arc<Self> {
        match &self.exempt {
            Some(exempt) if self.dialect.exempts(&segments(permitted)) => exempt.clone(),
            _ => self.clone(),
        }
    }

    /// Whether a request may ask for its turn at all.
    ///
    /// # Errors
    /// `ThrottledError` when the API would ban who goes on.
    pub(super) fn judge(&self) -> Result<(), Error> {
        let wait = if self.dialect.bans() { self.host.invalid().refuses(clock::now()) } else { None };
        let Some(wait) = wait else { return Ok(()) };
        let reason = "the API refused too many requests of late, and would ban who goes on";
        Err(Error::new(Code::ThrottleInvalidRequests).with("reason", reason).after(wait))
    }

    /// The narrower bucket that a request counts against as well.
    pub(super) fn lane(&self, request: &ValidRequest, permitted: &PermittedRequest) -> Option<LaneName> {
        let route = || format!("{} {}", request.method(), request.label());
        if self.per_route {
            return Some(LaneName { name: route(), bucket: None });
        }
        if !self.dialect.has_lanes() || self.is_exempt {
            return None;
        }
        let field = |name: &str| {
            let query = request.query_pairs().iter().find(|(key, _)| key == name).and_then(|(_, value)| value.clone());
            query.or_else(|| body_field(request, permitted, name))
        };
        let name = self.dialect.lane(request.method().as_str(), request.label(), &segments(permitted), &field)?;
        // Where nothing has to be learned before the first request, the name is a bucket that many routes share: an answer
        // that names another one speaks of its own route alone.
        let is_shared = self.dialect.lanes_tell() && !self.dialect.is_learned();
        Some(if is_shared { LaneName { name: route(), bucket: Some(name) } } else { LaneName { name, bucket: None } })
    }

    /// The bucket that an answer says its lane counts against.
    pub(super) fn named<'a>(&self, lane: Option<Lane<'a>>, told: &Told) -> Option<(Lane<'a>, String)> {
        let (lane, bucket) = lane.zip(told.bucket.as_deref()).filter(|_| !self.per_route && !self.is_exempt)?;
        Some((lane, self.dialect.bucket(lane.name, bucket)))
    }

    /// What the line learns of an answer's head.
    pub(super) fn lessons<'a>(&self, told: &'a Told) -> Cow<'a, [Quota]> {
        if self.is_exempt { Cow::Borrowed(&[]) } else { told.lessons() }
    }

    /// Takes in what the rest of an answer told, beyond the `known` quotas of its head.
    pub(super) fn learn(&self, lane: Option<Lane<'_>>, told: &mut Told, known: usize) {
        if self.is_exempt {
            return;
        }
        if told.guessed {
            told.retry_after = told.retry_after.map(|wait| self.front.line.refusals().grow(wait, clock::now()));
        } else if self.dialect.guesses() && !told.refused {
            self.front.line.refusals().calm(clock::now());
        }
        if let Some(new @ [_, ..]) = told.quotas.get(known..) {
            self.front.line.learn(lane, new, clock::now());
        }
    }

    /// The host's health, as an answer shows it.
    pub(super) fn report(&self, status: u16, told: &Told, now: Instant) {
        let health = match status {
            _ if told.crowded => Health::Crowded,
            // A word on the pace is none on the number; where a known API is silent, its body or its documents tell.
            429 if self.dialect != Dialect::Generic || told.retry_after.is_some() || !told.quotas.is_empty() => {
                Health::Paced
            }
            429 => Health::Refused,
            503 | 529 => Health::Short,
            500..=599 => Health::Failed,
            _ => Health::Good,
        };
        self.host.report(health, now);
        if self.dialect.counts_as_invalid(status, told) {
            self.host.invalid().count(now);
        }
    }

    /// The host's health, as what happened instead of an answer shows it.
    pub(super) fn report_trouble(&self, trouble: &Trouble) {
        let health = match trouble.reached {
            Reached::Refused => return,
            _ if matches!(trouble.error.code(), Code::TransportReadTimeout | Code::TransportConnectTimeout) => {
                Health::Late
            }
            _ => Health::Failed,
        };
        self.host.report(health, clock::now());
    }

    /// Everybody who shares the line, or the lane, stops as long as the server asked for: in all processes, where they share a
    /// store, once what is returned has ended.
    pub(super) fn block(
        &self,
        lane: Option<Lane<'_>>,
        told: &Told,
        status: u16,
        longest: Duration,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let stops = told.refused && !self.is_exempt;
        // A host that is short of something, and says for how long, is short of it for everybody.
        let short = matches!(status, 503 | 529);
        let wait = told.retry_after.filter(|_| stops || short)?.min(longest);
        let (line, now) = (&self.front.line, clock::now());
        let until = now + wait;
        let of_lane = |lane: &Lane<'_>| {
            stops
                && told.reach != Reach::Whole
                && !(self.dialect.hides_reach() && line.refusals().is_of_all(lane.name, until, now))
        };
        let lane = lane.filter(of_lane);
        match lane {
            Some(lane) => line.block_lane(lane, until, now),
            None => line.block_until(until),
        }
        let remote = self.front.remote.as_ref()?;
        // Other processes know a bucket that routes share by its own name.
        let bucket = |lane: Lane<'_>| {
            lane.bucket.map_or(lane.name.to_owned(), |assumed| told.bucket.as_deref().unwrap_or(assumed).to_owned())
        };
        Some(remote.store.block(&remote.bucket, lane.map(bucket).as_deref(), wait))
    }
}

/// What the requests have in common that share a narrower bucket.
pub(super) struct LaneName {
    name: String,
    /// The bucket that it is assumed to count against, with others.
    bucket: Option<String>,
}

impl LaneName {
    pub(super) fn as_lane(&self) -> Lane<'_> {
        Lane { name: &self.name, bucket: self.bucket.as_deref() }
    }
}

/// Limits that the vendor documents and no answer tells.
pub(super) fn documented(dialect: Dialect) -> Limits {
    let mut limits = Limits::default();
    for (lanes, rate) in dialect.documented() {
        match (lanes, Limit::parse(rate)) {
            (None, Ok(limit)) => limits.all.push(limit),
            (Some(beginning), Ok(limit)) => limits.lanes.push((beginning, limit)),
            (_, Err(_)) => {}
        }
    }
    limits
}

fn segments(permitted: &PermittedRequest) -> Vec<&str> {
    permitted.uri().path().split('/').filter(|part| !part.is_empty()).collect()
}

/// A top-level field of a request's JSON object or form.
fn body_field(request: &ValidRequest, permitted: &PermittedRequest, name: &str) -> Option<String> {
    let kind = permitted.headers().get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    if kind.starts_with("multipart/form-data") {
        let beginning = match request.body() {
            Body::Feed(feed) => feed.beginning(),
            _ => permitted.bytes()?,
        };
        return part(beginning, name);
    }
    let body = permitted.bytes().filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_BODY)?;
    if kind.starts_with("application/json") {
        return match serde_json::from_slice::<serde_json::Value>(body).ok()?.get(name)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
    }
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let pairs = std::str::from_utf8(body).ok()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name)?.1;
    percent_encoding::percent_decode_str(value).decode_utf8().ok().map(Cow::into_owned)
}

/// A plain field of a form as this crate writes them: before the files.
fn part(body: &[u8], name: &str) -> Option<String> {
    let body = body.get(..body.len().min(MAX_BODY))?;
    let head = format!("\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let line = memmem::find(body, b"\r\n")?;
    let boundary = body.get(..line).filter(|boundary| boundary.starts_with(b"--"))?;
    let value = memmem::find_iter(body, boundary)
        .find_map(|at| body.get(at + boundary.len()..)?.strip_prefix(head.as_bytes()))?;
    let end = memmem::find(value, b"\r\n")?;
    std::str::from_utf8(value.get(..end)?).ok().map(str::to_owned)
}

/// Longest body that is searched for the field that names a lane; a chat message is far shorter.
const MAX_BODY: usize = 64 * 1024;

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
