//! Why values were refused, as one `InputError`: places and expectations are the programmer's words, never the stranger's.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::bindings::error;
use crate::error::{Code, Error};

/// One refusal.
pub(super) struct Issue {
    path: Option<String>,
    expected: String,
}

/// Most refusals that a message spells out; `errors` holds all of them.
const SPELLED: usize = 10;

impl Issue {
    pub(super) fn new(path: Option<&str>, expected: String) -> Self {
        Self { path: path.map(str::to_owned), expected }
    }

    fn sentence(&self) -> String {
        match &self.path {
            Some(path) => format!("`{path}` must be {}.", self.expected),
            None => format!("This must be {}.", self.expected),
        }
    }
}

/// The exception about these refusals.
pub(super) fn raise(py: Python<'_>, issues: &[Issue]) -> PyErr {
    let mut said: Vec<String> = issues.iter().take(SPELLED).map(Issue::sentence).collect();
    if issues.len() > SPELLED {
        said.push(format!("{} more values were not accepted.", issues.len() - SPELLED));
    }
    let mut error = Error::new(Code::InputValue).saying(said.join(" "));
    if let Some(first) = issues.first() {
        if let Some(path) = &first.path {
            error.add("path", path.clone());
        }
        error.add("expected", first.expected.clone());
    }
    let raised = error::raise(py, &error);
    let pairs = issues.iter().map(|issue| (issue.path.as_deref(), issue.expected.as_str()));
    let named = PyTuple::new(py, pairs.collect::<Vec<_>>()).and_then(|pairs| raised.value(py).setattr("errors", pairs));
    match named {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// The `InputError` about refusals that Python has collected, as pairs of place and expectation.
#[pyfunction]
#[pyo3(signature = (errors, /))]
pub(super) fn input_error(py: Python<'_>, errors: Vec<(Option<String>, String)>) -> Py<PyAny> {
    let issues: Vec<Issue> = errors.into_iter().map(|(path, expected)| Issue { path, expected }).collect();
    raise(py, &issues).into_value(py).into_any()
}
