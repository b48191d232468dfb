//! Python arguments as the core's types.

use http::Method;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyMemoryView, PyString, PyTuple,
};

use super::error::{wrong_type, wrong_value};
use super::secret::PySecret;
use crate::clock;
use crate::validate::{Leaf, Value, header};

/// The name of a value's type, for messages.
pub(super) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

/// A `str` as text; lone surrogates become U+FFFD, which no room treats as anything else.
pub(super) fn text(value: &Bound<'_, PyString>) -> String {
    value.to_string_lossy().into_owned()
}

/// A list of `str`, or one `str`.
pub(super) fn strings(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<String>> {
    if let Ok(one) = value.cast::<PyString>() {
        return Ok(vec![text(one)]);
    }
    if !(value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()) {
        return Err(wrong_type(format!("`{name}` takes a list of str, not {}.", type_name(value))));
    }
    let mut out = Vec::new();
    for item in value.try_iter()? {
        let item = item?;
        let item = item.cast::<PyString>().map_err(|_| wrong_type(format!("`{name}` takes a list of str.")))?;
        out.push(text(item));
    }
    Ok(out)
}

/// An HTTP method as written; any token but the two that a client never sends.
pub(super) fn method(text: &str) -> PyResult<Method> {
    match text {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        "HEAD" => Ok(Method::HEAD),
        "OPTIONS" => Ok(Method::OPTIONS),
        _ => match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
            Ok(Method::CONNECT | Method::TRACE) | Err(_) => Err(wrong_value("That HTTP method is not supported.")),
            Ok(method) => Ok(method),
        },
    }
}

/// One value for a template's field.
pub(super) fn value(item: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(item) = item.cast::<PyString>() {
        return Ok(Value::Text(text(item)));
    }
    if item.is_none() {
        return Ok(Value::Absent);
    }
    if let Ok(flag) = item.cast::<PyBool>() {
        return Ok(Value::Scalar(flag.is_true().to_string()));
    }
    if item.is_instance_of::<PyInt>() {
        return Ok(item.extract::<i128>().map_or(Value::Other("int out of range"), Value::Int));
    }
    if item.is_instance_of::<PyFloat>() {
        return Ok(Value::Scalar(item.str()?.to_string()));
    }
    if item.is_instance_of::<PyList>() || item.is_instance_of::<PyTuple>() {
        return item.try_iter()?.map(|item| value(&item?)).collect::<PyResult<_>>().map(Value::List);
    }
    // uuid.UUID and enum members of str are common ids; UUID's text is canonical.
    if type_name(item) == "UUID" {
        return Ok(Value::Text(item.str()?.to_string()));
    }
    Ok(Value::Other("unsupported type"))
}

/// `path=`.
pub(super) fn path(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, Value)>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    if let Ok(dict) = given.cast::<PyDict>() {
        return dict.iter().map(|(key, item)| Ok((key_text(&key, "path")?, value(&item)?))).collect();
    }
    let pairs = pairs(given, "path")?;
    pairs.iter().map(|(key, item)| Ok((key_text(key, "path")?, value(item)?))).collect()
}

type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A mapping or a list of pairs.
pub(super) fn pairs<'py>(given: &Bound<'py, PyAny>, name: &str) -> PyResult<Vec<Pair<'py>>> {
    let wrong = || wrong_type(format!("`{name}` takes a mapping, not {}.", type_name(given)));
    if let Ok(dict) = given.cast::<PyDict>() {
        return Ok(dict.iter().collect());
    }
    if let Ok(mapping) = given.cast::<PyMapping>() {
        return mapping.items()?.iter().map(|pair| pair.extract::<Pair<'py>>()).collect();
    }
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        return given.try_iter()?.map(|pair| pair?.extract::<Pair<'py>>().map_err(|_| wrong())).collect();
    }
    Err(wrong())
}

fn key_text(key: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    let key = key.cast::<PyString>().map_err(|_| wrong_type(format!("The keys of `{name}` must be str.")))?;
    Ok(text(key))
}

/// A scalar as the text of a query or form value: `True` is `true`, as JSON and httpx write it.
fn scalar(item: &Bound<'_, PyAny>, name: &str) -> PyResult<Leaf> {
    if let Ok(secret) = item.cast::<PySecret>() {
        return Ok(Leaf::Hidden(secret.get().0.clone()));
    }
    if let Ok(item) = item.cast::<PyString>() {
        return Ok(Leaf::Plain(text(item)));
    }
    if let Ok(flag) = item.cast::<PyBool>() {
        return Ok(Leaf::Plain(if flag.is_true() { "true" } else { "false" }.to_owned()));
    }
    if item.is_instance_of::<PyInt>() || item.is_instance_of::<PyFloat>() {
        return Ok(Leaf::Plain(item.str()?.to_string()));
    }
    if item.is_none() {
        return Ok(Leaf::Plain(String::new()));
    }
    Err(wrong_type(format!(
        "A value in `{name}` must be str, int, float, bool, None or Secret, not {}.",
        type_name(item)
    )))
}

