//! `files=` as multipart/form-data (RFC 7578), built in memory.

use bytes::Bytes;
use http::HeaderValue;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::convert::{buffer, fields, pairs, text, type_name};
use super::error::{wrong_type, wrong_value};
use crate::clock;
use crate::secret::{Form, Piece, Text};
use crate::validate::Leaf;

/// The body and its media type. `data` becomes the plain fields before the files.
pub(super) fn encode(files: &Bound<'_, PyAny>, data: Option<&Bound<'_, PyAny>>) -> PyResult<(Text, HeaderValue)> {
    let boundary = boundary()?;
    let mut body = Text::default();
    for (name, leaf) in fields(data, "data")? {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(&name));
        body.push(Piece::Plain(head.into()));
        body.push(match leaf {
            Leaf::Plain(value) => Piece::Plain(value.into()),
            Leaf::Hidden(secret) => Piece::Hidden(secret, Form::Raw),
        });
        body.push(Piece::Plain(Bytes::from_static(b"\r\n")));
    }
    for (name, file) in pairs(files, "files")? {
        let name = name.cast::<PyString>().map_err(|_| wrong_type("The keys of `files` must be str."))?;
        let part = Part::read(&file, &text(name))?;
        body.push(Piece::Plain(part.head(&boundary, &text(name)).into()));
        body.push(Piece::Plain(part.content));
        body.push(Piece::Plain(Bytes::from_static(b"\r\n")));
    }
    body.push(Piece::Plain(format!("--{boundary}--\r\n").into()));
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    Ok((body, kind.map_err(|_| wrong_value("The multipart boundary cannot be sent."))?))
}

struct Part {
    filename: String,
    content: Bytes,
    kind: String,
}

impl Part {
    /// Content, `(filename, content)` or `(filename, content, media type)`; content is bytes, str or an open file.
    fn read(given: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        let default = "application/octet-stream";
        let Ok(tuple) = given.cast::<PyTuple>() else {
            let filename = given.getattr("name").ok().and_then(|n| n.extract::<String>().ok());
            let filename = filename.and_then(|n| n.rsplit(['/', '\\']).next().map(str::to_owned));
            return Ok(Self {
                filename: filename.unwrap_or_else(|| name.to_owned()),
                content: content(given)?,
                kind: default.into(),
            });
        };
        let (filename, inner, kind) = match tuple.len() {
            2 => (tuple.get_item(0)?, tuple.get_item(1)?, default.to_owned()),
            3 => (tuple.get_item(0)?, tuple.get_item(1)?, tuple.get_item(2)?.extract::<String>()?),
            _ => {
                return Err(wrong_type(
                    "A value in `files` is content, (filename, content) or (filename, content, type).",
                ));
            }
        };
        if kind.bytes().any(|b| !(0x20..0x7f).contains(&b)) {
            return Err(wrong_value("A media type in `files` holds a character that no header may hold."));
        }
        Ok(Self { filename: filename.extract::<String>()?, content: content(&inner)?, kind })
    }

    fn head(&self, boundary: &str, name: &str) -> String {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            quoted(name),
            quoted(&self.filename),
            self.kind
        )
    }
}

fn content(given: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Some(bytes) = buffer(given)? {
        return Ok(bytes);
    }
    if given.hasattr("read")? {
        let read = given.call_method0("read")?;
        if let Ok(bytes) = read.cast::<PyBytes>() {
            return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
        }
        return Err(wrong_type("A file in `files` must be opened in binary mode."));
    }
    Err(wrong_type(format!("Content in `files` is bytes, str or an open file, not {}.", type_name(given))))
}

/// As browsers do (WHATWG HTML §4.10.21.8): quotes and line breaks percent-encoded, so no name can end its field.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// Random, so that no content can hold it on purpose.
fn boundary() -> PyResult<String> {
    let mut bytes = [0u8; 16];
    clock::random_bytes(&mut bytes).map_err(|_| wrong_value("The operating system has no random source."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
