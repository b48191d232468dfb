//! `Gcp` in Python: Google Secret Manager.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::convert::{strings, type_name};
use super::error::{Raise, wrong_type};
use super::provider::{PyProvider, reach};
use super::secret::PySecret;
use crate::secrets::{self, GcpCredentials, GcpOptions, Reach};

/// Google Secret Manager, for sources such as `gcp-sm:project/name?version=latest&field=key`.
///
/// A secret may also be named in full: `gcp-sm:projects/P/secrets/S/versions/V`, or with `/locations/L` for a regional one.
/// Each payload's CRC32C checksum is verified.
///
/// Args:
///     credentials: A `Secret` with the JSON of a credential file (service account key, authorised user, workload identity
///         federation with a token from a file or an https URL, impersonation), or `"metadata"` for the machine's own account.
///     endpoint: Another endpoint than Google's, such as `"https://secretmanager-psc.p.googleapis.com"`.
///     hosts: Hosts beside Google's that the credentials may name for tokens, such as `["sts.example.com"]`.
///     networks: Networks that are not public, such as `"private"`, for the endpoint and the hosts of tokens.
///     tls: TLS options.
///
/// Raises:
///     TypeError: The credentials are neither a `Secret` nor `"metadata"`.
///     InsecureUrlError: The endpoint is not https.
///     SecretAccessError: The credentials cannot be used; the message names the field that is wrong.
#[pyclass(frozen, extends = PyProvider, module = "botsec")]
pub(super) struct Gcp;

#[pymethods]
impl Gcp {
    #[new]
    #[pyo3(signature = (credentials, *, endpoint=None, hosts=None, networks=None, tls=None))]
    fn new(
        py: Python<'_>,
        credentials: &Bound<'_, PyAny>,
        endpoint: Option<String>,
        hosts: Option<&Bound<'_, PyAny>>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let credentials = match credentials.cast::<PySecret>() {
            Ok(secret) => GcpCredentials::Json(secret.get().0.clone()),
            Err(_) if credentials.cast::<PyString>().is_ok_and(|text| text == "metadata") => GcpCredentials::Metadata,
            Err(_) => {
                return Err(wrong_type(format!(
                    "`credentials` is a Secret, such as botsec.secret(\"file:/run/secrets/gcp.json\"), or \"metadata\", not {}.",
                    type_name(credentials)
                )));
            }
        };
        made(py, credentials, endpoint, hosts, reach("", networks, tls)?)
    }

    /// Take Google's application default credentials: the file of `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's, or the machine's.
    #[classmethod]
    #[pyo3(signature = (*, endpoint=None, hosts=None, networks=None, tls=None))]
    fn from_env(
        cls: &Bound<'_, PyType>,
        endpoint: Option<String>,
        hosts: Option<&Bound<'_, PyAny>>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Self>> {
        let py = cls.py();
        let credentials = py.detach(GcpCredentials::from_env).or_raise(py)?;
        Py::new(py, made(py, credentials, endpoint, hosts, reach("", networks, tls)?)?)
    }
}

fn made(
    py: Python<'_>,
    credentials: GcpCredentials,
    endpoint: Option<String>,
    hosts: Option<&Bound<'_, PyAny>>,
    reach: Reach,
) -> PyResult<PyClassInitializer<Gcp>> {
    let hosts = hosts.map(|hosts| strings(hosts, "hosts")).transpose()?.unwrap_or_default();
    let who = match &credentials {
        GcpCredentials::Json(secret) => format!("{secret:?}"),
        GcpCredentials::Metadata => "'metadata'".to_owned(),
    };
    let options = GcpOptions { credentials, endpoint, hosts, reach };
    let provider = py.detach(|| secrets::Gcp::new(options)).or_raise(py)?;
    Ok(PyClassInitializer::from(PyProvider::new(Arc::new(provider), format!("Gcp({who})"))).add_subclass(Gcp))
}
