//! Time and randomness as values: the only room that reads a clock or the operating system's random source.
//!
//! Judges take `now` and `dice` as arguments, so tests fix both.

mod asleep;

pub use asleep::catch_up;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// One reading of both clocks, taken together.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Monotonic time, for waits and deadlines.
    pub mono: Instant,
    /// Wall time, for what servers write as dates.
    pub wall: SystemTime,
}

impl Moment {
    /// Reads both clocks now.
    pub fn now() -> Self {
        Self { mono: now(), wall: wall() }
    }
}

/// The monotonic clock, and by how much it was moved on: by tests, and by [`catch_up`] for time that the machine slept.
pub fn now() -> Instant {
    let real = Instant::now();
    match MOVED.load(Ordering::Acquire) {
        0 => real,
        moved => real.checked_add(Duration::from_nanos(moved)).unwrap_or(real),
    }
}

/// The wall clock, and what tests have moved it on.
pub fn wall() -> SystemTime {
    let real = SystemTime::now();
    match MOVED.load(Ordering::Acquire).saturating_sub(WALL_STANDS.load(Ordering::Acquire)) {
        0 => real,
        moved => real.checked_add(Duration::from_nanos(moved)).unwrap_or(real),
    }
}

/// Nanoseconds that the clocks were moved on. The monotonic one never goes back, so they are kept when a test ends.
static MOVED: AtomicU64 = AtomicU64::new(0);
/// Those of them that the wall clock has given up since, or never needed.
static WALL_STANDS: AtomicU64 = AtomicU64::new(0);
/// Tests that have waits skipped.
static FAKED: AtomicU32 = AtomicU32::new(0);

/// Whether waits are skipped: for tests alone.
pub fn is_faked() -> bool {
    FAKED.load(Ordering::Acquire) > 0
}

/// Begins or ends a test in which every wait of ours is skipped by moving the clocks on.
pub fn fake(on: bool) {
    if on {
        FAKED.fetch_add(1, Ordering::AcqRel);
    } else if FAKED.fetch_update(Ordering::AcqRel, Ordering::Acquire, |tests| tests.checked_sub(1)) == Ok(1) {
        WALL_STANDS.store(MOVED.load(Ordering::Acquire), Ordering::Release);
    }
}

/// Furthest that the clocks are moved: a century is more than any test needs, and far from where they end.
const MOST: u64 = 100 * 365 * 86_400 * 1_000_000_000;

/// Moves the clocks on, for tests.
pub fn advance(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let _ =
        MOVED.fetch_update(Ordering::AcqRel, Ordering::Acquire, |moved| Some(moved.saturating_add(nanos).min(MOST)));
}

/// Moves the clocks on to a moment of [`now`], for tests. Several who do so at once move them once.
pub fn advance_to(moment: Instant) {
    let ahead = moment.saturating_duration_since(Instant::now());
    MOVED.fetch_max(u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX).min(MOST), Ordering::AcqRel);
}

/// Moves the monotonic clock alone on: the wall clock has gone on by itself.
fn slept(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(MOST);
    // The wall clock's part first, so that nobody sees it too far on.
    WALL_STANDS.fetch_add(nanos, Ordering::AcqRel);
    advance(Duration::from_nanos(nanos));
}

/// What an instant of [`now`] is to timers, which know nothing of tests.
pub fn on_timers(at: Instant) -> Instant {
    at.checked_sub(Duration::from_nanos(MOVED.load(Ordering::Acquire))).unwrap_or(at)
}

/// A small random generator (xorshift64*) for jitter and incident ids; never for keys.
///
/// Seed it from the operating system with [`Dice::roll_new`], or with a number in tests.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Seeds from the operating system. Each call is a fresh seed, so forked processes differ.
    pub fn roll_new() -> Self {
        let mut seed = [0u8; 8];
        if getrandom::fill(&mut seed).is_err() {
            // No random source: the clock still keeps two processes apart, and nothing secret depends on it.
            let nanos = wall().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |d| d.as_nanos());
            return Self::fixed((nanos as u64) ^ (u64::from(std::process::id()) << 32));
        }
        Self::fixed(u64::from_le_bytes(seed))
    }

    /// A generator with a known seed, for tests and simulations.
    pub fn fixed(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number in `[0, 1)`, uniform.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Fills `buffer` with random bytes fit for keys and identifiers that must not be guessed.
///
/// # Errors
/// When the operating system has no random source.
pub fn random_bytes(buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_two_move_to_one_moment_is_moved_once() {
        let moment = now() + Duration::from_secs(50);
        advance_to(moment);
        advance_to(moment);
        advance_to(moment - Duration::from_secs(20));
        let now = now();
        assert!(moment <= now && now < moment + Duration::from_secs(5));
    }

    #[test]
    fn fractions_stay_in_the_unit_interval_and_vary() {
        let mut dice = Dice::fixed(7);
        let draws: Vec<f64> = (0..10_000).map(|_| dice.fraction()).collect();
        assert!(draws.iter().all(|f| (0.0..1.0).contains(f)));
        let mean = draws.iter().sum::<f64>() / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
    }

    #[test]
    fn two_fresh_dice_differ() {
        assert_ne!(Dice::roll_new().bits(), Dice::roll_new().bits());
    }
}
