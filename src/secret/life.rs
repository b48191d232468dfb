//! When a secret is read again, how long an old value may serve, and who waits meanwhile. Pure: time is an argument.
//!
//! A value is read again before its time is over, by one reader for all. While its source cannot be reached the value serves on,
//! at most [`Terms::max_stale`] longer; when the source says that it is gone or forbidden, it is gone here too.

use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::Version;
use super::news::Happened;
use crate::clock::Dice;
use crate::error::{Code, Error};

/// How long values serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A value is read again after this long, or up to a fifth earlier, so that many processes do not ask at once.
    pub ttl: Duration,
    /// How much longer it may serve while its source cannot be reached.
    pub max_stale: Duration,
}

/// A value as its source gave it.
#[derive(Debug)]
pub struct Found {
    /// The value.
    pub version: Version,
    /// How long it is good for, where the source says so.
    pub lifetime: Option<Duration>,
}

/// Why a reading brought no value.
#[derive(Debug)]
pub struct Fault {
    /// What to tell.
    pub error: Error,
    /// Whether the source could not be reached: then the last value may serve on. A refusal ends it.
    pub passing: bool,
}

/// A value that a call uses, and how long it may without another look.
#[derive(Debug)]
pub struct Use {
    version: Arc<Version>,
    ends: Option<Instant>,
}

impl Use {
    pub(super) fn new(version: Arc<Version>, ends: Option<Instant>) -> Self {
        Self { version, ends }
    }

    /// The value.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Where the value is in memory: nothing else is there while somebody uses it.
    pub(super) fn place(&self) -> usize {
        Arc::as_ptr(&self.version).addr()
    }

    pub(super) fn lasts(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }
}

/// What whoever needs the secret does.
#[derive(Debug)]
pub(super) enum Look {
    /// The value serves.
    Use,
    /// The value serves; somebody reads it again meanwhile.
    Renew,
    /// Nothing serves before it is read.
    Load,
    /// Nothing serves, and it is too early for another try.
    Refuse(Error),
}

/// First and longest time between two tries while the source cannot be reached.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// Shortest time between two readings that a refused request asks for: a revoked key must not become a flood.
const FORCED: Duration = Duration::from_secs(5);

/// What is known of the value before the current one, which a source may keep.
#[derive(Debug)]
enum Before {
    /// Nobody asked.
    Unknown,
    /// Somebody asks.
    Asked,
    /// What was found, and when.
    Known(Instant, Option<Arc<Version>>),
}

/// What whoever wants the value before the current one does.
pub(super) enum Earlier {
    /// Asks for it, and says what came of it.
    Ask,
    /// Waits for somebody who asks.
    Wait,
    /// Takes this.
    Take(Option<Arc<Version>>),
}

/// The state of one secret that changes.
#[derive(Debug)]
pub(super) struct Life {
    terms: Terms,
    value: Option<Arc<Version>>,
    /// When the value is to be read again, until when it is fresh, and until when it may serve at all.
    due: Option<Instant>,
    fresh: Option<Instant>,
    ends: Option<Instant>,
    /// How often in a row the source could not be reached, and when it is tried again.
    failures: u32,
    retry: Option<Instant>,
    last: Option<Error>,
    forced: Option<Instant>,
    before: Before,
    /// Readings that ended.
    readings: u64,
    reading: bool,
    waiting: Vec<Waker>,
    epoch: u64,
}

impl Life {
    pub(super) fn new(terms: Terms, epoch: u64) -> Self {
        Self {
            terms,
            value: None,
            due: None,
            fresh: None,
            ends: None,
            failures: 0,
            retry: None,
            last: None,
            forced: None,
            before: Before::Unknown,
            readings: 0,
            reading: false,
            waiting: Vec::new(),
            epoch,
        }
    }

