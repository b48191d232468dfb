//! `Redis` in Python: where many processes keep one quota.

use std::sync::Arc;

use pyo3::prelude::*;

use super::convert::{seconds, strings};
use super::error::{Raise, wrong_type, wrong_value};
use super::secret::PySecret;
use super::tls;
use crate::pipeline::Store;
use crate::quota::{self, RedisOptions};
use crate::throttle::OnFailure;

/// A Redis or Valkey server that keeps one quota for many processes.
///
/// Args:
///     url: `rediss://host:port/0`; `redis://localhost:port` and `unix:///path` on this machine only.
///     username: The ACL user.
///     password: Its password, a `Secret`.
///     networks: Networks that are not public, such as `"private"`.
///     tls: TLS options.
///     on_failure: While it does not answer: `"local_share"` gives each process its part of the limits, `"fail_closed"`
///         refuses calls, `"fail_open"` lets them go without a limit.
///     timeout: Longest time in seconds that one question to it may take, 0.01 to 2; 0.15 unless given.
///
/// Raises:
///     ValueError: The URL is none of the forms, holds a password, or is plain and leaves this machine.
#[pyclass(frozen, module = "botsec")]
pub(super) struct Redis(Arc<quota::Redis>);

#[pymethods]
impl Redis {
    #[new]
    #[pyo3(signature = (url, *, username=None, password=None, networks=None, tls=None, on_failure="local_share", timeout=None))]
    #[expect(clippy::too_many_arguments, reason = "each is an option by name")]
    fn new(
        py: Python<'_>,
        url: String,
        username: Option<String>,
        password: Option<&Bound<'_, PyAny>>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
        on_failure: &str,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let password = match password {
            None => None,
            Some(given) => match given.cast::<PySecret>() {
                Ok(secret) => Some(secret.get().0.clone()),
                Err(_) => {
                    return Err(wrong_type("`password` is a Secret: botsec.secret(\"env:REDIS_PASSWORD\")."));
                }
            },
        };
        let on_failure = match on_failure {
            "local_share" => OnFailure::LocalShare,
            "fail_closed" => OnFailure::FailClosed,
            "fail_open" => OnFailure::FailOpen,
            _ => {
                return Err(wrong_value("`on_failure` is \"local_share\", \"fail_closed\" or \"fail_open\"."));
            }
        };
        let options = RedisOptions {
            url,
            username,
            password,
            networks: networks.map_or(Ok(Vec::new()), |networks| strings(networks, "networks"))?,
            tls: tls.map_or(Ok(crate::transport::Tls::default()), tls::read)?,
            on_failure,
            timeout: timeout.map(|timeout| seconds(timeout, "timeout")).transpose()?,
        };
        let made = py.detach(|| quota::Redis::new(options)).or_raise(py)?;
        Ok(Self(Arc::new(made)))
    }

    fn __repr__(&self) -> String {
        format!("Redis('{}')", self.0.shown())
    }
}

/// `store=` of a throttle.
pub(super) fn read(given: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Store>> {
    let store = given.cast::<Redis>().map_err(|_| wrong_type("`store` takes a Redis."))?;
    Ok(store.get().0.clone())
}
