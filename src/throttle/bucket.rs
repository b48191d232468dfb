//! One bucket: limits, learned windows, and a time before which nothing leaves.

use std::time::{Duration, Instant};

use super::Limit;
use super::pace::Pace;
use super::window::Window;
use crate::headers::Quota;

/// One charge of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    number: u64,
    at: Instant,
    weight: u32,
}

impl Charge {
    /// When it was made, and its weight.
    pub(super) fn place(&self) -> (Instant, u32) {
        (self.at, self.weight)
    }
}

/// The state of one quota.
#[derive(Debug, Default)]
pub struct Bucket {
    limits: Vec<Pace>,
    windows: Vec<Window>,
    blocked_until: Option<Instant>,
    in_flight: u64,
    granted: u64,
    /// Whether an answer ever came.
    answered: bool,
}

/// Most named windows that one API may have.
const MAX_WINDOWS: usize = 8;

impl Bucket {
    /// A bucket under these limits.
    pub fn new(limits: &[Limit]) -> Self {
        let mut bucket = Self::default();
        bucket.claim(limits);
        bucket
    }

    /// A bucket whose limits allow no burst.
    pub(super) fn even(limits: &[Limit]) -> Self {
        Self { limits: limits.iter().map(|limit| Pace::even(*limit)).collect(), ..Self::default() }
    }

    /// Keeps these limits too, until [`Bucket::release`]: clients that share a bucket obey the limits of all of them.
    pub(super) fn claim(&mut self, limits: &[Limit]) {
        for limit in limits {
            match self.limits.iter_mut().find(|pace| pace.limit == *limit) {
                Some(pace) => pace.claim(),
                None => self.limits.push(Pace::new(*limit)),
            }
        }
    }

    /// One of those who claimed these limits is gone. What left under a limit that nobody claims any more is remembered as
    /// long as it counts, for whoever claims it again.
    pub(super) fn release(&mut self, limits: &[Limit], now: Instant) {
        for pace in self.limits.iter_mut().filter(|pace| limits.contains(&pace.limit)) {
            pace.release();
        }
        self.limits.retain(|pace| pace.is_claimed() || !pace.is_idle(now));
    }

    /// Whether a first request is under way and nothing is known yet.
    pub fn is_asking(&self) -> bool {
        !self.answered && self.in_flight > 0
    }

    /// Whether a limit never allows so many at once.
    pub fn is_too_heavy(&self, weight: u32) -> bool {
        self.limits.iter().any(|pace| pace.is_too_heavy(weight))
    }

