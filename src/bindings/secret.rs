//! `Secret` in Python: prints its name, refuses everything that would copy its value elsewhere.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::drive::bridge::Bridge;
use super::drive::operation::Operation;
use super::drive::promise::Promise;
use super::error::{Raise, internal, wrong_type, wrong_value};
use super::provider::PyProvider;
use super::{convert, log, outside};
use crate::error::{Class, Code, Error};
use crate::pipeline::Setup;
use crate::policy::bounds;
use crate::secret::{Secret, Terms};
use crate::secrets::{self, Wish};
use crate::sign::Auth;

/// A loaded secret. Prints its source, never its value.
///
/// Load one with `botsec.secret("env:NAME")`. It may stand as a leaf in `headers`, `params`, `data` and `json`, and is
/// sent to its hosts only. Pickling, copying, hashing and JSON raise `TypeError`; `==` takes constant time.
#[pyclass(frozen, name = "Secret", module = "botsec")]
pub(super) struct PySecret(pub(super) Secret);

#[pymethods]
impl PySecret {
    /// Where it comes from, such as `env:MY_KEY`.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The version at its source, where the source has versions.
    #[getter]
    fn version(&self) -> Option<String> {
        self.0.version()
    }

    /// The hosts it may be sent to; `None` means the client's own origin.
    #[getter]
    fn hosts(&self) -> Option<Vec<String>> {
        self.0.hosts().map(<[String]>::to_vec)
    }

    /// A keyed hash of the value: equal within this process for equal values.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    /// Return the value. Every call of this is a place to review.
    ///
    /// A file is looked at first; what stands in a manager must have been read: `load()`, or a started client.
    ///
    /// Each call is a record of the logger `botsec`; `botsec.forbid_reveal()` forbids it for the whole process.
    fn reveal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        if FORBIDDEN.load(Ordering::Acquire) {
            return Err(super::error::raise(
                py,
                &Error::new(Code::SecretRevealForbidden)
                    .with("secret", self.0.name())
                    .hint("forbid_reveal() was called"),
            ));
        }
        log::record(py, 10, &format!("secret {} was revealed", self.0.name()))?;
        self.0.glance();
        Ok(PyString::new(py, &self.0.reveal().or_raise(py)?))
    }

    /// How its memory is protected: `"locked"` out of swap and dumps, `"kept"` out of dumps, `"heap"`; None before it was read.
    #[getter]
    fn protection(&self) -> Option<&'static str> {
        self.0.protection()
    }

    /// Whether its value may change: it comes from a file or a manager.
    #[getter]
    fn is_rotating(&self) -> bool {
        self.0.is_moving()
    }

    /// Where it may be used, by name: `hosts`, `methods`, `paths`, `expires`.
    #[getter]
    fn bounds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let shown = PyDict::new(py);
        for (name, text) in self.0.bounds().map(|bounds| bounds.shown()).unwrap_or_default() {
            shown.set_item(name, text)?;
        }
        Ok(shown)
    }

    /// Have `callback` called after each rotation, with an object that has `name`, `old` and `new`: names of versions.
    ///
    /// It is called by whoever makes the next call or load, sync or async; an async callback becomes a task of the loop.
    fn on_rotate(&self, callback: Py<PyAny>, py: Python<'_>) -> PyResult<()> {
        if !callback.bind(py).is_callable() {
            return Err(wrong_type("on_rotate() takes a callable."));
        }
        super::news::hook(&self.0, callback);
        Ok(())
    }

    /// Read it now if no value is there or its time is over; returns the secret itself.
    fn load<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let secret = slf.get().0.clone();
        outside::ask(slf.py(), &secret, false)?;
        let result = wait(slf.py(), secret.ready())?;
        super::news::tell(slf.py());
        result.map_err(|error| at_start(&secret, error)).or_raise(slf.py())?;
        Ok(slf.clone())
    }

    /// Read it again now, whatever its age.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        let result = match outside::ask(py, &self.0, true)? {
            true => wait(py, self.0.settled())?,
            false => wait(py, self.0.refresh())?,
        };
        super::news::tell(py);
        result.map_err(|error| at_start(&self.0, error)).or_raise(py)
    }

    /// Begin to read it on the running loop.
    fn _start(&self, py: Python<'_>, bridge: &Bound<'_, Bridge>, again: bool) -> PyResult<PendingLoad> {
        let secret = self.0.clone();
        let outside = outside::of(&secret).is_some();
        let work = {
            let secret = secret.clone();
            async move {
                match again {
                    true if outside => secret.settled().await,
                    true => secret.refresh().await,
                    false => secret.ready().await,
                }
            }
        };
        Ok(PendingLoad { operation: Operation::spawn(py, bridge, work)?, secret })
    }

    /// The callable that brings it and the source to ask it for, if it is due.
    fn _due<'py>(&self, py: Python<'py>, again: bool) -> PyResult<Option<Bound<'py, PyTuple>>> {
        outside::due(py, &self.0, again)
    }

    /// The callable that brings it and the source to ask it for, for a reading that has begun.
    fn _call<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        outside::call(py, &self.0)
    }

    /// Take in what the callable returned.
    fn _found(&self, found: &Bound<'_, PyAny>) -> PyResult<()> {
        outside::found(&self.0, found)
    }

    /// Take in that the callable raised.
    fn _failed(&self, kind: &str, gone: bool) {
        outside::failed(&self.0, kind, gone);
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __str__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __format__(&self, _spec: &Bound<'_, PyAny>) -> String {
        format!("{:?}", self.0)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<PySecret>().is_ok_and(|other| self.0.same_as(&other.get().0))
    }

    fn __hash__(&self) -> PyResult<isize> {
        Err(refuse("hashed"))
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(refuse("pickled"))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(refuse("pickled"))
    }

    fn __getstate__(&self) -> PyResult<()> {
        Err(refuse("pickled"))
    }

    fn __copy__(&self) -> PyResult<()> {
        Err(refuse("copied"))
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(refuse("copied"))
    }

    fn __bool__(&self) -> bool {
        true
    }
}

