//! One bucket: limits, learned windows, and a time before which nothing leaves.

use std::time::{Duration, Instant};

use super::Limit;
use crate::headers::Quota;

/// Permission to send one request.
#[derive(Debug)]
pub struct Grant {
    pub(super) number: u64,
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

/// What headers said of one of the API's limits.
#[derive(Debug)]
struct Window {
    name: Option<String>,
    limit: Option<u64>,
    remaining: u64,
    resets: Option<Instant>,
}

/// Longest reset that is believed: a day. A hostile server must not park a bot for a year.
const MAX_RESET: Duration = Duration::from_secs(86_400);
/// Two resets this close name the same window: servers round to seconds.
const SAME_WINDOW: Duration = Duration::from_secs(2);
/// Most named windows that one API may have.
const MAX_WINDOWS: usize = 8;

impl Bucket {
    /// A bucket under these limits.
    pub fn new(limits: &[Limit]) -> Self {
        let mut bucket = Self::default();
        bucket.tighten(limits);
        bucket
    }

    /// Adds limits that are not there yet: clients that share a bucket obey the limits of all of them.
    pub fn tighten(&mut self, limits: &[Limit]) {
        for limit in limits {
            if !self.limits.iter().any(|pace| pace.limit == *limit) {
                let spacing = limit.spacing();
                self.limits.push(Pace { limit: *limit, spacing, slack: spacing * (limit.burst() - 1), due: None });
            }
        }
    }

    /// How long until one request may leave.
    pub fn wait(&self, now: Instant) -> Duration {
        let until = |at: Instant| at.saturating_duration_since(now);
        let paces = self.limits.iter().filter_map(|pace| pace.due.map(|due| until(due).saturating_sub(pace.slack)));
        let windows = self.windows.iter().filter_map(|window| match window.resets {
            Some(at) if window.remaining == 0 => Some(until(at)),
            _ => None,
        });
        let blocked = self.blocked_until.map(until);
        paces.chain(windows).chain(blocked).max().unwrap_or(Duration::ZERO)
    }

    /// Charges every limit, if all of them allow it now.
    pub fn take(&mut self, now: Instant) -> Option<Grant> {
        self.refill(now);
        if !self.wait(now).is_zero() {
            return None;
        }
        for pace in &mut self.limits {
            let from = pace.due.map_or(now, |due| due.max(now));
            pace.due = from.checked_add(pace.spacing);
        }
        for window in &mut self.windows {
            window.remaining = window.remaining.saturating_sub(1);
        }
        self.in_flight += 1;
        self.granted += 1;
        Some(Grant { number: self.granted })
    }

    /// A window that ended starts anew with its full limit, until an answer says better.
    fn refill(&mut self, now: Instant) {
        let in_flight = self.in_flight;
        self.windows.retain_mut(|window| {
            let ended = window.resets.is_some_and(|at| at <= now);
            if ended {
                window.resets = None;
                window.remaining = window.limit.unwrap_or(0).saturating_sub(in_flight);
            }
            // A full limit with nobody in flight would still block for ever without a reset: it is forgotten then.
            !(ended && window.limit.is_none() || window.resets.is_none() && window.remaining == 0 && in_flight == 0)
        });
    }

    /// A grant that was never used: its charge is undone where that is still possible.
    pub fn give_back(&mut self, grant: Grant, now: Instant) {
        let last = grant.number == self.granted;
        self.in_flight = self.in_flight.saturating_sub(1);
        for pace in &mut self.limits {
            // Only the last charge moves the due time back exactly; an older one frees its slot the same way.
            pace.due =
                pace.due.and_then(|due| due.checked_sub(pace.spacing)).filter(|due| last || *due > now).or(pace.due);
        }
        for window in &mut self.windows {
            window.remaining = window.remaining.saturating_add(1);
        }
    }

    /// A request that was sent and brought no answer: it stays charged.
    pub fn fail(&mut self, _grant: Grant) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// An answer came, with these quotas.
    pub fn settle(&mut self, _grant: Grant, quotas: &[Quota], now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        for quota in quotas {
            self.learn(quota, now);
        }
    }

    fn learn(&mut self, quota: &Quota, now: Instant) {
        let Some(reset) = quota.reset.map(|reset| reset.min(MAX_RESET)) else { return };
        let Some(resets) = now.checked_add(reset) else { return };
        // What is under way was not counted by the server when it wrote this answer.
        let left = quota.remaining.saturating_sub(self.in_flight);
        let Some(window) = self.windows.iter_mut().find(|window| window.name == quota.name) else {
            if self.windows.len() < MAX_WINDOWS {
                let (name, limit) = (quota.name.clone(), quota.limit);
                self.windows.push(Window { name, limit, remaining: left, resets: Some(resets) });
            }
            return;
        };
        window.limit = quota.limit.or(window.limit);
        match window.resets {
            // An answer from a window that ended already says nothing about this one.
            Some(at) if resets + SAME_WINDOW < at => {}
            Some(at) if resets <= at + SAME_WINDOW => {
                window.remaining = window.remaining.min(left);
                window.resets = Some(at.max(resets));
            }
            _ => {
                window.remaining = left;
                window.resets = Some(resets);
            }
        }
    }

    /// Nothing leaves before `until`. A shorter block never shortens a longer one.
    pub fn block(&mut self, until: Instant) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |at| at.max(until)));
    }

    /// The wait of a request with `ahead` others before it, as far as it can be told.
    pub fn estimate(&self, ahead: usize, now: Instant) -> Duration {
        let spacing = self.limits.iter().map(|pace| pace.spacing).max().unwrap_or(Duration::ZERO);
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        self.wait(now).saturating_add(spacing.saturating_mul(ahead))
    }

    /// Forgets what belonged to threads of a parent process.
    pub fn abandon(&mut self) {
        self.in_flight = 0;
    }
}
