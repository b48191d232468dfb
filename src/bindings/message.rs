//! `botsec.message` in Python.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PyString};
use serde_json::Value;

use super::convert::{strings, text, type_name};
use super::error::{Raise, raise, wrong_type, wrong_value};
use crate::message::{Draft, Platform, llm, split};

/// The payloads of one text.
#[pyfunction]
#[pyo3(signature = (platform, given, *, markup, mentions, previews, max_parts, parse_mode=None))]
fn message_payloads<'py>(
    platform: &str,
    given: &Bound<'py, PyAny>,
    markup: &Bound<'py, PyAny>,
    mentions: &Bound<'py, PyAny>,
    previews: &Bound<'py, PyAny>,
    max_parts: &Bound<'py, PyAny>,
    parse_mode: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let py = given.py();
    let previews = previews.cast::<PyBool>().map_err(|_| wrong_type("`previews` takes True or False."))?.is_true();
    let parse_mode = parse_mode.map(|mode| required(mode)).transpose()?;
    let is_html = match parse_mode.as_deref() {
        None | Some("MarkdownV2") => false,
        Some("HTML") => true,
        Some(_) => return Err(wrong_value("`parse_mode` is \"HTML\" or \"MarkdownV2\".")),
    };
    let draft = Draft {
        text: optional(given, "text")?,
        markup: optional(markup, "markup")?,
        is_html,
        mentions: ids(mentions)?,
        previews,
        max_parts: parts(max_parts)?,
    };
    let platform = named(platform)?;
    let payloads = py.detach(|| draft.payloads(platform)).or_raise(py)?;
    let list = PyList::empty(py);
    for payload in &payloads {
        list.append(object(py, payload)?)?;
    }
    Ok(list)
}

/// The parts of one text in a platform's markup.
#[pyfunction]
fn message_split(
    given: &Bound<'_, PyAny>,
    platform: &Bound<'_, PyAny>,
    max_parts: &Bound<'_, PyAny>,
) -> PyResult<Vec<String>> {
    let platform = named(&platform_name(platform)?)?;
    let max_parts = parts(max_parts)?;
    if !(1..=split::MAX_PARTS).contains(&max_parts) {
        return Err(wrong_value("`max_parts` is a number from 1 to 1000."));
    }
    let text = required(given)?;
    given.py().detach(|| split::markup(&text, platform, max_parts)).or_raise(given.py())
}

/// What a sanitised text lost.
#[pyclass(frozen, module = "botsec.message", eq, hash)]
#[derive(Clone, PartialEq, Eq, Hash)]
struct Finding {
    /// What it is: `"link"`, `"image"`, `"scheme"`, `"disguised"`, `"label"`, `"nested"`, `"secret"`, `"opaque"`, `"html"`,
    /// `"invisible"` or `"mention"`.
    #[pyo3(get)]
    kind: &'static str,
    /// The host that it led to, or `None`.
    #[pyo3(get)]
    host: Option<String>,
    /// How often.
    #[pyo3(get)]
    count: usize,
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        let host = self.host.as_ref().map_or_else(|| "None".to_owned(), |host| format!("'{host}'"));
        format!("Finding(kind='{}', host={host}, count={})", self.kind, self.count)
    }
}

/// A text that may be shown, and what it lost.
#[pyclass(frozen, module = "botsec.message")]
struct Sanitized {
    /// The text.
    #[pyo3(get)]
    text: String,
    findings: Vec<Finding>,
}

#[pymethods]
impl Sanitized {
    /// What was taken out, in the order in which it was found.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, self.findings.iter().cloned())
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("Sanitized({} characters, {} findings)", self.text.chars().count(), self.findings.len())
    }
}

/// A model's text, made fit for a platform.
#[pyfunction]
fn message_sanitize(
    given: &Bound<'_, PyAny>,
    platform: &Bound<'_, PyAny>,
    allow_hosts: &Bound<'_, PyAny>,
) -> PyResult<Sanitized> {
    let py = given.py();
    let platform = named(&platform_name(platform)?)?;
    if allow_hosts.is_instance_of::<PyString>() {
        return Err(wrong_type("`allow_hosts` takes a list of str."));
    }
    let hosts = strings(allow_hosts, "allow_hosts")?;
    let allow = llm::Allow::parse(&hosts).map_err(|error| match error.code().class() {
        crate::error::Class::ValueError => {
            raise(py, &error.saying("A wildcard in `allow_hosts` needs at least two labels after it."))
        }
        // Written by the programmer, so it is no stranger's fault.
        _ => wrong_value("An entry of `allow_hosts` is not a host."),
    })?;
    let text = required(given)?;
    let clean = py.detach(move || llm::sanitize(&text, platform, &allow));
    let findings = clean.findings.into_iter().map(|found| Finding {
        kind: found.kind.as_str(),
        host: found.host.map(|host| host.as_ref().to_owned()),
        count: found.count,
    });
    Ok(Sanitized { text: clean.text, findings: findings.collect() })
}

fn required(given: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = given.cast::<PyString>().map(text);
    text.map_err(|_| wrong_type(format!("A str is needed here, not {}.", type_name(given))))
}

fn optional(given: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<String>> {
    if given.is_none() {
        return Ok(None);
    }
    let text = given.cast::<PyString>().map(text);
    text.map(Some).map_err(|_| wrong_type(format!("`{name}` takes a str, not {}.", type_name(given))))
}

/// Ids as text or as numbers.
fn ids(given: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let wrong = || wrong_type("`mentions` takes a list of ids, each a str or an int.");
    if !(given.is_instance_of::<PyList>() || given.is_instance_of::<pyo3::types::PyTuple>()) {
        return Err(wrong());
    }
    let mut out = Vec::new();
    for id in given.try_iter()? {
        let id = id?;
        out.push(if let Ok(id) = id.cast::<PyString>() {
            text(id)
        } else if id.is_instance_of::<PyInt>() && !id.is_instance_of::<PyBool>() {
            // Beyond 64 bits nothing is an id; the text of a huge number is not even made.
            id.extract::<u64>().map(|id| id.to_string()).unwrap_or_default()
        } else {
            return Err(wrong());
        });
    }
    Ok(out)
}

fn parts(given: &Bound<'_, PyAny>) -> PyResult<usize> {
    if !given.is_instance_of::<PyInt>() || given.is_instance_of::<PyBool>() {
        return Err(wrong_type("`max_parts` takes an int."));
    }
    Ok(given.extract::<usize>().unwrap_or(0))
}

fn platform_name(given: &Bound<'_, PyAny>) -> PyResult<String> {
    given.cast::<PyString>().map(text).map_err(|_| wrong_type("`platform` takes the name of a platform."))
}

fn named(name: &str) -> PyResult<Platform> {
    Platform::parse(name).ok_or_else(|| {
        let names: Vec<_> = Platform::ALL.iter().map(|platform| platform.name()).collect();
        wrong_value(format!("`platform` is one of {}.", names.join(", ")))
    })
}

fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Number(number) => number.as_u64().unwrap_or(0).into_pyobject(py)?.into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            items.iter().try_for_each(|item| list.append(object(py, item)?))?;
            list.into_any()
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            fields.iter().try_for_each(|(key, item)| dict.set_item(key, object(py, item)?))?;
            dict.into_any()
        }
    })
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Finding>()?;
    module.add_class::<Sanitized>()?;
    module.add_function(wrap_pyfunction!(message_payloads, module)?)?;
    module.add_function(wrap_pyfunction!(message_split, module)?)?;
    module.add_function(wrap_pyfunction!(message_sanitize, module)?)
}
