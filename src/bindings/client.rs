//! `_core.Client`: one object behind both faces. It parses options once, then drives calls either way.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::auth::Proofs;
use super::call::{Arguments, Prepared};
use super::drive::background::Background;
use super::drive::bridge::Bridge;
use super::drive::stack::{self, Driven, Stack};
use super::error::{Raise, raise, raise_failure};
use super::pending::PendingCall;
use super::response::Response;
use super::secret::PySecret;
use super::{log, options, outside, secret, throttle};
use crate::client::{Parts, Routes, Scope};
use crate::error::{Code, Error};
use crate::observe::Event;
use crate::pipeline::{Content, Setup};
use crate::sign::Auth;
use crate::transport::Settings;

/// What both drivers share.
pub(super) struct Core {
    pub(super) setup: Arc<Setup>,
    pub(super) settings: Settings,
    pub(super) routes: Routes,
    pub(super) signers: Vec<Arc<Py<PyAny>>>,
    pub(super) stack: Stack,
    pub(super) background: Background,
}

impl Core {
    pub(super) fn is_open_web(&self) -> bool {
        self.setup.policy.is_open_web()
    }
}

/// The native client behind `botsec.Client` and `botsec.AsyncClient`.
#[pyclass(frozen, module = "botsec._core")]
pub(super) struct Client(Arc<Core>);

