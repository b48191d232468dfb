//! Calls to a secret manager or token endpoint: through the pipeline like every other request, bound to one origin, without
//! redirects, with small bodies.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};

use super::keeper;
use crate::error::{Class, Code, Error};
use crate::fork::{Lock, epoch};
use crate::pipeline::{self, Call, Options, Setup, ThrottleSetup, Times};
use crate::policy::{Networks, Policy};
use crate::retry::Rules;
use crate::secret::{Fault, Text};
use crate::sign::Auth;
use crate::transport::{ACCEPT_CODINGS, Settings, Tls, Transport};
use crate::url::SafeUrl;
use crate::validate::template::Value;
use crate::validate::{Body, Leaf, Request, Route, Target};

/// Largest answer: 256 KiB. The largest secret of any manager has 64 KiB.
const MAX_BYTES: u64 = 256 * 1024;
/// For one call, its repeats included; several fit into the keeper's limit.
const TOTAL: Duration = Duration::from_secs(12);
/// Longest silence.
const READ: Duration = Duration::from_secs(8);
/// How long connections are kept without a question: the buffers of an idle one still hold what passed through it, tokens and
/// secrets beside the one that was asked for. Secrets that a bot starts with are read within moments of each other.
const IDLE: Duration = Duration::from_secs(2);

/// Where a manager is, and how it is reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Its base URL: https, without a path.
    pub base: String,
    /// Networks that are not public, for its host: CIDR texts, `loopback`, `private`.
    pub networks: Vec<String>,
    /// How its certificate is judged.
    pub tls: Tls,
}

/// One question.
pub struct Ask {
    /// The method.
    pub method: Method,
    /// A path template, such as `/v1/{mount:segments}/data/{path:segments}`.
    pub template: String,
    /// The template's values; those of `segments` fields with slashes between them.
    pub values: Vec<(&'static str, String)>,
    /// Query parameters.
    pub params: Vec<(String, String)>,
    /// Header fields; secrets are leaves.
    pub headers: Vec<(String, Leaf)>,
    /// The body, which may hold secrets.
    pub body: Option<Text>,
    /// The body's media type.
    pub kind: &'static str,
    /// How the question is signed or authenticated, beside its headers.
    pub auth: Vec<Auth>,
    /// Statuses outside 200–299 whose answers the asker reads itself.
    pub reads: &'static [u16],
}

impl Ask {
    /// A GET without anything.
    pub fn get(template: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            template: template.into(),
            values: Vec::new(),
            params: Vec::new(),
            headers: Vec::new(),
            body: None,
            kind: "application/json",
            auth: Vec::new(),
            reads: &[],
        }
    }

    /// A POST with a body.
    pub fn post(template: impl Into<String>, kind: &'static str, body: Text) -> Self {
        Self { method: Method::POST, body: Some(body), kind, ..Self::get(template) }
    }
}

/// An answer of the class 2xx, or one that the question expected.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body; it holds secrets.
    pub body: Bytes,
}

/// A client of one manager. Its connections live on the keeper's thread.
pub struct Caller {
    setup: Setup,
    settings: Settings,
    line: Arc<Lock<Option<Line>>>,
}

/// The connections of a caller.
struct Line {
    transport: Arc<Transport>,
    /// The process and the keeper's thread that they belong to.
    home: (u64, u64),
    /// How many questions they carried.
    questions: u64,
}

