//! `Tls` in Python.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use super::convert::strings;
use super::error::{Raise, wrong_type, wrong_value};
use super::secret::PySecret;
use crate::secret::Secret;
use crate::transport;

/// TLS options. There is none that weakens verification.
///
/// Args:
///     ca_file: PEM file of further certificate authorities to trust.
///     ca_only: Trust these alone, not the platform's.
///     pins: Digests of public keys (`"sha256/…"`, base64 of the SubjectPublicKeyInfo's SHA-256), at least two, of which one
///         must be the server's own; with `ca_only` any key on the verified path counts.
///     client_cert: `(file, Secret)`: PEM file of the client's certificate chain, and its private key in PEM.
///     crls: PEM files of revocation lists; needs `ca_only`. A certificate that no list tells of is refused.
///     min_version: `"1.2"` or `"1.3"`.
///
/// Raises:
///     TlsError: A file cannot be used, or a root has expired or breaks RFC 5280.
#[pyclass(frozen, eq, module = "botsec")]
#[derive(Clone, PartialEq)]
pub(super) struct Tls {
    tls: transport::Tls,
    shown: String,
}

#[pymethods]
impl Tls {
    #[new]
    #[pyo3(signature = (*, ca_file=None, ca_only=false, pins=None, client_cert=None, crls=None, min_version="1.2"))]
    fn new(
        py: Python<'_>,
        ca_file: Option<PathBuf>,
        ca_only: bool,
        pins: Option<&Bound<'_, PyAny>>,
        client_cert: Option<&Bound<'_, PyAny>>,
        crls: Option<&Bound<'_, PyAny>>,
        min_version: &str,
    ) -> PyResult<Self> {
        let modern = match min_version {
            "1.2" => false,
            "1.3" => true,
            _ => return Err(wrong_value("`min_version` is \"1.2\" or \"1.3\".")),
        };
        let pins = pins.map_or(Ok(Vec::new()), |pins| strings(pins, "pins"))?;
        let crls = crls.map_or(Ok(Vec::new()), paths)?;
        let client_cert = client_cert.map(identity).transpose()?;
        let shown = shown(ca_file.as_ref(), ca_only, pins.len(), client_cert.as_ref(), crls.len(), min_version);
        let options = transport::TlsOptions { ca_file, ca_only, pins, crls, client_cert, modern };
        let tls = py.detach(|| transport::Tls::new(options)).or_raise(py)?;
        Ok(Self { tls, shown })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

fn shown(
    ca_file: Option<&PathBuf>,
    ca_only: bool,
    pins: usize,
    client: Option<&(PathBuf, Secret)>,
    crls: usize,
    min_version: &str,
) -> String {
    let quoted = |path: &PathBuf| format!("{:?}", path.display().to_string());
    let file = ca_file.map_or_else(|| "None".to_owned(), quoted);
    let ca_only = if ca_only { "True" } else { "False" };
    let mut shown = format!("Tls(ca_file={file}, ca_only={ca_only}");
    if pins > 0 {
        shown.push_str(&format!(", pins=<{pins}>"));
    }
    if let Some((file, key)) = client {
        shown.push_str(&format!(", client_cert=({}, {key:?})", quoted(file)));
    }
    if crls > 0 {
        shown.push_str(&format!(", crls=<{crls}>"));
    }
    shown.push_str(&format!(", min_version='{min_version}')"));
    shown
}

fn paths(given: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let wrong = || wrong_type("`crls` takes a list of paths.");
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        return given.try_iter()?.map(|path| path?.extract().map_err(|_| wrong())).collect();
    }
    if given.is_instance_of::<PyString>() || given.hasattr("__fspath__")? {
        return Ok(vec![given.extract().map_err(|_| wrong())?]);
    }
    Err(wrong())
}

fn identity(given: &Bound<'_, PyAny>) -> PyResult<(PathBuf, Secret)> {
    let wrong = || wrong_type("`client_cert` takes (file, Secret): the key comes from botsec.secret(\"file:…\").");
    let (file, key) = given.extract::<(PathBuf, Bound<'_, PyAny>)>().map_err(|_| wrong())?;
    let key = &key.cast::<PySecret>().map_err(|_| wrong())?.get().0;
    // As it is now: a TLS configuration does not change under its connections.
    let version = key.reveal().or_raise(given.py())?;
    Ok((file, key.frozen(version)))
}

/// `tls=` of a client.
pub(super) fn read(given: &Bound<'_, PyAny>) -> PyResult<transport::Tls> {
    let tls = given.cast::<Tls>().map_err(|_| wrong_type("`tls` takes a Tls; verification cannot be turned off."))?;
    Ok(tls.get().tls.clone())
}