    /// Whether it holds nothing back, and all that it remembers is over: a new one would do as well.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0
            && self.windows.iter().all(|window| window.is_over(now))
            && self.blocked_until.is_none_or(|at| at <= now)
            && self.limits.iter().all(|pace| pace.is_idle(now))
    }

    /// How long until a request of this weight may leave.
    pub fn wait(&self, weight: u32, now: Instant) -> Duration {
        let paces = self.limits.iter().map(|pace| pace.wait(weight, now));
        let windows = self.windows.iter().map(|window| window.wait(self.in_flight, now));
        let blocked = self.blocked_until.map(|at| at.saturating_duration_since(now));
        paces.chain(windows).chain(blocked).max().unwrap_or(Duration::ZERO)
    }

    /// How long what the API said holds up a request behind `ahead` others: the rest of a window, or of a block.
    pub(super) fn told(&mut self, ahead: usize, now: Instant) -> Duration {
        self.roll(now);
        let before = self.in_flight.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX));
        let windows = self.windows.iter().map(|window| window.told(before, now));
        let blocked = self.blocked_until.map(|at| at.saturating_duration_since(now));
        windows.chain(blocked).max().unwrap_or(Duration::ZERO)
    }

    /// By how many requests the pace is ahead of time.
    pub(super) fn ahead(&self, now: Instant) -> f64 {
        self.limits.iter().map(|pace| pace.ahead(now)).fold(0.0, f64::max)
    }

    /// Whether a request of this weight may leave now.
    #[inline]
    pub(super) fn allows(&self, weight: u32, now: Instant) -> bool {
        self.limits.iter().all(|pace| pace.allows(weight, now))
            && self.windows.iter().all(|window| window.wait(self.in_flight, now).is_zero())
            && self.blocked_until.is_none_or(|at| at <= now)
    }

    /// Charges every limit, if all of them allow it now.
    pub fn take(&mut self, weight: u32, now: Instant) -> Option<Charge> {
        self.roll(now);
        self.allows(weight, now).then(|| self.charge(weight, now))
    }

    /// Charges every limit. What is not allowed now is the caller's mistake.
    pub(super) fn charge(&mut self, weight: u32, now: Instant) -> Charge {
        for pace in &mut self.limits {
            pace.charge(weight, now);
        }
        self.in_flight += 1;
        self.granted += 1;
        Charge { number: self.granted, at: now, weight }
    }

    /// Charges every limit for what is no request and brings no answer, if all of them allow it now.
    pub(super) fn spend(&mut self, weight: u32, now: Instant) -> bool {
        self.roll(now);
        let allowed = self.allows(weight, now);
        if allowed {
            self.limits.iter_mut().for_each(|pace| pace.charge(weight, now));
            self.windows.iter_mut().for_each(Window::charge);
            self.granted += 1;
        }
        allowed
    }

    /// Begins the windows that are due.
    #[inline]
    pub(super) fn roll(&mut self, now: Instant) {
        if !self.windows.is_empty() {
            self.windows.retain_mut(|window| window.roll(now));
        }
    }

    /// A grant that was never used: its charge is undone as far as no window can then see more than the limit.
    pub fn give_back(&mut self, grant: Charge, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let last = grant.number == self.granted;
        if last {
            self.granted -= 1;
        }
        for pace in &mut self.limits {
            pace.undo(grant.weight, grant.at, last, now);
        }
    }

    /// A request left so much later than it was granted.
    pub fn delayed(&mut self, delay: Duration, now: Instant) {
        self.limits.iter_mut().for_each(|pace| pace.delay(delay, now));
    }

    /// A request that was sent and brought no answer: it stays charged.
    pub fn fail(&mut self, _grant: Charge) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.windows.iter_mut().for_each(Window::charge);
    }

    /// A request turned out to count against another bucket.
    pub(super) fn dismiss(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// An answer that counts here told of these quotas, though its request was charged elsewhere.
    pub(super) fn adopt(&mut self, sent: Instant, quotas: &[Quota], now: Instant) {
        self.answered = true;
        self.learn(sent, quotas, now);
    }

    /// Takes in another bucket that turned out to be this one: who is under way, and what holds back.
    pub(super) fn absorb(&mut self, other: Self) {
        self.in_flight += other.in_flight;
        self.answered |= other.answered;
        // Beyond both, so that no older charge is taken for the last one.
        self.granted = self.granted.max(other.granted) + 1;
        if let Some(until) = other.blocked_until {
            self.block(until);
        }
        for window in other.windows {
            if self.windows.len() < MAX_WINDOWS && !self.windows.iter().any(|known| known.is_same(&window)) {
                self.windows.push(window);
            }
        }
        for pace in other.limits {
            match self.limits.iter_mut().find(|known| known.limit == pace.limit) {
                Some(known) => known.absorb(&pace),
                None => self.limits.push(pace),
            }
        }
    }

    /// An answer came, with these quotas.
    pub fn settle(&mut self, grant: Charge, quotas: &[Quota], now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.answered = true;
        self.learn(grant.at, quotas, now);
    }

    /// The answer to a request that left at `sent` told of these quotas.
    pub fn learn(&mut self, sent: Instant, quotas: &[Quota], now: Instant) {
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
                window.learn(quota, sent, now);
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
        paces.chain(windows).max().unwrap_or(Duration::ZERO).max(self.wait(1, now))
    }

    /// Forgets what belonged to threads of a parent process.
    pub fn abandon(&mut self) {
        self.in_flight = 0;
    }
}
