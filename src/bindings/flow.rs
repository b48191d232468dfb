//! A stream that is read: who reads it, its limits, and the event that is told when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::client::Core;
use super::drive::background::{self, Pool};
use super::drive::stack::{self, Driver};
use super::error::raise;
use super::log;
use super::response::Response;
use crate::clock::{self, Dice};
use crate::error::{Code, Error};
use crate::observe::Event;
use crate::pipeline::Response as Answer;
use crate::transport::{Limits, Stream};

/// Longest life of a stream: one hour.
const LIFE: Duration = Duration::from_secs(3600);

/// What a stream needs until it ends.
pub(super) struct Flow {
    /// The body, while no reader has it; `None` where an async reader shares it.
    pub(super) stream: Option<Box<Stream>>,
    pub(super) core: Arc<Core>,
    pub(super) limits: Limits,
    event: Event,
    begun: Instant,
}

impl Flow {
    /// The life of a stream begins.
    fn begin(stream: Option<Box<Stream>>, limits: Limits, core: Arc<Core>, event: Event) -> Self {
        let begun = clock::now();
        Self { stream, core, limits: Limits { deadline: begun + LIFE, ..limits }, event, begun }
    }

    /// The event of its end.
    fn end(self, error: Option<&Error>) -> Event {
        let mut event = self.event;
        event.elapsed += clock::now().duration_since(self.begun);
        if let Some(error) = error {
            self.core.setup.stats.fail();
            event.code = Some(error.code().as_str());
            event.incident = error.incident().map(str::to_owned);
        }
        event
    }
}

/// Where a response's body is.
pub(super) enum Body {
    /// All of it is in the answer.
    Read,
    Sync(Box<Flow>, Option<Box<Driver>>),
    Async(Arc<tokio::sync::Mutex<Box<Stream>>>, Box<Flow>, Arc<Pool>),
    /// The stream came to its end, broke or was closed.
    Ended,
}

impl Response {
    /// A stream that holds its driver until it ends.
    pub(super) fn sync_stream(answer: Box<Answer>, driver: Box<Driver>, core: Arc<Core>, event: Event) -> Self {
        Self::new(answer, |stream, limits| {
            Body::Sync(Box::new(Flow::begin(Some(stream), limits, core, event)), Some(driver))
        })
    }

    /// A stream on the background runtime.
    pub(super) fn async_stream(answer: Box<Answer>, pool: Arc<Pool>, core: Arc<Core>, event: Event) -> Self {
        Self::new(answer, |stream, limits| {
            let flow = Box::new(Flow::begin(None, limits, core, event));
            Body::Async(Arc::new(tokio::sync::Mutex::new(stream)), flow, pool)
        })
    }

    /// Ends a stream: its event is told once, its driver goes back unless the body was left unread.
    pub(super) fn end(&self, py: Python<'_>, error: Option<&Error>) {
        let body = std::mem::replace(&mut *self.body.lock(), Body::Ended);
        let flow = match body {
            Body::Read => {
                *self.body.lock() = Body::Read;
                return;
            }
            Body::Ended => return,
            Body::Sync(mut flow, driver) => {
                if let Some(driver) = driver {
                    let stream = flow.stream.take();
                    py.detach(|| {
                        if stack::is_ours(&driver) {
                            stack::discard(&driver, stream);
                        } else {
                            std::mem::forget(stream);
                        }
                        flow.core.stack.push(driver);
                    });
                }
                flow
            }
            Body::Async(stream, flow, _pool) => {
                if let Ok(handle) = background::handle() {
                    let _guard = handle.enter();
                    drop(stream);
                }
                flow
            }
        };
        log::emit(py, &flow.end(error));
    }

    /// What a read of a stream brought, for Python; the end and errors end the stream.
    pub(super) fn pass(&self, py: Python<'_>, read: Result<Option<Bytes>, Error>) -> PyResult<Option<Py<PyBytes>>> {
        match read {
            Ok(Some(bytes)) => Ok(Some(PyBytes::new(py, &bytes).unbind())),
            Ok(None) => {
                self.end(py, None);
                Ok(None)
            }
            Err(error) => Err(self.fail(py, error)),
        }
    }

    /// The error of a line or event that is longer than what may be gathered.
    pub(super) fn refuse_line(&self, py: Python<'_>) -> PyErr {
        self.fail(py, Error::new(Code::TransportTooLarge).with("reason", "a line or event is longer than 1 MiB"))
    }

    fn fail(&self, py: Python<'_>, mut error: Error) -> PyErr {
        error.name_incident(&mut Dice::roll_new());
        self.end(py, Some(&error));
        raise(py, &error)
    }
}
