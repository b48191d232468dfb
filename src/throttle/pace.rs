//! One limit's pace: GCRA with a burst, and a count of what left of late, for requests that weigh more than one.
//!
//! A bucket that rested runs ahead of its pace by a credit of time `c`. As long as it holds one, and for a window after, two
//! requests are `(w + c) / q` apart instead of `w / q`: of `n` requests within a window `w` that begins with a credit of `c`,
//! `(n - 1) (w + c) / q < w + c`, so `n` is at most the quota `q`, wherever the window begins. Without rest there is no credit,
//! and the pace is the whole quota.

use std::time::{Duration, Instant};

use super::Limit;
use super::credit::Held;
use super::limit::LATE;

/// When the next request is due.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) limit: Limit,
    /// How many want it kept; without any it is only remembered.
    claims: u32,
    window: Duration,
    credit: Duration,
    /// How long before it is due a request may leave.
    slack: Duration,
    /// The most credit of late; `None` before the first.
    held: Option<Box<Held>>,
    /// Until when a full credit is noted already: there is no more of it.
    noted_until: Option<Instant>,
    most: Duration,
    /// Time between two requests, as long as no more credit is held.
    spacing: Duration,
    /// What the last charge took, unless it was undone.
    charged: Option<Duration>,
    /// When a bucket without credit would let the next one leave.
    due: Option<Instant>,
    /// Since when one request was due after the other without a rest.
    busy_since: Option<Instant>,
    /// By how much the pace was put off of late, and until when that holds.
    put_off: Option<(Duration, Instant)>,
    /// Kept from the first heavy request on: the pace alone bounds every window that ends with a light one.
    log: Option<Box<Log>>,
}

/// What left within the last period, in slots.
#[derive(Debug)]
struct Log {
    begun: Instant,
    slot: Duration,
    counts: [(u64, u32); SLOTS + 1],
}

/// Parts of a period that are counted as one.
const SLOTS: usize = 32;

impl Pace {
    pub(super) fn new(limit: Limit) -> Self {
        let window = limit.window();
        let (credit, spacing) = (limit.credit(window), limit.spacing(window));
        let slack = LATE + credit;
        let (held, noted_until, due, busy_since, put_off, log) = (None, None, None, None, None, None);
        Self {
            limit,
            claims: 1,
            window,
            credit,
            slack,
            held,
            noted_until,
            most: Duration::ZERO,
            spacing,
            charged: None,
            due,
            busy_since,
            put_off,
            log,
        }
    }

    /// Without a burst: for a share of a limit whose other parts know nothing of it.
    pub(super) fn even(limit: Limit) -> Self {
        Self { credit: Duration::ZERO, slack: LATE, ..Self::new(limit) }
    }

    /// One more wants it kept.
    pub(super) fn claim(&mut self) {
        self.claims = self.claims.saturating_add(1);
    }

    /// One less wants it kept.
    pub(super) fn release(&mut self) {
        self.claims = self.claims.saturating_sub(1);
    }

    /// Whether anybody wants it kept.
    pub(super) fn is_claimed(&self) -> bool {
        self.claims > 0
    }

