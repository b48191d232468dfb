//! What an async face awaits: a future of the asyncio protocol that steps its task the moment it is completed.
//!
//! asyncio's own future has the loop call the task back in its next turn, which costs a handle, a turn and a system call. This
//! one is completed by the loop itself, from its reader, where no task runs: it calls back at once.

use std::mem;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use crate::fork::Lock;

/// A future without a result: it says that there is something to take. Duck-typed as asyncio asks of futures.
#[pyclass(frozen, module = "botsec._core")]
pub(in super::super) struct Promise {
    /// A weak reference to the loop.
    home: Py<PyAny>,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// asyncio's mark of a future that was yielded and not yet taken by its task.
    blocking: bool,
    /// Callbacks, each with the context that it runs in.
    waiters: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Pending,
    Done,
    Cancelled,
}

impl Promise {
    pub(super) fn new(home: Py<PyAny>) -> Self {
        Self { home, state: Lock::default() }
    }

    /// Completes it and runs its callbacks, in the loop's next turn where a task runs already.
    pub(super) fn complete(slf: &Bound<'_, Self>, in_task: bool) -> PyResult<()> {
        for (callback, context) in slf.get().end(Phase::Done) {
            match context {
                context if in_task => Self::call_soon(slf, callback, context)?,
                Some(context) => {
                    context.bind(slf.py()).call_method1(pyo3::intern!(slf.py(), "run"), (callback, slf))?;
                }
                None => drop(callback.bind(slf.py()).call1((slf,))?),
            }
        }
        Ok(())
    }

    fn end(&self, phase: Phase) -> Vec<(Py<PyAny>, Option<Py<PyAny>>)> {
        let mut state = self.state.lock();
        if state.phase != Phase::Pending {
            return Vec::new();
        }
        state.phase = phase;
        mem::take(&mut state.waiters)
    }

    fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// The outcome as `result()` and `await` tell it.
    fn outcome(&self, py: Python<'_>) -> PyResult<()> {
        match self.phase() {
            Phase::Done => Ok(()),
            Phase::Cancelled => Err(asyncio_error(py, "CancelledError", &CANCELLED)?),
            Phase::Pending => Err(asyncio_error(py, "InvalidStateError", &INVALID)?),
        }
    }

    fn call_soon(slf: &Bound<'_, Self>, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let options = PyDict::new(py);
        if let Some(context) = context {
            options.set_item(pyo3::intern!(py, "context"), context)?;
        }
        let home = slf.get().get_loop(py)?;
        home.call_method(pyo3::intern!(py, "call_soon"), (callback, slf), Some(&options))?;
        Ok(())
    }
}

/// Whether a task of this loop runs now. The loop is named, or asyncio would look for it with a system call.
pub(super) fn in_task(home: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = home.py();
    Ok(!CURRENT.import(py, "asyncio", "current_task")?.call1((home.call0()?,))?.is_none())
}

static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static CANCELLED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INVALID: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn asyncio_error(py: Python<'_>, name: &str, kept: &PyOnceLock<Py<PyType>>) -> PyResult<PyErr> {
    Ok(PyErr::from_type(kept.import(py, "asyncio.exceptions", name)?.clone(), ()))
}

#[pymethods]
impl Promise {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Yield itself to the task until it is done.
    pub(in super::super) fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<Self>>> {
        let this = slf.get();
        {
            let mut state = this.state.lock();
            if state.phase == Phase::Pending {
                if state.blocking {
                    return Err(PyRuntimeError::new_err("await wasn't used with future"));
                }
                state.blocking = true;
                return Ok(Some(slf.clone().unbind()));
            }
        }
        this.outcome(slf.py()).map(|()| None)
    }

    /// asyncio's mark of a future.
    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> bool {
        self.state.lock().blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.state.lock().blocking = blocking;
    }

    /// The loop that it belongs to.
    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.home.bind(py).call0()
    }

    /// Whether it is completed or cancelled.
    fn done(&self) -> bool {
        self.phase() != Phase::Pending
    }

    /// Whether it is cancelled.
    fn cancelled(&self) -> bool {
        self.phase() == Phase::Cancelled
    }

    /// None, or raise as asyncio's futures do.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        self.outcome(py)
    }

    /// None: what failed is told by whoever completes it.
    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.outcome(py)
    }

    /// Have `callback` run when it is done.
    #[pyo3(signature = (callback, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        {
            let mut state = slf.get().state.lock();
            if state.phase == Phase::Pending {
                state.waiters.push((callback, context));
                return Ok(());
            }
        }
        Self::call_soon(slf, callback, context)
    }

    /// Forget a callback; how often it was there.
    fn remove_done_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let kept = mem::take(&mut self.state.lock().waiters);
        let (mut left, mut removed) = (Vec::with_capacity(kept.len()), 0);
        for waiter in kept {
            if callback.eq(&waiter.0)? {
                removed += 1;
            } else {
                left.push(waiter);
            }
        }
        self.state.lock().waiters.extend(left);
        Ok(removed)
    }

    /// Cancel it; False when it is done already. Callbacks run in the loop's next turn, since a task may be running now.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let _ = msg;
        let pending = !slf.get().done();
        for (callback, context) in slf.get().end(Phase::Cancelled) {
            Self::call_soon(slf, callback, context)?;
        }
        Ok(pending)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let phase = match self.phase() {
            Phase::Pending => "pending",
            Phase::Done => "done",
            Phase::Cancelled => "cancelled",
        };
        format!("<Promise {phase}>").into_py_any(py)
    }
}
