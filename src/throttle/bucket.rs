//! One bucket: limits, learned windows, and a time before which nothing leaves.

use std::time::{Duration, Instant};

use super::Limit;
use super::window::Window;
use crate::headers::Quota;

/// Permission to send one request.
#[derive(Debug)]
pub struct Grant {
    number: u64,
    at: Instant,
}

/// The state of one quota.
#[derive(Debug, Default)]
pub struct Bucket {
    limits: Vec<Pace>,
    windows: Vec<Window>,
    blocked_until: Option<Instant>,
    in_flight: u64,
    granted: u64,
}

/// GCRA: the time at which the next request is due, and how early one may come.
#[derive(Debug)]
struct Pace {
    limit: Limit,
    spacing: Duration,
    slack: Duration,
    due: Option<Instant>,
}

/// Most named windows that one API may have.
const MAX_WINDOWS: usize = 8;

impl Bucket {
    /// A bucket under these limits.
    pub fn new(limits: &[Limit]) -> Self {
        let mut bucket = Self::default();
        bucket.tighten(limits);
        bucket
    }

    /// Adds limits that are not there yet: clients that share a bucket obey the limits of all of them. Of two limits over
    /// the same period the stricter stays.
    pub fn tighten(&mut self, limits: &[Limit]) {
        for limit in limits {
            match self.limits.iter_mut().find(|pace| pace.limit.period == limit.period) {
                Some(pace) if pace.limit.count <= limit.count => {}
                Some(pace) => *pace = Pace { due: pace.due, ..Pace::new(*limit) },
                None => self.limits.push(Pace::new(*limit)),
            }
        }
    }

    /// How long until one request may leave.
    pub fn wait(&self, now: Instant) -> Duration {
        let paces = self.limits.iter().map(|pace| pace.wait(now));
        let windows = self.windows.iter().map(|window| window.wait(self.in_flight, now));
        let blocked = self.blocked_until.map(|at| at.saturating_duration_since(now));
        paces.chain(windows).chain(blocked).max().unwrap_or(Duration::ZERO)
    }

    /// Charges every limit, if all of them allow it now.
    pub fn take(&mut self, now: Instant) -> Option<Grant> {
        self.roll(now);
        if !self.wait(now).is_zero() {
            return None;
        }
        for pace in &mut self.limits {
            pace.charge(now);
        }
        self.in_flight += 1;
        self.granted += 1;
        Some(Grant { number: self.granted, at: now })
    }

    fn roll(&mut self, now: Instant) {
        self.windows.retain_mut(|window| window.roll(now));
    }

    /// A grant that was never used: its charge is undone as far as no window can then see more than the limit.
    pub fn give_back(&mut self, grant: Grant, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let last = grant.number == self.granted;
        if last {
            self.granted -= 1;
        }
        for pace in &mut self.limits {
            pace.undo(last, now);
        }
    }

    /// A request that was sent and brought no answer: it stays charged.
    pub fn fail(&mut self, _grant: Grant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.windows.iter_mut().for_each(Window::charge);
    }

    /// An answer came, with these quotas.
    pub fn settle(&mut self, grant: Grant, quotas: &[Quota], now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.windows.is_empty() && quotas.is_empty() {
            return;
        }
        self.roll(now);
        for window in &mut self.windows {
            if !quotas.iter().any(|quota| window.is_named(quota.name.as_ref())) {
                window.pass_over();
            }
        }
        for quota in quotas {
            if let Some(window) = self.windows.iter_mut().find(|window| window.is_named(quota.name.as_ref())) {
                window.learn(quota, grant.at, now);
            } else if self.windows.len() < MAX_WINDOWS {
                self.windows.extend(Window::open(quota, now));
            }
        }
    }

    /// Nothing leaves before `until`. A shorter block never shortens a longer one.
    pub fn block(&mut self, until: Instant) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |at| at.max(until)));
    }

    /// The wait of a request with `ahead` others before it, as far as it can be told.
    pub fn estimate(&mut self, ahead: usize, now: Instant) -> Duration {
        self.roll(now);
        let count = u32::try_from(ahead).unwrap_or(u32::MAX);
        let paces = self.limits.iter().map(|pace| pace.estimate(count, now));
        let windows = self.windows.iter().map(|window| window.estimate(u64::from(count), now));
        paces.chain(windows).max().unwrap_or(Duration::ZERO).max(self.wait(now))
    }

    /// Forgets what belonged to threads of a parent process.
    pub fn abandon(&mut self) {
        self.in_flight = 0;
    }
}

impl Pace {
    fn new(limit: Limit) -> Self {
        let spacing = limit.spacing();
        Self { limit, spacing, slack: spacing * (limit.burst() - 1), due: None }
    }

    fn wait(&self, now: Instant) -> Duration {
        self.estimate(0, now)
    }

    fn estimate(&self, ahead: u32, now: Instant) -> Duration {
        let due = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        due.saturating_add(self.spacing.saturating_mul(ahead)).saturating_sub(self.slack)
    }

    fn charge(&mut self, now: Instant) {
        let from = self.due.map_or(now, |due| due.max(now));
        self.due = from.checked_add(self.spacing);
    }

    /// Takes one charge back. The last one is undone exactly; an older one only where the next is due later than now even
    /// so, since others have used the time that it stood for.
    fn undo(&mut self, last: bool, now: Instant) {
        let Some(earlier) = self.due.and_then(|due| due.checked_sub(self.spacing)) else { return };
        if last || earlier > now {
            self.due = Some(earlier);
        }
    }
}
