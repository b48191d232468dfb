//! Places that a store outside this process handed out, and what happens while it does not answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Bucket, Limit};

/// What happens while the store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Each process keeps to its share of the limits.
    #[default]
    LocalShare,
    /// Requests are refused.
    FailClosed,
    /// Requests leave without a limit.
    FailOpen,
}

/// What a store is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// Places.
    pub slots: u32,
    /// As many of them as whoever asks needs.
    pub need: u32,
    /// The longest wait for those: where they come later, none is taken.
    pub longest: Duration,
    /// By how many requests this process went ahead of its share while the store did not answer.
    pub debt: f64,
    /// By how much a request of this process left later than its place, since the last question: all of them are put off by as
    /// much, once a period.
    pub late: Duration,
    /// Each limit's spacing, period and credit in microseconds.
    pub paces: Vec<(u64, u64, u64)>,
}

/// What a store says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of the places.
    pub places: Places,
    /// Lanes that a process was told to stop, and for how long.
    pub blocked: Vec<(String, Duration)>,
}

/// What a store says of the places that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// Places one after the other.
    Lease {
        /// How many.
        slots: u32,
        /// Until the first.
        wait: Duration,
        /// Between two of them.
        spacing: Duration,
        /// Processes that share the quota.
        processes: u32,
        /// What the store needs to take the last ones back.
        end: String,
    },
    /// Nothing leaves for so long.
    Blocked(Duration),
    /// They come later than is of use; none was taken.
    Later(Duration),
}

/// Places that nobody needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    /// How many.
    pub slots: u32,
    /// As the lease said.
    pub end: String,
    /// As for [`Want`].
    pub paces: Vec<(u64, u64, u64)>,
}

/// The places of one line.
#[derive(Debug)]
pub(super) struct Leases {
    /// The limits that hold: of all over the same period the strictest.
    limits: Vec<Limit>,
    /// Those that somebody wants kept, and how many do.
    claims: Vec<(Limit, u32)>,
    /// Processes that share the quota: as seen by the store, else as the caller expects.
    processes: u32,
    slots: VecDeque<Instant>,
    end: Option<String>,
    asking: bool,
    /// When the last places came, and how many are asked for at once: more and more while all of them are used.
    came: Option<Instant>,
    size: u32,
    /// Until when this process gets along without the store; some time ago where the store has to be asked again.
    alone: Option<Instant>,
    /// Whether no limit holds meanwhile.
    open: bool,
    /// What left meanwhile, under this process's share: how far it went ahead of that is owed.
    share: Option<Bucket>,
    /// As for [`Want`].
    late: Duration,
}

/// How long a process goes on alone before it asks again; the store knows at once whether that is of use.
const ALONE: Duration = Duration::from_millis(100);
/// How often a waiter looks for the store's answer; it is woken when the answer comes.
const ASKING: Duration = Duration::from_millis(100);
/// Places that nobody used for so long are given up: used later, they would meet the next ones in one window.
const STALE: Duration = Duration::from_millis(30);
/// Whoever used all its places within so long gets more of them next time.
const BUSY: Duration = Duration::from_secs(1);
/// Time's worth of places that is asked for at once.
const CHUNK_S: f64 = 0.05;

impl Leases {
    pub(super) fn new(processes: u32) -> Self {
        Self {
            limits: Vec::new(),
            claims: Vec::new(),
            processes: processes.max(1),
            slots: VecDeque::new(),
            end: None,
            asking: false,
            came: None,
            size: 1,
            alone: None,
            open: false,
            share: None,
            late: Duration::ZERO,
        }
    }

    /// Keeps these limits too, until [`Leases::release`]. Of two over the same period the stricter holds.
    pub(super) fn claim(&mut self, limits: &[Limit]) {
        for limit in limits {
            match self.claims.iter_mut().find(|known| known.0 == *limit) {
                Some(known) => known.1 = known.1.saturating_add(1),
                None => self.claims.push((*limit, 1)),
            }
        }
        self.tighten();
        if let Some(share) = &mut self.share {
            share.absorb(Bucket::even(&parts(limits, self.processes)));
        }
    }

    /// One of those who claimed these limits is gone. The store remembers what left under them as long as it counts; a share
    /// keeps to them until the store is back.
    pub(super) fn release(&mut self, limits: &[Limit]) {
        for known in self.claims.iter_mut().filter(|known| limits.contains(&known.0)) {
            known.1 = known.1.saturating_sub(1);
        }
        self.claims.retain(|known| known.1 > 0);
        self.tighten();
    }

    fn tighten(&mut self) {
        self.limits.clear();
        for (limit, _) in &self.claims {
            match self.limits.iter_mut().find(|known| known.period == limit.period) {
                Some(known) => known.count = known.count.min(limit.count),
                None => self.limits.push(*limit),
            }
        }
    }

    pub(super) fn is_too_heavy(&self, weight: u32) -> bool {
        self.limits.iter().any(|limit| limit.count < weight)
    }

