//! What validators take, as JSON Schema 2020-12. It says less than they do: other checkers know fewer traps.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::judge::Judge;
use crate::validate::form::{Form, Length, Slug, Unit};

pub(super) fn of<'py>(judge: &Judge, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
    let schema = PyDict::new(py);
    match judge {
        Judge::Int { low, high, text } => {
            schema.set_item("type", if *text { vec!["integer", "string"] } else { vec!["integer"] })?;
            if !*text {
                schema.set_item("type", "integer")?;
            }
            schema.set_item("minimum", low)?;
            schema.set_item("maximum", high)?;
        }
        Judge::Float { low, high } => {
            schema.set_item("type", "number")?;
            if *low > f64::MIN {
                schema.set_item("minimum", low)?;
            }
            if *high < f64::MAX {
                schema.set_item("maximum", high)?;
            }
        }
        Judge::Form(form) => text(form, &schema)?,
        Judge::Snowflake => {
            schema.set_item("type", vec!["string", "integer"])?;
            schema.set_item("pattern", "^[1-9][0-9]{0,19}$")?;
        }
        Judge::TelegramChatId(_) => schema.set_item("type", vec!["integer", "string"])?,
        Judge::OneOf(form, numbers) => {
            let all = PyList::empty(py);
            if let Form::OneOf(names) = form {
                names.iter().try_for_each(|name| all.append(name))?;
            }
            numbers.iter().try_for_each(|number| all.append(number))?;
            schema.set_item("enum", all)?;
        }
        Judge::Record(record) => {
            let (fields, required) = (PyDict::new(py), PyList::empty(py));
            for field in &record.fields {
                fields.set_item(&field.name, of(&field.validator.get().judge, py)?)?;
                if field.required {
                    required.append(&field.name)?;
                }
            }
            schema.set_item("type", "object")?;
            schema.set_item("properties", fields)?;
            schema.set_item("required", required)?;
            schema.set_item("additionalProperties", !record.closed)?;
        }
    }
    Ok(schema)
}

fn text(form: &Form, schema: &Bound<'_, PyDict>) -> PyResult<()> {
    schema.set_item("type", "string")?;
    match form {
        Form::Str(length) => lengths(length, schema),
        Form::Text(text) => lengths(&text.length, schema),
        Form::Slug(Slug::Words) => schema.set_item("pattern", "^[a-z0-9]+(-[a-z0-9]+)*$"),
        Form::Slug(Slug::Open) => schema.set_item("pattern", "^[a-z0-9][a-z0-9_-]*$"),
        Form::Pattern(pattern) => schema.set_item("pattern", format!("^(?:{})$", pattern.written())),
        Form::OneOf(names) => schema.set_item("enum", names),
        Form::Uuid => schema.set_item("format", "uuid"),
        Form::SlackId(_) => schema.set_item("pattern", "^[A-Z][A-Z0-9]{8,23}$"),
        Form::Email(email) => schema.set_item("format", if email.idna { "idn-email" } else { "email" }),
        Form::E164 => schema.set_item("pattern", r"^\+[1-9][0-9]{6,14}$"),
        Form::HttpsUrl(_) => {
            schema.set_item("format", "uri").and_then(|()| schema.set_item("pattern", "^[Hh][Tt][Tt][Pp][Ss]://"))
        }
        Form::Hostname(name) => schema.set_item("format", if name.idna { "idn-hostname" } else { "hostname" }),
        Form::Ip(ip) => match ip.version {
            Some(4) => schema.set_item("format", "ipv4"),
            Some(_) => schema.set_item("format", "ipv6"),
            None => Ok(()),
        },
        Form::Date => schema.set_item("format", "date"),
        Form::DateTime => schema.set_item("format", "date-time"),
        Form::HeaderName => schema.set_item("pattern", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
        Form::HeaderValue => schema.set_item("pattern", r"^[\t -~]*$"),
        Form::IdempotencyKey => schema.set_item("minLength", 1).and_then(|()| schema.set_item("maxLength", 255)),
    }
}

fn lengths(length: &Length, schema: &Bound<'_, PyDict>) -> PyResult<()> {
    // JSON Schema counts characters. A character is at least one of every other unit.
    if length.unit == Unit::Chars && length.min > 0 {
        schema.set_item("minLength", length.min)?;
    }
    schema.set_item("maxLength", length.max)
}
