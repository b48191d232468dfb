//! A window that the API's headers tell of: how much is left in it, and when it ends.

use std::time::{Duration, Instant};

use crate::headers::Quota;

/// What is known of one of the API's limits.
///
/// `remaining` counts as the server counts: it is the least that any answer of this window left. Requests under way come
/// off it again, since no answer that came before theirs is sure to have counted them.
#[derive(Debug)]
pub(super) struct Window {
    name: Option<String>,
    /// Requests per window: as told, else the most that was ever left and the one that asked.
    limit: u64,
    remaining: u64,
    /// When it ends: the earliest of what its answers said, since most servers round the time to it up.
    resets: Instant,
    /// What to add to the ends that this server tells: one second once it was seen to round down.
    late: Duration,
    /// How long a window lasts: as told, else the longest time to its end that was seen.
    length: Duration,
    /// When `remaining` was last told or assumed: requests that leave from then on were not counted in it.
    heard: Instant,
    /// Whether it was assumed at the end of the one before, and no answer has told of it yet.
    assumed: bool,
    /// Whether an answer came meanwhile that did not speak of it.
    silent: bool,
}

/// Longest reset that is believed: a day. A hostile server must not park a bot for a year.
const MAX_RESET: Duration = Duration::from_secs(86_400);
/// Two ends this close name one window: servers round to seconds.
const SAME_WINDOW: Duration = Duration::from_secs(2);
/// The most by which a server that rounds down tells too short a time.
const ROUNDING: Duration = Duration::from_secs(1);

impl Window {
    /// A window that nobody has told of before; `None` when the answer does not say when it ends.
    pub(super) fn open(quota: &Quota, now: Instant) -> Option<Self> {
        let (length, resets) = end(quota, now)?;
        let limit = quota.limit.unwrap_or_else(|| quota.remaining.saturating_add(1));
        let (name, remaining) = (quota.name.clone(), quota.remaining);
        Some(Self {
            name,
            limit,
            remaining,
            resets,
            late: Duration::ZERO,
            length,
            heard: now,
            assumed: false,
            silent: false,
        })
    }

    /// Whether this quota is about the same limit.
    pub(super) fn is_named(&self, name: Option<&String>) -> bool {
        self.name.as_ref() == name
    }

    /// Whether another one is about the same limit.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Whether it has ended, and nobody has looked since.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.resets <= now
    }

    /// Time until a request may leave while `in_flight` others are under way.
    pub(super) fn wait(&self, in_flight: u64, now: Instant) -> Duration {
        if self.remaining > in_flight { Duration::ZERO } else { self.resets.saturating_duration_since(now) }
    }

    /// As [`Window::wait`] behind `before` others, at most as long as one window takes.
    pub(super) fn told(&self, before: u64, now: Instant) -> Duration {
        let left = self.resets.saturating_duration_since(now);
        match before.checked_sub(self.remaining) {
            None => Duration::ZERO,
            Some(beyond) if beyond < self.limit.max(1) => left,
            Some(_) => left.max(self.length),
        }
    }

    /// Time until `ahead` others and one more request have left, as far as it can be told.
    pub(super) fn estimate(&self, ahead: u64, now: Instant) -> Duration {
        let Some(beyond) = ahead.checked_sub(self.remaining) else { return Duration::ZERO };
        let further = u32::try_from(beyond / self.limit.max(1)).unwrap_or(u32::MAX);
        self.resets.saturating_duration_since(now).saturating_add(self.length.saturating_mul(further))
    }

    /// A request was sent, and no answer says what that left: it counts as one.
    pub(super) fn charge(&mut self) {
        self.remaining = self.remaining.saturating_sub(1);
    }

    /// An answer came that does not speak of this window.
    pub(super) fn pass_over(&mut self) {
        self.charge();
        self.silent = true;
    }

    /// When this window has ended, the next is assumed to be full, so that those who waited do not all leave at once.
    ///
    /// False when it is over for good: a whole assumed window went by, and none of its answers told of it.
    pub(super) fn roll(&mut self, now: Instant) -> bool {
        if self.resets > now {
            return true;
        }
        let Some(resets) = now.checked_add(self.length) else { return false };
        if self.length.is_zero() || (self.assumed && self.silent) {
            return false;
        }
        // At least one: its answer tells whether there are more.
        self.remaining = self.limit.max(1);
        (self.resets, self.heard, self.assumed, self.silent) = (resets, now, true, false);
        true
    }

    /// Takes in what the answer to a request that left at `sent` says.
    pub(super) fn learn(&mut self, quota: &Quota, sent: Instant, now: Instant) {
        let Some((length, mut resets)) = end(quota, now) else { return self.pass_over() };
        // A window is assumed as its first request leaves; an answer that was heard came before whatever left later.
        let newer = if self.assumed { sent >= self.heard } else { sent > self.heard };
        if self.assumed && !newer {
            // It left before this window began: which of the two its answer speaks of cannot be told.
            return self.charge();
        }
        self.limit = quota.limit.unwrap_or(self.limit.max(quota.remaining.saturating_add(1)));
        self.length = self.length.max(length);
        if self.assumed && resets + self.length / 2 < self.resets {
            // The one before has not ended yet.
            self.late = ROUNDING;
        }
        resets += self.late;
        // Within a window what remains only falls, and the end stays.
        let renewed = newer && (quota.remaining > self.remaining || resets > self.resets + SAME_WINDOW);
        if self.assumed || renewed {
            (self.remaining, self.resets) = (quota.remaining, resets);
            (self.heard, self.assumed) = (now, false);
        } else if resets + SAME_WINDOW >= self.resets {
            if quota.remaining <= self.remaining {
                (self.remaining, self.heard) = (quota.remaining, now);
            }
            self.resets = self.resets.min(resets);
        }
        // What ends earlier is a window that is over: it says nothing about this one.
    }
}

/// How long the window lasts at least, and when it ends.
fn end(quota: &Quota, now: Instant) -> Option<(Duration, Instant)> {
    let reset = quota.reset?.min(MAX_RESET);
    let length = quota.window.unwrap_or(reset).clamp(reset, MAX_RESET);
    Some((length, now.checked_add(reset)?))
}