    /// Forgets readers that stayed in the parent of a fork.
    pub(super) fn enter(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.reading = false;
            self.before = Before::Unknown;
            mem::forget(mem::take(&mut self.waiting));
        }
    }

    /// The value, if one may serve now.
    pub(super) fn serving(&self, now: Instant) -> Option<&Arc<Version>> {
        self.value.as_ref().filter(|_| self.ends.is_some_and(|ends| now < ends))
    }

    /// Where the value is in memory, 0 when there is none.
    pub(super) fn place(&self) -> usize {
        self.value.as_ref().map_or(0, |value| Arc::as_ptr(value).addr())
    }

    /// The value for a call, if one may serve now.
    pub(super) fn in_use(&self, now: Instant) -> Option<Use> {
        self.serving(now).map(|version| Use::new(version.clone(), self.ends))
    }

    /// Whether this is another value than the last one.
    pub(super) fn is_new(&self, version: &Version) -> bool {
        self.value.as_ref().is_none_or(|old| old.fingerprint() != version.fingerprint())
    }

    pub(super) fn look(&self, now: Instant) -> Look {
        let early = self.retry.is_some_and(|at| now < at);
        match self.serving(now) {
            Some(_) if early || self.due.is_some_and(|due| now < due) => Look::Use,
            // Past its time it is read first, unless the source is known to be out of reach.
            Some(_) if self.failures == 0 && self.fresh.is_some_and(|fresh| fresh <= now) => Look::Load,
            Some(_) => Look::Renew,
            None if early && !self.reading => {
                let unread = || Error::new(Code::SecretAccess).with("reason", "not read yet");
                Look::Refuse(self.refusal().unwrap_or_else(unread))
            }
            None => Look::Load,
        }
    }

    /// Why no value serves; `None` when it was never read.
    pub(super) fn refusal(&self) -> Option<Error> {
        let stale = || Error::new(Code::SecretStale);
        match (&self.last, &self.value) {
            (Some(error), Some(_)) => Some(
                stale()
                    .with("reason", error.code().as_str())
                    .hint("its source was out of reach for longer than `max_stale`"),
            ),
            (Some(error), None) => Some(error.copy()),
            (None, Some(_)) => Some(
                stale().with("reason", "its time is over").hint("call its load(): it was not read again meanwhile"),
            ),
            (None, None) => None,
        }
    }

    /// Whether whoever asks becomes the reader; at most one at a time.
    pub(super) fn begin(&mut self) -> bool {
        !mem::replace(&mut self.reading, true)
    }

    /// Begins a reading because a server refused the value; `None` when one was forced a moment ago.
    pub(super) fn force(&mut self, now: Instant) -> Option<bool> {
        let soon = self.forced.is_some_and(|at| now.saturating_duration_since(at) < FORCED);
        if soon && !self.reading {
            return None;
        }
        self.forced = Some(now);
        Some(self.begin())
    }

    /// The value before the current one: asked for as rarely as refused values are read again, by one for all.
    pub(super) fn earlier(&mut self, now: Instant) -> Earlier {
        match &self.before {
            Before::Asked => Earlier::Wait,
            Before::Known(at, version) if now.saturating_duration_since(*at) < FORCED => Earlier::Take(version.clone()),
            _ => {
                self.before = Before::Asked;
                Earlier::Ask
            }
        }
    }

    /// Takes in what came of asking for it, or that whoever asked went away; whom to wake.
    pub(super) fn set_earlier(&mut self, found: Option<Option<Arc<Version>>>, now: Instant) -> Vec<Waker> {
        self.before = found.map_or(Before::Unknown, |version| Before::Known(now, version));
        mem::take(&mut self.waiting)
    }

    /// Another value came, or none may be used: what was before is not what was before this one.
    fn forget_earlier(&mut self) {
        if matches!(self.before, Before::Known(..)) {
            self.before = Before::Unknown;
        }
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    pub(super) fn readings(&self) -> u64 {
        self.readings
    }

    pub(super) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// Takes in how a reading ended; whom to wake, and what there is to tell.
    pub(super) fn finish(
        &mut self,
        result: Result<Found, Fault>,
        now: Instant,
        dice: &mut Dice,
    ) -> (Vec<Waker>, Option<Happened>) {
        let mut news = None;
        self.reading = false;
        self.readings += 1;
        match result {
            Ok(Found { version, lifetime }) => {
                let ttl = lifetime.map_or(self.terms.ttl, |lifetime| lifetime.min(self.terms.ttl));
                self.serve(ttl, lifetime, now);
                self.due = now.checked_add(ttl.mul_f64(0.8 + 0.2 * dice.fraction()));
                if self.is_new(&version) {
                    let old = self.value.as_ref();
                    news = old
                        .map(|old| Happened::Rotated { old: old.shown().to_owned(), new: version.shown().to_owned() });
                    self.value = Some(Arc::new(version));
                    self.forget_earlier();
                }
            }
            Err(Fault { error, passing }) => {
                news = Some(Happened::Failed { code: error.code().as_str(), serves: passing && self.value.is_some() });
                if !passing {
                    self.value = None;
                    self.forget_earlier();
                }
                self.failures = self.failures.saturating_add(1);
                let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(8).saturating_sub(1)).min(LAST_RETRY);
                self.retry = now.checked_add(wait.mul_f64(0.5 + 0.5 * dice.fraction()));
                self.last = Some(error);
            }
        }
        (mem::take(&mut self.waiting), news)
    }

    /// Takes in that the value is what it was; whom to wake, or nothing when there is no value.
    pub(super) fn confirm(&mut self, now: Instant) -> Option<Vec<Waker>> {
        self.value.as_ref()?;
        self.reading = false;
        self.readings += 1;
        self.serve(self.terms.ttl, None, now);
        self.due = self.fresh;
        Some(mem::take(&mut self.waiting))
    }

    /// The value is good from now on: for its lifetime where the source named one, else also while the source is out of reach.
    fn serve(&mut self, ttl: Duration, lifetime: Option<Duration>, now: Instant) {
        self.fresh = now.checked_add(ttl);
        let all = lifetime.unwrap_or_else(|| ttl.saturating_add(self.terms.max_stale));
        self.ends = now.checked_add(all);
        (self.failures, self.retry, self.last) = (0, None, None);
    }

    /// Time until it is to be read again, by itself.
    pub(super) fn next(&self, now: Instant) -> Option<Duration> {
        let at = self.retry.or(self.due)?;
        Some(at.saturating_duration_since(now))
    }

    /// What the last reading said, if it brought no value.
    pub(super) fn last_error(&self) -> Option<Error> {
        self.last.as_ref().map(Error::copy)
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