impl Caller {
    /// Checks where the manager is. Opens no connection.
    ///
    /// # Errors
    /// `InsecureUrlError` for a URL that is not https, `ValueError` for networks that are not understood, `TlsError` without roots.
    pub fn new(reach: &Reach) -> Result<Self, Error> {
        let base = SafeUrl::parse_base(&reach.base)?;
        let host = base.origin().host_text().into_owned();
        let networks = match reach.networks.as_slice() {
            [] => Networks::none(),
            texts => Networks::none().open(&host, texts)?,
        };
        let policy = Policy::bound(Some(base), Vec::new(), None, networks.clone())?;
        let mut defaults = HeaderMap::new();
        defaults.insert(ACCEPT, HeaderValue::from_static("application/json"));
        defaults.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_CODINGS));
        defaults.insert(USER_AGENT, HeaderValue::from_static(concat!("botsec/", env!("CARGO_PKG_VERSION"))));
        let times = Times { total: TOTAL, connect: Duration::from_secs(5), read: READ };
        let rules = Rules { max_retry_after: Duration::from_secs(5), ..Rules::default() };
        let throttle = ThrottleSetup { max_wait: Duration::from_secs(5), ..ThrottleSetup::default() };
        let setup = Setup::new(policy, Vec::new(), defaults, times, MAX_BYTES, rules, throttle, false, None);
        let settings = Settings {
            tls: reach.tls.base()?,
            networks,
            connect_timeout: times.connect,
            local_address: None,
            proxy: None,
            shown_to: reach.tls.shown_to(setup.policy.origin())?,
        };
        Ok(Self { setup, settings, line: Arc::new(Lock::new(None)) })
    }

    /// Whether secrets that are bound to this manager's own origin may go there: always, for it is its client's origin.
    pub fn host(&self) -> String {
        self.setup.policy.origin().map(|origin| origin.authority().to_owned()).unwrap_or_default()
    }

    fn transport(&self) -> Result<Arc<Transport>, Error> {
        let home = (epoch(), keeper::generation());
        if let Some(line) = self.line.lock().as_mut().filter(|line| line.home == home) {
            line.questions += 1;
            return Ok(line.transport.clone());
        }
        let transport = Arc::new(Transport::new(&self.settings, None)?);
        let old = self.line.lock().replace(Line { transport: transport.clone(), home, questions: 1 });
        // Connections of a parent process are forgotten, for closing them would end the parent's.
        match old {
            Some(Line { home: (fork, _), .. }) if fork != home.0 => std::mem::forget(old),
            old => drop(old),
        }
        Ok(transport)
    }

    /// Has the connections closed when no other question follows for a while.
    fn rest(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let Some(asked) = self.line.lock().as_ref().map(|line| (line.home, line.questions)) else { return };
        let line = Arc::downgrade(&self.line);
        drop(runtime.spawn(async move {
            tokio::time::sleep(IDLE).await;
            let Some(line) = line.upgrade() else { return };
            let idle = line.lock().take_if(|line| (line.home, line.questions) == asked);
            drop(idle);
        }));
    }

    /// Asks; any status outside 200–299 is a fault, unless the question reads it.
    ///
    /// # Errors
    /// [`Fault`]: passing when the manager was out of reach, answered 5xx or 429; else what it refused.
    pub async fn send(&self, ask: Ask) -> Result<Answer, Fault> {
        let firm = |error: Error| Fault { error, passing: false };
        let transport = self.transport().map_err(firm)?;
        let route = Arc::new(Route::parse(&ask.template).map_err(firm)?);
        let value = |name: &str, text: String| match ask.template.contains(&format!("{{{name}:segments}}")) {
            true => Value::List(text.split('/').map(|part| Value::Text(part.to_owned())).collect()),
            false => Value::Text(text),
        };
        let values = ask.values.into_iter().map(|(name, text)| (name.to_owned(), value(name, text))).collect();
        let has_body = ask.body.is_some();
        let request = Request {
            method: ask.method,
            target: Target::Template(route, values),
            params: ask.params.into_iter().map(|(key, value)| (key, Leaf::Plain(value))).collect(),
            headers: ask.headers,
            body: ask.body.map_or(Body::Empty, Body::Text),
            content_type: has_body.then(|| HeaderValue::from_static(ask.kind)),
            idempotency_key: None,
        };
        let auth = (!ask.auth.is_empty()).then_some(ask.auth);
        let options = Options { check: true, weight: 1, auth, ..Options::default() };
        let outcome = pipeline::send(&self.setup, &transport, Box::new(Call { request, options, outside: None })).await;
        drop(transport);
        self.rest();
        let response = match outcome.result {
            Ok(response) => response,
            Err(failure) => match failure.response.filter(|response| ask.reads.contains(&response.status)) {
                Some(response) => response,
                None => return Err(fault(self.host(), &failure.error)),
            },
        };
        let body = response.bytes().cloned().unwrap_or_default();
        Ok(Answer { status: response.status, body, headers: response.headers })
    }
}

