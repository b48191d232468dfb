//! What both native measurements share: the allocator of botsec's wheel, and the clock that counts CPU.

use std::time::Duration;

use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};
use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

/// Anything that ends a measurement early.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// CPU time of the whole process, user and system.
pub fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
