//! `schema=`: what a judge from outside says of a body or an answer, as an error without values.

use std::fmt::Write;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::error::{raise, wrong_value};
use crate::error::{Code, Error};
use crate::redact;
use crate::secret::Text;

/// Whoever judges, found by its type.
pub(super) struct Judge<'py>(Bound<'py, PyAny>);

/// A part of a path: a key, or a place in a list.
#[derive(FromPyObject)]
enum Part {
    #[pyo3(transparent)]
    Place(i64),
    #[pyo3(transparent)]
    Key(String),
}

/// Where it does not fit, how, and what was expected.
type Fault = (Vec<Part>, String, Option<String>);

/// Longest path, in characters.
const MAX_PATH: usize = 200;

impl<'py> Judge<'py> {
    /// # Errors
    /// `TypeError` for what is no schema.
    pub(super) fn read(schema: &Bound<'py, PyAny>) -> PyResult<Self> {
        schema.py().import("botsec._schema")?.call_method1("judge", (schema,)).map(Self)
    }

    /// What the judge makes of an answer's body and its parsed value, or the error of `code`.
    pub(super) fn judge(
        &self,
        raw: &Bound<'py, PyBytes>,
        value: &Bound<'py, PyAny>,
        code: Code,
    ) -> PyResult<Result<Bound<'py, PyAny>, Error>> {
        let (made, faults): (Bound<'py, PyAny>, Vec<Fault>) = self.0.call1((raw, value))?.extract()?;
        Ok(if faults.is_empty() { Ok(made) } else { Err(misfit(code, &faults)) })
    }

    /// Judges what would be sent, not what it is made of. A secret shows as asterisks.
    pub(super) fn judge_body(&self, body: &Text) -> PyResult<()> {
        let py = self.0.py();
        let shown = body.masked();
        let value = parse(py, &shown).ok_or_else(|| wrong_value("`json` holds a number that is too long."))?;
        self.judge(&PyBytes::new(py, &shown), &value, Code::InputBody)?.map(drop).map_err(|error| raise(py, &error))
    }
}

/// JSON as Python's objects; NaN and infinity are none.
pub(super) fn parse<'py>(py: Python<'py>, bytes: &[u8]) -> Option<Bound<'py, PyAny>> {
    let parse =
        jiter::PythonParse { allow_inf_nan: false, cache_mode: jiter::StringCacheMode::Keys, ..Default::default() };
    parse.python_parse(py, bytes).ok()
}

fn misfit(code: Code, faults: &[Fault]) -> Error {
    let mut error = Error::new(code).with("reason", "the body does not fit its schema");
    let mut others = Vec::new();
    for (index, (path, kind, expected)) in faults.iter().enumerate() {
        let (path, kind) = (shown(path), word(kind));
        if index > 0 {
            others.push(format!("{path} ({kind})"));
            continue;
        }
        error.add("path", path);
        error.add("kind", kind);
        if let Some(expected) = expected {
            error.add("expected", redact::scrub_bytes_excerpt(expected.as_bytes(), MAX_PATH));
        }
    }
    if !others.is_empty() {
        error.add("others", others.join(", "));
    }
    error
}

/// `$.user.tags[0]`. A key may be a stranger's word, or worse: only what reads as a name is shown.
fn shown(path: &[Part]) -> String {
    let mut out = "$".to_owned();
    for part in path {
        let _ = match part {
            Part::Place(place) => write!(out, "[{place}]"),
            Part::Key(key) => write!(out, ".{}", name(key)),
        };
        if out.len() > MAX_PATH {
            out.push('…');
            break;
        }
    }
    out
}

fn name(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=40).contains(&key.len()) && key.bytes().all(plain) { redact::route_label(key) } else { "{key}".to_owned() }
}

/// A kind of fault, such as `int_parsing`.
fn word(kind: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let fits = (1..=64).contains(&kind.len()) && kind.bytes().all(plain);
    if fits { kind } else { "refused" }.to_owned()
}