/// What a failed call means to the secret that it was to bring.
fn fault(manager: String, error: &Error) -> Fault {
    let of = |key: &str| error.details().iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone());
    let status = of("status").and_then(|status| status.parse::<u16>().ok());
    let passing = match error.code().class() {
        Class::ConnectError | Class::RequestTimeoutError | Class::ThrottledError | Class::RateLimitedError => true,
        Class::StatusError => status.is_some_and(|status| status >= 500),
        _ => matches!(error.code(), Code::TransportTruncated | Code::TransportClosed),
    };
    let code = if status == Some(404) { Code::SecretNotFound } else { Code::SecretAccess };
    let mut out = Error::new(code).with("manager", manager).with("cause", error.code().as_str());
    // Not the body: what a manager answers may hold a secret that nobody has registered yet.
    for key in ["status", "reason", "request_id", "retry"] {
        if let Some(value) = of(key) {
            out.add(key, value);
        }
    }
    let hint = match status {
        Some(401 | 403) => "the manager does not let this identity read the secret",
        Some(404) => "there is no such secret, or this identity may not see it",
        _ => error.hint_text().unwrap_or("the manager could not be asked"),
    };
    Fault { error: out.hint(hint), passing }
}

/// JSON of an answer.
///
/// # Errors
/// [`Fault`] that repeats nothing of it: a manager that answers something else is not believed.
pub fn json(answer: &Answer) -> Result<serde_json::Value, Fault> {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    let is_json = kind == "application/json" || kind.ends_with("+json") || kind.starts_with("application/x-amz-json");
    let value = if is_json { serde_json::from_slice(&answer.body).ok() } else { None };
    value.ok_or_else(|| strange("the answer is not JSON"))
}

/// A manager whose answer cannot be what was asked for.
pub fn strange(reason: &'static str) -> Fault {
    Fault { error: Error::new(Code::SecretAccess).with("reason", reason), passing: false }
}

/// The status that a fault is about, where an answer came.
pub fn status(fault: &Fault) -> Option<u16> {
    let found = fault.error.details().iter().find(|(key, _)| *key == "status");
    found.and_then(|(_, status)| status.parse().ok())
}

/// A top-level field of a secret that is itself a JSON object.
///
/// # Errors
/// `SecretNotFoundError` that names neither the field's neighbours nor their values.
pub fn field(text: &str, name: &str) -> Result<String, Fault> {
    let object =
        serde_json::from_str(text).map_err(|_| missing("the secret is no JSON object, so it has no field", name))?;
    member(&object, name)
}

/// A field of an object, as text.
///
/// # Errors
/// As [`field`].
pub fn member(object: &serde_json::Value, name: &str) -> Result<String, Fault> {
    match object.get(name) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(serde_json::Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(missing("the field is neither text nor a number", name)),
        None => Err(missing("the secret has no such field", name)),
    }
}

fn missing(reason: &'static str, field: &str) -> Fault {
    let error = Error::new(Code::SecretNotFound).with("reason", reason).with("field", field.to_owned());
    Fault { error, passing: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_serves_on_only_where_the_manager_could_not_answer() {
        let fault = |code: Code, status: Option<&str>| {
            let error = Error::new(code).with("body", "the-secret-of-somebody");
            super::fault(
                "manager.example".to_owned(),
                &status.into_iter().fold(error, |error, status| error.with("status", status)),
            )
        };
        // Down, slow, or busy.
        for code in [
            Code::TransportConnect,
            Code::TransportConnectTimeout,
            Code::TransportDns,
            Code::TransportTimeout,
            Code::TransportReadTimeout,
            Code::TransportClosed,
            Code::TransportTruncated,
        ] {
            assert!(fault(code, None).passing, "{}", code.as_str());
        }
        for status in ["500", "502", "503", "504"] {
            assert!(fault(Code::StatusOther, Some(status)).passing, "{status}");
        }
        // What answers with something else may not be the manager.
        for code in [
            Code::TransportTls,
            Code::TransportTooLarge,
            Code::TransportProtocol,
            Code::PolicyAddressBlocked,
            Code::PolicyRedirectRefused,
        ] {
            assert!(!fault(code, None).passing, "{}", code.as_str());
        }
        for status in ["301", "400", "401", "403", "404", "410", "418"] {
            let fault = fault(Code::StatusOther, Some(status));
            assert!(!fault.passing, "{status}");
            assert_eq!(fault.error.code() == Code::SecretNotFound, status == "404");
            assert!(!format!("{:?} {:?}", fault.error, fault.error.details()).contains("somebody"));
        }
    }
}