fn refuse(done: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "A Secret cannot be {done}; pass the object itself, or call reveal() where the value is needed."
    ))
}

/// Whether `reveal()` is refused.
static FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// Forbid `Secret.reveal()` for the rest of this process.
#[pyfunction]
pub(super) fn forbid_reveal() {
    FORBIDDEN.store(true, Ordering::Release);
}

/// What `secret()` was given beside its source.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Given<'py> {
    hosts: Option<Bound<'py, PyAny>>,
    methods: Option<Bound<'py, PyAny>>,
    paths: Option<Bound<'py, PyAny>>,
    expires: Option<Bound<'py, PyAny>>,
    ttl: Option<Bound<'py, PyAny>>,
    max_stale: Option<Bound<'py, PyAny>>,
    provider: Option<Bound<'py, PyAny>>,
}

/// Schemes of our own managers, which no callable takes.
const OWN: [&str; 6] = ["env", "file", "aws-sm", "gcp-sm", "azure-kv", "vault"];

impl Given<'_> {
    fn wish(&self) -> PyResult<Wish> {
        let list =
            |given: &Option<Bound<'_, PyAny>>, name| given.as_ref().map(|g| convert::strings(g, name)).transpose();
        let seconds = |given: &Option<Bound<'_, PyAny>>, name, usual| {
            given.as_ref().map_or(Ok(usual), |given| convert::seconds(given, name))
        };
        let moving = self.ttl.is_some() || self.max_stale.is_some();
        let terms = Terms {
            ttl: seconds(&self.ttl, "ttl", secrets::TTL)?,
            max_stale: match &self.max_stale {
                // Zero is a wish, not a mistake: nothing serves beyond its time.
                Some(given) if given.extract::<f64>().is_ok_and(|n| n == 0.0) => Duration::ZERO,
                given => seconds(given, "max_stale", secrets::MAX_STALE)?,
            },
        };
        Ok(Wish {
            given: bounds::Given {
                hosts: list(&self.hosts, "hosts")?,
                methods: list(&self.methods, "methods")?,
                paths: list(&self.paths, "paths")?,
                expires: self.expires.as_ref().map(moment).transpose()?,
            },
            terms: moving.then_some(terms),
            provider: self.provider.as_ref().filter(|given| !given.is_callable()).map(PyProvider::read).transpose()?,
        })
    }
}

/// A date with an offset, or seconds since 1970.
fn moment(given: &Bound<'_, PyAny>) -> PyResult<SystemTime> {
    let wrong = || wrong_type("`expires` takes a datetime with an offset, or seconds since 1970.");
    let seconds = if given.hasattr("utcoffset")? {
        if given.call_method0("utcoffset")?.is_none() {
            return Err(wrong());
        }
        given.call_method0("timestamp")?.extract::<f64>()?
    } else {
        given.extract::<f64>().map_err(|_| wrong())?
    };
    let since = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    SystemTime::UNIX_EPOCH.checked_add(since).ok_or_else(wrong)
}

