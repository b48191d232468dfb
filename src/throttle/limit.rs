//! `50/s` and its kin.

use std::time::Duration;

use crate::error::{Code, Error};

/// At most `count` requests in any window of `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests.
    pub count: u32,
    /// The window.
    pub period: Duration,
}

/// By how much the ways of two requests differ in length, as far as the pace allows for it: 20 ms, or a fifth of the time
/// between two requests where that is less, so that a fast pace stays fast.
const JITTER: (Duration, f64) = (Duration::from_millis(20), 0.2);
/// As [`JITTER`], of requests of several processes: each of them wakes, asks and sends in its own time, and none knows of the
/// others that were late. On a busy machine that is 30 ms; a refusal costs all of them a second.
const SHARED_JITTER: (Duration, f64) = (Duration::from_millis(40), 0.4);
/// A long window can afford more: 50 ms, or four thousandths of it.
const LONG_JITTER: Duration = Duration::from_millis(50);
const LONG_JITTER_SHARE: u32 = 250;
/// The part of a window's requests that may leave at once. More would leave the rest of that window too slow a pace.
const BURST_SHARE: u32 = 10;
/// By how much a timer may be late without the pace being lost: what falls due meanwhile may leave at once.
pub(super) const LATE: Duration = Duration::from_millis(4);

impl Limit {
    /// Reads `50/s`, `100/m`, `1000/h`, `10/2s`, `5/day`.
    ///
    /// # Errors
    /// `ValueError` that shows the form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::new(Code::UsageValue)
                .saying("A rate is written as \"50/s\", \"100/m\", \"1000/h\", \"10/2s\" or \"5/d\".")
        };
        let (count, period) = text.split_once('/').ok_or_else(wrong)?;
        let digits = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
        let split = period.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (times, unit) = period.split_at_checked(split).ok_or_else(wrong)?;
        let seconds = match unit {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            "d" | "day" => 86_400,
            _ => return Err(wrong()),
        };
        let times: u64 = if times.is_empty() {
            1
        } else if digits(times) {
            times.parse().map_err(|_| wrong())?
        } else {
            return Err(wrong());
        };
        let count: u32 = if digits(count) { count.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
        let period = Duration::from_secs(times.checked_mul(seconds).ok_or_else(wrong)?);
        // A window of a year is the longest that anybody sells.
        if count == 0 || period.is_zero() || period > Duration::from_secs(366 * 86_400) {
            return Err(wrong());
        }
        Ok(Self { count, period })
    }

    /// Most requests that leave at once after a rest: a tenth of a window's.
    pub(super) fn burst(&self) -> u32 {
        (self.count / BURST_SHARE).max(1)
    }

    /// A window counts a little longer than it lasts: a request that left at its end may have left early to make up for a
    /// late timer, and may arrive sooner than one that left at its beginning.
    pub(super) fn window(&self) -> Duration {
        self.window_with(JITTER)
    }

    /// As [`Limit::window`], where several processes share the limit.
    pub(super) fn shared_window(&self) -> Duration {
        self.window_with(SHARED_JITTER)
    }

    fn window_with(&self, (most, share): (Duration, f64)) -> Duration {
        let even = self.period.div_f64(f64::from(self.count));
        let long = (self.period / LONG_JITTER_SHARE).min(LONG_JITTER);
        self.period.saturating_add(even.mul_f64(share).min(most).max(long).max(LATE))
    }

    /// Time between two requests of an even pace under such a window.
    pub(super) fn spacing(&self, window: Duration) -> Duration {
        window.div_f64(f64::from(self.count))
    }

    /// How far a bucket that has rested may run ahead of its pace: what brings the whole burst at once, at the slower pace that
    /// such a credit costs.
    pub(super) fn credit(&self, window: Duration) -> Duration {
        let burst = self.burst();
        let rest = self.count.saturating_sub(burst).saturating_add(1);
        window.mul_f64(f64::from(burst - 1) / f64::from(rest))
    }
}
