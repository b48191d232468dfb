//! The value objects `Timeout` and `Retry`, and how a client's options are read.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use super::convert::{self, seconds, strings, text, type_name};
use super::error::{Raise, wrong_type, wrong_value};
use super::throttle::Throttle;
use super::{proxy, tls};
use crate::client::{Options, Scope};
use crate::pipeline::ThrottleSetup;
use crate::pipeline::Times;
use crate::retry::{On429, Rules};
use crate::sign::Auth;
use crate::throttle::Limit;
use crate::transport;
use crate::validate::Leaf;

/// 90 s: longer than slow APIs take, shorter than a user waits for a bot.
const TOTAL: Duration = Duration::from_secs(90);
/// 5 s for DNS, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(5);
/// 30 s of silence.
const READ: Duration = Duration::from_secs(30);
/// 32 MiB, decoded.
const BODY: u64 = 32 * 1024 * 1024;
/// 2 MiB, decoded, for pages from strangers.
const OPEN_BODY: u64 = 2 * 1024 * 1024;
/// 10 s for pages from strangers.
const OPEN_TOTAL: Duration = Duration::from_secs(10);

/// Time limits of a call, in seconds.
///
/// Args:
///     total: For the whole call from the first dial, retries and their waits included; 90 unless given.
///     connect: For DNS, TCP and TLS of one connection; 5 unless given. Connections are the client's: a call's own
///         `Timeout` cannot change it.
///     read: Longest silence while an answer is awaited or read; 30 unless given.
#[pyclass(frozen, eq, module = "botsec")]
#[derive(Clone, PartialEq)]
pub(super) struct Timeout {
    total: Duration,
    connect: Option<Duration>,
    read: Duration,
}

#[pymethods]
impl Timeout {
    #[new]
    #[pyo3(signature = (total=None, *, connect=None, read=None))]
    fn new(
        total: Option<&Bound<'_, PyAny>>,
        connect: Option<&Bound<'_, PyAny>>,
        read: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let of =
            |value: Option<&Bound<'_, PyAny>>, name, default| value.map_or(Ok(default), |value| seconds(value, name));
        Ok(Self {
            total: of(total, "total", TOTAL)?,
            connect: connect.map(|value| seconds(value, "connect")).transpose()?,
            read: of(read, "read", READ)?,
        })
    }

    /// Seconds for the whole call.
    #[getter]
    fn total(&self) -> f64 {
        self.total.as_secs_f64()
    }

    /// Seconds for one connection.
    #[getter]
    fn connect(&self) -> f64 {
        self.connect.unwrap_or(CONNECT).as_secs_f64()
    }

    /// Seconds of silence.
    #[getter]
    fn read(&self) -> f64 {
        self.read.as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!("Timeout(total={}, connect={}, read={})", self.total(), self.connect(), self.read())
    }
}

/// When a failed request is sent again.
///
/// Args:
///     attempts: Requests in all, the first included.
///     base: Seconds from which the backoff doubles.
///     cap: Longest backoff, in seconds.
///     max_retry_after: Longest `Retry-After` that is waited for; beyond it the call fails at once.
///     methods: Methods that count as idempotent; the standard's unless given.
///     on_429: `"all"` methods, `"idempotent"` ones, or `"never"`.
#[pyclass(frozen, module = "botsec")]
pub(super) struct Retry {
    rules: Rules,
    shown: String,
}

#[pymethods]
impl Retry {
    #[new]
    #[pyo3(signature = (attempts=3, *, base=None, cap=None, max_retry_after=None, methods=None, on_429="all"))]
    fn new(
        attempts: u32,
        base: Option<&Bound<'_, PyAny>>,
        cap: Option<&Bound<'_, PyAny>>,
        max_retry_after: Option<&Bound<'_, PyAny>>,
        methods: Option<&Bound<'_, PyAny>>,
        on_429: &str,
    ) -> PyResult<Self> {
        if !(1..=20).contains(&attempts) {
            return Err(wrong_value("`attempts` must be from 1 to 20."));
        }
        let mut rules = Rules { attempts, ..Rules::default() };
        if let Some(value) = base {
            rules.base = seconds(value, "base")?;
        }
        if let Some(value) = cap {
            rules.cap = seconds(value, "cap")?;
        }
        if let Some(value) = max_retry_after {
            rules.max_retry_after = seconds(value, "max_retry_after")?;
        }
        if let Some(value) = methods {
            let methods = strings(value, "methods")?;
            rules.methods = Some(methods.iter().map(|name| convert::method(name)).collect::<PyResult<_>>()?);
        }
        rules.on_429 = match on_429 {
            "all" => On429::All,
            "idempotent" => On429::Idempotent,
            "never" => On429::Never,
            _ => return Err(wrong_value("`on_429` is \"all\", \"idempotent\" or \"never\".")),
        };
        let shown = format!(
            "Retry(attempts={attempts}, base={}, cap={}, max_retry_after={}, on_429='{on_429}')",
            rules.base.as_secs_f64(),
            rules.cap.as_secs_f64(),
            rules.max_retry_after.as_secs_f64()
        );
        Ok(Self { rules, shown })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// `timeout=` of one call: the total and the longest silence.
pub(super) fn call_timeout(
    given: Option<&Bound<'_, PyAny>>,
    times: &Times,
) -> PyResult<(Option<Duration>, Option<Duration>)> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok((None, None)) };
    if let Ok(timeout) = given.cast::<Timeout>() {
        let timeout = timeout.get();
        if timeout.connect.is_some_and(|connect| connect != times.connect) {
            return Err(wrong_value("`Timeout(connect=…)` belongs to the client, for calls share its connections."));
        }
        return Ok((Some(timeout.total), Some(timeout.read)));
    }
    let total = seconds(given, "timeout")?;
    Ok((Some(total), Some(total)))
}

