//! Waits on a clock that a test skips: whoever waits for the earliest moment moves the clock on to it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;
use crate::fork::Lock;

/// The moments that somebody waits for.
static MOMENTS: Lock<BTreeSet<(Instant, u64)>> = Lock::new(BTreeSet::new());
static NUMBERS: AtomicU64 = AtomicU64::new(0);
/// Between two looks of those who wait for a later moment than others.
const LOOK: Duration = Duration::from_millis(1);
/// Looks after which the others are taken for gone: their threads may stand still.
const LOOKS: u32 = 50;

/// A moment that is waited for.
struct Sleeper((Instant, u64));

impl Sleeper {
    fn until(moment: Instant) -> Self {
        let entry = (moment, NUMBERS.fetch_add(1, Ordering::Relaxed));
        MOMENTS.lock().insert(entry);
        Self(entry)
    }

    fn is_first(&self) -> bool {
        MOMENTS.lock().first() == Some(&self.0)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        MOMENTS.lock().remove(&self.0);
    }
}

/// Ends at `moment`, to which the clock is moved once nobody waits for an earlier one.
pub(super) async fn until(moment: Instant) {
    let sleeper = Sleeper::until(moment);
    // Whoever is about to wait says so first.
    tokio::task::yield_now().await;
    for _ in 0..LOOKS {
        if clock::now() >= moment {
            return;
        }
        if sleeper.is_first() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    clock::advance_to(moment);
}
