//! Counts the answers for which an API bans whoever gets too many of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::fork::Lock;

/// Refused requests to one host within the last ten minutes, by the minute.
#[derive(Debug, Default)]
pub struct Invalid(Lock<VecDeque<(Instant, u32)>>);

/// Half of the 10,000 at which Discord bans an address; other processes behind it count as well.
/// Source: Discord's documentation of rate limits, "Invalid Request Limit".
const MOST: u32 = 5_000;
const SLOT: Duration = Duration::from_secs(60);
/// Ten minutes, from the end of a slot.
const WINDOW: Duration = Duration::from_secs(660);

impl Invalid {
    /// One more came.
    pub fn count(&self, now: Instant) {
        let mut slots = self.0.lock();
        match slots.back_mut() {
            Some((begun, count)) if now < *begun + SLOT => *count = count.saturating_add(1),
            _ => slots.push_back((now, 1)),
        }
        while slots.front().is_some_and(|(begun, _)| *begun + WINDOW <= now) {
            slots.pop_front();
        }
    }

    /// How long to send nothing, so that no ban comes; `None` when there were few enough.
    pub fn refuses(&self, now: Instant) -> Option<Duration> {
        let slots = self.0.lock();
        let recent = || slots.iter().filter(|(begun, _)| *begun + WINDOW > now);
        let mut held = recent().fold(0u32, |sum, (_, count)| sum.saturating_add(*count));
        let mut until = None;
        for (begun, count) in recent() {
            if held < MOST {
                break;
            }
            held = held.saturating_sub(*count);
            until = Some((*begun + WINDOW).saturating_duration_since(now));
        }
        until
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_bot_that_is_refused_too_often_stops_before_it_is_banned() {
        let (invalid, begun) = (Invalid::default(), Instant::now());
        let second = |n: u64| begun + Duration::from_secs(n);
        for n in 0..4_999 {
            invalid.count(second(n / 10));
        }
        assert_eq!(invalid.refuses(second(500)), None);
        invalid.count(second(500));
        assert_eq!(invalid.refuses(second(500)), Some(Duration::from_secs(160)));
        // The first minute's are forgotten ten minutes after it ended.
        assert_eq!(invalid.refuses(second(659)), Some(Duration::from_secs(1)));
        assert_eq!(invalid.refuses(second(660)), None);
        assert!(invalid.0.lock().len() <= 12);
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let (invalid, begun) = (Invalid::default(), Instant::now());
        for _ in 0..5_000 {
            invalid.count(begun);
        }
        assert!(invalid.refuses(begun).is_some());
        invalid.count(begun + WINDOW);
        assert_eq!((invalid.refuses(begun + WINDOW), invalid.0.lock().len()), (None, 1));
    }
}