/// Load `source`, or prepare to: `given` holds the keywords of `secret()`.
#[pyfunction]
pub(super) fn load_secret(py: Python<'_>, source: &Bound<'_, PyAny>, given: &Bound<'_, PyAny>) -> PyResult<PySecret> {
    let Ok(source) = source.cast::<PyString>() else {
        return Err(PyTypeError::new_err("secret() takes a source such as `env:MY_KEY` as a str."));
    };
    let given = given.extract::<Given<'_>>()?;
    let wish = given.wish()?;
    let source = source.to_string_lossy().into_owned();
    if let Some(callable) = given.provider.filter(|given| given.is_callable()) {
        let scheme = source.split(':').next().unwrap_or("");
        if OWN.contains(&scheme) || !source.contains(':') {
            return Err(wrong_value("A source for a callable is `name:place`, with a name that botsec does not know."));
        }
        let place = secrets::Place::parse(&source, &[]).or_raise(py)?;
        let bounds = secrets::bounds(wish.given).or_raise(py)?;
        let name = format!("{}:{}", place.scheme, place.path);
        return Ok(PySecret(outside::open(&name, callable.unbind(), outside::terms(wish.terms), bounds)));
    }
    let loaded = py.detach(|| secrets::load(&source, wish)).or_raise(py)?;
    super::news::tell(py);
    Ok(PySecret(loaded))
}

/// How often a waiting load looks for signals.
const TICK: Duration = Duration::from_millis(50);

/// Waits for `work` on this thread; signals are handled meanwhile. No Python code runs inside.
fn wait<T: Send>(py: Python<'_>, work: impl Future<Output = T> + Send) -> PyResult<T> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let mut work = pin!(work);
    loop {
        let done = py.detach(|| runtime.block_on(async { timeout(TICK, work.as_mut()).await }));
        match done {
            Ok(value) => return Ok(value),
            Err(_) => py.check_signals()?,
        }
    }
}

/// An error of a load that its caller asked for: it names the secret, as errors at start-up do.
fn at_start(secret: &Secret, error: Error) -> Error {
    let named =
        matches!(error.code().class(), Class::SecretNotFoundError | Class::SecretAccessError | Class::SecretStaleError);
    let own = error.user_message() != error.code().user_message();
    if !named || own {
        return error;
    }
    let of = |key: &str| error.details().iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str());
    let why = match (of("status"), of("reason")) {
        (Some(status), _) => format!("the manager answered {status}"),
        (None, Some(reason)) => reason.to_owned(),
        (None, None) => of("cause").unwrap_or("it was refused").to_owned(),
    };
    let said = format!("The secret `{}` cannot be read: {why}.", secret.name());
    error.saying(said)
}

/// A load under way on an event loop.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct PendingLoad {
    operation: Operation<Result<(), Error>>,
    secret: Secret,
}

#[pymethods]
impl PendingLoad {
    /// The asyncio future; its result says nothing, `finish` does.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Promise> {
        self.operation.future(py)
    }

    /// Stop waiting. The load goes on for others.
    fn cancel(&self) {
        drop(self.operation.cancel());
    }

    /// Raise what went wrong, if anything did.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let result = self.operation.take().unwrap_or_else(|| Err(internal()));
        super::news::tell(py);
        result.map_err(|error| at_start(&self.secret, error)).or_raise(py)
    }
}

/// Which of a client's secrets may go where, by name.
pub(super) fn stats<'py>(py: Python<'py>, setup: &Setup) -> PyResult<Bound<'py, PyDict>> {
    let secrets = PyDict::new(py);
    for secret in setup.auth.iter().flat_map(Auth::secrets) {
        let about = PyDict::new(py);
        about.set_item("version", secret.version())?;
        about.set_item("fingerprint", secret.fingerprint())?;
        about.set_item("source", secret.name().split(':').next())?;
        about.set_item("protection", secret.protection())?;
        about.set_item("rotates", secret.is_moving())?;
        let own = setup.policy.origin().map(|origin| origin.authority().to_owned());
        about.set_item("hosts", secret.hosts().map_or(own.into_iter().collect(), <[String]>::to_vec))?;
        for (name, text) in secret.bounds().map(|bounds| bounds.shown()).unwrap_or_default() {
            if name != "hosts" {
                about.set_item(name, text)?;
            }
        }
        secrets.set_item(secret.name(), about)?;
    }
    Ok(secrets)
}
