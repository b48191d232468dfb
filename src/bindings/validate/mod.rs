//! `botsec.validate` in Python: frozen validators over the core's forms. Calling one returns the value or raises `InputError`.

mod classes;
mod issue;
mod judge;
mod record;
mod schema;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use issue::Issue;
use judge::Judge;

/// What every validator can do.
#[pyclass(frozen, subclass, module = "botsec.validate")]
pub(super) struct Validator {
    judge: Judge,
    /// What messages say is expected.
    expected: String,
    /// The constructor's call.
    shown: String,
}

impl Validator {
    fn new(judge: Judge, shown: String) -> Self {
        Self { expected: judge.expected(), judge, shown }
    }

    fn read<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.judge.read(value) {
            Some(value) => Ok(value),
            None => Err(self.refuse(value)),
        }
    }

    #[cold]
    fn refuse(&self, value: &Bound<'_, PyAny>) -> PyErr {
        let mut issues = Vec::new();
        self.explain(value, None, &mut issues);
        issue::raise(value.py(), &issues)
    }

    /// Says why a value was refused: each field of a record for itself.
    fn explain(&self, value: &Bound<'_, PyAny>, path: Option<&str>, issues: &mut Vec<Issue>) {
        match &self.judge {
            Judge::Record(record) => record.explain(value, path, &self.expected, issues),
            _ => issues.push(Issue::new(path, self.expected.clone())),
        }
    }
}

#[pymethods]
impl Validator {
    /// The value, or `InputError`.
    #[pyo3(signature = (value, /))]
    fn __call__<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.read(value)
    }

    /// The value, or `InputError`: what calling does, in less time where it runs often.
    #[pyo3(signature = (value, /))]
    fn check<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.read(value)
    }

    /// Whether the value fits.
    #[pyo3(signature = (value, /))]
    fn is_valid(&self, value: &Bound<'_, PyAny>) -> bool {
        self.judge.fits(value)
    }

    /// What messages say is expected.
    #[getter]
    fn expected(&self) -> &str {
        &self.expected
    }

    /// The JSON Schema (2020-12) of what fits, as near as JSON Schema comes.
    fn json_schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        schema::of(&self.judge, py)
    }

    /// `Validator[int]` in annotations says what comes back.
    #[classmethod]
    fn __class_getitem__(class: Bound<'_, PyType>, _item: &Bound<'_, PyAny>) -> Py<PyType> {
        class.unbind()
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    /// For pydantic: this validator first, then what the annotated type asks for.
    fn __get_pydantic_core_schema__<'py>(
        slf: &Bound<'py, Self>,
        source: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("botsec.validate._pydantic")?.call_method1("core_schema", (slf, source, handler))
    }

    /// For pydantic: the inner schema with what this validator adds.
    fn __get_pydantic_json_schema__<'py>(
        &self,
        core_schema: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (schema, own) = (handler.call1((core_schema,))?, schema::of(&self.judge, handler.py())?);
        handler.py().import("botsec.validate._pydantic")?.call_method1("json_schema", (schema, own))
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Validator>()?;
    module.add_function(wrap_pyfunction!(issue::input_error, module)?)?;
    classes::register(module)
}
