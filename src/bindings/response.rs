//! `Response` in Python: lazily converted, its body bytes or a stream that is read either way.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::client::Core;
use super::drive::bridge::Bridge;
use super::drive::operation::Operation;
use super::drive::stack;
use super::error::{raise, raise_with, wrong_type, wrong_value};
use super::flow::Body;
use super::headers::Headers;
use super::pending::PendingChunk;
use super::schema::{self, Judge};
use crate::clock::Dice;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::pipeline::{Content, Response as Answer};
use crate::transport::{Limits, Stream};

/// An answer. Its text is untrusted: pass it through `botsec.escape` before showing it.
#[pyclass(frozen, module = "botsec")]
pub(super) struct Response {
    pub(super) answer: Box<Answer>,
    pub(super) body: Lock<Body>,
    /// Whether it was read before anybody saw it: then `body` need not be asked.
    is_whole: bool,
    // Not pyo3's cells: those let go of the interpreter while they are filled.
    content: OnceLock<Py<PyBytes>>,
    headers: OnceLock<Py<Headers>>,
}

impl Response {
    pub(super) fn new(mut answer: Box<Answer>, make: impl FnOnce(Box<Stream>, Limits) -> Body) -> Self {
        let content = std::mem::replace(&mut answer.content, Content::Read(Bytes::new()));
        let body = match content {
            Content::Read(bytes) => {
                answer.content = Content::Read(bytes);
                Body::Read
            }
            Content::Stream(stream, limits) => make(stream, limits),
        };
        let is_whole = matches!(body, Body::Read);
        Self { answer, body: Lock::new(body), is_whole, content: OnceLock::new(), headers: OnceLock::new() }
    }

    /// A response whose body was read.
    pub(super) fn whole(answer: Box<Answer>) -> Self {
        Self::new(answer, |_, _| Body::Ended)
    }

    /// The error of a `check=` that said no.
    pub(super) fn refused_by_check(&self, core: &Core) -> Error {
        let mut error = Error::new(Code::StatusCheck).with("status", self.answer.status.to_string());
        error.name_incident(&mut Dice::roll_new());
        if let Some(origin) = core.setup.policy.origin() {
            error.add("host", origin.authority().to_string());
        }
        if let Some(bytes) = self.answer.bytes() {
            error.add("body", crate::redact::scrub_bytes_excerpt(bytes, 512));
        }
        error
    }

    fn bytes(&self) -> PyResult<&Bytes> {
        if let Some(bytes) = self.answer.bytes().filter(|_| self.is_whole) {
            return Ok(bytes);
        }
        match (&*self.body.lock(), self.answer.bytes()) {
            (Body::Read, Some(bytes)) => Ok(bytes),
            (Body::Ended, _) => Err(PyRuntimeError::new_err(
                "The stream has ended or was closed; its bytes went to whoever read them and are not kept.",
            )),
            _ => Err(PyRuntimeError::new_err(
                "The body is a stream; read it with read(), iter_bytes() or their async twins.",
            )),
        }
    }

    fn decoded(&self) -> PyResult<String> {
        // RFC 8259 and the web: UTF-8 unless the answer says Latin-1; what does not decode becomes U+FFFD.
        let bytes = self.bytes()?;
        let kind =
            self.answer.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = kind.to_ascii_lowercase();
        if kind.contains("charset=iso-8859-1") || kind.contains("charset=latin-1") {
            return Ok(bytes.iter().map(|byte| char::from(*byte)).collect());
        }
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Iterators over a stream are Python's: `botsec._stream` holds them.
fn glue<'py>(response: &Bound<'py, Response>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    response.py().import("botsec._stream")?.call_method1(name, (response,))
}

#[pymethods]
impl Response {
    /// HTTP status code.
    #[getter]
    fn status_code(&self) -> u16 {
        self.answer.status
    }

    /// Reason phrase.
    #[getter]
    fn reason_phrase(&self) -> &str {
        &self.answer.reason
    }

