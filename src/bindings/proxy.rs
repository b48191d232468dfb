//! `Proxy` in Python.

use pyo3::prelude::*;

use super::error::{Raise, wrong_type};
use super::secret::PySecret;
use crate::transport;

/// An explicit proxy: CONNECT only, so TLS to the API stays end to end.
///
/// Args:
///     url: `http://host:port` or `https://host:port`.
///     auth: `(user, Secret)` for the proxy.
///     allow_plain_auth: Accept that an http proxy gets its credentials in clear.
#[pyclass(frozen, module = "botsec")]
pub(super) struct Proxy {
    proxy: transport::Proxy,
    shown: String,
}

#[pymethods]
impl Proxy {
    #[new]
    #[pyo3(signature = (url, *, auth=None, allow_plain_auth=false))]
    fn new(
        py: Python<'_>,
        url: &str,
        auth: Option<(String, Bound<'_, PyAny>)>,
        allow_plain_auth: bool,
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
        Ok(Self { proxy, shown: format!("Proxy('{url}')") })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// `proxy=` of a client.
pub(super) fn read(given: &Bound<'_, PyAny>) -> PyResult<transport::Proxy> {
    let proxy = given.cast::<Proxy>().map_err(|_| wrong_type("`proxy` takes a Proxy."))?;
    Ok(proxy.get().proxy.clone())
}
