//! Python objects as JSON bytes, with secrets as leaves. Deep nesting and cycles end in an error, not in a crash.

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::convert::{text, type_name};
use super::error::{wrong_type, wrong_value};
use super::secret::PySecret;
use crate::secret::{Form, Piece, Text};

/// Deepest nesting: more than any API takes, less than a stack.
const MAX_DEPTH: usize = 128;

/// `value` as JSON (RFC 8259).
pub(super) fn encode(value: &Bound<'_, PyAny>) -> PyResult<Text> {
    let mut writer = Writer { text: Text::default(), plain: Vec::with_capacity(128) };
    writer.write(value, 0)?;
    writer.flush();
    Ok(writer.text)
}

struct Writer {
    text: Text,
    plain: Vec<u8>,
}

impl Writer {
    fn flush(&mut self) {
        if !self.plain.is_empty() {
            self.text.push(Piece::Plain(Bytes::from(std::mem::take(&mut self.plain))));
        }
    }

    fn write(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        if depth > MAX_DEPTH {
            return Err(wrong_value("`json` is nested too deeply, or contains itself."));
        }
        if let Ok(value) = value.cast::<PyString>() {
            self.string(&text(value));
        } else if value.is_none() {
            self.plain.extend_from_slice(b"null");
        } else if let Ok(flag) = value.cast::<PyBool>() {
            self.plain.extend_from_slice(if flag.is_true() { b"true" } else { b"false" });
        } else if value.is_instance_of::<PyInt>() {
            self.number(value)?;
        } else if let Ok(number) = value.cast::<PyFloat>() {
            if !number.value().is_finite() {
                return Err(wrong_value("`json` cannot hold NaN or infinity (RFC 8259 §6)."));
            }
            self.plain.extend_from_slice(number.repr()?.to_string_lossy().as_bytes());
        } else if let Ok(dict) = value.cast::<PyDict>() {
            self.object(dict, depth)?;
        } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            self.array(value, depth)?;
        } else if let Ok(secret) = value.cast::<PySecret>() {
            self.plain.push(b'"');
            self.flush();
            self.text.push(Piece::Hidden(secret.get().0.clone(), Form::Json));
            self.plain.push(b'"');
        } else {
            return Err(wrong_type(format!(
                "`json` takes dict, list, tuple, str, int, float, bool, None and Secret, not {}.",
                type_name(value)
            )));
        }
        Ok(())
    }

    /// Subclasses such as `enum.IntEnum` print as names; `int.__repr__` prints digits.
    fn number(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(small) = value.extract::<i64>() {
            self.plain.extend_from_slice(small.to_string().as_bytes());
            return Ok(());
        }
        let digits = value.py().get_type::<PyInt>().call_method1("__repr__", (value,))?;
        self.plain.extend_from_slice(digits.str()?.to_string_lossy().as_bytes());
        Ok(())
    }

    fn object(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<()> {
        self.plain.push(b'{');
        for (index, (key, item)) in dict.iter().enumerate() {
            if index > 0 {
                self.plain.push(b',');
            }
            let key = key.cast::<PyString>().map_err(|_| wrong_type("The keys of `json` objects must be str."))?;
            self.string(&text(key));
            self.plain.push(b':');
            self.write(&item, depth + 1)?;
        }
        self.plain.push(b'}');
        Ok(())
    }

    fn array(&mut self, items: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        self.plain.push(b'[');
        for (index, item) in items.try_iter()?.enumerate() {
            if index > 0 {
                self.plain.push(b',');
            }
            self.write(&item?, depth + 1)?;
        }
        self.plain.push(b']');
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.plain.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.plain.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.plain.extend_from_slice(b"\\n"),
                b'\r' => self.plain.extend_from_slice(b"\\r"),
                b'\t' => self.plain.extend_from_slice(b"\\t"),
                0..=0x1f => self.plain.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.plain.push(byte),
            }
        }
        self.plain.push(b'"');
    }
}
