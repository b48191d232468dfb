//! One call's Python arguments as the pipeline's [`Call`], with what Python has to do while it runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyMapping, PyString};
use tokio::sync::{mpsc, oneshot};

use super::auth::Proofs;
use super::client::Core;
use super::convert::{self, type_name};
use super::error::{Raise, wrong_type, wrong_value};
use super::schema::Judge;
use super::{json, multipart, options, outside, throttle, tstring};
use crate::error::{Code, Error};
use crate::pipeline::{self, Call, Options};
use crate::secret::{Form, Piece, Secret, Text};
use crate::sign::Auth;
use crate::validate::{Body, Feeder, Leaf, Request, Target, Value, feed};

/// The arguments of a verb, as the faces pass them.
pub(super) struct Arguments<'a, 'py> {
    pub(super) method: &'a str,
    pub(super) url: &'a Bound<'py, PyAny>,
    pub(super) path: Option<&'a Bound<'py, PyAny>>,
    pub(super) params: Option<&'a Bound<'py, PyAny>>,
    pub(super) headers: Option<&'a Bound<'py, PyAny>>,
    pub(super) json: Option<&'a Bound<'py, PyAny>>,
    pub(super) schema: Option<&'a Bound<'py, PyAny>>,
    pub(super) data: Option<&'a Bound<'py, PyAny>>,
    pub(super) content: Option<&'a Bound<'py, PyAny>>,
    pub(super) files: Option<&'a Bound<'py, PyAny>>,
    pub(super) auth: Option<&'a Bound<'py, PyAny>>,
    pub(super) timeout: Option<&'a Bound<'py, PyAny>>,
    pub(super) max_response_bytes: Option<u64>,
    pub(super) check: &'a Bound<'py, PyAny>,
    pub(super) idempotency_key: Option<&'a Bound<'py, PyAny>>,
    pub(super) priority: &'a str,
    pub(super) weight: u32,
}

/// A call ready to be driven.
pub(super) struct Prepared {
    pub(super) call: Box<Call>,
    /// Where a body iterator's chunks go, and the iterable.
    pub(super) body: Option<(Feeder, Py<PyAny>)>,
    /// What signers are asked, and the signers.
    pub(super) questions: Option<(mpsc::Receiver<Question>, Vec<Arc<Py<PyAny>>>)>,
    /// `check=` when it is a callable.
    pub(super) check: Option<Py<PyAny>>,
}

/// What Python is asked while a call runs; whoever asked waits for the reply.
pub(super) enum Question {
    /// A signer, by its number.
    Sign(usize, pipeline::SignRequest, oneshot::Sender<Result<Vec<(String, String)>, Error>>),
    /// The callable that brings a secret.
    Read(Secret, oneshot::Sender<()>),
}

/// Passes the pipeline's questions to whoever drives the call; Python never runs inside the runtime.
struct Port(mpsc::Sender<Question>);

type Signed = Pin<Box<dyn Future<Output = Result<Vec<(String, String)>, Error>> + Send>>;

impl pipeline::Outside for Port {
    fn read(&self, secret: &Secret) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (sender, secret) = (self.0.clone(), secret.clone());
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            if sender.send(Question::Read(secret, reply)).await.is_ok() {
                let _ = answer.await;
            }
        })
    }

    fn sign(&self, index: usize, request: pipeline::SignRequest) -> Signed {
        let sender = self.0.clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let gone = || Error::new(Code::Internal).with("reason", "the signer went away");
            sender.send(Question::Sign(index, request, reply)).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }
}

/// What a signer sees: `method`, `url`, `headers` and `content` of the request that is about to be sent.
#[pyclass(frozen, get_all, module = "botsec")]
pub(super) struct SignRequest {
    /// The method.
    method: String,
    /// The whole URL, query included.
    url: String,
    /// Header fields without secrets, names in lower case.
    headers: Vec<(String, String)>,
    /// The body; `None` when it comes from an iterator.
    content: Option<Py<PyBytes>>,
}

impl SignRequest {
    pub(super) fn show(py: Python<'_>, request: pipeline::SignRequest) -> Self {
        let content = request.content.map(|content| PyBytes::new(py, &content).unbind());
        Self { method: request.method, url: request.url, headers: request.headers, content }
    }
}

