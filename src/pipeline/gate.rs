//! What stands before an origin: the line, the API's dialect, the host's health.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Front;
use crate::clock;
use crate::error::Code;
use crate::headers::{Dialect, Reach, Told};
use crate::policy::PermittedRequest;
use crate::throttle::{Health, Host, Limit};
use crate::transport::{Reached, Trouble};
use crate::validate::ValidRequest;

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
}

impl Gate {
    /// Tells the line what is known of the API without asking it.
    pub(super) fn prepare(&self) {
        if self.per_route {
            return;
        }
        for (lanes, rate) in self.dialect.documented() {
            let Ok(limit) = Limit::parse(rate) else { continue };
            match lanes {
                None => self.front.line.tighten(&[limit]),
                Some(beginning) => self.front.line.narrow(beginning, &[limit]),
            }
        }
        if self.dialect.lanes_tell() {
            self.front.line.lanes_tell(self.dialect.is_learned());
        }
    }

    /// The narrower bucket that a request counts against as well.
    pub(super) fn lane(&self, request: &ValidRequest, permitted: &PermittedRequest) -> Option<String> {
        if self.per_route {
            return Some(format!("{} {}", request.method(), request.label()));
        }
        if !self.dialect.has_lanes() {
            return None;
        }
        let segments: Vec<&str> = permitted.uri().path().split('/').filter(|part| !part.is_empty()).collect();
        let field = |name: &str| {
            let query = request.query_pairs().iter().find(|(key, _)| key == name).and_then(|(_, value)| value.clone());
            query.or_else(|| body_field(permitted, name))
        };
        self.dialect.lane(request.method().as_str(), request.label(), &segments, &field)
    }

    /// Takes in what the rest of an answer told, beyond the `known` quotas of its head.
    pub(super) fn learn(&self, lane: Option<&str>, told: &Told, known: usize) {
        self.front.line.learn(lane, told.quotas.get(known..).unwrap_or_default(), clock::now());
        if let Some((lane, bucket)) = lane.zip(told.bucket.as_deref()).filter(|_| !self.per_route) {
            self.front.line.name_lane(lane, &self.dialect.bucket(lane, bucket));
        }
    }

    /// The host's health, as an answer shows it.
    pub(super) fn report(&self, status: u16, told: &Told) {
        let health = match status {
            _ if told.crowded => Health::Crowded,
            429 => Health::Refused,
            503 | 529 => Health::Short,
            500..=599 => Health::Failed,
            _ => Health::Good,
        };
        self.host.report(health, clock::now());
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

    /// Everybody who shares the line, or the lane, stops as long as the server asked for.
    pub(super) fn block(&self, lane: Option<&str>, told: &Told, longest: Duration) {
        let Some(wait) = told.retry_after.filter(|_| told.refused) else { return };
        let wait = wait.min(longest);
        let until = clock::now() + wait;
        match lane {
            Some(lane) if told.reach != Reach::Whole => self.front.line.block_lane(lane, until),
            _ => {
                self.front.line.block_until(until);
                if let Some(remote) = &self.front.remote {
                    remote.store.block(&remote.bucket, wait);
                }
            }
        }
    }
}

/// A top-level field of a request's JSON object or form.
fn body_field(permitted: &PermittedRequest, name: &str) -> Option<String> {
    let body = permitted.bytes().filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_BODY)?;
    let kind = permitted.headers().get(http::header::CONTENT_TYPE)?.to_str().ok()?;
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

/// Longest body that is searched for the field that names a lane; a chat message is far shorter.
const MAX_BODY: usize = 64 * 1024;
