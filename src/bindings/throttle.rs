//! `Throttle`: the options of a client's queue, and a limiter for whatever else must keep a pace.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use tokio::runtime::Builder;

use super::convert::{seconds, strings};
use super::drive::bridge::Bridge;
use super::drive::operation::Operation;
use super::drive::promise::Promise;
use super::error::{Raise, internal, wrong_value};
use super::{log, store};
use crate::clock;
use crate::error::Error;
use crate::headers::Dialect;
use crate::pipeline::{Limiter, Place, Setup, ThrottleSetup};
use crate::retry::Budgets;
use crate::throttle::{Ask, Host, Limit, Priority, Registry};

/// How often a waiting call looks for Ctrl-C.
const SIGNALS: Duration = Duration::from_millis(50);

/// How fast requests leave: the options of a client's queue, and a limiter for whatever else must keep a pace.
///
/// Args:
///     limits: Limits such as `"50/s"` or `["5/s", "100/m"]`, beside what the API's headers say.
///     max_wait: Longest wait in the queue, in seconds; 300 unless given.
///     max_queue: Most waiters; 10,000 unless given.
///     key: Names a bucket of its own; clients with equal origin, secret and key share one bucket.
///     per: `"host"`, or `"route"`, whose limits hold for each route template by itself.
///     dialect: How the API tells its quota, such as `"github"` for a GitHub server of one's own; known from the host
///         unless given.
///     store: A `Redis` that keeps the limits for many processes.
///     processes: How many processes share them, until the store has seen them; 2 unless given.
///
/// As a limiter it has a bucket of its own, shared with other limiters of the same `key`.
#[pyclass(frozen, module = "botsec")]
pub(super) struct Throttle {
    pub(super) setup: ThrottleSetup,
    /// The limits as they were written.
    limits: Vec<String>,
    limiter: OnceLock<Arc<Limiter>>,
}

#[pymethods]
impl Throttle {
    #[new]
    #[pyo3(signature = (limits=None, *, max_wait=None, max_queue=10_000, key=None, per="host", dialect=None, store=None, processes=None))]
    #[expect(clippy::too_many_arguments, reason = "each is an option by name")]
    fn new(
        py: Python<'_>,
        limits: Option<&Bound<'_, PyAny>>,
        max_wait: Option<&Bound<'_, PyAny>>,
        max_queue: usize,
        key: Option<String>,
        per: &str,
        dialect: Option<&str>,
        store: Option<&Bound<'_, PyAny>>,
        processes: Option<u32>,
    ) -> PyResult<Self> {
        let texts = limits.map_or(Ok(Vec::new()), |limits| strings(limits, "limits"))?;
        let limits = texts.iter().map(|text| Limit::parse(text)).collect::<Result<Vec<_>, _>>().or_raise(py)?;
        let per_route = match per {
            "host" => false,
            "route" => true,
            _ => return Err(wrong_value("`per` is \"host\" or \"route\".")),
        };
        let dialect = match dialect {
            None => None,
            Some(name) => Some(Dialect::named(name).ok_or_else(|| {
                wrong_value(format!("`dialect` is one of {}.", Dialect::names().collect::<Vec<_>>().join(", ")))
            })?),
        };
        if store.is_some() && (limits.is_empty() || per_route) {
            return Err(wrong_value("A throttle with a `store` needs limits, which hold per host."));
        }
        if processes == Some(0) {
            return Err(wrong_value("`processes` must be at least 1."));
        }
        let defaults = ThrottleSetup::default();
        let setup = ThrottleSetup {
            limits,
            max_wait: max_wait.map_or(Ok(defaults.max_wait), |wait| seconds(wait, "max_wait"))?,
            max_queue,
            key,
            per_route,
            dialect,
            store: store.map(store::read).transpose()?,
            processes: processes.unwrap_or(defaults.processes),
        };
        Ok(Self { setup, limits: texts, limiter: OnceLock::new() })
    }

    /// Take a place at once; False when it would have to wait.
    #[pyo3(signature = (weight=1, *, priority="normal"))]
    fn try_acquire(&self, py: Python<'_>, weight: u32, priority: &str) -> PyResult<bool> {
        let ask = ask(weight, priority)?;
        let limiter = self.limiter()?;
        if limiter.try_acquire(&ask) {
            return Ok(true);
        }
        limiter.weigh(&ask).or_raise(py)?;
        if !limiter.is_remote() {
            return Ok(false);
        }
        let Ok(place) = limiter.join_at_once(&ask) else { return Ok(false) };
        let taken = wait(py, place)?.is_ok();
        tell(py, limiter);
        Ok(taken)
    }

    /// Wait for a place.
    ///
    /// Raises:
    ///     ThrottledError: The wait would be longer than `max_wait`, or too many wait already.
    #[pyo3(signature = (weight=1, *, priority="normal"))]
    fn acquire(&self, py: Python<'_>, weight: u32, priority: &str) -> PyResult<()> {
        let ask = ask(weight, priority)?;
        let limiter = self.limiter()?;
        if limiter.try_acquire(&ask) {
            return Ok(());
        }
        let result = wait(py, limiter.join(&ask).or_raise(py)?)?;
        tell(py, limiter);
        result.or_raise(py)
    }

