//! Async operations under way: a future to await, a way to give up, a result to take.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTraceback, PyTuple, PyType};
use tokio::sync::{mpsc, oneshot};

use super::call::{Prepared, Question, SignRequest};
use super::client::{Core, finish, finish_head};
use super::convert;
use super::drive::background::Pool;
use super::drive::bridge::{Bridge, Start};
use super::drive::operation::Operation;
use super::drive::promise::Promise;
use super::drive::{self, Sketch, stack::signature};
use super::error::{Raise, internal, raise_failure, wrong_type};
use super::log;
use super::response::Response;
use super::secret::PySecret;
use crate::error::Error;
use crate::fork::Lock;
use crate::pipeline::{Content, Outcome};
use crate::validate::{Feeder, Room, Tally};

/// An async call under way.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PendingCall {
    operation: Operation<Outcome>,
    pool: Arc<Pool>,
    core: Arc<Core>,
    sketch: Sketch,
    check: Option<Py<PyAny>>,
    told: Lock<bool>,
    body: Lock<Option<Feeder>>,
    tally: Option<Tally>,
    iterable: Option<Py<PyAny>>,
    questions: Option<Arc<tokio::sync::Mutex<mpsc::Receiver<Question>>>>,
    signers: Vec<Arc<Py<PyAny>>>,
}

impl PendingCall {
    pub(super) fn start(
        py: Python<'_>,
        core: Arc<Core>,
        bridge: &Bound<'_, Bridge>,
        prepared: Prepared,
    ) -> PyResult<Self> {
        let Prepared { call, body, questions, check } = prepared;
        let sketch = Sketch::of(&core.setup, &call);
        let pool = core.background.pool(&core.settings).or_raise(py)?;
        let work = {
            let (core, sketch, pool) = (core.clone(), sketch.clone(), pool.clone());
            // In a box of its own: the task is moved several times before it runs.
            Box::pin(async move { drive::send(&core.setup, &pool, call, &sketch).await })
        };
        let start = if pool.multiplexes() { Start::Together } else { Start::Apart };
        let operation = Operation::start(py, bridge, work, start)?;
        let (feeder, iterable) = body.map_or((None, None), |(feeder, iterable)| (Some(feeder), Some(iterable)));
        let (questions, signers) = questions.map_or((None, Vec::new()), |(receiver, signers)| {
            (Some(Arc::new(tokio::sync::Mutex::new(receiver))), signers)
        });
        Ok(Self {
            operation,
            pool,
            core,
            sketch,
            check,
            told: Lock::new(false),
            tally: feeder.as_ref().map(|feeder| feeder.tally().clone()),
            body: Lock::new(feeder),
            iterable,
            questions,
            signers,
        })
    }

    /// The first to ask tells the event.
    fn tell_once(&self) -> bool {
        !std::mem::replace(&mut *self.told.lock(), true)
    }
}

#[pymethods]
impl PendingCall {
    /// The asyncio future; its result says nothing, `finish` does.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.operation.future(py)
    }

    /// The iterable whose chunks the request body is made of, if any.
    #[getter]
    fn body(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.iterable.as_ref().map(|iterable| iterable.clone_ref(py))
    }

    /// Whether signers or callables of secrets may be asked.
    #[getter]
    fn asks(&self) -> bool {
        self.questions.is_some()
    }

    /// An iterator that ends with the response, and stops the call when it is thrown into: a coroutine around it would cost
    /// each call a frame. With a body iterator or signers it is a coroutine's, which runs those beside it.
    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        if this.iterable.is_none() && this.questions.is_none() {
            return Ok(slf.clone().into_any());
        }
        let bridge = this.operation.bridge(py);
        py.import("botsec._serve")?.call_method1("serve", (slf, bridge))?.call_method0("__await__")
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Wait for the answer, then end with the response or raise.
    fn __next__(&self, py: Python<'_>) -> PyResult<Py<Promise>> {
        match Promise::__next__(&self.operation.future(py).into_bound(py)) {
            Ok(Some(waits)) => Ok(waits),
            Ok(None) => Err(match self.finish(py) {
                Ok(response) => PyStopIteration::new_err(response),
                // As a coroutine: whatever `check=` raises, it is no result.
                Err(raised) if raised.is_instance_of::<PyStopIteration>(py) => {
                    let wrapped = PyRuntimeError::new_err("coroutine raised StopIteration");
                    wrapped.set_cause(py, Some(raised));
                    wrapped
                }
                Err(raised) => raised,
            }),
            Err(raised) => {
                self.cancel(py);
                Err(raised)
            }
        }
    }

    /// Go on waiting: asyncio sends nothing else.
    fn send(&self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<Promise>> {
        self.__next__(py)
    }

    /// Stop the call, and raise what is thrown: an exception, or its type and arguments.
    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyTraceback>>,
    ) -> PyResult<Py<Promise>> {
        self.cancel(py);
        let raised = match (kind.cast::<PyType>(), value) {
            (Err(_), _) => kind.clone(),
            (Ok(kind), Some(value)) if value.is_instance(kind)? => value.clone(),
            (Ok(kind), Some(value)) => kind.call1((value,))?,
            (Ok(kind), None) => kind.call0()?,
        };
        let raised = PyErr::from_value(raised);
        if let Some(traceback) = traceback {
            raised.set_traceback(py, Some(traceback.clone()));
        }
        Err(raised)
    }

    /// Stop the call.
    fn close(&self, py: Python<'_>) {
        self.cancel(py);
    }

    /// Stop the call at once.
    fn cancel(&self, py: Python<'_>) {
        let outcome = self.operation.cancel();
        if self.tell_once() {
            let event = outcome.map_or_else(|| self.sketch.cancelled(&self.core.setup), |outcome| outcome.event);
            log::emit(py, &event);
        }
    }

    /// Return the response or raise, and tell the event.
    fn finish(&self, py: Python<'_>) -> PyResult<Py<Response>> {
        let Some(outcome) = self.operation.take() else {
            return Err(super::error::raise(py, &internal()));
        };
        let first = self.tell_once();
        match outcome.result {
            Ok(response) if matches!(response.content, Content::Stream(..)) => {
                let response = Response::async_stream(response, self.pool.clone(), self.core.clone(), outcome.event);
                finish_head(py, &self.core, response, self.check.as_ref())
            }
            Ok(response) if first => {
                self.pool.learn(response.version);
                finish(py, &self.core, Response::whole(response), outcome.event, self.check.as_ref())
            }
            Ok(response) => Py::new(py, Response::whole(response)),
            Err(failure) => {
                let raised = raise_failure(py, failure, self.core.settings.proxy.is_some());
                if first {
                    log::emit(py, &outcome.event);
                }
                Err(raised)
            }
        }
    }

    /// Wait until the body takes another chunk.
    fn room(&self, py: Python<'_>, bridge: &Bound<'_, Bridge>) -> PyResult<PendingRoom> {
        let feeder = self.body.lock().clone();
        Operation::spawn(py, bridge, async move {
            match feeder {
                Some(feeder) => feeder.room().await,
                None => None,
            }
        })
        .map(PendingRoom)
    }

    /// Whether the connection has taken the whole body, whose length was announced; it asks for no more then.
    #[getter]
    fn is_body_taken(&self) -> bool {
        self.tally.as_ref().is_some_and(Tally::is_complete)
    }

    /// Say that the body is complete.
    fn end_body(&self) {
        self.body.lock().take();
    }

    /// Wait until a signer or the callable of a secret is asked.
    fn question(&self, py: Python<'_>, bridge: &Bound<'_, Bridge>) -> PyResult<PendingQuestion> {
        let questions = self.questions.clone();
        let operation = Operation::spawn(py, bridge, async move {
            match questions {
                Some(questions) => questions.lock().await.recv().await,
                None => None,
            }
        })?;
        Ok(PendingQuestion { operation, signers: self.signers.clone(), asked: Lock::new(None) })
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        if self.tell_once() {
            let event = self.sketch.cancelled(&self.core.setup);
            Python::attach(|py| log::emit(py, &event));
        }
    }
}

