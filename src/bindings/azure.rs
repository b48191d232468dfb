//! `Azure` in Python: Key Vault, and who asks it.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::auth::secret_of;
use super::convert::type_name;
use super::error::{Raise, wrong_type};
use super::provider::{PyProvider, reach};
use crate::secrets::{self, AzureCredentials, AzureEnvironment, AzureOptions, Reach};

/// An Azure Key Vault, for sources such as `azure-kv:name?version=…&field=key`.
///
/// The vault's challenge must ask for a token of the vault's own resource; for any other no token is requested. A secret that is
/// disabled, expired or not active yet is refused.
///
/// Args:
///     vault_url: The vault, such as `"https://myvault.vault.azure.net"`.
///     credentials: An `AzureClientSecret`, `AzureWorkloadIdentity` or `AzureManagedIdentity`, or `"metadata"` for the machine's
///         own identity.
///     authority: Where tokens come from, such as `"https://login.microsoftonline.us"`; the public cloud unless given.
///     networks: Networks that are not public, such as `"private"`, for the vault and the authority.
///     tls: TLS options.
///
/// Raises:
///     TypeError: The credentials are none of these.
///     InsecureUrlError: The vault's URL is not https.
///     ValueError: The authority, an id or a network is not understood.
#[pyclass(frozen, extends = PyProvider, module = "botsec")]
pub(super) struct Azure;

#[pymethods]
impl Azure {
    #[new]
    #[pyo3(signature = (vault_url, *, credentials, authority=None, networks=None, tls=None))]
    fn new(
        py: Python<'_>,
        vault_url: &str,
        credentials: &Bound<'_, PyAny>,
        authority: Option<String>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let credentials = credentials_of(credentials)?;
        made(py, credentials, authority, true, reach(vault_url, networks, tls)?)
    }

    /// Take what Azure's own libraries take from the environment: an application's secret or federated token, else the machine.
    ///
    /// Reads `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`, `AZURE_FEDERATED_TOKEN_FILE` and `AZURE_AUTHORITY_HOST`,
    /// which must be one of Microsoft's unless `authority` is given.
    #[classmethod]
    #[pyo3(signature = (vault_url, *, authority=None, networks=None, tls=None))]
    fn from_env(
        cls: &Bound<'_, PyType>,
        vault_url: &str,
        authority: Option<String>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Self>> {
        let py = cls.py();
        let found = py.detach(AzureEnvironment::read).or_raise(py)?;
        let given = authority.is_some();
        let made = made(py, found.credentials, authority.or(found.authority), given, reach(vault_url, networks, tls)?)?;
        Py::new(py, made)
    }
}

fn made(
    py: Python<'_>,
    credentials: AzureCredentials,
    authority: Option<String>,
    trusts_authority: bool,
    reach: Reach,
) -> PyResult<PyClassInitializer<Azure>> {
    let who = shown(&credentials);
    let options = AzureOptions { reach, credentials, authority, trusts_authority };
    let provider = py.detach(|| secrets::Azure::new(options)).or_raise(py)?;
    let shown = format!("Azure('https://{}', credentials={who})", provider.host());
    let base = PyProvider::new(Arc::new(provider), shown);
    Ok(PyClassInitializer::from(base).add_subclass(Azure))
}

/// An application of Microsoft Entra with its secret.
///
/// Args:
///     tenant: The tenant's id or domain.
///     client_id: The application's id.
///     secret: Its secret, as a `Secret`.
#[pyclass(frozen, module = "botsec")]
pub(super) struct AzureClientSecret(AzureCredentials);

#[pymethods]
impl AzureClientSecret {
    #[new]
    fn new(tenant: String, client_id: String, secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(AzureCredentials::Secret { tenant, client_id, secret: secret_of(secret)? }))
    }

    fn __repr__(&self) -> String {
        shown(&self.0)
    }
}

/// An application of Microsoft Entra that trusts tokens of somebody else, such as those of a Kubernetes service account.
///
/// Args:
///     tenant: The tenant's id or domain.
///     client_id: The application's id.
///     token: The federated token as a `Secret`, such as `botsec.secret("file:/var/run/secrets/azure/tokens/azure-identity-token")`;
///         it is read again for each login.
#[pyclass(frozen, module = "botsec")]
pub(super) struct AzureWorkloadIdentity(AzureCredentials);

#[pymethods]
impl AzureWorkloadIdentity {
    #[new]
    fn new(tenant: String, client_id: String, token: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(AzureCredentials::Assertion { tenant, client_id, token: secret_of(token)? }))
    }

    fn __repr__(&self) -> String {
        shown(&self.0)
    }
}

/// The managed identity of the virtual machine that the bot runs on.
///
/// Args:
///     client_id: Which of several identities; the machine's only one unless given.
#[pyclass(frozen, module = "botsec")]
pub(super) struct AzureManagedIdentity(AzureCredentials);

#[pymethods]
impl AzureManagedIdentity {
    #[new]
    #[pyo3(signature = (client_id=None))]
    fn new(client_id: Option<String>) -> Self {
        Self(AzureCredentials::Machine { client_id })
    }

    fn __repr__(&self) -> String {
        shown(&self.0)
    }
}

/// `credentials=`.
fn credentials_of(given: &Bound<'_, PyAny>) -> PyResult<AzureCredentials> {
    if let Ok(found) = given.cast::<AzureClientSecret>() {
        Ok(found.get().0.clone())
    } else if let Ok(found) = given.cast::<AzureWorkloadIdentity>() {
        Ok(found.get().0.clone())
    } else if let Ok(found) = given.cast::<AzureManagedIdentity>() {
        Ok(found.get().0.clone())
    } else if given.cast::<PyString>().is_ok_and(|text| text == "metadata") {
        Ok(AzureCredentials::Machine { client_id: None })
    } else {
        Err(wrong_type(format!(
            "`credentials` takes an AzureClientSecret, AzureWorkloadIdentity or AzureManagedIdentity, or \"metadata\", not {}.",
            type_name(given)
        )))
    }
}

fn shown(credentials: &AzureCredentials) -> String {
    match credentials {
        AzureCredentials::Secret { tenant, client_id, secret } => {
            format!("AzureClientSecret({tenant:?}, {client_id:?}, {secret:?})")
        }
        AzureCredentials::Assertion { tenant, client_id, token } => {
            format!("AzureWorkloadIdentity({tenant:?}, {client_id:?}, {token:?})")
        }
        AzureCredentials::Machine { client_id: None } => "AzureManagedIdentity()".to_owned(),
        AzureCredentials::Machine { client_id: Some(id) } => format!("AzureManagedIdentity({id:?})"),
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Azure>()?;
    module.add_class::<AzureClientSecret>()?;
    module.add_class::<AzureWorkloadIdentity>()?;
    module.add_class::<AzureManagedIdentity>()
}