    /// As `acquire`, to await.
    #[pyo3(signature = (weight=1, *, priority="normal"))]
    fn acquire_async<'py>(slf: &Bound<'py, Self>, weight: u32, priority: &str) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if slf.get().limiter()?.try_acquire(&ask(weight, priority)?) {
            return Ok(GRANTED.get_or_try_init(py, || Py::new(py, Granted))?.bind(py).clone().into_any());
        }
        py.import(pyo3::intern!(py, "botsec._loop"))?.call_method1(pyo3::intern!(py, "place"), (slf, weight, priority))
    }

    /// Join the queue on the running loop.
    fn start(&self, py: Python<'_>, bridge: &Bound<'_, Bridge>, weight: u32, priority: &str) -> PyResult<PendingPlace> {
        // It joins here, so that the order of the calls is that of the places.
        let limiter = self.limiter()?;
        let place = limiter.join(&ask(weight, priority)?).or_raise(py)?;
        Ok(PendingPlace(Operation::spawn(py, bridge, place.wait())?, limiter.clone()))
    }

    fn __repr__(&self) -> String {
        format!(
            "Throttle(limits={:?}, max_wait={}, max_queue={})",
            self.limits,
            self.setup.max_wait.as_secs_f64(),
            self.setup.max_queue
        )
    }
}

impl Throttle {
    fn limiter(&self) -> PyResult<&Arc<Limiter>> {
        if self.setup.store.is_some() && self.setup.key.is_none() {
            return Err(wrong_value("A throttle that shares its pace with other processes needs a `key`."));
        }
        Ok(self.limiter.get_or_init(|| Arc::new(Limiter::new(&self.setup))))
    }
}

/// Says in the log what is new of the limiter's store.
fn tell(py: Python<'_>, limiter: &Limiter) {
    if let Some(news) = limiter.news() {
        log::tell_store(py, &news);
    }
}

fn ask(weight_given: u32, priority_given: &str) -> PyResult<Ask<'static>> {
    Ok(Ask { weight: weight(weight_given)?, priority: priority(priority_given)?, ..Ask::default() })
}

/// Waits on the calling thread, where Ctrl-C is heard.
fn wait(py: Python<'_>, place: Place) -> PyResult<Result<(), Error>> {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| wrong_value(format!("No timer could be made: {}.", e.kind())))?;
    let mut waiting = pin!(place.wait());
    loop {
        let done = py.detach(|| runtime.block_on(async { tokio::time::timeout(SIGNALS, waiting.as_mut()).await }));
        match done {
            Ok(result) => return Ok(result),
            Err(_) => py.check_signals()?,
        }
    }
}

/// An awaitable that is done already.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct Granted;

static GRANTED: PyOnceLock<Py<Granted>> = PyOnceLock::new();

#[pymethods]
impl Granted {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }
}

/// A place in the queue of a limiter.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PendingPlace(Operation<Result<(), Error>>, Arc<Limiter>);

#[pymethods]
impl PendingPlace {
    /// The asyncio future.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.0.future(py)
    }

    /// Leave the queue.
    fn cancel(&self) {
        drop(self.0.cancel());
    }

    /// Raise if the place was refused.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        tell(py, &self.1);
        self.0.take().unwrap_or_else(|| Err(internal())).or_raise(py)
    }
}

/// `priority=` of one call.
pub(super) fn priority(given: &str) -> PyResult<Priority> {
    match given {
        "interactive" => Ok(Priority::Interactive),
        "normal" => Ok(Priority::Normal),
        "bulk" => Ok(Priority::Bulk),
        _ => Err(wrong_value("`priority` is \"interactive\", \"normal\" or \"bulk\".")),
    }
}

/// `weight=` of one call.
pub(super) fn weight(given: u32) -> PyResult<u32> {
    if given == 0 { Err(wrong_value("`weight` must be at least 1.")) } else { Ok(given) }
}

/// What is known of the hosts that a client has called, by authority.
pub(super) fn hosts<'py>(py: Python<'py>, setup: &Setup) -> PyResult<Bound<'py, PyDict>> {
    let hosts = PyDict::new(py);
    for (origin, gate) in setup.gates() {
        let reading = gate.host.reading(clock::now());
        let host = PyDict::new(py);
        host.set_item("circuit", reading.circuit.as_str())?;
        host.set_item("in_flight", reading.in_flight)?;
        host.set_item("at_once", reading.at_once)?;
        host.set_item("waiting", gate.front.line.waiting())?;
        if let Some(shared) = gate.front.line.is_shared() {
            host.set_item("store", if shared { "shared" } else { "alone" })?;
        }
        hosts.set_item(origin.authority(), host)?;
    }
    Ok(hosts)
}

/// Forget the health, the retry budget and the buckets of a server, for tests that start a new one at an old address.
#[pyfunction]
fn forget_server(authority: &str) {
    Host::forget(authority);
    Budgets::forget(authority);
    Registry::forget(&format!("{authority}|"));
}

/// Begin or end a test in which every wait is skipped by moving the clocks on.
#[pyfunction]
fn clock_fake(on: bool) {
    clock::fake(on);
}

/// Move the clocks on, for tests.
#[pyfunction]
fn clock_advance(time: &Bound<'_, PyAny>) -> PyResult<()> {
    clock::advance(seconds(time, "time")?);
    Ok(())
}

/// The wall clock as the core sees it, in seconds since 1970.
#[pyfunction]
fn clock_wall() -> f64 {
    clock::wall().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Throttle>()?;
    module.add_class::<Granted>()?;
    module.add_class::<PendingPlace>()?;
    module.add_function(wrap_pyfunction!(clock_fake, module)?)?;
    module.add_function(wrap_pyfunction!(clock_advance, module)?)?;
    module.add_function(wrap_pyfunction!(clock_wall, module)?)?;
    module.add_function(wrap_pyfunction!(forget_server, module)?)
}
