//! The most credit that a pace held within the last window.

use std::time::{Duration, Instant};

/// Parts of a window that are forgotten at once: credit counts for a window, and up to an eighth longer.
const PARTS: usize = 8;

/// The most credit of each part of the last window, and of the part that lasts.
#[derive(Debug)]
pub(super) struct Held {
    parts: [Duration; PARTS + 1],
    /// The part that lasts, and when it ends.
    part: usize,
    ends: Instant,
    most: Duration,
}

impl Held {
    pub(super) fn new(now: Instant) -> Self {
        Self { parts: [Duration::ZERO; PARTS + 1], part: 0, ends: now, most: Duration::ZERO }
    }

    /// Notes the credit before a request leaves; the most within the last window, with this one.
    pub(super) fn note(&mut self, credit: Duration, now: Instant, window: Duration) -> Duration {
        if now >= self.ends {
            self.turn(now, window / PARTS as u32);
        }
        if let Some(part) = self.parts.get_mut(self.part).filter(|part| **part < credit) {
            *part = credit;
            self.most = self.most.max(credit);
        }
        self.most
    }

    /// When the part that lasts ends.
    pub(super) fn ends(&self) -> Instant {
        self.ends
    }

    /// Begins the parts that are due.
    fn turn(&mut self, now: Instant, length: Duration) {
        for _ in 0..=PARTS {
            if now < self.ends {
                break;
            }
            self.part = (self.part + 1) % (PARTS + 1);
            self.ends += length;
            if let Some(part) = self.parts.get_mut(self.part) {
                *part = Duration::ZERO;
            }
        }
        if now >= self.ends {
            // After a rest of more than a window all parts are empty, and the next begins now.
            self.ends = now + length;
        }
        self.most = self.parts.iter().copied().max().unwrap_or_default();
    }
}
