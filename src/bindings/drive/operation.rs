//! Work of the background runtime that a loop waits for.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, abortable};
use pyo3::prelude::*;

use super::super::error::Raise;
use super::background;
use super::bridge::{Bridge, Ring, Start};
use super::promise::Promise;
use crate::fork::Lock;

/// A future with the task that will complete it.
pub(in super::super) struct Operation<T> {
    future: Py<Promise>,
    bridge: Py<Bridge>,
    id: u64,
    task: AbortHandle,
    pub(in super::super) slot: Arc<Lock<Option<T>>>,
}

impl<T: Send + 'static> Operation<T> {
    /// Runs `work` on the background runtime and completes a future of the loop behind `bridge`.
    pub(in super::super) fn spawn(
        py: Python<'_>,
        bridge: &Bound<'_, Bridge>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> PyResult<Self> {
        Self::start(py, bridge, work, Start::AtOnce)
    }

    pub(in super::super) fn start(
        py: Python<'_>,
        bridge: &Bound<'_, Bridge>,
        work: impl Future<Output = T> + Send + 'static,
        start: Start,
    ) -> PyResult<Self> {
        let inbox = background::inbox().or_raise(py)?;
        let (future, id, ring) = bridge.get().promise(py)?;
        let slot = Arc::new(Lock::new(None));
        let (work, task) = abortable(fill(slot.clone(), ring, work));
        Bridge::start(bridge, inbox, Box::pin(work.map(drop)), start).inspect_err(|_| task.abort())?;
        Ok(Self { future, bridge: bridge.clone().unbind(), id, task, slot })
    }

    pub(in super::super) fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.future.clone_ref(py)
    }

    /// The bridge to the loop that waits.
    pub(in super::super) fn bridge<'py>(&self, py: Python<'py>) -> &Bound<'py, Bridge> {
        self.bridge.bind(py)
    }

    /// Stops the task at once and forgets the future; the result when it was there already.
    pub(in super::super) fn cancel(&self) -> Option<T> {
        self.task.abort();
        self.bridge.get().forget(self.id);
        self.take()
    }

    pub(in super::super) fn take(&self) -> Option<T> {
        self.slot.lock().take()
    }
}

impl<T> Drop for Operation<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn fill<T>(slot: Arc<Lock<Option<T>>>, ring: Ring, work: impl Future<Output = T>) {
    let result = work.await;
    *slot.lock() = Some(result);
    drop(ring);
}