    /// Header fields, a case-insensitive mapping.
    #[getter]
    fn headers(&self, py: Python<'_>) -> PyResult<Py<Headers>> {
        if let Some(headers) = self.headers.get() {
            return Ok(headers.clone_ref(py));
        }
        let headers = Py::new(py, Headers(self.answer.headers.clone()))?;
        Ok(self.headers.get_or_init(|| headers).clone_ref(py))
    }

    /// The decoded body.
    #[getter]
    fn content(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        if let Some(content) = self.content.get() {
            return Ok(content.clone_ref(py));
        }
        let content = PyBytes::new(py, self.bytes()?).unbind();
        Ok(self.content.get_or_init(|| content).clone_ref(py))
    }

    /// The body as text. It is untrusted.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        Ok(PyString::new(py, &self.decoded()?))
    }

    /// Return the body parsed as JSON, or what `schema` makes of it.
    ///
    /// Args:
    ///     schema: A pydantic model or TypeAdapter, a msgspec Struct (each gives its object), a JSON Schema validator, or a
    ///         callable, which raises or returns False for what it refuses; what else it returns is the result, the
    ///         parsed body for None and True.
    ///
    /// Raises:
    ///     ProtocolError: The body is not JSON, or does not fit the schema; the notes say where, without values.
    #[pyo3(signature = (*, schema=None))]
    fn json<'py>(&self, py: Python<'py>, schema: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let judge = schema.filter(|schema| !schema.is_none()).map(Judge::read).transpose()?;
        let bytes = self.bytes()?;
        let refuse = |error: Error| {
            let mut error = error.with("status", self.answer.status.to_string());
            error.name_incident(&mut Dice::roll_new());
            raise(py, &error)
        };
        let value = schema::parse(py, bytes).ok_or_else(|| {
            let error = Error::new(Code::TransportJson).with("reason", "the body is not JSON");
            refuse(error.with("body", crate::redact::scrub_bytes_excerpt(bytes, 512)))
        })?;
        match judge {
            None => Ok(value),
            Some(judge) => judge.judge(self.content(py)?.bind(py), &value, Code::TransportSchema)?.map_err(refuse),
        }
    }

    /// Where the last hop went: ids generalised, query values and tokens left out.
    #[getter]
    fn url(&self) -> String {
        crate::redact::scrub(&self.answer.url()).into_owned()
    }

    /// Where the last hop of an `open_web` client's call went, whole: the base of the page's relative links. It is a
    /// stranger's text: show it through `botsec.escape.link`, and mind that it may hold a token.
    ///
    /// Raises:
    ///     TypeError: The client is bound to an API: its URLs may hold a secret and are never whole.
    fn reveal_url(&self) -> PyResult<String> {
        self.answer.open_url().ok_or_else(|| wrong_type("Only responses of an open_web client reveal their URL."))
    }

    /// `HTTP/1.1` or `HTTP/2`.
    #[getter]
    fn http_version(&self) -> &'static str {
        self.answer.http_version()
    }

    /// Time from the first dial to the end of what was read.
    #[getter]
    fn elapsed(&self) -> Duration {
        self.answer.elapsed
    }

    /// Requests sent for this response, retries included.
    #[getter]
    fn attempts(&self) -> u32 {
        self.answer.attempts
    }

    /// What the API said about its quota: `limit`, `remaining` and `reset_s`, or None.
    #[getter]
    fn rate_limit<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(quota) = &self.answer.quota else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("limit", quota.limit)?;
        dict.set_item("remaining", quota.remaining)?;
        dict.set_item("reset_s", quota.reset.map(|reset| reset.as_secs_f64()))?;
        Ok(Some(dict))
    }

    /// The id that the API gave this request, for its support.
    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.answer.request_id()
    }

    /// Raise `StatusError` unless the status is 200 to 299; return the response otherwise.
    fn raise_for_status(slf: &Bound<'_, Self>) -> PyResult<Py<Self>> {
        let this = slf.get();
        if (200..300).contains(&this.answer.status) {
            return Ok(slf.clone().unbind());
        }
        let mut error = crate::pipeline::status_error(&this.answer, None);
        error.name_incident(&mut Dice::roll_new());
        Err(raise_with(slf.py(), &error, slf.clone().unbind().into_any()))
    }

    /// Whether the body is a stream that has not ended.
    #[getter]
    fn is_stream(&self) -> bool {
        !self.is_whole && matches!(&*self.body.lock(), Body::Sync(..) | Body::Async(..))
    }

    /// Read the next chunk of a stream on this thread, or None at its end.
    fn next_chunk(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        let taken = {
            let mut body = self.body.lock();
            match &mut *body {
                Body::Sync(flow, driver) => Some((flow.stream.take(), driver.take(), flow.limits)),
                Body::Async(..) => {
                    return Err(wrong_value("This stream belongs to an AsyncClient: use aiter_bytes()."));
                }
                Body::Read | Body::Ended => None,
            }
        };
        let Some((stream, driver, limits)) = taken else { return Ok(None) };
        let (Some(mut stream), Some(mut driver)) = (stream, driver) else {
            return Err(PyRuntimeError::new_err("Another thread reads this stream at the moment."));
        };
        if !stack::is_ours(&driver) {
            std::mem::forget((stream, driver));
            return Err(PyRuntimeError::new_err("This stream belongs to the process that was forked."));
        }
        let read = stack::read(py, &mut driver, &mut stream, &limits);
        if let Body::Sync(flow, place) = &mut *self.body.lock() {
            flow.stream = Some(stream);
            *place = Some(driver);
        }
        match read {
            Ok(read) => self.pass(py, read),
            Err(raised) => {
                self.end(py, None);
                Err(raised)
            }
        }
    }

    /// Start reading the next chunk of a stream on the running loop.
    fn start_chunk(slf: &Bound<'_, Self>, bridge: &Bound<'_, Bridge>) -> PyResult<Option<PendingChunk>> {
        let (stream, limits) = match &*slf.get().body.lock() {
            Body::Async(stream, flow, _) => (stream.clone(), flow.limits),
            Body::Sync(..) => return Err(wrong_value("This stream belongs to a Client: use iter_bytes().")),
            Body::Read | Body::Ended => return Ok(None),
        };
        let operation = Operation::spawn(slf.py(), bridge, async move { stream.lock().await.next(&limits).await })?;
        Ok(Some(PendingChunk(operation, slf.clone().unbind())))
    }

    /// End a stream over a line that no memory should hold; the error to raise.
    fn overlong(&self, py: Python<'_>) -> Py<PyAny> {
        self.refuse_line(py).into_value(py).into_any()
    }

    /// Close a stream that is no longer wanted.
    fn close(&self, py: Python<'_>) {
        self.end(py, None);
    }

    /// Read a stream to its end and return the bytes; the body of a response that was read already.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if !self.is_stream() {
            return Ok(self.content(py)?.into_bound(py));
        }
        let mut all = Vec::new();
        while let Some(chunk) = self.next_chunk(py)? {
            all.extend_from_slice(chunk.as_bytes(py));
        }
        Ok(PyBytes::new(py, &all))
    }

    /// Return an iterator over the decoded bytes of a stream, in pieces as they arrive.
    fn iter_bytes<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "iter_bytes")
    }

    /// Return an iterator over the lines of a stream, as text without line ends.
    fn iter_lines<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "iter_lines")
    }

    /// Return an iterator over server-sent events: `event`, `data`, `id`, `retry`.
    ///
    /// `retry` is the time in milliseconds that the server set since the event before, or None.
    ///
    /// Raises:
    ///     ResponseTooLargeError: A line or an event is longer than 1 MiB.
    fn iter_sse<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "iter_sse")
    }

    /// As `read`, to be awaited.
    fn aread<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "aread")
    }

    /// As `iter_bytes`, for `async for`.
    fn aiter_bytes<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "aiter_bytes")
    }

    /// As `iter_lines`, for `async for`.
    fn aiter_lines<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "aiter_lines")
    }

    /// As `iter_sse`, for `async for`.
    fn aiter_sse<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        glue(slf, "aiter_sse")
    }

    fn __repr__(&self) -> String {
        format!("<Response [{} {}] {}>", self.answer.status, self.answer.reason.escape_default(), self.url())
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if self.is_stream() {
            Python::attach(|py| self.end(py, None));
        }
    }
}