/// A place for one chunk of a request body.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PendingRoom(Operation<Option<Room>>);

#[pymethods]
impl PendingRoom {
    /// The asyncio future.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.0.future(py)
    }

    /// Stop waiting.
    fn cancel(&self) {
        drop(self.0.cancel());
    }

    /// Whether there is a place; without one the request wants no more.
    #[getter]
    fn is_free(&self) -> bool {
        matches!(*self.0.slot.lock(), Some(Some(_)))
    }

    /// Put a chunk into the place; False when the request does not want it any more.
    fn put(&self, chunk: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(bytes) = convert::buffer(chunk)? else {
            return Err(wrong_type("A body iterator yields bytes or str."));
        };
        match self.0.take().flatten() {
            Some(permit) => {
                permit.send(Ok(bytes));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Say that the iterator raised: the request is broken off.
    fn fail(&self) {
        if let Some(permit) = self.0.take().flatten() {
            permit.send(Err(()));
        }
    }
}

/// Where an answer goes.
enum Reply {
    Signed(oneshot::Sender<Result<Vec<(String, String)>, Error>>),
    Read(oneshot::Sender<()>),
}

/// A question to a signer, or to the callable of a secret.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PendingQuestion {
    operation: Operation<Option<Question>>,
    signers: Vec<Arc<Py<PyAny>>>,
    asked: Lock<Option<Reply>>,
}

#[pymethods]
impl PendingQuestion {
    /// The asyncio future.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.operation.future(py)
    }

    /// Stop waiting.
    fn cancel(&self) {
        drop(self.operation.cancel());
    }

    /// The signer and what it is asked, None and the secret to read, or None when nothing more will be asked.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(question) = self.operation.take().flatten() else { return Ok(None) };
        let (asked, reply) = match question {
            Question::Sign(index, request, reply) => {
                let Some(signer) = self.signers.get(index) else { return Ok(None) };
                ((signer.bind(py), SignRequest::show(py, request)).into_pyobject(py)?, Reply::Signed(reply))
            }
            Question::Read(secret, reply) => ((py.None(), PySecret(secret)).into_pyobject(py)?, Reply::Read(reply)),
        };
        *self.asked.lock() = Some(reply);
        Ok(Some(asked))
    }

    /// Pass the signer's header fields on, or None once the secret was read.
    fn answer(&self, signed: &Bound<'_, PyAny>) -> PyResult<()> {
        let reply = self.asked.lock().take();
        match reply {
            Some(Reply::Signed(reply)) => drop(reply.send(Ok(signature(signed)?))),
            Some(Reply::Read(reply)) => drop(reply.send(())),
            None => {}
        }
        Ok(())
    }
}

/// A chunk of a response body.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PendingChunk(pub(super) Operation<Result<Option<Bytes>, Error>>, pub(super) Py<Response>);

#[pymethods]
impl PendingChunk {
    /// The asyncio future.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.0.future(py)
    }

    /// Stop reading and close the stream.
    fn cancel(&self, py: Python<'_>) {
        drop(self.0.cancel());
        self.1.get().end(py, None);
    }

    /// The chunk, or None at the end of the body.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        let Some(read) = self.0.take() else {
            return Err(super::error::raise(py, &internal()));
        };
        self.1.get().pass(py, read)
    }
}
