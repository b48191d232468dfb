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
                }
            }
            Err(Fault { error, passing }) => {
                news = Some(Happened::Failed { code: error.code().as_str(), serves: passing && self.value.is_some() });
                if !passing {
                    self.value = None;
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
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { ttl: Duration::from_secs(100), max_stale: Duration::from_secs(50) };

    fn found(value: &str) -> Result<Found, Fault> {
        let version = Version::new(value.to_owned().into(), Some(format!("v-{value}")), format!("f-{value}"));
        Ok(Found { version, lifetime: None })
    }

    fn fault(passing: bool) -> Result<Found, Fault> {
        Err(Fault { error: Error::new(Code::SecretAccess), passing })
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn loaded(start: Instant) -> Life {
        let mut life = Life::new(TERMS, 0);
        assert!(matches!(life.look(start), Look::Load) && life.begin());
        life.finish(found("a"), start, &mut Dice::fixed(1));
        life
    }

    #[test]
    fn one_reads_and_the_others_wait() {
        let mut life = Life::new(TERMS, 0);
        assert!(life.begin());
        assert!(!life.begin() && !life.begin());
        let (wakers, _) = life.finish(found("a"), Instant::now(), &mut Dice::fixed(1));
        assert!(wakers.is_empty() && life.begin());
    }

    #[test]
    fn a_value_is_read_again_before_its_time_is_over() {
        let start = Instant::now();
        let life = loaded(start);
        assert!(matches!(life.look(start + seconds(79)), Look::Use));
        assert!(matches!(life.look(start + seconds(99)), Look::Use | Look::Renew));
        assert!(matches!(life.look(start + seconds(100)), Look::Load));
        let next = life.next(start).unwrap();
        assert!(next >= seconds(80) && next <= seconds(100));
    }

    #[test]
    fn an_old_value_serves_while_the_source_is_out_of_reach_and_no_longer_than_allowed() {
        let start = Instant::now();
        let mut life = loaded(start);
        life.finish(fault(true), start + seconds(100), &mut Dice::fixed(1));
        assert!(matches!(life.look(start + seconds(100)), Look::Use));
        assert!(matches!(life.look(start + seconds(149)), Look::Renew));
        life.finish(fault(true), start + seconds(150), &mut Dice::fixed(1));
        assert!(matches!(life.look(start + seconds(150)), Look::Refuse(error) if error.code() == Code::SecretStale));
        assert!(matches!(life.look(start + seconds(200)), Look::Load));
    }

    #[test]
    fn why_no_value_serves_does_not_depend_on_when_it_is_asked() {
        let start = Instant::now();
        let mut life = Life::new(TERMS, 0);
        assert!(life.refusal().is_none());
        life = loaded(start);
        assert_eq!(life.refusal().unwrap().code(), Code::SecretStale);
        // Long after the time for another try has come, too.
        for later in [0, 10_000] {
            life.finish(fault(true), start + seconds(150 + later), &mut Dice::fixed(1));
            assert_eq!(life.refusal().unwrap().code(), Code::SecretStale);
        }
        life.finish(fault(false), start + seconds(151), &mut Dice::fixed(1));
        assert_eq!(life.refusal().unwrap().code(), Code::SecretAccess);
    }

    #[test]
    fn a_value_with_a_lifetime_does_not_outlive_it() {
        let start = Instant::now();
        let mut life = Life::new(TERMS, 0);
        let version = Version::new("t".to_owned().into(), None, "f".into());
        life.finish(Ok(Found { version, lifetime: Some(seconds(10)) }), start, &mut Dice::fixed(1));
        assert!(life.next(start).unwrap() <= seconds(10));
        life.finish(fault(true), start + seconds(9), &mut Dice::fixed(1));
        assert!(life.serving(start + seconds(9)).is_some() && life.serving(start + seconds(10)).is_none());
    }

    #[test]
    fn a_refusal_ends_a_value_at_once() {
        let start = Instant::now();
        let mut life = loaded(start);
        life.finish(fault(false), start + seconds(1), &mut Dice::fixed(1));
        assert!(matches!(life.look(start + seconds(1)), Look::Refuse(error) if error.code() == Code::SecretAccess));
        assert!(matches!(life.look(start + seconds(3)), Look::Load));
    }

    #[test]
    fn a_new_value_is_told_once_and_an_equal_one_never() {
        let start = Instant::now();
        let mut life = loaded(start);
        assert_eq!(life.finish(found("a"), start, &mut Dice::fixed(1)).1, None);
        let told = life.finish(found("b"), start, &mut Dice::fixed(1)).1;
        assert_eq!(told, Some(Happened::Rotated { old: "v-a".into(), new: "v-b".into() }));
    }

    #[test]
    fn refused_requests_do_not_become_a_flood_of_readings() {
        let start = Instant::now();
        let mut life = loaded(start);
        assert_eq!(life.force(start), Some(true));
        assert_eq!(life.force(start), Some(false));
        life.finish(found("a"), start, &mut Dice::fixed(1));
        assert_eq!(life.force(start + seconds(1)), None);
        assert_eq!(life.force(start + seconds(6)), Some(true));
    }

    #[test]
    fn tries_come_less_and_less_often() {
        let start = Instant::now();
        let mut life = Life::new(TERMS, 0);
        let mut waits = Vec::new();
        for _ in 0..20 {
            life.finish(fault(true), start, &mut Dice::fixed(1));
            waits.push(life.next(start).unwrap());
        }
        assert!(waits[0] <= seconds(1) && waits[19] <= LAST_RETRY && waits[19] >= LAST_RETRY / 2);
    }
}
