//! Our errors as Python exceptions. The classes are resolved once, when the module loads.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::response::Response;
use crate::error::{Class, Code, Error};
use crate::pipeline::Failure;
use crate::{redact, secrets};

static BUILD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Finds `botsec.errors._build`, so that raising never has to import.
pub(super) fn resolve(py: Python<'_>) -> PyResult<()> {
    let build = py.import("botsec.errors")?.getattr("_build")?.unbind();
    let _ = BUILD.set(py, build);
    Ok(())
}

/// An error of our tree, or Python's own for wrong use.
pub(super) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    match error.code().class() {
        Class::TypeError => PyTypeError::new_err(spelled(error)),
        Class::ValueError => PyValueError::new_err(spelled(error)),
        _ => build(py, error, None).unwrap_or_else(|err| err),
    }
}

/// A failed call's error with the answer it is about.
pub(super) fn raise_failure(py: Python<'_>, failure: Failure, proxied: bool) -> PyErr {
    let Failure { mut error, response } = failure;
    let unconnected =
        matches!(error.code(), Code::TransportConnect | Code::TransportConnectTimeout | Code::TransportDns);
    if unconnected && !proxied && error.hint_text().is_none() && secrets::proxy_is_set() {
        error = error.hint("HTTPS_PROXY is set and not used: pass proxy=\"env\" if the network needs it");
    }
    match (error.code().class(), response) {
        (Class::TypeError | Class::ValueError, _) | (_, None) => raise(py, &error),
        (_, Some(response)) => {
            let response = Response::whole(response);
            let built = Py::new(py, response).and_then(|response| build(py, &error, Some(response.into_any())));
            built.unwrap_or_else(|err| err)
        }
    }
}

fn spelled(error: &Error) -> String {
    let mut text = error.user_message().to_owned();
    if let Some(hint) = error.hint_text() {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    text
}

fn build(py: Python<'_>, error: &Error, response: Option<Py<PyAny>>) -> PyResult<PyErr> {
    let Some(build) = BUILD.get(py) else {
        return Ok(PyValueError::new_err("botsec.errors is not loaded"));
    };
    let details = PyDict::new(py);
    for (key, value) in error.details() {
        details.set_item(key, redact::scrub(value).as_ref())?;
    }
    let class = format!("{:?}", error.code().class());
    let arguments = (
        class,
        error.code().as_str(),
        redact::scrub(error.user_message()).into_owned(),
        error.incident(),
        error.retry_after().map(|wait| wait.as_secs_f64()),
        details,
        error.hint_text().map(|hint| redact::scrub(hint).into_owned()),
        response,
    );
    Ok(PyErr::from_value(build.bind(py).call1(arguments)?))
}

/// The exception of a code of the table, for rooms that live in Python; `said` stands where errors at start-up name things.
#[pyfunction]
#[pyo3(signature = (code, *, said=None, reason=None, hint=None))]
pub(super) fn make_error(
    py: Python<'_>,
    code: &str,
    said: Option<&str>,
    reason: Option<&str>,
    hint: Option<&str>,
) -> PyResult<Py<PyAny>> {
    let mut error = Error::new(Code::parse(code).ok_or_else(|| wrong_value("That error code is not in the table."))?);
    if let Some(said) = said {
        error = error.saying(said);
    }
    if let Some(reason) = reason {
        error = error.with("reason", reason);
    }
    if let Some(hint) = hint {
        error = error.hint(hint);
    }
    Ok(raise(py, &error).into_value(py).into_any())
}

/// `TypeError` with a text of ours.
pub(super) fn wrong_type(text: impl Into<String>) -> PyErr {
    PyTypeError::new_err(text.into())
}

/// `ValueError` with a text of ours.
pub(super) fn wrong_value(text: impl Into<String>) -> PyErr {
    PyValueError::new_err(text.into())
}

/// The error for our own bug.
pub(super) fn internal() -> Error {
    Error::new(Code::Internal).with("reason", "a panic was caught; please report it with the incident id")
}

/// Converts in `?` position where a `Python` token is at hand.
pub(super) trait Raise<T> {
    /// Turns our error into a Python exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> Raise<T> for Result<T, Error> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raise(py, &error))
    }
}

/// An error about an answer that Python holds already.
pub(super) fn raise_with(py: Python<'_>, error: &Error, response: Py<PyAny>) -> PyErr {
    build(py, error, Some(response)).unwrap_or_else(|err| err)
}
