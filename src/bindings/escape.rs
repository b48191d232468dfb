//! `botsec.escape` in Python: the same object comes back when nothing changes.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::convert::type_name;
use super::error::{wrong_type, wrong_value};
use crate::encode::{self, Where};

fn apply<'py>(text: &Bound<'py, PyAny>, escape: impl Fn(&str) -> Cow<'_, str>) -> PyResult<Bound<'py, PyString>> {
    let Ok(given) = text.cast::<PyString>() else {
        return Err(wrong_type(format!("A str is needed here, not {}.", type_name(text))));
    };
    // A lone surrogate cannot be sent anywhere: it becomes U+FFFD instead of an exception.
    let lossy = given.to_string_lossy();
    let whole = matches!(lossy, Cow::Borrowed(_));
    match escape(&lossy) {
        Cow::Borrowed(same) if whole && same.len() == lossy.len() => Ok(given.clone()),
        out => Ok(PyString::new(text.py(), &out)),
    }
}

fn place(name: &str) -> PyResult<Where> {
    match name {
        "text" => Ok(Where::Text),
        "code" => Ok(Where::Code),
        "link" => Ok(Where::Link),
        _ => Err(wrong_value("`where` is \"text\", \"code\" or \"link\".")),
    }
}

macro_rules! escapers {
    ($($python:ident = $rust:path;)*) => {
        $(#[doc = concat!("See `botsec.escape`.")]
        #[pyfunction]
        fn $python<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
            apply(text, $rust)
        })*

        pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($python, module)?)?;)*
            module.add_function(wrap_pyfunction!(escape_telegram, module)?)?;
            module.add_function(wrap_pyfunction!(escape_discord, module)?)
        }
    };
}

escapers! {
    escape_html = encode::html;
    escape_html_attribute = encode::html_attribute;
    escape_slack = encode::slack;
    escape_terminal = encode::terminal;
    escape_log = encode::log;
    escape_url_segment = encode::url_segment;
}

/// See `botsec.escape`.
#[pyfunction]
fn escape_telegram<'py>(text: &Bound<'py, PyAny>, at: &str) -> PyResult<Bound<'py, PyString>> {
    let at = place(at)?;
    apply(text, |text| encode::telegram(text, at))
}

/// See `botsec.escape`.
#[pyfunction]
fn escape_discord<'py>(text: &Bound<'py, PyAny>, at: &str) -> PyResult<Bound<'py, PyString>> {
    let at = place(at)?;
    apply(text, |text| encode::discord(text, at))
}
