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
const JITTER: Duration = Duration::from_millis(20);
const JITTER_SHARE: f64 = 5.0;
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

    /// Time between two requests. A window counts a little longer than it lasts: a request that left at its end may have left
    /// early to make up for a late timer, and may arrive sooner than one that left at its beginning.
    pub(super) fn spacing(&self) -> Duration {
        let even = self.period.div_f64(f64::from(self.count));
        (self.period + even.div_f64(JITTER_SHARE).min(JITTER).max(LATE)).div_f64(f64::from(self.count))
    }
}