#[pymethods]
impl Client {
    /// Build a client of `kind` "bound", "open" or "secret" from its options.
    #[new]
    #[pyo3(signature = (kind, options))]
    fn new(py: Python<'_>, kind: &str, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let get = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
            Ok(options.get_item(name)?.filter(|value| !value.is_none()))
        };
        let proofs = Proofs::read(get("auth")?.as_ref(), 0)?;
        let scope = match kind {
            "open" => Scope::OpenWeb,
            "secret" => {
                let secret = get("secret")?;
                let Some(secret) = secret.as_ref().and_then(|secret| secret.cast::<PySecret>().ok()) else {
                    return Err(super::error::wrong_type(
                        "from_secret_url() takes a Secret: botsec.secret(\"env:DISCORD_WEBHOOK_URL\").",
                    ));
                };
                let host = get("host")?.map(|host| host.extract::<String>()).transpose()?.unwrap_or_default();
                Scope::Whole(secret.get().0.clone(), host)
            }
            _ => Scope::Base(get("base_url")?.map(|url| options::base_url(&url)).transpose()?),
        };
        let read = options::read(options, scope, proofs.auth)?;
        let trusts_platform = read.tls.trusts_platform();
        let Parts { setup, settings, routes } = py.detach(|| read.build()).or_raise(py)?;
        log::prepare(py)?;
        if trusts_platform {
            log::tell_roots(py)?;
        }
        Ok(Self(Arc::new(Core {
            setup,
            settings,
            routes,
            signers: proofs.signers,
            stack: Stack::default(),
            background: Background::default(),
        })))
    }

    /// Send one call and wait for its response.
    #[pyo3(signature = (method, url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, stream))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the verbs' own parameters, passed by position because that is fastest"
    )]
    fn request<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        url: &Bound<'py, PyAny>,
        path: Option<&Bound<'py, PyAny>>,
        params: Option<&Bound<'py, PyAny>>,
        headers: Option<&Bound<'py, PyAny>>,
        json: Option<&Bound<'py, PyAny>>,
        schema: Option<&Bound<'py, PyAny>>,
        data: Option<&Bound<'py, PyAny>>,
        content: Option<&Bound<'py, PyAny>>,
        files: Option<&Bound<'py, PyAny>>,
        auth: Option<&Bound<'py, PyAny>>,
        timeout: Option<&Bound<'py, PyAny>>,
        max_response_bytes: Option<u64>,
        check: &Bound<'py, PyAny>,
        idempotency_key: Option<&Bound<'py, PyAny>>,
        priority: &str,
        weight: u32,
        stream: bool,
    ) -> PyResult<Py<Response>> {
        let given = Arguments {
            method,
            url,
            path,
            params,
            headers,
            json,
            schema,
            data,
            content,
            files,
            auth,
            timeout,
            max_response_bytes,
            check,
            idempotency_key,
            priority,
            weight,
        };
        let prepared = self.prepare(py, &given, stream)?;
        let check = prepared.check.as_ref().map(|check| check.clone_ref(py));
        match stack::call(py, &self.0, prepared)? {
            Driven::Raised(raised, event) => {
                log::emit(py, &event);
                Err(raised)
            }
            Driven::Outcome(outcome, driver) => match outcome.result {
                Ok(response) if matches!(response.content, Content::Stream(..)) => {
                    let response = Response::sync_stream(response, driver, self.0.clone(), outcome.event);
                    finish_head(py, &self.0, response, check.as_ref())
                }
                Ok(response) => {
                    self.0.stack.push(driver);
                    finish(py, &self.0, Response::whole(response), outcome.event, check.as_ref())
                }
                Err(failure) => {
                    self.0.stack.push(driver);
                    let raised = raise_failure(py, failure, self.0.settings.proxy.is_some());
                    log::emit(py, &outcome.event);
                    Err(raised)
                }
            },
        }
    }

    /// Start one call on the running loop.
    #[pyo3(signature = (bridge, method, url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, stream))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the verbs' own parameters, passed by position because that is fastest"
    )]
    fn start<'py>(
        &self,
        py: Python<'py>,
        bridge: &Bound<'py, Bridge>,
        method: &str,
        url: &Bound<'py, PyAny>,
        path: Option<&Bound<'py, PyAny>>,
        params: Option<&Bound<'py, PyAny>>,
        headers: Option<&Bound<'py, PyAny>>,
        json: Option<&Bound<'py, PyAny>>,
        schema: Option<&Bound<'py, PyAny>>,
        data: Option<&Bound<'py, PyAny>>,
        content: Option<&Bound<'py, PyAny>>,
        files: Option<&Bound<'py, PyAny>>,
        auth: Option<&Bound<'py, PyAny>>,
        timeout: Option<&Bound<'py, PyAny>>,
        max_response_bytes: Option<u64>,
        check: &Bound<'py, PyAny>,
        idempotency_key: Option<&Bound<'py, PyAny>>,
        priority: &str,
        weight: u32,
        stream: bool,
    ) -> PyResult<PendingCall> {
        let given = Arguments {
            method,
            url,
            path,
            params,
            headers,
            json,
            schema,
            data,
            content,
            files,
            auth,
            timeout,
            max_response_bytes,
            check,
            idempotency_key,
            priority,
            weight,
        };
        let prepared = self.prepare(py, &given, stream)?;
        PendingCall::start(py, self.0.clone(), bridge, prepared)
    }

    /// Check a route text such as `GET /users/{id:int}` and return its method, its template and the names of its fields.
    fn route(&self, py: Python<'_>, text: &str) -> PyResult<(String, String, Vec<String>)> {
        let split = text.split_once(' ').map(|(method, url)| (method.trim(), url.trim()));
        let Some((method, url)) = split else {
            return Err(super::error::wrong_value("A route is written as `GET /users/{id:int}`."));
        };
        super::convert::method(method)?;
        let route = self.0.routes.parse(url).or_raise(py)?;
        Ok((method.to_owned(), url.to_owned(), route.fields().map(str::to_owned).collect()))
    }

    /// Counters of this client.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let reading = self.0.setup.stats.read();
        let stats = PyDict::new(py);
        stats.set_item("calls", reading.calls)?;
        stats.set_item("failures", reading.failures)?;
        stats.set_item("refusals", reading.refusals)?;
        stats.set_item("attempts", reading.attempts)?;
        stats.set_item("redirects", reading.redirects)?;
        stats.set_item("queued_s", reading.queued_us as f64 / 1e6)?;
        stats.set_item("hosts", throttle::hosts(py, &self.0.setup)?)?;
        stats.set_item("secrets", secret::stats(py, &self.0.setup)?)?;
        Ok(stats)
    }

    /// Whether a callable is to be asked for one of them now.
    #[getter]
    fn asks_outside(&self) -> bool {
        outside::any_due(self.0.setup.auth.iter().flat_map(Auth::secrets))
    }

    /// The secrets of the client's own proofs.
    fn secrets(&self) -> Vec<PySecret> {
        self.0.setup.auth.iter().flat_map(Auth::secrets).cloned().map(PySecret).collect()
    }

    /// Refuse further calls and drop every connection that is not in use.
    fn close(&self, py: Python<'_>) {
        self.0.setup.close();
        py.detach(|| {
            self.0.stack.clear();
            self.0.background.clear();
        });
    }

    /// Whether `close` was called.
    #[getter]
    fn is_closed(&self) -> bool {
        self.0.setup.is_closed()
    }

    /// What the client is bound to, for its repr.
    #[getter]
    fn scope(&self) -> String {
        match self.0.setup.policy.origin() {
            _ if self.0.is_open_web() => "open web".to_owned(),
            Some(origin) => format!("https://{}", origin.authority()),
            None => "listed hosts".to_owned(),
        }
    }
}