/// `base_url` as text.
pub(super) fn base_url(given: &Bound<'_, PyAny>) -> PyResult<String> {
    let url = given.cast::<PyString>().map_err(|_| {
        wrong_type(format!("`base_url` takes a str such as \"https://api.example.com\", not {}.", type_name(given)))
    })?;
    Ok(text(url))
}

/// A client's options from the keyword arguments of its face.
pub(super) fn read(given: &Bound<'_, PyDict>, scope: Scope, auth: Vec<Auth>) -> PyResult<Options> {
    let get = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
        Ok(given.get_item(name)?.filter(|value| !value.is_none()))
    };
    let open = matches!(scope, Scope::OpenWeb);
    let times = times(get("timeout")?.as_ref(), open)?;
    let (rate, throttle) = (get("rate")?, get("throttle")?);
    let throttle = throttle
        .map(|value| value.cast_into::<Throttle>().map_err(|_| wrong_type("`throttle` takes a Throttle.")))
        .transpose()?;
    let mut setup = throttle.map_or_else(ThrottleSetup::default, |throttle| throttle.get().setup.clone());
    let rate = rate.map_or(Ok(Vec::new()), |rate| strings(&rate, "rate"))?;
    let rate = rate.iter().map(|text| Limit::parse(text)).collect::<Result<Vec<_>, _>>().or_raise(given.py())?;
    setup.limits = rate.into_iter().chain(setup.limits).collect();
    let max_bytes = match get("max_response_bytes")? {
        None => {
            if open {
                OPEN_BODY
            } else {
                BODY
            }
        }
        Some(value) if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() => value
            .extract::<u64>()
            .ok()
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| wrong_value("`max_response_bytes` must be at least 1."))?,
        Some(_) => return Err(wrong_type("`max_response_bytes` takes an int.")),
    };
    Ok(Options {
        scope,
        auth,
        allow: get("allow")?.map(|value| strings(&value, "allow")).transpose()?,
        hosts: get("hosts")?.map_or(Ok(Vec::new()), |value| strings(&value, "hosts"))?,
        networks: get("networks")?.map_or(Ok(Vec::new()), |value| networks(&value))?,
        throttle: setup,
        rules: get("retry")?.map_or(Ok(Rules::default()), |value| rules(&value))?,
        times,
        tls: get("tls")?.map_or(Ok(transport::Tls::default()), |value| tls::read(&value))?,
        proxy: get("proxy")?.map(|value| proxy::read(&value)).transpose()?.flatten(),
        headers: headers(get("headers")?.as_ref())?,
        max_bytes,
        follow_redirects: get("follow_redirects")?.map_or(Ok(true), |value| value.is_truthy())?,
        local_address: get("local_address")?
            .map(|value| {
                value.str()?.to_string().parse().map_err(|_| wrong_value("`local_address` takes an IP address."))
            })
            .transpose()?,
        user_agent: get("user_agent")?.map(|value| value.extract::<String>()).transpose()?,
        content_types: get("content_types")?.map(|value| strings(&value, "content_types")).transpose()?,
    })
}

fn times(given: Option<&Bound<'_, PyAny>>, open: bool) -> PyResult<Times> {
    let default = Times { total: if open { OPEN_TOTAL } else { TOTAL }, connect: CONNECT, read: READ };
    let Some(given) = given else { return Ok(default) };
    if let Ok(timeout) = given.cast::<Timeout>() {
        let Timeout { total, connect, read } = *timeout.get();
        return Ok(Times { total, connect: connect.unwrap_or(CONNECT), read });
    }
    let total = seconds(given, "timeout")?;
    Ok(Times { total, connect: CONNECT.min(total), read: total })
}

fn rules(given: &Bound<'_, PyAny>) -> PyResult<Rules> {
    if let Ok(retry) = given.cast::<Retry>() {
        return Ok(retry.get().rules.clone());
    }
    match given.extract::<u32>() {
        Ok(attempts @ 1..=20) if !given.is_instance_of::<PyBool>() && !given.is_instance_of::<PyFloat>() => {
            Ok(Rules { attempts, ..Rules::default() })
        }
        Ok(_) if !given.is_instance_of::<PyBool>() => Err(wrong_value("`retry` as a number is from 1 to 20 attempts.")),
        _ => Err(wrong_type("`retry` takes a Retry or a number of attempts.")),
    }
}

fn headers(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    let leaves = convert::headers(given)?;
    leaves
        .into_iter()
        .map(|(name, leaf)| match leaf {
            Leaf::Plain(value) => Ok((name, value)),
            Leaf::Hidden(_) => Err(wrong_type("A client's own secret header is `auth=ApiKey(secret, header=…)`.")),
        })
        .collect()
}

fn networks(given: &Bound<'_, PyAny>) -> PyResult<Vec<(Option<String>, Vec<String>)>> {
    let Ok(dict) = given.cast::<PyDict>() else {
        return Ok(vec![(None, strings(given, "networks")?)]);
    };
    dict.iter()
        .map(|(host, list)| {
            let host = host.extract::<String>().map_err(|_| wrong_type("The keys of `networks` are host names."))?;
            Ok((Some(host), strings(&list, "networks")?))
        })
        .collect()
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Timeout>()?;
    module.add_class::<Retry>()
}
