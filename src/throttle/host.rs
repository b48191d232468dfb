//! What is known of a host's health: how many requests it may have at once, and whether it is worth to ask it at all.
//!
//! The limit on requests at once rises by one a second while it is reached and falls by a share on trouble (AIMD). The circuit
//! opens when half of the calls fail. Both are judged when a request leaves, by atomics: no lock of a line is held here.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Circuit};
use super::invalid::Invalid;
use super::most::Most;
use crate::fork::{Lock, epoch};

/// Requests at once before a host ever showed trouble: more than any bot has.
const AT_ONCE: u32 = 1024;
/// Shortest time between two cuts: what was under way at the first says nothing new.
const CUT_EVERY: Duration = Duration::from_secs(1);
/// Fewest requests at once that a sign of trouble leaves which does not speak of their number: one 503 must not make a bot
/// send its requests one by one.
const FLOOR: u32 = 8;
/// Hosts remembered; beyond it those without requests under way are forgotten.
const MAX_HOSTS: usize = 1024;

/// One host, shared by all lines that lead to it.
#[derive(Debug)]
pub struct Host {
    begun: Instant,
    in_flight: AtomicU32,
    at_once: AtomicU32,
    /// The most that was under way of late.
    most: Most,
    /// Whether lines wait for a request to end.
    is_awaited: AtomicBool,
    /// Nanoseconds after `begun` until which the circuit is open; 0 while it is closed.
    open_until: AtomicU64,
    /// Requests that may still leave while the circuit is half open.
    probes: AtomicU32,
    /// Whether anything but good answers ever came.
    troubled: AtomicBool,
    state: Lock<State>,
    invalid: Invalid,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    cut: Option<Instant>,
    grown: Option<Instant>,
    /// The heads of lines that found the host full, and wait for a request to end.
    waiting: HashMap<u64, Waker>,
    /// The process that all of this belongs to.
    epoch: u64,
}

/// How a request to the host ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// With an answer that is no sign of trouble.
    Good,
    /// With a refusal for the pace, which says nothing of how many requests the host bears at once.
    Paced,
    /// With a refusal that does not say why.
    Refused,
    /// With a refusal for too many requests at once.
    Crowded,
    /// With a 503: the host is short of something.
    Short,
    /// Too late.
    Late,
    /// With another error of the server, or no connection.
    Failed,
}

/// A reading of a [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostReading {
    /// Closed lets requests through, open refuses them, half open lets probes through.
    pub circuit: Circuit,
    /// Requests under way.
    pub in_flight: u32,
    /// The most that may be.
    pub at_once: u32,
}

/// Whether a request may leave to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It may, as a probe or not.
    Open { probe: bool },
    /// Too many are under way.
    Full,
    /// The circuit is open for this long.
    Shut(Duration),
}

static HOSTS: Lock<Option<HashMap<String, Arc<Host>>>> = Lock::new(None);

