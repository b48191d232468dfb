//! Python objects as JSON bytes, with secrets as leaves. Deep nesting and cycles end in an error, not in a crash.

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::convert::type_name;
use super::error::{wrong_type, wrong_value};
use super::model::{Models, Shape};
use super::secret::PySecret;
use crate::secret::{Form, Piece, Text};

/// Deepest nesting: more than any API takes, less than a stack.
const MAX_DEPTH: usize = 128;

/// `value` as JSON (RFC 8259).
pub(super) fn encode(value: &Bound<'_, PyAny>) -> PyResult<Text> {
    let mut writer = Writer { text: Text::default(), plain: Vec::with_capacity(128), models: None };
    writer.write(value, 0)?;
    if writer.models.as_ref().is_some_and(Models::lost_any) {
        return Err(wrong_type("`json`: a serialiser of a model dropped or changed an object that it does not know."));
    }
    writer.flush();
    Ok(writer.text)
}

/// What [`encode`] says of a value that contains itself.
pub(super) fn too_deep() -> PyErr {
    wrong_value("`json` is nested too deeply, or contains itself.")
}

fn changed() -> PyErr {
    wrong_value("`json` was changed while it was read.")
}

struct Writer<'py> {
    text: Text,
    plain: Vec<u8>,
    /// There from the first object on that is none of Python's own containers.
    models: Option<Models<'py>>,
}

impl<'py> Writer<'py> {
    fn flush(&mut self) {
        if !self.plain.is_empty() {
            self.text.push(Piece::Plain(Bytes::from(std::mem::take(&mut self.plain))));
        }
    }

    fn write(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<()> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if let Ok(text) = value.cast::<PyString>() {
            if let Some(object) = self.models.as_ref().and_then(|models| models.stood_in(text)) {
                return self.write(&object, depth + 1);
            }
            self.string(text);
        } else if value.is_none() {
            self.plain.extend_from_slice(b"null");
        } else if let Ok(flag) = value.cast::<PyBool>() {
            self.plain.extend_from_slice(if flag.is_true() { b"true" } else { b"false" });
        } else if value.is_instance_of::<PyInt>() {
            self.number(value)?;
        } else if let Ok(number) = value.cast::<PyFloat>() {
            self.float(number)?;
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
            self.model(value, depth)?;
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

    fn float(&mut self, number: &Bound<'_, PyFloat>) -> PyResult<()> {
        if !number.value().is_finite() {
            return Err(wrong_value("`json` cannot hold NaN or infinity (RFC 8259 §6)."));
        }
        // A subclass such as `numpy.float64` prints its name as well.
        let digits = match number.is_exact_instance_of::<PyFloat>() {
            true => number.repr()?,
            false => PyFloat::new(number.py(), number.value()).repr()?,
        };
        self.plain.extend_from_slice(digits.to_string_lossy().as_bytes());
        Ok(())
    }

    fn object(&mut self, dict: &Bound<'py, PyDict>, depth: usize) -> PyResult<()> {
        self.plain.push(b'{');
        let (size, mut items) = (dict.len(), dict.iter());
        for index in 0..size {
            // Reading a model runs its code, which may change what is read here.
            let item = if dict.len() == size { items.next() } else { None };
            let (key, item) = item.ok_or_else(changed)?;
            let key = key.cast::<PyString>().map_err(|_| wrong_type("The keys of `json` objects must be str."))?;
            self.member(index, key, &item, depth)?;
        }
        if dict.len() != size {
            return Err(changed());
        }
        self.plain.push(b'}');
        Ok(())
    }

    fn member(
        &mut self,
        index: usize,
        key: &Bound<'py, PyString>,
        item: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<()> {
        if index > 0 {
            self.plain.push(b',');
        }
        if self.models.as_ref().is_some_and(|models| models.stood_in(key).is_some()) {
            return Err(wrong_type("The keys of `json` objects must be str."));
        }
        self.string(key);
        self.plain.push(b':');
        self.write(item, depth + 1)
    }

    fn array(&mut self, items: &Bound<'py, PyAny>, depth: usize) -> PyResult<()> {
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

    fn model(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<()> {
        let models = self.models.get_or_insert_with(Models::default);
        match models.shape(value)? {
            Shape::Fields(fields) => {
                self.plain.push(b'{');
                for (index, field) in fields.iter().enumerate() {
                    self.member(index, field, &Models::field(value, field)?, depth)?;
                }
                self.plain.push(b'}');
            }
            Shape::Built(how) => {
                let tree = models.build(value, how)?;
                self.write(&tree, depth + 1)?;
            }
            Shape::Unknown => {
                return Err(wrong_type(format!(
                    "`json` takes dict, list, tuple, str, int, float, bool, None, Secret, dataclasses, pydantic, msgspec \
                     and attrs objects, Enum, datetime, date, time, UUID and Decimal, not {}.",
                    type_name(value)
                )));
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &Bound<'_, PyString>) {
        let text = text.to_string_lossy();
        let (bytes, plain) = (text.as_bytes(), &mut self.plain);
        plain.reserve(bytes.len() + 2);
        plain.push(b'"');
        // Most texts hold nothing to escape, and are copied in one piece.
        let clean = bytes.iter().position(|byte| escape(*byte) != 0).unwrap_or(bytes.len());
        let (clean, rest) = bytes.split_at_checked(clean).unwrap_or((bytes, &[]));
        plain.extend_from_slice(clean);
        for byte in rest {
            match escape(*byte) {
                0 => plain.push(*byte),
                b'u' => plain.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                letter => plain.extend([b'\\', letter]),
            }
        }
        plain.push(b'"');
    }
}

/// The letter behind the backslash that a byte needs in a JSON string (RFC 8259 §7); 0 for none.
fn escape(byte: u8) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "checked by the compiler, which computes it")]
    const LETTERS: [u8; 256] = {
        let mut letters = [0; 256];
        let mut byte = 0;
        while byte < 0x20 {
            letters[byte] = b'u';
            byte += 1;
        }
        letters[b'\n' as usize] = b'n';
        letters[b'\r' as usize] = b'r';
        letters[b'\t' as usize] = b't';
        letters[b'"' as usize] = b'"';
        letters[b'\\' as usize] = b'\\';
        letters
    };
    LETTERS.get(usize::from(byte)).copied().unwrap_or_default()
}