impl Prepared {
    pub(super) fn read(py: Python<'_>, core: &Core, given: &Arguments<'_, '_>, stream: bool) -> PyResult<Self> {
        let headers = convert::headers(given.headers)?;
        let target = target(core, given.url, given.path).or_raise_nested(py)?;
        let named = matches!(&target, Target::Template(route, _) if route.names_parameters());
        let params = convert::params(given.params, named)?;
        let (body, content_type, feeder) = body(given)?;
        if core.is_open_web() {
            let hidden = headers.iter().chain(&params).any(|(_, leaf)| matches!(leaf, Leaf::Hidden(_)))
                || matches!(&body, Body::Text(text) if text.is_hidden());
            if hidden || given.auth.is_some_and(|auth| !auth.is_none()) {
                return Err(wrong_type("An open_web client carries no credentials."));
            }
        }
        let (check, status_check) = check(given.check)?;
        let proofs = match given.auth.filter(|auth| !auth.is_none()) {
            Some(auth) => Some(Proofs::read(Some(auth), core.signers.len())?),
            None => None,
        };
        let (timeout, read_timeout) = options::call_timeout(given.timeout, &core.setup.times)?;
        let mut signers = core.signers.clone();
        let auth = proofs.map(|proofs| {
            signers.extend(proofs.signers);
            proofs.auth
        });
        let asks = {
            let used = auth.as_deref().unwrap_or(&core.setup.auth).iter().flat_map(Auth::secrets);
            !signers.is_empty() || outside::any(used.chain(leaves(&params, &headers, &body)))
        };
        let (port, questions) = if !asks {
            (None, None)
        } else {
            let (sender, receiver) = mpsc::channel(1);
            (Some(Arc::new(Port(sender)) as Arc<dyn pipeline::Outside>), Some((receiver, signers)))
        };
        if given.max_response_bytes == Some(0) {
            return Err(wrong_value("`max_response_bytes` must be at least 1."));
        }
        let call = Box::new(Call {
            request: Request {
                method: convert::method(given.method)?,
                target,
                params,
                headers,
                body,
                content_type,
                idempotency_key: idempotency_key(given.idempotency_key)?,
            },
            options: Options {
                timeout,
                read_timeout,
                max_bytes: given.max_response_bytes,
                auth,
                check: status_check,
                stream,
                priority: throttle::priority(given.priority)?,
                weight: throttle::weight(given.weight)?,
            },
            outside: port,
        });
        Ok(Self { call, body: feeder, questions, check })
    }
}

/// The secrets that stand in a request as leaves.
fn leaves<'a>(
    params: &'a [(String, Leaf)],
    headers: &'a [(String, Leaf)],
    body: &'a Body,
) -> impl Iterator<Item = &'a Secret> {
    let hidden = params.iter().chain(headers).filter_map(|(_, leaf)| match leaf {
        Leaf::Hidden(secret) => Some(secret),
        Leaf::Plain(_) => None,
    });
    let body = match body {
        Body::Text(text) => Some(text),
        Body::Empty | Body::Feed(_) => None,
    };
    hidden.chain(body.into_iter().flat_map(Text::secrets))
}

/// Python's errors and ours, from one function.
enum Nested {
    Ours(Error),
    Python(PyErr),
}

