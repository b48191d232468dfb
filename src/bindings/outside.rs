//! Secrets that a Python callable brings: `provider=` as a function, sync or async.
//!
//! It is called by whoever makes a call or loads the secret, never on a thread of ours, and by one caller at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::error::wrong_type;
use super::secret::PySecret;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::{Bounds, Fault, Renew, Secret, Terms};
use crate::secrets;

/// A callable, and the source that it is asked for.
pub(super) struct Outside {
    callable: Py<PyAny>,
    source: String,
}

/// Stands where a reader of ours would: Python is not called from here.
struct Elsewhere;

static KNOWN: Lock<Vec<(usize, crate::secret::Faint, Arc<Outside>)>> = Lock::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Renew for Elsewhere {
    fn start(&self, _: &Secret) -> Result<(), Error> {
        Err(Error::new(Code::SecretAccess)
            .with("reason", "its callable was not asked yet")
            .hint("call its load(), or `await botsec.secret_async(…)`, before it stands in a request"))
    }

    fn is_outside(&self) -> bool {
        true
    }
}

/// A secret that `callable` brings.
pub(super) fn open(source: &str, callable: Py<PyAny>, terms: Terms, bounds: Option<Arc<dyn Bounds>>) -> Secret {
    let secret = Secret::moving(source, terms, Arc::new(Elsewhere), bounds);
    let outside = Arc::new(Outside { callable, source: source.to_owned() });
    let known = std::mem::take(&mut *KNOWN.lock());
    let (gone, mut known): (Vec<_>, Vec<_>) = known.into_iter().partition(|(_, faint, _)| faint.get().is_none());
    known.push((secret.id(), secret.faint(), outside));
    COUNT.store(known.len(), Ordering::Release);
    KNOWN.lock().extend(known);
    drop(gone);
    secret
}

pub(super) fn of(secret: &Secret) -> Option<Arc<Outside>> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return None;
    }
    KNOWN.lock().iter().find(|(id, ..)| *id == secret.id()).map(|(.., outside)| outside.clone())
}

/// Whether any of these secrets comes from a callable.
pub(super) fn any<'a>(mut secrets: impl Iterator<Item = &'a Secret>) -> bool {
    COUNT.load(Ordering::Acquire) > 0 && secrets.any(Secret::is_outside)
}

/// Whether a callable is to be asked for any of these secrets now.
pub(super) fn any_due<'a>(mut secrets: impl Iterator<Item = &'a Secret>) -> bool {
    COUNT.load(Ordering::Acquire) > 0 && secrets.any(|secret| secret.is_outside() && secret.is_due())
}

/// Asks the callables of these secrets that are due, on this thread.
pub(super) fn read<'a>(py: Python<'_>, secrets: impl Iterator<Item = &'a Secret>) -> PyResult<()> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    for secret in secrets.filter(|secret| secret.is_outside() && secret.is_due()) {
        ask(py, secret, false)?;
    }
    Ok(())
}

/// Asks a secret's callable on this thread, if it has one and that is due, or `again`; whether it has one.
pub(super) fn ask(py: Python<'_>, secret: &Secret, again: bool) -> PyResult<bool> {
    if of(secret).is_none() {
        return Ok(false);
    }
    py.import("botsec._outside")?.call_method1("read", (PySecret(secret.clone()), again))?;
    Ok(true)
}

/// Asks the callable of a secret on this thread, for a reading that has begun.
pub(super) fn finish(py: Python<'_>, secret: &Secret) -> PyResult<()> {
    py.import("botsec._outside")?.call_method1("finish", (PySecret(secret.clone()),)).map(drop)
}

/// The callable and the source to ask it for, if this secret has one and it is due; whoever gets them says how it ended.
pub(super) fn due<'py>(py: Python<'py>, secret: &Secret, again: bool) -> PyResult<Option<Bound<'py, PyTuple>>> {
    if of(secret).is_none() || !secret.claim(again) {
        return Ok(None);
    }
    call(py, secret)
}

/// The callable and the source to ask it for.
pub(super) fn call<'py>(py: Python<'py>, secret: &Secret) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let Some(outside) = of(secret) else { return Ok(None) };
    PyTuple::new(py, [outside.callable.bind(py).clone(), PyString::new(py, &outside.source).into_any()]).map(Some)
}

/// Takes in what a callable returned: a str, a str and the name of its version, or None where there is no such secret.
pub(super) fn found(secret: &Secret, found: &Bound<'_, PyAny>) -> PyResult<()> {
    if found.is_none() {
        ended(secret, "its callable returned None", true);
        return Ok(());
    }
    let taken = match found.extract::<(String, Option<String>)>() {
        Ok(taken) => Ok(taken),
        Err(_) => found.extract::<String>().map(|value| (value, None)),
    };
    let Ok((value, label)) = taken else {
        failed(secret, "TypeError", false);
        return Err(wrong_type(
            "The callable of `provider` returns a str, a tuple of a str and its version's name, or None.",
        ));
    };
    let value = zeroize::Zeroizing::new(value);
    secret.finish(secrets::found(&value, label, None));
    Ok(())
}

/// Takes in that a callable raised: `gone` when it said that there is no such secret.
pub(super) fn failed(secret: &Secret, kind: &str, gone: bool) {
    ended(secret, &format!("its callable raised {kind}"), gone);
}

fn ended(secret: &Secret, reason: &str, gone: bool) {
    let code = if gone { Code::SecretNotFound } else { Code::SecretAccess };
    let error = Error::new(code).with("reason", reason);
    secret.finish(Err(Fault { error, passing: !gone }));
}

/// The terms of a callable's secret: those of a manager.
pub(super) fn terms(given: Option<Terms>) -> Terms {
    given.unwrap_or(Terms { ttl: secrets::TTL, max_stale: Duration::from_secs(3600) })
}
