//! The most requests that were under way of late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a number is remembered, at least; twice as long at most.
const STRETCH_S: u64 = 5;

/// The most of this stretch of time and of the one before: the stretch's number in 32 bits, each of the two in 16.
#[derive(Debug, Default)]
pub(super) struct Most(AtomicU64);

impl Most {
    /// So many are under way at this age.
    pub(super) fn note(&self, under_way: u32, age: Duration) {
        let (stretch, word) = (number(age), self.0.load(Ordering::Relaxed));
        let (before, own) = read(word, stretch);
        if word >> 32 == stretch && own >= under_way {
            return;
        }
        let new = (stretch << 32) | (u64::from(before) << 16) | u64::from(own.max(under_way).min(0xFFFF));
        // Another thread's number that comes in between is as good.
        let _ = self.0.compare_exchange(word, new, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The most of the last five to ten seconds.
    pub(super) fn of(&self, age: Duration) -> u32 {
        let (before, own) = read(self.0.load(Ordering::Relaxed), number(age));
        before.max(own)
    }
}

fn number(age: Duration) -> u64 {
    (age.as_secs() / STRETCH_S) & 0xFFFF_FFFF
}

/// What a word says of the stretch before this one, and of this one.
fn read(word: u64, stretch: u64) -> (u32, u32) {
    let (before, own) = ((word >> 16) as u32 & 0xFFFF, word as u32 & 0xFFFF);
    match stretch.saturating_sub(word >> 32) {
        0 => (before, own),
        1 => (own, 0),
        _ => (0, 0),
    }
}
