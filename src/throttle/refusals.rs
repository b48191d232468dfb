//! What a line remembers of the API's refusals, where one alone does not tell how long it lasts or whom it concerns.

use std::time::{Duration, Instant};

/// The refusals of late.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Of those that named no time: how many came one after the other, and until when the last one holds.
    unnamed: u32,
    until: Option<Instant>,
    /// The lane that was refused last, and until when.
    lane: Option<(String, Instant)>,
}

/// Longest wait where no refusal names one.
const LONGEST: Duration = Duration::from_secs(3600);

impl Refusals {
    /// The wait after a refusal that names none: `first`, and twice as long each time that a request is refused again after
    /// such a wait. Refusals of what was under way meanwhile say nothing new.
    ///
    /// Source: GitHub's documentation, "Exceeding the rate limit".
    pub fn grow(&mut self, first: Duration, now: Instant) -> Duration {
        if let Some(left) = self.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
        {
            return left;
        }
        let wait = first.saturating_mul(1u32.checked_shl(self.unnamed).unwrap_or(u32::MAX)).min(LONGEST);
        (self.unnamed, self.until) = ((self.unnamed + 1).min(16), Some(now + wait));
        wait
    }

    /// A good answer came: unless it left before the refusal, the next one is the first again.
    pub fn calm(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            (self.unnamed, self.until) = (0, None);
        }
    }

    /// Whether a refusal in this lane concerns all: another lane's is still in force.
    pub fn is_of_all(&mut self, lane: &str, until: Instant, now: Instant) -> bool {
        let other = self.lane.as_ref().is_some_and(|(known, until)| known != lane && *until > now);
        self.lane = Some((lane.to_owned(), until));
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_that_did_not_help_is_doubled_up_to_an_hour() {
        let (mut refusals, mut now) = (Refusals::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..9 {
            let wait = refusals.grow(MINUTE, now);
            // What was under way at that moment is refused as well.
            assert_eq!(refusals.grow(MINUTE, now + wait / 2), wait / 2);
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn a_good_answer_after_the_wait_ends_the_growth() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        refusals.grow(MINUTE, now);
        refusals.calm(now + MINUTE / 2);
        assert_eq!(refusals.grow(MINUTE, now + MINUTE), MINUTE * 2);
        refusals.calm(now + MINUTE * 3);
        assert_eq!(refusals.grow(MINUTE, now + MINUTE * 3), MINUTE);
    }

    #[test]
    fn two_lanes_refused_at_once_mean_all_of_them() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert!(!refusals.is_of_all("chat 1", now + MINUTE, now));
        assert!(!refusals.is_of_all("chat 1", now + MINUTE, now));
        assert!(refusals.is_of_all("chat 2", now + MINUTE, now));
        assert!(!refusals.is_of_all("chat 3", now + MINUTE * 3, now + MINUTE), "the others are over");
    }
}
