//! A Python iterator whose chunks become the body of a sync call's request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pyo3::intern;
use pyo3::prelude::*;

use super::super::convert;
use super::super::error::wrong_type;
use crate::validate::{Feeder, Room, Tally};

/// The iterator, and the way to the request.
pub(super) struct Pump {
    iterator: Py<PyAny>,
    begun: bool,
    ended: bool,
    tally: Tally,
    feeder: Option<Feeder>,
    room: Option<Pin<Box<dyn Future<Output = Option<Room>> + Send>>>,
}

impl Pump {
    pub(super) fn new(py: Python<'_>, feeder: Feeder, iterable: &Py<PyAny>) -> PyResult<Self> {
        let iterable = iterable.bind(py);
        if iterable.hasattr("__aiter__")? {
            return Err(wrong_type("An async iterator as `content` needs an AsyncClient."));
        }
        let iterator = iterable.try_iter()?.into_any().unbind();
        let tally = feeder.tally().clone();
        Ok(Self { iterator, begun: false, ended: false, tally, feeder: Some(feeder), room: None })
    }

    /// A place for the next chunk, once the one before was taken; `None` once, when nothing more is wanted.
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Option<Room>> {
        let Some(feeder) = &self.feeder else { return Poll::Pending };
        let room = self.room.get_or_insert_with(|| Box::pin(feeder.clone().room()));
        let poll = room.as_mut().poll(context);
        if poll.is_ready() {
            self.room = None;
        }
        poll
    }

    /// Asks the iterator for one chunk. Its exception ends the call and is the caller's own.
    pub(super) fn push(&mut self, py: Python<'_>, room: Option<Room>) -> PyResult<()> {
        let Some(room) = room else { return self.finish(py) };
        match self.next(py)? {
            None => self.feeder = None,
            Some(chunk) => {
                let Some(bytes) = convert::buffer(&chunk)? else {
                    return Err(wrong_type("A body iterator yields bytes or str."));
                };
                room.send(Ok(bytes));
            }
        }
        Ok(())
    }

    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.begun = true;
        let chunk = self.iterator.bind(py).try_iter()?.next().transpose();
        self.ended = !matches!(chunk, Ok(Some(_)));
        chunk
    }

    /// Lets the iterator of a body that was taken whole come to its end: a connection that got the announced length asks
    /// for no more.
    pub(super) fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        self.feeder = None;
        if self.tally.is_complete() && !self.ended {
            self.next(py)?;
            self.ended = true;
        }
        Ok(())
    }

    /// Closes a generator whose chunks nobody wants any more, so that its `finally` runs now and not at some later time.
    /// One that was never asked is left to the caller, who may send it with another call.
    pub(super) fn close(self, py: Python<'_>) {
        if !self.begun {
            return;
        }
        let iterator = self.iterator.bind(py);
        if let Ok(close) = iterator.getattr(intern!(py, "close"))
            && let Err(raised) = close.call0()
        {
            // The call has its own result or exception already.
            raised.write_unraisable(py, Some(iterator));
        }
    }
}
