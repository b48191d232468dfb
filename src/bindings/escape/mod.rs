//! `botsec.escape` in Python: the functions themselves, so that no Python frame stands before them. The same object comes
//! back when nothing changes.

mod one;
mod options;
mod wide;

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyString};

use super::convert::type_name;
use super::error::{Raise, wrong_type};
use crate::error::Error;

type Text<'py> = Bound<'py, PyString>;

#[inline]
fn given<'a, 'py>(text: &'a Bound<'py, PyAny>) -> PyResult<&'a Text<'py>> {
    // One comparison for the exact type, which spares most texts the question for their type's flags.
    match text.cast_exact::<PyString>() {
        Ok(text) => Ok(text),
        Err(_) => given_otherwise(text),
    }
}

#[cold]
fn given_otherwise<'a, 'py>(text: &'a Bound<'py, PyAny>) -> PyResult<&'a Text<'py>> {
    text.cast::<PyString>().map_err(|_| wrong_type(format!("A str is needed here, not {}.", type_name(text))))
}

#[inline]
fn apply<'py>(text: &Bound<'py, PyAny>, escape: impl FnOnce(&str) -> Cow<'_, str>) -> PyResult<Text<'py>> {
    applied(given(text)?, escape)
}

#[inline]
fn applied<'py>(given: &Text<'py>, escape: impl FnOnce(&str) -> Cow<'_, str>) -> PyResult<Text<'py>> {
    // A lone surrogate cannot be sent anywhere: it becomes U+FFFD instead of an exception.
    let Ok(whole) = given.to_str() else { return Ok(PyString::new(given.py(), &escape(&given.to_string_lossy()))) };
    match escape(whole) {
        Cow::Borrowed(same) if same.len() == whole.len() => Ok(given.clone()),
        out => Ok(PyString::new(given.py(), &out)),
    }
}

fn try_apply<'py>(
    text: &Bound<'py, PyAny>,
    escape: impl FnOnce(&str) -> Result<Cow<'_, str>, Error>,
) -> PyResult<Text<'py>> {
    let given = given(text)?;
    let Ok(whole) = given.to_str() else {
        return Ok(PyString::new(text.py(), &escape(&given.to_string_lossy()).or_raise(text.py())?));
    };
    match escape(whole).or_raise(text.py())? {
        Cow::Borrowed(same) if same.len() == whole.len() => Ok(given.clone()),
        out => Ok(PyString::new(text.py(), &out)),
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    one::register(module)?;
    options::register(module)
}

/// The function says where people find it, for `help` and pickles.
fn export(module: &Bound<'_, PyModule>, name: &str, function: Bound<'_, PyCFunction>) -> PyResult<()> {
    function.setattr("__module__", "botsec.escape")?;
    module.add(name, function)
}
