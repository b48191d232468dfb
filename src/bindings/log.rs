//! Events as records of the Python logger `botsec`, emitted by whoever made the call, as the call returns or raises.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict};

use crate::encode;
use crate::observe::{Event, Level};
use crate::redact;

static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// The logger's own `isEnabledFor`, and the mapping in which it keeps its answers.
static IS_ENABLED: PyOnceLock<(Py<PyAny>, Option<Py<PyDict>>)> = PyOnceLock::new();

/// The logger `botsec`, with a NullHandler. Made with the first client, so that importing botsec imports no logging.
fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let logger = LOGGER.get_or_try_init(py, || {
        let logging = py.import("logging")?;
        let logger = logging.call_method1("getLogger", ("botsec",))?;
        logger.call_method1("addHandler", (logging.call_method0("NullHandler")?,))?;
        Ok::<_, PyErr>(logger.unbind())
    })?;
    Ok(logger.bind(py))
}

/// Makes the logger ready.
pub(super) fn prepare(py: Python<'_>) -> PyResult<()> {
    logger(py).map(drop)
}

/// Says in the log that environment variables choose which roots are trusted (rustls-native-certs reads them).
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
pub(super) fn tell_roots(py: Python<'_>) -> PyResult<()> {
    let environ = py.import("os")?.getattr("environ")?;
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let value = environ.call_method1("get", (name, ""))?.extract::<String>().unwrap_or_default();
        if !value.is_empty() {
            let path = encode::log(&redact::scrub(&value)).into_owned();
            logger(py)?.call_method1("info", ("trusted roots come from %s=%s", name, path))?;
        }
    }
    Ok(())
}

/// The platform's own store decides here; no variable does.
#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
pub(super) fn tell_roots(_: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// Says that a throttle gets along without its store, and why.
pub(super) fn tell_store(py: Python<'_>, news: &str) {
    let told = prepare(py).and_then(|()| logger(py)?.call_method1("warning", ("the store is not used: %s", news)));
    if let Err(error) = told {
        error.write_unraisable(py, None);
    }
}

/// One line at this level, about something that is no call.
pub(super) fn record(py: Python<'_>, level: u32, line: &str) -> PyResult<()> {
    logger(py)?.call_method1("log", (level, "%s", line)).map(drop)
}

/// Emits one event, and what happened to secrets meanwhile. A handler that raises is the application's own business and does not end the call.
pub(super) fn emit(py: Python<'_>, event: &Event) {
    if let Err(error) = try_emit(py, event) {
        error.write_unraisable(py, None);
    }
    super::news::tell(py);
}

/// Whether a record of this level is heard. Every call asks, and `isEnabledFor` is Python code: its answers are read where it
/// keeps them itself, and it is asked where there is none, or where it is not the standard library's.
fn is_enabled(logger: &Bound<'_, PyAny>, level: u32) -> PyResult<bool> {
    let py = logger.py();
    let (ask, kept) = IS_ENABLED.get_or_try_init(py, || {
        let ask = logger.getattr("isEnabledFor")?;
        let standard = py.import("logging")?.getattr("Logger")?.getattr("isEnabledFor")?;
        let is_standard = ask.getattr("__func__").is_ok_and(|function| function.is(&standard));
        let kept = logger.getattr("_cache").ok().and_then(|kept| kept.cast_into::<PyDict>().ok());
        Ok::<_, PyErr>((ask.unbind(), kept.filter(|_| is_standard).map(Bound::unbind)))
    })?;
    if let Some(kept) = kept
        && let Some(answer) = kept.bind(py).get_item(level)?
        && logger.getattr(pyo3::intern!(py, "disabled"))?.is(PyBool::new(py, false))
    {
        return answer.is_truthy();
    }
    ask.bind(py).call1((level,))?.is_truthy()
}

fn try_emit(py: Python<'_>, event: &Event) -> PyResult<()> {
    let level: u32 = match event.level() {
        Level::Info => 20,
        Level::Warning => 30,
        Level::Error => 40,
    };
    let logger = logger(py)?;
    if !is_enabled(logger, level)? {
        return Ok(());
    }
    let line = event.line();
    let fields = PyDict::new(py);
    fields.set_item("method", event.method_text())?;
    fields.set_item("host", event.host_text())?;
    fields.set_item("route", redact::scrub(&event.route).as_ref())?;
    fields.set_item("status", event.status)?;
    fields.set_item("code", event.code)?;
    fields.set_item("elapsed_s", event.elapsed.as_secs_f64())?;
    fields.set_item("queued_s", event.queued.as_secs_f64())?;
    fields.set_item("attempts", event.attempts)?;
    fields.set_item("redirects", event.redirects)?;
    fields.set_item("circuit", event.circuit.map(crate::throttle::Circuit::as_str))?;
    fields.set_item("store", event.store.as_deref())?;
    fields.set_item("incident", event.incident.as_deref())?;
    let extra = PyDict::new(py);
    extra.set_item("botsec", fields)?;
    let keywords = PyDict::new(py);
    keywords.set_item("extra", extra)?;
    logger.call_method("log", (level, "%s", redact::scrub(&line).as_ref()), Some(&keywords)).map(drop)
}
