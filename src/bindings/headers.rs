//! `Response.headers`: a case-insensitive mapping that prints no credential.

use http::HeaderMap;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::redact;

/// Header fields of a response: a case-insensitive, read-only mapping.
///
/// `headers["name"]` joins repeated fields with `", "`; `get_list("name")` keeps them apart. Values are the server's own:
/// treat them as untrusted.
#[pyclass(frozen, mapping, module = "botsec")]
pub(super) struct Headers(pub(super) HeaderMap);

fn decode(bytes: &[u8]) -> String {
    // RFC 9110 §5.5: field values are bytes; Latin-1 shows each of them.
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

impl Headers {
    fn joined(&self, name: &str) -> Option<String> {
        let mut values = self.0.get_all(name).iter();
        let mut text = decode(values.next()?.as_bytes());
        for value in values {
            text.push_str(", ");
            text.push_str(&decode(value.as_bytes()));
        }
        Some(text)
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| name.as_str().to_owned()).collect()
    }
}

#[pymethods]
impl Headers {
    fn __getitem__(&self, name: &str) -> PyResult<String> {
        self.joined(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.cast::<PyString>().is_ok_and(|name| self.0.contains_key(name.to_string_lossy().as_ref()))
    }

    fn __len__(&self) -> usize {
        self.0.keys_len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.names())?.try_iter()?.into_any())
    }

    /// Return the value of `name`, or `default`.
    #[pyo3(signature = (name, default=None))]
    fn get(&self, py: Python<'_>, name: &str, default: Option<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        match self.joined(name) {
            Some(value) => Ok(Some(PyString::new(py, &value).into_any().unbind())),
            None => Ok(default),
        }
    }

    /// Return every value of `name`, in order.
    fn get_list(&self, name: &str) -> Vec<String> {
        self.0.get_all(name).iter().map(|value| decode(value.as_bytes())).collect()
    }

    /// Return the names, in lower case.
    fn keys(&self) -> Vec<String> {
        self.names()
    }

    /// Return the values, repeated fields joined.
    fn values(&self) -> Vec<String> {
        self.names().iter().filter_map(|name| self.joined(name)).collect()
    }

    /// Return names and values, repeated fields joined.
    fn items(&self) -> Vec<(String, String)> {
        self.names().into_iter().filter_map(|name| self.joined(&name).map(|value| (name, value))).collect()
    }

    fn __repr__(&self) -> String {
        let shown = |name: &str| if redact::is_sensitive_header(name) { None } else { self.joined(name) };
        let fields: Vec<String> = self
            .names()
            .iter()
            .map(|name| match shown(name) {
                Some(value) => format!("{name:?}: {:?}", redact::scrub(&value)),
                None => format!("{name:?}: '[redacted]'"),
            })
            .collect();
        format!("Headers({{{}}})", fields.join(", "))
    }
}
