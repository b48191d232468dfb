//! `Proxy` in Python.

use pyo3::prelude::*;

use super::error::{Raise, wrong_type, wrong_value};
use super::secret::PySecret;
use crate::client::proxy_from_environment;
use crate::transport;

/// An explicit proxy: CONNECT only, so TLS to the API stays end to end.
///
/// Args:
///     url: `http://host:port` or `https://host:port`.
///     auth: `(user, Secret)` for the proxy.
///     allow_plain_auth: Accept that an http proxy gets its credentials in clear.
///     filters_addresses: Declares that the proxy refuses addresses that are not public, which `open_web` needs.
#[pyclass(frozen, module = "botsec")]
pub(super) struct Proxy {
    proxy: transport::Proxy,
    shown: String,
}

#[pymethods]
impl Proxy {
    #[new]
    #[pyo3(signature = (url, *, auth=None, allow_plain_auth=false, filters_addresses=false))]
    fn new(
        py: Python<'_>,
        url: &str,
        auth: Option<(String, Bound<'_, PyAny>)>,
        allow_plain_auth: bool,
        filters_addresses: bool,
    ) -> PyResult<Self> {
        let auth = match auth {
            None => None,
            Some((user, secret)) => match secret.cast::<PySecret>() {
                Ok(secret) => Some((user, secret.get().0.clone())),
                Err(_) => {
                    return Err(wrong_type("The proxy's password is a Secret: botsec.secret(\"env:PROXY_PASSWORD\")."));
                }
            },
        };
        let proxy = transport::Proxy::new(url, auth, allow_plain_auth).or_raise(py)?;
        let proxy = proxy.filtering(filters_addresses);
        Ok(Self { proxy, shown: format!("Proxy('{url}')") })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// `proxy=` of a client: a `Proxy`, or `"env"`.
pub(super) fn read(given: &Bound<'_, PyAny>) -> PyResult<Option<transport::Proxy>> {
    if let Ok(proxy) = given.cast::<Proxy>() {
        return Ok(Some(proxy.get().proxy.clone()));
    }
    match given.extract::<&str>() {
        Ok("env") => proxy_from_environment().or_raise(given.py()),
        Ok(_) => Err(wrong_value("`proxy` takes a Proxy, or \"env\" for the environment's.")),
        Err(_) => Err(wrong_type("`proxy` takes a Proxy, or \"env\" for the environment's.")),
    }
}
