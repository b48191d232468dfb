//! `Secret` in Python: prints its name, refuses everything that would copy its value elsewhere.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::error::Raise;
use crate::secret::Secret;
use crate::secrets;

/// A loaded secret. Prints its source, never its value.
///
/// Load one with `botsec.secret("env:NAME")`. It may stand as a leaf in `headers`, `params`, `data` and `json`, and is
/// sent to its hosts only. Pickling, copying, hashing and JSON raise `TypeError`; `==` takes constant time.
#[pyclass(frozen, name = "Secret", module = "botsec")]
pub(super) struct PySecret(pub(super) Secret);

#[pymethods]
impl PySecret {
    /// Where it comes from, such as `env:MY_KEY`.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The version at its source, where the source has versions.
    #[getter]
    fn version(&self) -> Option<&str> {
        self.0.version()
    }

    /// The hosts it may be sent to; `None` means the client's own origin.
    #[getter]
    fn hosts(&self) -> Option<Vec<String>> {
        self.0.hosts().map(<[String]>::to_vec)
    }

    /// A keyed hash of the value: equal within this process for equal values.
    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    /// Return the value. Every call of this is a place to review.
    fn reveal<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.0.reveal())
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __str__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __format__(&self, _spec: &Bound<'_, PyAny>) -> String {
        format!("{:?}", self.0)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<PySecret>().is_ok_and(|other| self.0.same_as(&other.get().0))
    }

    fn __hash__(&self) -> PyResult<isize> {
        Err(refuse("hashed"))
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(refuse("pickled"))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(refuse("pickled"))
    }

    fn __getstate__(&self) -> PyResult<()> {
        Err(refuse("pickled"))
    }

    fn __copy__(&self) -> PyResult<()> {
        Err(refuse("copied"))
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(refuse("copied"))
    }

    fn __bool__(&self) -> bool {
        true
    }
}

fn refuse(done: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "A Secret cannot be {done}; pass the object itself, or call reveal() where the value is needed."
    ))
}

/// Load `source`; `hosts` are the hosts it may be sent to.
#[pyfunction]
#[pyo3(signature = (source, hosts=None))]
pub(super) fn load_secret(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    hosts: Option<&Bound<'_, PyAny>>,
) -> PyResult<PySecret> {
    let Ok(source) = source.cast::<PyString>() else {
        return Err(PyTypeError::new_err("secret() takes a source such as `env:MY_KEY` as a str."));
    };
    let hosts = hosts.map(|hosts| super::convert::strings(hosts, "hosts")).transpose()?;
    let source = source.to_string_lossy().into_owned();
    secrets::load(&source, hosts).or_raise(py).map(PySecret)
}
