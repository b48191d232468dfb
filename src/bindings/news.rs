//! What happened to secrets, told by whoever ends a call: as records of the logger, and to the callbacks of rotations.

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::log;
use crate::fork::Lock;
use crate::redact;
use crate::secret::{Faint, Happened, News, Secret, news};

/// Callbacks by their secret.
static HOOKS: Lock<Vec<(usize, Faint, Py<PyAny>)>> = Lock::new(Vec::new());

/// Has `callback` called with each rotation of `secret`, as long as somebody holds it.
pub(super) fn hook(secret: &Secret, callback: Py<PyAny>) {
    let (gone, known): (Vec<_>, Vec<_>) =
        std::mem::take(&mut *HOOKS.lock()).into_iter().partition(|(_, faint, _)| faint.get().is_none());
    let mut hooks = HOOKS.lock();
    hooks.extend(known);
    hooks.push((secret.id(), secret.faint(), callback));
    drop(hooks);
    drop(gone);
}

/// Tells everything that nobody has told yet.
pub(super) fn tell(py: Python<'_>) {
    for news in news::take() {
        if let Err(error) = tell_one(py, &news) {
            error.write_unraisable(py, None);
        }
    }
}

fn tell_one(py: Python<'_>, news: &News) -> PyResult<()> {
    let name = redact::scrub(&news.name).into_owned();
    match &news.happened {
        Happened::Rotated { old, new } => {
            let line = format!("secret {name} rotated from={old} to={new}");
            log::record(py, 20, &line)?;
            let callbacks: Vec<Py<PyAny>> = {
                let hooks = HOOKS.lock();
                hooks.iter().filter(|(id, ..)| *id == news.id).map(|(.., callback)| callback.clone_ref(py)).collect()
            };
            if callbacks.is_empty() {
                return Ok(());
            }
            py.import("botsec._rotate")?
                .call_method1("tell", (PyList::new(py, callbacks)?, name, old.as_str(), new.as_str()))?;
            Ok(())
        }
        Happened::Failed { code, serves } => {
            let line = format!("secret {name} cannot be read code={code} old_value_serves={serves}");
            log::record(py, 30, &line)
        }
        Happened::Short => {
            log::record(py, 30, &format!("secret {name} is shorter than 8 bytes: it is not searched for in texts"))
        }
    }
}
