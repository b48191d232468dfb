//! `files=` as multipart/form-data (RFC 7578): small parts in memory; files above 1 MiB, and what is watched, read while sent.

use bytes::Bytes;
use http::HeaderValue;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::convert::{buffer, fields, pairs, text, type_name};
use super::error::{Raise, wrong_type, wrong_value};
use crate::clock;
use crate::secret::{Form as Leafs, Piece, Text};
use crate::validate::Leaf;

/// Files up to this size are read at once, so that the request can be sent again: 1 MiB.
const SMALL: u64 = 1024 * 1024;

/// A form.
pub(super) enum Form {
    /// In memory.
    Whole(Text),
    /// Read while it is sent, once: an iterator, and the length where it is known.
    Streamed(Py<PyAny>, Option<u64>),
}

/// The body and its media type. `data` becomes the plain fields before the files.
pub(super) fn encode(files: &Bound<'_, PyAny>, data: Option<&Bound<'_, PyAny>>) -> PyResult<(Form, HeaderValue)> {
    let boundary = boundary()?;
    let mut body = Text::default();
    for (name, leaf) in fields(data, "data")? {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(&name));
        body.push(Piece::Plain(head.into()));
        body.push(match leaf {
            Leaf::Plain(value) => Piece::Plain(value.into()),
            Leaf::Hidden(secret) => Piece::Hidden(secret, Leafs::Raw),
        });
        body.push(Piece::Plain(Bytes::from_static(b"\r\n")));
    }
    let mut parts = Vec::new();
    for (name, file) in pairs(files, "files")? {
        let name = name.cast::<PyString>().map_err(|_| wrong_type("The keys of `files` must be str."))?;
        parts.push((text(name), Part::read(&file, &text(name))?));
    }
    let end = format!("--{boundary}--\r\n");
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    let kind = kind.map_err(|_| wrong_value("The multipart boundary cannot be sent."))?;
    if parts.iter().any(|(_, part)| matches!(part.content, Content::File(..))) {
        return Ok((stream(files.py(), &body, &parts, &boundary, &end)?, kind));
    }
    for (name, part) in parts {
        body.push(Piece::Plain(part.head(&boundary, &name).into()));
        if let Content::Bytes(bytes) = part.content {
            body.push(Piece::Plain(bytes));
        }
        body.push(Piece::Plain(Bytes::from_static(b"\r\n")));
    }
    body.push(Piece::Plain(end.into()));
    Ok((Form::Whole(body), kind))
}

/// The form as pieces that Python reads one after the other.
fn stream(py: Python<'_>, fields: &Text, parts: &[(String, Part)], boundary: &str, end: &str) -> PyResult<Form> {
    if fields.is_hidden() {
        return Err(wrong_value(
            "A Secret in `data` cannot be sent beside a file above 1 MiB, or with `progress`; send it as a header.",
        ));
    }
    let pieces = PyList::empty(py);
    let mut length = Some(0_u64);
    let mut push = |piece: Bound<'_, PyAny>, size: Option<u64>| {
        length = length.zip(size).map(|(all, size)| all + size);
        pieces.append(piece)
    };
    let bytes = |bytes: &[u8]| (PyBytes::new(py, bytes).into_any(), Some(bytes.len() as u64));
    let (piece, size) = bytes(&fields.reveal().or_raise(py)?);
    push(piece, size)?;
    for (name, part) in parts {
        let (piece, size) = bytes(part.head(boundary, name).as_bytes());
        push(piece, size)?;
        match &part.content {
            Content::Bytes(content) => {
                let (piece, size) = bytes(content);
                push(piece, size)?;
            }
            Content::File(file, size) => push((file.bind(py), *size).into_pyobject(py)?.into_any(), *size)?,
        }
        let (piece, size) = bytes(b"\r\n");
        push(piece, size)?;
    }
    let (piece, size) = bytes(end.as_bytes());
    push(piece, size)?;
    let chunks = py.import("botsec._upload")?.call_method1("parts", (pieces,))?;
    Ok(Form::Streamed(chunks.unbind(), length))
}

/// What a part holds.
enum Content {
    Bytes(Bytes),
    /// An open file, and the bytes to its end where that is known.
    File(Py<PyAny>, Option<u64>),
}

struct Part {
    filename: String,
    content: Content,
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

fn content(given: &Bound<'_, PyAny>) -> PyResult<Content> {
    if let Some(bytes) = buffer(given)? {
        return Ok(Content::Bytes(bytes));
    }
    if !given.hasattr("read")? {
        return Err(wrong_type(format!("Content in `files` is bytes, str or an open file, not {}.", type_name(given))));
    }
    if given.is_instance(&given.py().import("io")?.getattr("TextIOBase")?)? {
        return Err(wrong_type("A file in `files` must be opened in binary mode."));
    }
    let size = size(given)?;
    // What is watched is read while it is sent, or its progress would be that of the reading.
    let watched = given.is_instance(&given.py().import("botsec._upload")?.getattr("Watched")?)?;
    if watched || size.is_none_or(|size| size > SMALL) {
        return Ok(Content::File(given.clone().unbind(), size));
    }
    match given.call_method0("read")?.cast::<PyBytes>() {
        Ok(bytes) => Ok(Content::Bytes(Bytes::copy_from_slice(bytes.as_bytes()))),
        Err(_) => Err(wrong_type("A file in `files` must be opened in binary mode.")),
    }
}

/// Bytes from where a file stands to its end, where that is known.
pub(super) fn size(file: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    file.py().import("botsec._upload")?.call_method1("size", (file,))?.extract()
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
