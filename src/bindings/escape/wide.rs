//! Long text outside ASCII, in the units in which Python holds it.
//!
//! Reading such a text as UTF-8 makes Python transcode it and keep the copy with the object, and the answer has to be
//! transcoded back: half as fast as a peer that reads the object itself, which the stable interface does not allow. The codecs
//! and arrays below copy or widen units instead, and leave nothing behind.

use std::ffi::CStr;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyString};

use super::Text;
use crate::encode::{Width, html_units};

/// The mark that tells a codec this machine's byte order. Codecs with the order in their name take a detour through Python.
const BYTE_ORDER: [u8; 4] = 0xfeff_u32.to_ne_bytes();

/// Shorter texts are dearer to hand over than to transcode.
const LONG: usize = 128;

/// Whether a text is long enough for this road.
#[inline]
pub(super) fn is_long(text: &Text<'_>) -> PyResult<bool> {
    Ok(text.code_point_len()? >= LONG)
}

/// Escapes a long text outside ASCII for HTML, or answers nothing: then it is read as UTF-8.
#[inline(never)]
pub(super) fn html<'py>(text: &Text<'py>) -> PyResult<Option<Text<'py>>> {
    let py = text.py();
    if !text.is_exact_instance_of::<PyString>() || text.call_method0(intern!(py, "isascii"))?.is(PyBool::new(py, true))
    {
        return Ok(None);
    }
    let len = text.code_point_len()?;
    let Some(width) = width(text, len)? else { return Ok(None) };
    // Python looks for one character faster than its codec copies the text. Wider ones may hold lone surrogates, which only
    // a copy shows.
    if width == Width::One && !holds(text)? {
        return Ok(Some(text.clone()));
    }
    let Some(Units { units, mark, codec }) = units(text, width)? else { return Ok(None) };
    let Some(out) = html_units(units.as_bytes(), width) else { return Ok(Some(text.clone())) };
    let out = PyBytes::new_with(py, mark.len() + out.len(), |place| {
        let (head, rest) = place.split_at_mut(mark.len());
        head.copy_from_slice(mark);
        rest.copy_from_slice(&out);
        Ok(())
    })?;
    // Fails for the lone surrogates that an array leaves in.
    Ok(PyString::from_encoded_object(&out, Some(codec), None).ok())
}

/// A text as bytes.
struct Units<'py> {
    units: Bound<'py, PyBytes>,
    /// What has to stand before them for the codec. A mark that is part of the text would be taken for it otherwise.
    mark: &'static [u8],
    codec: &'static CStr,
}

/// A text's units, and how they are read back; nothing for lone surrogates, and when the width was guessed wrong.
fn units<'py>(text: &Text<'py>, width: Width) -> PyResult<Option<Units<'py>>> {
    let py = text.py();
    if width == Width::Four
        && let Some((array, code)) = arrays(py)?
    {
        // It copies what stands there, and leaves it to others to look for surrogates: a third of the codec's time.
        let units = array.bind(py).call1((code, text))?.call_method0(intern!(py, "tobytes"))?.cast_into::<PyBytes>()?;
        return Ok(Some(Units { units, mark: &BYTE_ORDER, codec: c"utf-32" }));
    }
    let (name, codec) = match width {
        Width::One => (intern!(py, "latin-1"), c"latin-1"),
        // Without a byte order in its name the codec is the machine's, and a mark stands first.
        Width::Two => (intern!(py, "utf-16"), c"utf-16"),
        Width::Four => (intern!(py, "utf-32"), c"utf-32"),
    };
    let Ok(units) = text.call_method1(intern!(py, "encode"), (name,)) else { return Ok(None) };
    Ok(Some(Units { units: units.cast_into()?, mark: &[], codec }))
}

/// Python's arrays, and their code for characters of four bytes; nothing where they have none.
fn arrays(py: Python<'_>) -> PyResult<&'static Option<(Py<PyAny>, Py<PyString>)>> {
    static ARRAYS: PyOnceLock<Option<(Py<PyAny>, Py<PyString>)>> = PyOnceLock::new();
    ARRAYS.get_or_try_init(py, || {
        let Ok(module) = py.import("array") else { return Ok(None) };
        let array = module.getattr("array")?;
        // "w" came with 3.13; "u" before it is the C library's wide character, which has two bytes on Windows.
        let code = PyString::new(py, if py.version_info() >= (3, 13) { "w" } else { "u" });
        let size = array.call1((&code,))?.getattr("itemsize")?.extract::<usize>()?;
        Ok((size == 4).then(|| (array.unbind(), code.unbind())))
    })
}

/// Whether a text holds what HTML escapes, asked of Python.
fn holds(text: &Text<'_>) -> PyResult<bool> {
    let py = text.py();
    let specials = [intern!(py, "<"), intern!(py, "&"), intern!(py, ">"), intern!(py, "\""), intern!(py, "'")];
    for special in specials {
        if text.contains(special)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The width in which Python holds a text, told by its size; nothing when a UTF-8 copy is there already, which is then the
/// cheapest to read. A wrong guess costs time and nothing else.
fn width(text: &Text<'_>, len: usize) -> PyResult<Option<Width>> {
    static SIZE: PyOnceLock<(Py<PyAny>, usize)> = PyOnceLock::new();
    let py = text.py();
    let (size, head) = SIZE.get_or_try_init(py, || {
        let size = py.get_type::<PyString>().getattr("__sizeof__")?;
        // Two units of one byte each and a terminator; texts of one such character are shared, and may hold a copy in UTF-8.
        let head = size.call1((PyString::new(py, "éé"),))?.extract::<usize>()?.saturating_sub(3);
        PyResult::Ok((size.unbind(), head))
    })?;
    let units = size.bind(py).call1((text,))?.extract::<usize>()?.saturating_sub(*head);
    Ok(match units {
        _ if units == len + 1 => Some(Width::One),
        _ if units == 2 * (len + 1) => Some(Width::Two),
        _ if units == 4 * (len + 1) => Some(Width::Four),
        _ => None,
    })
}
