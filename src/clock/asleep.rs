//! Time that the machine slept: the monotonic clock of Linux and macOS stands still meanwhile, and quotas of others do not.
//!
//! Without it a laptop that slept for an hour would wait for a window that ended long ago.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Two clocks are not read at one moment: what they differ by then is no sleep.
const NOISE: Duration = Duration::from_secs(1);

/// How many nanoseconds the machine had slept when somebody last looked.
static SEEN: AtomicU64 = AtomicU64::new(UNSEEN);
const UNSEEN: u64 = u64::MAX;

/// Moves the monotonic clock on by what the machine slept since the last look; whether it did. The first look only takes note.
pub fn catch_up() -> bool {
    let slept = system::asleep().and_then(|asleep| since(&SEEN, asleep));
    if let Some(time) = slept {
        super::slept(time);
    }
    slept.is_some()
}

/// What was slept since the last look, when it slept `asleep` in all by now. Of several who look at once one is told.
fn since(seen: &AtomicU64, asleep: Duration) -> Option<Duration> {
    let asleep = u64::try_from(asleep.as_nanos()).ok()?;
    let before = seen.load(Ordering::Acquire);
    let slept = Duration::from_nanos(asleep.saturating_sub(before));
    if before != UNSEEN && slept <= NOISE {
        return None;
    }
    let is_mine = seen.compare_exchange(before, asleep, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    (is_mine && before != UNSEEN).then_some(slept)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod system {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// The clock that goes on, and the one that stands, which is that of `Instant`.
    #[cfg(target_os = "linux")]
    const CLOCKS: (ClockId, ClockId) = (ClockId::Boottime, ClockId::Monotonic);

    /// How long the machine slept since it was started.
    #[cfg(target_os = "linux")]
    pub(super) fn asleep() -> Option<Duration> {
        let (always, awake) = CLOCKS;
        read(always).zip(read(awake)).map(|(always, awake)| always.saturating_sub(awake))
    }

    /// How long the machine slept since the first look. Source: clock_gettime(3) of macOS, whose monotonic clock goes on.
    #[cfg(target_os = "macos")]
    pub(super) fn asleep() -> Option<Duration> {
        use std::sync::OnceLock;
        use std::time::Instant;
        static FIRST: OnceLock<(Duration, Instant)> = OnceLock::new();
        let always = read(ClockId::Monotonic)?;
        let (first, begun) = FIRST.get_or_init(|| (always, Instant::now()));
        Some(always.saturating_sub(*first).saturating_sub(begun.elapsed()))
    }

    fn read(clock: ClockId) -> Option<Duration> {
        let time = clock_gettime(clock);
        Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }
}

/// The monotonic clock of Windows counts sleep.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod system {
    pub(super) fn asleep() -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{now, slept, wall};

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_was_slept_counts_once_and_noise_does_not() {
        let seen = AtomicU64::new(UNSEEN);
        assert_eq!(since(&seen, HOUR), None, "before the first look");
        assert_eq!(since(&seen, HOUR + NOISE), None);
        assert_eq!(since(&seen, HOUR - NOISE), None);
        assert_eq!(since(&seen, HOUR * 3), Some(HOUR * 2));
        assert_eq!(since(&seen, HOUR * 3), None);
    }

    #[test]
    fn sleep_moves_the_monotonic_clock_and_leaves_the_wall_clock() {
        let (mono, told) = (now(), wall());
        slept(HOUR);
        assert!((HOUR..HOUR + Duration::from_secs(60)).contains(&now().duration_since(mono)));
        assert!(wall().duration_since(told).is_ok_and(|passed| passed < Duration::from_secs(60)));
    }

    #[test]
    fn a_machine_that_is_awake_has_not_slept() {
        catch_up();
        assert!(!catch_up());
    }
}