/// `data=` and its kin: a mapping whose values are scalars or lists of them. None is an empty text.
pub(super) fn fields(given: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Vec<(String, Leaf)>> {
    scalars(given, name, false)
}

/// `params=`. None is an empty text; beside a template that names its parameters, one that is left out.
pub(super) fn params(given: Option<&Bound<'_, PyAny>>, omits_none: bool) -> PyResult<Vec<(String, Leaf)>> {
    scalars(given, "params", omits_none)
}

fn scalars(given: Option<&Bound<'_, PyAny>>, name: &str, omits_none: bool) -> PyResult<Vec<(String, Leaf)>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (key, item) in pairs(given, name)? {
        let key = key_text(&key, name)?;
        if item.is_instance_of::<PyList>() || item.is_instance_of::<PyTuple>() {
            for item in item.try_iter()? {
                out.push((key.clone(), scalar(&item?, name)?));
            }
        } else if !(omits_none && item.is_none()) {
            out.push((key, scalar(&item, name)?));
        }
    }
    Ok(out)
}

/// `headers=`: credentials only as `Secret`, framing fields never.
pub(super) fn headers(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, Leaf)>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (key, item) in pairs(given, "headers")? {
        let key = key_text(&key, "headers")?;
        let leaf = scalar(&item, "headers")?;
        if header::is_reserved(&key) {
            return Err(wrong_type(format!("The header `{}` is set by botsec itself.", shown(&key))));
        }
        if matches!(leaf, Leaf::Plain(_)) && header::is_credential(&key) {
            return Err(wrong_type(format!(
                "The header `{}` carries a credential: load it with botsec.secret(\"env:MY_KEY\") and pass auth=Bearer(…), \
                 ApiKey(…) or the Secret itself.",
                shown(&key)
            )));
        }
        out.push((key, leaf));
    }
    Ok(out)
}

/// A header name as it may be repeated in a message.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

/// Seconds from a number or a timedelta; positive and finite.
pub(super) fn seconds(given: &Bound<'_, PyAny>, name: &str) -> PyResult<std::time::Duration> {
    let number = if given.is_instance_of::<PyBool>() {
        None
    } else if given.is_instance_of::<PyFloat>() || given.is_instance_of::<PyInt>() {
        given.extract::<f64>().ok()
    } else if given.hasattr("total_seconds")? {
        given.call_method0("total_seconds")?.extract::<f64>().ok()
    } else {
        None
    };
    let Some(number) = number else {
        return Err(wrong_type(format!(
            "`{name}` takes seconds as a number or a timedelta, not {}.",
            type_name(given)
        )));
    };
    // Thirty days: longer than any call should live, small enough for every clock.
    if !(number > 0.0 && number <= 2_592_000.0) {
        return Err(wrong_value(format!("`{name}` must be more than 0 and at most 2592000 seconds.")));
    }
    Ok(std::time::Duration::from_secs_f64(number))
}

/// The bytes of a bytes-like object; `None` for anything else.
pub(super) fn buffer(given: &Bound<'_, PyAny>) -> PyResult<Option<bytes::Bytes>> {
    /// From this size on, holding Python's object is cheaper than a copy: 32 KiB.
    const LARGE: usize = 32 * 1024;
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok(Some(match bytes.as_bytes() {
            small if small.len() < LARGE => bytes::Bytes::copy_from_slice(small),
            _ => bytes::Bytes::from_owner(PyBackedBytes::from(bytes.clone())),
        }));
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Some(self::text(text).into()));
    }
    if let Ok(bytes) = given.cast::<PyByteArray>() {
        return Ok(Some(bytes.to_vec().into()));
    }
    // A file that is a buffer too, such as a map of a large one, is read in pieces instead of copied.
    if given.hasattr("read")? {
        return Ok(None);
    }
    // Anything else with the buffer protocol: `memoryview`, `array.array`, and what other packages bring.
    let Ok(view) = PyMemoryView::from(given) else { return Ok(None) };
    let bytes = given.py().get_type::<PyBytes>().call1((view,))?;
    Ok(bytes.cast::<PyBytes>().ok().map(|bytes| bytes::Bytes::copy_from_slice(bytes.as_bytes())))
}

/// A key that nobody had before: a UUID of version 4 (RFC 9562 §5.4).
pub(super) fn unique_key() -> PyResult<String> {
    let mut bytes = [0u8; 16];
    clock::random_bytes(&mut bytes).map_err(|_| wrong_value("The system has no random source for a key."))?;
    let mut number = u128::from_be_bytes(bytes);
    number = number & !(0xF << 76) | (4 << 76);
    number = number & !(0x3 << 62) | (2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}