impl From<Error> for Nested {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<PyErr> for Nested {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

trait OrRaiseNested<T> {
    fn or_raise_nested(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaiseNested<T> for Result<T, Nested> {
    fn or_raise_nested(self, py: Python<'_>) -> PyResult<T> {
        self.or_else(|nested| match nested {
            Nested::Ours(error) => Err(error).or_raise(py),
            Nested::Python(error) => Err(error),
        })
    }
}

fn target(core: &Core, url: &Bound<'_, PyAny>, path: Option<&Bound<'_, PyAny>>) -> Result<Target, Nested> {
    let path = path.filter(|path| !path.is_none());
    if let Ok(url) = url.cast::<PyString>() {
        let url = convert::text(url);
        if core.is_open_web() {
            return match path {
                None => Ok(Target::Url(url)),
                Some(_) => {
                    Err(wrong_type("An open_web client takes a whole URL; `path` has no fields to fill.").into())
                }
            };
        }
        return place(core, &url, convert::path(path)?);
    }
    let Some(written) = tstring::read(url)? else {
        return Err(wrong_type("`url` takes a str, a path template or an https URL, or a t-string.").into());
    };
    if core.is_open_web() {
        return Err(wrong_type("An open_web client takes a whole URL as data, never a template.").into());
    }
    if path.is_some() {
        return Err(wrong_type("A t-string brings its own values; `path` belongs to a template that is a str.").into());
    }
    let (url, values) = written.template()?;
    place(core, &url, values)
}

fn place(core: &Core, url: &str, values: Vec<(String, Value)>) -> Result<Target, Nested> {
    if url.is_empty() {
        return Ok(Target::Base);
    }
    Ok(Target::Template(core.routes.parse(url)?, values))
}

fn check(given: &Bound<'_, PyAny>) -> PyResult<(Option<Py<PyAny>>, bool)> {
    if let Ok(flag) = given.cast::<PyBool>() {
        return Ok((None, flag.is_true()));
    }
    if given.is_callable() {
        return Ok((Some(given.clone().unbind()), false));
    }
    Err(wrong_type("`check` takes True, False or a callable that decides on the response."))
}

/// A key as given, or one of our own for the whole call.
fn idempotency_key(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    if let Ok(wanted) = given.cast::<PyBool>() {
        return wanted.is_true().then(convert::unique_key).transpose();
    }
    let key =
        given.cast::<PyString>().map_err(|_| wrong_type("`idempotency_key` takes a str, or True for a new one."))?;
    Ok(Some(convert::text(key)))
}

type BodyParts = (Body, Option<HeaderValue>, Option<(Feeder, Py<PyAny>)>);

fn body(given: &Arguments<'_, '_>) -> PyResult<BodyParts> {
    let some = |value: Option<&Bound<'_, PyAny>>| value.is_some_and(|value| !value.is_none());
    let kinds = [some(given.json), some(given.content), some(given.data) || some(given.files)];
    if kinds.iter().filter(|kind| **kind).count() > 1 {
        return Err(wrong_type("A request has one body: `json`, `content`, or `data` and `files`."));
    }
    let judge = given.schema.filter(|schema| !schema.is_none()).map(Judge::read).transpose()?;
    if let Some(value) = given.json.filter(|value| !value.is_none()) {
        let text = json::encode(value)?;
        if let Some(judge) = judge {
            judge.judge_body(&text)?;
        }
        return Ok((Body::Text(text), Some(HeaderValue::from_static("application/json")), None));
    }
    if judge.is_some() {
        return Err(wrong_type("`schema` judges `json`, and there is none."));
    }
    if let Some(files) = given.files.filter(|value| !value.is_none()) {
        return Ok(match multipart::encode(files, given.data)? {
            (multipart::Form::Whole(text), kind) => (Body::Text(text), Some(kind), None),
            (multipart::Form::Streamed(chunks, length, beginning), kind) => {
                let (feeder, slot) = feed(length);
                (Body::Feed(slot.begin_with(beginning)), Some(kind), Some((feeder, chunks)))
            }
        });
    }
    if some(given.data) {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        return Ok((Body::Text(form(&convert::fields(given.data, "data")?)), Some(kind), None));
    }
    match given.content.filter(|value| !value.is_none()) {
        None => Ok((Body::Empty, None, None)),
        Some(content) => self::content(content),
    }
}

fn content(given: &Bound<'_, PyAny>) -> PyResult<BodyParts> {
    if let Some(bytes) = convert::buffer(given)? {
        return Ok((Body::Text(Text::plain(bytes)), None, None));
    }
    let py = given.py();
    if given.is_instance_of::<PyMapping>() {
        return Err(wrong_type("`content` takes bytes, not a mapping: pass a form as `data` and JSON as `json`."));
    }
    let (iterable, length) = if given.hasattr("read")? {
        let length = multipart::size(given)?;
        (py.import("botsec._upload")?.call_method1("chunks", (given, length))?, length)
    } else if given.hasattr("__iter__")? || given.hasattr("__aiter__")? {
        (given.clone(), None)
    } else {
        return Err(wrong_type(format!(
            "`content` takes bytes, str, a binary file or an iterator of bytes, not {}.",
            type_name(given)
        )));
    };
    let (feeder, slot) = feed(length);
    Ok((Body::Feed(slot), None, Some((feeder, iterable.unbind()))))
}

/// `data=` as a form (WHATWG URL, application/x-www-form-urlencoded), spaces as `%20`, which every decoder takes.
fn form(fields: &[(String, Leaf)]) -> Text {
    let mut text = Text::default();
    for (index, (key, leaf)) in fields.iter().enumerate() {
        let mark = if index > 0 { "&" } else { "" };
        text.push(Piece::Plain(format!("{mark}{}=", crate::encode::url_query(key)).into()));
        text.push(match leaf {
            Leaf::Plain(value) => Piece::Plain(crate::encode::url_query(value).into_owned().into()),
            Leaf::Hidden(secret) => Piece::Hidden(secret.clone(), Form::Percent),
        });
    }
    text
}
