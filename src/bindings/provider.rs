//! Secret managers in Python: one base class behind them all.

use std::sync::Arc;

use pyo3::prelude::*;

use super::convert::{self, type_name};
use super::error::wrong_type;
use super::tls;
use crate::secrets::{Provider, Reach};

/// A secret manager: where it is, and how the bot proves who it is.
#[pyclass(frozen, subclass, name = "SecretProvider", module = "botsec._core")]
pub(super) struct PyProvider {
    pub(super) provider: Arc<dyn Provider>,
    shown: String,
}

#[pymethods]
impl PyProvider {
    fn __repr__(&self) -> &str {
        &self.shown
    }
}

impl PyProvider {
    /// A provider; `shown` is its repr, without secrets.
    pub(super) fn new(provider: Arc<dyn Provider>, shown: String) -> Self {
        Self { provider, shown }
    }

    /// The provider that was given as `provider=`.
    pub(super) fn read(given: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Provider>> {
        given.cast::<Self>().map(|found| found.get().provider.clone()).map_err(|_| {
            wrong_type(format!(
                "`provider` takes botsec.Aws, Gcp, Azure or Vault, or a callable, not {}.",
                type_name(given)
            ))
        })
    }
}

/// `networks=` and `tls=` of a manager at `base`.
pub(super) fn reach(
    base: &str,
    networks: Option<&Bound<'_, PyAny>>,
    tls: Option<&Bound<'_, PyAny>>,
) -> PyResult<Reach> {
    let networks = networks.map(|networks| convert::strings(networks, "networks")).transpose()?.unwrap_or_default();
    let tls = tls.filter(|tls| !tls.is_none()).map(tls::read).transpose()?.unwrap_or_default();
    Ok(Reach { base: base.to_owned(), networks, tls })
}
