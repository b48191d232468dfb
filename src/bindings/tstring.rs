//! Template strings (PEP 750) as URL templates: `t"/users/{user_id:int}"` says name, value and type at once.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use super::convert;
use super::error::wrong_type;
use crate::error::{Code, Error};
use crate::validate::Value;
use crate::validate::template::{MAX_TEMPLATE, is_name};

/// A template string, taken apart.
pub(super) struct Written {
    literals: Vec<String>,
    fields: Vec<Field>,
}

struct Field {
    expression: String,
    kind: String,
    value: Value,
}

/// Takes a `string.templatelib.Template` apart, or whatever has its attributes; `None` for anything else.
pub(super) fn read(given: &Bound<'_, PyAny>) -> PyResult<Option<Written>> {
    let (Some(literals), Some(interpolations)) = (parts(given, "strings")?, parts(given, "interpolations")?) else {
        return Ok(None);
    };
    if literals.len() != interpolations.len() + 1 {
        return Err(malformed());
    }
    let literals = literals.iter().map(|literal| Ok(convert::text(literal.cast()?))).collect::<PyResult<_>>();
    let fields = interpolations.iter().map(field).collect::<PyResult<_>>()?;
    Ok(Some(Written { literals: literals.map_err(|_| malformed())?, fields }))
}

impl Written {
    /// The template as a text with named fields, and their values.
    ///
    /// # Errors
    /// `InputError` for a literal brace: none but a query part at the end, `{{?name:type}}`, may have one.
    pub(super) fn template(self) -> Result<(String, Vec<(String, Value)>), Error> {
        let refuse = |reason: &str| Error::new(Code::InputPath).with("reason", reason);
        let braced = |text: &str| text.contains(['{', '}']);
        let mut text = String::new();
        let mut values: Vec<(String, Value)> = Vec::with_capacity(self.fields.len());
        let mut literals = self.literals.into_iter();
        for (index, field) in self.fields.into_iter().enumerate() {
            let literal = literals.next().unwrap_or_default();
            // A type that is a text from elsewhere must not write the template.
            if braced(&literal) || braced(&field.kind) {
                return Err(refuse("a brace stands in the literal text or in a type"));
            }
            let name = name(&field.expression, index, &values);
            let mark = if field.kind.is_empty() { "" } else { ":" };
            text.extend([&literal, "{", &name, mark, &field.kind, "}"]);
            values.push((name, field.value));
            if text.len() > MAX_TEMPLATE {
                return Err(refuse("the path is longer than 2 KiB"));
            }
        }
        let last = literals.next().unwrap_or_default();
        let path = last.split_once("{?").map_or(last.as_str(), |(path, _)| path);
        if braced(path) {
            return Err(refuse("a brace stands in the literal text"));
        }
        text.push_str(&last);
        Ok((text, values))
    }
}

/// The expression where it is an identifier that no field has yet; a name by position otherwise, for an expression may
/// hold anything and names are shown.
fn name(expression: &str, index: usize, known: &[(String, Value)]) -> String {
    let is_free = |name: &str| known.iter().all(|(known, _)| known != name);
    if is_name(expression) && is_free(expression) {
        return expression.to_owned();
    }
    let mut position = index + 1;
    loop {
        let name = format!("arg{position}");
        if is_free(&name) {
            return name;
        }
        position += 1;
    }
}

fn field(interpolation: &Bound<'_, PyAny>) -> PyResult<Field> {
    let text = |name: &str| -> PyResult<String> {
        let found = attribute(interpolation, name)?.ok_or_else(malformed)?;
        found.cast::<PyString>().map(convert::text).map_err(|_| malformed())
    };
    let conversion = attribute(interpolation, "conversion")?;
    if conversion.is_some_and(|conversion| !conversion.is_none()) {
        return Err(wrong_type(
            "A t-string in a URL takes no conversion (`!r`, `!s`, `!a`, `=`): its values are checked by their types.",
        ));
    }
    let value = attribute(interpolation, "value")?.ok_or_else(malformed)?;
    Ok(Field {
        expression: text("expression")?.trim().to_owned(),
        kind: text("format_spec")?,
        value: convert::value(&value)?,
    })
}

/// A tuple that an attribute holds.
fn parts<'py>(given: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    let Some(found) = attribute(given, name)? else { return Ok(None) };
    if !(found.is_instance_of::<PyTuple>() || found.is_instance_of::<PyList>()) {
        return Ok(None);
    }
    found.try_iter()?.collect::<PyResult<_>>().map(Some)
}

/// An attribute; what its code raises is not repeated.
fn attribute<'py>(given: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match given.getattr(name) {
        Ok(found) => Ok(Some(found)),
        Err(raised) if raised.is_instance_of::<PyAttributeError>(given.py()) => Ok(None),
        Err(raised) if raised.is_instance_of::<pyo3::exceptions::PyException>(given.py()) => Err(malformed()),
        Err(raised) => Err(raised),
    }
}

fn malformed() -> PyErr {
    wrong_type("`url` is no template string that Python makes.")
}