impl Client {
    fn prepare(&self, py: Python<'_>, given: &Arguments<'_, '_>, stream: bool) -> PyResult<Prepared> {
        if self.0.setup.is_closed() {
            return Err(raise(py, &Error::new(Code::UsageClosed).saying("The client is closed.")));
        }
        outside::read(py, self.0.setup.auth.iter().flat_map(Auth::secrets))?;
        Prepared::read(py, &self.0, given, stream).inspect_err(|raised| {
            // A refusal of ours ends the call, so it has its event; Python's own TypeError never became a call.
            let event = refusal(py, &self.0, given, raised);
            if let Some(event) = event {
                self.0.setup.stats.count(&event);
                log::emit(py, &event);
            }
        })
    }
}

/// The event of a call that was refused while its arguments were read.
fn refusal(py: Python<'_>, core: &Core, given: &Arguments<'_, '_>, raised: &PyErr) -> Option<Event> {
    let value = raised.value(py);
    let code = value.getattr("code").ok()?.extract::<String>().ok()?;
    let code = Code::ALL.iter().find(|known| known.as_str() == code)?.as_str();
    let incident = value.getattr("incident_id").ok().and_then(|id| id.extract().ok());
    Some(Event {
        // Whatever was given as a method may be a stranger's text: only what is one is told.
        method: super::convert::method(given.method).ok(),
        host: core.setup.policy.origin().cloned(),
        route: "{refused}".into(),
        status: None,
        code: Some(code),
        elapsed: std::time::Duration::ZERO,
        queued: std::time::Duration::ZERO,
        attempts: 0,
        redirects: 0,
        store: None,
        circuit: None,
        incident,
    })
}

/// Runs `check=`, emits the event, hands the response over.
pub(super) fn finish(
    py: Python<'_>,
    core: &Core,
    response: Response,
    mut event: Event,
    check: Option<&Py<PyAny>>,
) -> PyResult<Py<Response>> {
    let response = Py::new(py, response)?;
    let Some(check) = check else {
        log::emit(py, &event);
        return Ok(response);
    };
    match verdict(py, check, &response) {
        Ok(true) => {
            log::emit(py, &event);
            Ok(response)
        }
        Ok(false) => {
            core.setup.stats.fail();
            let error = response.get().refused_by_check(core);
            event.code = Some(error.code().as_str());
            event.incident = error.incident().map(str::to_owned);
            log::emit(py, &event);
            Err(super::error::raise_with(py, &error, response.into_any()))
        }
        Err(raised) => {
            core.setup.stats.fail();
            event.code = Some(Code::StatusCheck.as_str());
            log::emit(py, &event);
            Err(raised)
        }
    }
}

/// Runs `check=` on the head of a stream: one that is refused ends here, its body unread, with an event that says so.
pub(super) fn finish_head(
    py: Python<'_>,
    core: &Core,
    response: Response,
    check: Option<&Py<PyAny>>,
) -> PyResult<Py<Response>> {
    let response = Py::new(py, response)?;
    let Some(check) = check else { return Ok(response) };
    match verdict(py, check, &response) {
        Ok(true) => Ok(response),
        Ok(false) => {
            let error = response.get().refused_by_check(core);
            response.get().end(py, Some(&error));
            Err(super::error::raise_with(py, &error, response.into_any()))
        }
        Err(raised) => {
            response.get().end(py, Some(&Error::new(Code::StatusCheck)));
            Err(raised)
        }
    }
}

fn verdict(py: Python<'_>, check: &Py<PyAny>, response: &Py<Response>) -> PyResult<bool> {
    let verdict = check.bind(py).call1((response.clone_ref(py),))?;
    if verdict.hasattr("__await__")? {
        // It would count as a yes. Closed, or Python warns of a coroutine that was never awaited.
        let _ = verdict.call_method0("close");
        return Err(super::error::wrong_type("`check` takes a function that decides at once, not an async one."));
    }
    verdict.is_truthy()
}