    fn paces(&self) -> Vec<(u64, u64, u64)> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let pace = |limit: &Limit| {
            let window = limit.shared_window();
            (micros(limit.spacing(window)), micros(limit.period), micros(limit.credit(window)))
        };
        self.limits.iter().map(pace).collect()
    }

    fn is_alone(&self, now: Instant) -> bool {
        self.alone.is_some_and(|until| until > now)
    }

    /// Time until a request of this weight may leave.
    pub(super) fn wait(&mut self, weight: u32, now: Instant) -> Duration {
        if self.limits.is_empty() {
            // All who wanted one are gone, but for a call that outlives its client.
            return Duration::ZERO;
        }
        if self.is_alone(now) {
            let share = self.share.as_ref().filter(|_| !self.open);
            return share.map_or(Duration::ZERO, |share| share.wait(weight, now));
        }
        while self.slots.front().is_some_and(|at| *at + STALE < now) {
            self.slots.pop_front();
            self.came = None;
        }
        match self.slots.get(weight.saturating_sub(1) as usize) {
            Some(at) => at.saturating_duration_since(now),
            None => ASKING,
        }
    }

    pub(super) fn charge(&mut self, weight: u32, now: Instant) {
        if self.is_alone(now) {
            if let Some(share) = &mut self.share {
                share.charge(weight, now);
            }
            return;
        }
        let taken = self.slots.len().min(weight as usize);
        self.slots.drain(..taken);
    }

    /// A place that was taken and not used goes to whoever is next.
    pub(super) fn give_back(&mut self, at: Instant, weight: u32) {
        for _ in 0..weight {
            self.slots.push_front(at);
        }
    }

    /// A request left so much later than its place.
    pub(super) fn delayed(&mut self, delay: Duration, now: Instant) {
        self.late = self.late.max(delay);
        if let Some(share) = &mut self.share {
            share.delayed(delay, now);
        }
    }

    /// What to ask the store for, when the places do not suffice and nobody asks already.
    pub(super) fn wants(&mut self, weight: u32, waiting: usize, longest: Duration, now: Instant) -> Option<Want> {
        if self.asking || self.is_alone(now) || self.slots.len() >= weight as usize {
            return None;
        }
        self.asking = true;
        let rate = self.limits.iter().map(|limit| f64::from(limit.count) / limit.period.as_secs_f64());
        let chunk = (rate.fold(f64::MAX, f64::min) * CHUNK_S) as u32;
        let busy = self.came.is_some_and(|came| now.saturating_duration_since(came) < BUSY);
        self.size = if busy { self.size.saturating_mul(2).min(chunk.max(1)) } else { 1 };
        let slots = u32::try_from(waiting).unwrap_or(u32::MAX).max(self.size).min(chunk).max(weight).max(1);
        let debt = self.share.as_ref().map_or(0.0, |share| share.ahead(now));
        let late = std::mem::take(&mut self.late);
        Some(Want { slots, need: weight, longest, debt, late, paces: self.paces() })
    }

    /// Whoever asked went away without an answer.
    pub(super) fn unasked(&mut self) {
        self.asking = false;
    }

    /// The store answered at `now` what it was asked at `asked`. Its places count from halfway between, which is never further
    /// from its own time than half the way there and back; what was due on the way is due now.
    pub(super) fn answered(&mut self, places: &Places, asked: Instant, now: Instant) {
        (self.asking, self.alone) = (false, None);
        if let Places::Lease { slots, wait, spacing, processes, end } = places {
            // Whatever was owed was told with the question.
            self.share = None;
            (self.processes, self.came) = ((*processes).max(1), Some(now));
            self.end = Some(end.clone());
            let first = now.max(asked + now.saturating_duration_since(asked) / 2 + *wait);
            self.slots.extend((0..*slots).filter_map(|at| first.checked_add(spacing.saturating_mul(at))));
        }
    }

    /// The store did not answer: this process goes on with its share, or without a limit.
    pub(super) fn failed(&mut self, open: bool, now: Instant) {
        self.asking = false;
        // Places that were promised stay in the count of the store: what leaves from here on is owed.
        self.slots.clear();
        (self.alone, self.open) = (Some(now + ALONE), open);
        // Bursts of several processes would meet in one window of the server.
        let share = || Bucket::even(&parts(&self.limits, self.processes));
        self.share.get_or_insert_with(share);
    }

    /// Places that are not due yet and that nobody waits for.
    pub(super) fn spare(&mut self, now: Instant) -> Option<Spare> {
        let end = self.end.take()?;
        let due = self.slots.iter().filter(|at| **at <= now).count();
        let slots = u32::try_from(self.slots.len() - due).ok().filter(|slots| *slots > 0)?;
        self.slots.truncate(due);
        Some(Spare { slots, end, paces: self.paces() })
    }

    /// Whether the store answered last time.
    pub(super) fn is_shared(&self) -> bool {
        self.alone.is_none()
    }

    /// Forgets what belonged to a parent process.
    pub(super) fn abandon(&mut self) {
        (self.asking, self.end) = (false, None);
        self.slots.clear();
    }
}

/// One process's part of limits that so many share.
fn parts(limits: &[Limit], processes: u32) -> Vec<Limit> {
    limits.iter().map(|limit| Limit { period: limit.period.saturating_mul(processes), ..*limit }).collect()
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