impl Host {
    /// The host of this name, as all lines of the process know it.
    pub fn of(name: &str, now: Instant) -> Arc<Self> {
        let mut held = HOSTS.lock();
        let hosts = held.get_or_insert_default();
        if let Some(host) = hosts.get(name) {
            return host.clone();
        }
        let host = Arc::new(Self::new(now));
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, host| Arc::strong_count(host) > 1);
        }
        if hosts.len() < MAX_HOSTS {
            hosts.insert(name.to_owned(), host.clone());
        }
        host
    }

    /// A host that nobody has met.
    pub fn new(now: Instant) -> Self {
        Self {
            begun: now,
            in_flight: AtomicU32::new(0),
            at_once: AtomicU32::new(AT_ONCE),
            most: Most::default(),
            is_awaited: AtomicBool::new(false),
            open_until: AtomicU64::new(0),
            probes: AtomicU32::new(0),
            troubled: AtomicBool::new(false),
            state: Lock::new(State { epoch: epoch(), ..State::default() }),
            invalid: Invalid::default(),
        }
    }

    /// What the host may ban us for.
    pub fn invalid(&self) -> &Invalid {
        &self.invalid
    }

    fn since(&self, now: Instant) -> u64 {
        u64::try_from(self.age(now).as_nanos()).unwrap_or(u64::MAX)
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Whether the circuit refuses calls now, and for how long.
    pub fn refuses(&self, now: Instant) -> Option<Duration> {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return None;
        }
        let left = until.saturating_sub(self.since(now));
        if left > 0 {
            return Some(Duration::from_nanos(left));
        }
        // Half open: calls wait for the probes, which take a moment.
        (self.probes.load(Ordering::Acquire) == 0).then_some(PROBING)
    }

    /// Counts a request in, if it may leave.
    pub(super) fn enter(&self, now: Instant) -> Entry {
        let probe = self.open_until.load(Ordering::Acquire) != 0;
        if probe {
            if let Some(wait) = self.refuses(now) {
                return Entry::Shut(wait);
            }
            let taken = self.probes.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
            if taken.is_err() {
                return Entry::Shut(PROBING);
            }
        }
        let most = self.at_once.load(Ordering::Acquire);
        let room = self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < most).then_some(n + 1));
        match room {
            Ok(before) => {
                self.most.note(before + 1, self.age(now));
                Entry::Open { probe }
            }
            Err(_) => {
                self.return_probe(probe);
                Entry::Full
            }
        }
    }

    /// Counts a request out. The head of each line that waits for it may try; those that find no room wait again.
    pub(super) fn leave(&self) {
        let _ = self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if self.is_awaited.load(Ordering::SeqCst) {
            let waiting = {
                let mut state = self.state.lock();
                self.is_awaited.store(false, Ordering::SeqCst);
                mem::take(&mut state.waiting)
            };
            waiting.into_values().for_each(Waker::wake);
        }
    }

    /// A probe that never left.
    pub(super) fn return_probe(&self, probe: bool) {
        if probe {
            self.probes.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Wakes `waker`, that of the head of a line, when a request has ended.
    pub(super) fn wait(&self, line: u64, waker: Waker) {
        let old = {
            let mut state = self.state.lock();
            self.is_awaited.store(true, Ordering::SeqCst);
            state.waiting.insert(line, waker.clone())
        };
        drop(old);
        // One may have ended before this waiter was written down.
        if self.in_flight.load(Ordering::SeqCst) < self.at_once.load(Ordering::Acquire) {
            waker.wake();
        }
    }

    /// A waiter of a line went away: whoever is its head then writes itself down anew.
    pub(super) fn forget_waiter(&self, line: u64) -> Option<Waker> {
        if self.is_awaited.load(Ordering::SeqCst) { self.state.lock().waiting.remove(&line) } else { None }
    }

    /// Learns how a request ended.
    pub fn report(&self, health: Health, now: Instant) {
        let calm = health == Health::Good
            && self.open_until.load(Ordering::Acquire) == 0
            && self.at_once.load(Ordering::Acquire) >= AT_ONCE;
        if calm && !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state.lock();
        self.troubled.fetch_or(health != Health::Good, Ordering::AcqRel);
        match health {
            Health::Good => self.grow(&mut state, now),
            Health::Crowded => self.cut(&mut state, 0.5, 1, now),
            Health::Refused | Health::Short | Health::Late => self.cut(&mut state, 0.9, FLOOR, now),
            Health::Paced | Health::Failed => {}
        }
        let failed = matches!(health, Health::Short | Health::Late | Health::Failed);
        match state.breaker.record(failed, now) {
            Circuit::Closed => {
                self.open_until.store(0, Ordering::Release);
            }
            Circuit::Open => {
                let until = state.breaker.open_until().map_or(0, |until| self.since(until).max(1));
                self.probes.store(state.breaker.probes(), Ordering::Release);
                self.open_until.store(until, Ordering::Release);
            }
            Circuit::HalfOpen if state.breaker.begins_turn() => {
                self.probes.store(state.breaker.probes(), Ordering::Release);
            }
            Circuit::HalfOpen => {}
        }
    }

    fn grow(&self, state: &mut State, now: Instant) {
        let most = self.at_once.load(Ordering::Acquire);
        let reached = self.in_flight.load(Ordering::Acquire) + 1 >= most;
        let due = state.grown.is_none_or(|last| now.saturating_duration_since(last) >= CUT_EVERY);
        if most < AT_ONCE && reached && due {
            state.grown = Some(now);
            self.at_once.store(most + 1, Ordering::Release);
        }
    }

    /// Cuts the limit to a share of the most that was under way of late, at most once a second, and never up.
    fn cut(&self, state: &mut State, share: f64, floor: u32, now: Instant) {
        if state.cut.is_some_and(|last| now.saturating_duration_since(last) < CUT_EVERY) {
            return;
        }
        (state.cut, state.grown) = (Some(now), Some(now));
        let under_way = self.in_flight.load(Ordering::Acquire).saturating_add(1).max(self.most.of(self.age(now)));
        let limit = self.at_once.load(Ordering::Acquire);
        let most = ((f64::from(under_way.min(limit)) * share) as u32).max(floor).min(limit);
        self.at_once.store(most, Ordering::Release);
    }

    /// Whether calls go through now.
    pub fn circuit(&self, now: Instant) -> Circuit {
        match self.open_until.load(Ordering::Acquire) {
            0 => Circuit::Closed,
            until if until > self.since(now) => Circuit::Open,
            _ => Circuit::HalfOpen,
        }
    }

    /// What is known now.
    pub fn reading(&self, now: Instant) -> HostReading {
        HostReading {
            circuit: self.circuit(now),
            in_flight: self.in_flight.load(Ordering::Acquire),
            at_once: self.at_once.load(Ordering::Acquire),
        }
    }

    /// Forgets what belonged to threads of a parent process, once.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        if state.epoch == epoch() {
            return;
        }
        state.epoch = epoch();
        self.in_flight.store(0, Ordering::SeqCst);
        // The wakers of runtimes that the child abandons, which must not even be dropped here.
        mem::forget(mem::take(&mut state.waiting));
    }

    /// Forgets a host, for tests that start a new server at an old address.
    pub fn forget(name: &str) {
        let gone = HOSTS.lock().as_mut().and_then(|hosts| hosts.remove(name));
        drop(gone);
    }
}

/// How long a call waits that comes while all probes of a half-open circuit are under way.
const PROBING: Duration = Duration::from_secs(1);
