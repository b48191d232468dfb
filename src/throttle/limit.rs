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

    /// How many requests may leave at once: one, and what falls due within the 5 ms by which a timer may be late.
    pub(super) fn burst(&self) -> u32 {
        let per_s = f64::from(self.count) / self.period.as_secs_f64();
        (1 + (per_s * 0.005) as u32).min(self.count)
    }

    /// Time between two requests, so that burst and pace together never put more than `count` into a window:
    /// `burst - 1 + period / spacing <= count`.
    pub(super) fn spacing(&self) -> Duration {
        self.period.div_f64(f64::from(self.count - self.burst() + 1))
    }
}
