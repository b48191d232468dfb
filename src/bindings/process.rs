//! What the kernel may do with the memory of this process: dumps and debuggers.

use pyo3::prelude::*;

/// Forbid dumps of this process's memory and debuggers of the same user; None where the platform has no such switch.
#[pyfunction]
pub(super) fn forbid_dumps() -> Option<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        Some(set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok())
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Whether dumps and debuggers are allowed; None where nobody can say.
#[pyfunction]
pub(super) fn allows_dumps() -> Option<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        dumpable_behavior().ok().map(|behavior| behavior == DumpableBehavior::Dumpable)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
