//! Templates of paths for `botsec.network`: the same that `allow=` and a secret's `paths=` read.

use pyo3::prelude::*;

use super::error::Raise;
use crate::policy::route::Path;

/// Templates such as `/users/{id:int}`, without a query.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PathTemplates(Vec<Path>);

#[pymethods]
impl PathTemplates {
    #[new]
    fn new(py: Python<'_>, templates: Vec<String>) -> PyResult<Self> {
        let parsed = templates.iter().map(|text| Path::parse(text, "paths")).collect::<Result<_, _>>();
        parsed.or_raise(py).map(Self)
    }

    /// Whether a decoded path is one of them.
    fn fit(&self, path: &str) -> bool {
        self.0.iter().any(|template| template.fits_decoded(path))
    }
}