    /// Takes in what left elsewhere under the same limit: whatever is due later counts.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.due = self.due.max(other.due);
    }

    /// Whether nothing that left counts any more.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let counted = if self.log.is_some() { self.limit.period * 2 } else { Duration::ZERO };
        self.due.is_none_or(|due| due + counted <= now)
    }

    /// Whether it never allows so many at once.
    pub(super) fn is_too_heavy(&self, weight: u32) -> bool {
        self.is_claimed() && self.limit.count < weight
    }

    /// Whether a request of this weight may leave now.
    #[inline]
    pub(super) fn allows(&self, weight: u32, now: Instant) -> bool {
        if weight > 1 {
            return self.wait(weight, now).is_zero();
        }
        self.due.is_none_or(|due| due <= now + self.slack) || !self.is_claimed()
    }

    /// Time until a request of this weight may leave.
    pub(super) fn wait(&self, weight: u32, now: Instant) -> Duration {
        let pace = self.estimate(0, now);
        match &self.log {
            _ if weight <= 1 || !self.is_claimed() => pace,
            _ if self.limit.count < weight => Duration::MAX,
            Some(log) => pace.max(log.wait(weight, self.limit.count, now)),
            // What left before the first heavy one was not counted: as much room as it needs has to have stayed free.
            None => self.due.map_or(Duration::ZERO, |due| {
                (due + self.spacing.saturating_mul(weight - 1))
                    .saturating_duration_since(now)
                    .saturating_sub(self.credit)
            }),
        }
    }

    /// Time until `ahead` others and one more have left.
    pub(super) fn estimate(&self, ahead: u32, now: Instant) -> Duration {
        if !self.is_claimed() {
            return Duration::ZERO;
        }
        let due = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        due.saturating_add(self.spacing.saturating_mul(ahead)).saturating_sub(self.slack)
    }

    #[inline]
    pub(super) fn charge(&mut self, weight: u32, now: Instant) {
        let ahead_from = self.due.filter(|due| *due > now);
        if ahead_from.is_none() {
            self.busy_since = Some(now);
        }
        if !self.credit.is_zero() && (ahead_from.is_some() || self.noted_until.is_none_or(|until| until <= now)) {
            self.note_credit(ahead_from, now);
        }
        let from = ahead_from.unwrap_or(now);
        let charged = if weight == 1 { self.spacing } else { self.spacing.saturating_mul(weight) };
        (self.charged, self.due) = (Some(charged), from.checked_add(charged));
        if weight > 1 || self.log.is_some() || !self.is_claimed() {
            self.charge_rest(weight, now);
        }
    }

    /// Notes how much credit is left before a request leaves that is due `from` then.
    fn note_credit(&mut self, from: Option<Instant>, now: Instant) {
        let credit = self.credit.saturating_sub(from.map_or(Duration::ZERO, |from| from - now));
        let held = self.held.get_or_insert_with(|| Box::new(Held::new(now)));
        let most = held.note(credit, now, self.window);
        self.noted_until = (credit == self.credit).then_some(held.ends());
        if most != self.most {
            self.most = most;
            self.spacing = self.window.saturating_add(most) / self.limit.count.max(1);
        }
    }

    /// What only heavy requests need, and limits that nobody claims.
    #[cold]
    fn charge_rest(&mut self, weight: u32, now: Instant) {
        if !self.is_claimed() {
            // Whoever wants it again waits for what a whole window may have seen, not for all that left meanwhile.
            let latest = now.checked_add(self.window.saturating_add(self.credit));
            self.due = self.due.min(latest);
        }
        if let Some(log) = &mut self.log {
            log.add(weight, now);
        } else if weight > 1 {
            let mut log = Log::new(now, self.window);
            // The rest of the period may have been used.
            log.add(self.limit.count.max(weight), now);
            self.log = Some(Box::new(log));
        }
    }

    /// By how many requests it is ahead of time.
    pub(super) fn ahead(&self, now: Instant) -> f64 {
        let due = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        if self.spacing.is_zero() { 0.0 } else { due.as_secs_f64() / self.spacing.as_secs_f64() }
    }

    /// A request left later than it was granted: the pace is put off as much, once a period, so that a window which begins
    /// with the late one sees no more than its quota.
    pub(super) fn delay(&mut self, delay: Duration, now: Instant) {
        let before = self.put_off.filter(|(_, until)| *until > now).map_or(Duration::ZERO, |(before, _)| before);
        let further = delay.min(self.limit.period).saturating_sub(before.max(LATE));
        if further.is_zero() {
            return;
        }
        self.due = self.due.and_then(|due| due.checked_add(further));
        self.put_off = now.checked_add(self.limit.period).map(|until| (before + further, until));
    }

    /// Takes one charge back, made at `at`. The last one is undone exactly; an older one only where the next is due later than
    /// now even so, and no rest lies between, since others have used the time that it stood for.
    pub(super) fn undo(&mut self, weight: u32, at: Instant, last: bool, now: Instant) {
        // Never more than was charged: the least where that is not known any more.
        let least = (self.window / self.limit.count.max(1)).saturating_mul(weight);
        let charged = self.charged.filter(|_| last).unwrap_or(least);
        let Some(earlier) = self.due.and_then(|due| due.checked_sub(charged)) else { return };
        if last || (earlier > now && self.busy_since.is_none_or(|since| since <= at)) {
            (self.charged, self.due) = (None, Some(earlier));
        }
        if let Some(log) = self.log.as_mut().filter(|_| last) {
            log.take_back(weight);
        }
    }
}

impl Log {
    fn new(begun: Instant, period: Duration) -> Self {
        let slot = (period / SLOTS as u32).max(Duration::from_nanos(1));
        Self { begun, slot, counts: [(0, 0); SLOTS + 1] }
    }

    fn index(&self, now: Instant) -> u64 {
        let slots = now.saturating_duration_since(self.begun).as_nanos() / self.slot.as_nanos().max(1);
        u64::try_from(slots).unwrap_or(u64::MAX)
    }

    fn add(&mut self, weight: u32, now: Instant) {
        let index = self.index(now);
        if let Some(count) = self.counts.get_mut((index % (SLOTS as u64 + 1)) as usize) {
            if count.0 != index {
                *count = (index, 0);
            }
            count.1 = count.1.saturating_add(weight);
        }
    }

    fn take_back(&mut self, weight: u32) {
        if let Some(newest) = self.counts.iter_mut().max_by_key(|count| count.0) {
            newest.1 = newest.1.saturating_sub(weight);
        }
    }

    /// Time until the period that ends then has room for `weight`.
    fn wait(&self, weight: u32, most: u32, now: Instant) -> Duration {
        let current = self.index(now);
        let is_recent = |count: &&(u64, u32)| count.1 > 0 && count.0 + SLOTS as u64 >= current;
        let mut recent: Vec<(u64, u32)> = self.counts.iter().filter(is_recent).copied().collect();
        recent.sort_unstable();
        let mut held = recent.iter().fold(0u32, |sum, count| sum.saturating_add(count.1));
        let mut until = current;
        for (index, count) in recent {
            if held.saturating_add(weight) <= most {
                break;
            }
            held = held.saturating_sub(count);
            until = index + SLOTS as u64 + 1;
        }
        let slots = u32::try_from(until.saturating_sub(current)).unwrap_or(u32::MAX);
        if slots == 0 {
            return Duration::ZERO;
        }
        let end = self.slot.saturating_mul(u32::try_from(until).unwrap_or(u32::MAX));
        (self.begun + end).saturating_duration_since(now)
    }
}
