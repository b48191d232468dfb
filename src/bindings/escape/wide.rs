//! Long text outside ASCII, in the units in which Python holds it.
//!
//! Reading such a text as UTF-8 makes Python transcode it and keep the copy with the object, and the answer has to be
//! transcoded back: half as fast as a peer that reads the object itself, which the stable interface does not allow. The codecs
//! below copy or widen units instead, and leave nothing behind.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyString};

use super::Text;
use crate::encode::{Width, html_units};

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
    // the codec finds.
    if width == Width::One && !holds(text)? {
        return Ok(Some(text.clone()));
    }
    let codec = match width {
        Width::One => intern!(py, "latin-1"),
        // Without a byte order in its name the codec is the machine's, and a mark stands first.
        Width::Two => intern!(py, "utf-16"),
        Width::Four => intern!(py, "utf-32"),
    };
    // Fails for lone surrogates, and when the width was guessed wrong.
    let Ok(units) = text.call_method1(intern!(py, "encode"), (codec,)) else { return Ok(None) };
    let units = units.cast_into::<PyBytes>()?;
    let Some(out) = html_units(units.as_bytes(), width) else { return Ok(Some(text.clone())) };
    let codec = match width {
        Width::One => c"latin-1",
        Width::Two => c"utf-16",
        Width::Four => c"utf-32",
    };
    Ok(Some(PyString::from_encoded_object(&PyBytes::new(py, &out), Some(codec), None)?))
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
