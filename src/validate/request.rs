//! A request whose every part was checked by its type. [`ValidRequest::parse`] is the only way to one.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::header;
use super::payload::Body;
use super::template::{Filled, Template, Value};
use crate::encode;
use crate::error::{Code, Error};
use crate::redact;
use crate::secret::{Form, Piece, Secret, Text};
use crate::url::{Origin, SafeUrl};

/// A template with the label that logs use for it; parsed once, used often.
#[derive(Debug)]
pub struct Route {
    origin: Option<Origin>,
    template: Template,
    label: Arc<str>,
}

impl Route {
    /// Parses `/users/{id:int}` or `https://host/users/{id:int}`.
    ///
    /// # Errors
    /// `InputError` for text that is not a template; `InsecureUrlError` for a scheme other than https.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (origin, path) = match text.find("://") {
            // A scheme stands before the first slash; otherwise the text is a path that the template judges.
            Some(at) if text.get(..at).is_some_and(|scheme| !scheme.contains('/')) => {
                let rest = at + "://".len();
                let end = text.get(rest..).and_then(|t| t.find(['/', '?', '#', '{'])).map_or(text.len(), |i| rest + i);
                let (head, path) = text.split_at_checked(end).unwrap_or((text, ""));
                (Some(SafeUrl::parse(head)?.origin().clone()), if path.is_empty() { "/" } else { path })
            }
            _ => (None, text),
        };
        let template = Template::parse(path)?;
        if template.names_twice() {
            return Err(Error::new(Code::InputPath).with("reason", "a name stands in the path and in the query part"));
        }
        let label = redact::route_label(template.label()).into();
        Ok(Self { origin, template, label })
    }

    /// Whether it names its parameters. None among them is then one that is left out.
    pub fn names_parameters(&self) -> bool {
        self.template.query().is_some()
    }

    /// The names of its fields: the path's, then the query's.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.template.fields()
    }

    /// The label that logs use.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }
}

/// Where a request goes, as the caller said it.
#[derive(Clone, Debug)]
pub enum Target {
    /// A template and the values for its fields.
    Template(Arc<Route>, Vec<(String, Value)>),
    /// A whole URL that is data: `open_web` only.
    Url(String),
    /// The client's own URL, which is a secret as a whole.
    Base,
}

/// Plain text, or a secret.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// Text.
    Plain(String),
    /// A secret, sent only to its hosts.
    Hidden(Secret),
}

/// What the caller asked for, unjudged.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub target: Target,
    /// Query parameters, in order.
    pub params: Vec<(String, Leaf)>,
    /// Header fields of this call.
    pub headers: Vec<(String, Leaf)>,
    /// The body.
    pub body: Body,
    /// The body's media type, unless the headers name one.
    pub content_type: Option<HeaderValue>,
    /// Sent as `Idempotency-Key` on every attempt.
    pub idempotency_key: Option<String>,
}

/// A request whose path, query, headers and body hold only what their places allow.
#[derive(Debug)]
pub struct ValidRequest {
    method: Method,
    place: Place,
    label: Arc<str>,
    query: Option<Text>,
    query_pairs: Vec<(String, Option<String>)>,
    headers: HeaderMap,
    hidden: Vec<(HeaderName, Text)>,
    body: Body,
    idempotent: bool,
}

/// Where a valid request goes.
#[derive(Debug)]
pub enum Place {
    /// A path below the client's base URL.
    Below(String),
    /// A path on a named origin.
    On(Origin, String),
    /// A URL from a stranger.
    Open(SafeUrl),
    /// The client's own secret URL.
    Base,
}

impl ValidRequest {
    /// Checks every part of `request`.
    ///
    /// # Errors
    /// `InputError` naming the part, never its value; `InsecureUrlError` for a URL that is not https.
    pub fn parse(request: Request) -> Result<Self, Error> {
        let (place, label, params) = place(request.target, request.params)?;
        let (query, query_pairs) = query(&params)?;
        let some = request.headers.len() + usize::from(request.content_type.is_some());
        let some = some + usize::from(request.idempotency_key.is_some());
        // A map without room costs no allocation; most calls add no field.
        let mut headers = HeaderMap::with_capacity(some);
        let mut hidden = Vec::new();
        for (name, leaf) in request.headers {
            let name = header_name(&name)?;
            match leaf {
                Leaf::Plain(value) => headers.append(name.clone(), header_value(name.as_str(), &value)?),
                Leaf::Hidden(secret) => {
                    hidden.push((name, Text::hidden(secret, Form::Raw)));
                    false
                }
            };
        }
        if let Some(kind) = request.content_type {
            headers.entry(http::header::CONTENT_TYPE).or_insert(kind);
        }
        let key_name = HeaderName::from_static("idempotency-key");
        if let Some(key) = request.idempotency_key {
            headers.insert(key_name.clone(), header_value("Idempotency-Key", &key)?);
        }
        let idempotent = headers.contains_key(&key_name);
        Ok(Self {
            method: request.method,
            place,
            label,
            query,
            query_pairs,
            headers,
            hidden,
            body: request.body,
            idempotent,
        })
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What logs call its route.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Every secret in it.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let body = match &self.body {
            Body::Text(text) => Some(text),
            Body::Empty | Body::Feed(_) => None,
        };
        let texts = self.hidden.iter().map(|(_, text)| text).chain(self.query.as_ref()).chain(body);
        texts.flat_map(Text::secrets)
    }

    /// The query, encoded, secrets not yet resolved.
    pub fn query(&self) -> Option<&Text> {
        self.query.as_ref()
    }

    /// The query's keys and plain values; a secret's value is `None`.
    pub fn query_pairs(&self) -> &[(String, Option<String>)] {
        &self.query_pairs
    }

    /// Header fields without secrets.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Header fields that are secrets.
    pub fn hidden_headers(&self) -> &[(HeaderName, Text)] {
        &self.hidden
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Whether an idempotency key makes a repeat safe.
    pub fn has_idempotency_key(&self) -> bool {
        self.idempotent
    }

    /// Whether a library above repeats failed requests by itself: it numbers them in a field of its own.
    pub fn is_retried_above(&self) -> bool {
        ["x-stainless-retry-count", "amz-sdk-request"].iter().any(|name| self.headers.contains_key(*name))
    }

    /// Whether its body can be sent a second time.
    pub fn is_replayable(&self) -> bool {
        !matches!(self.body, Body::Feed(_))
    }
}

/// Parameters with their values, in order.
type Params = Vec<(String, Leaf)>;

fn place(target: Target, params: Params) -> Result<(Place, Arc<str>, Params), Error> {
    match target {
        Target::Template(route, values) => {
            let Filled { path, query } = route.template.fill(&values)?;
            let params = beside(&route.template, query, params)?;
            let label = route.label.clone();
            Ok(match &route.origin {
                Some(origin) => (Place::On(origin.clone(), path), label, params),
                None => (Place::Below(path), label, params),
            })
        }
        // Strangers' URLs name people and documents: events record the host only.
        Target::Url(text) => Ok((Place::Open(SafeUrl::parse_pasted(&text)?), "{url}".into(), params)),
        Target::Base => Ok((Place::Base, "{secret}".into(), params)),
    }
}

/// The template's own parameters, then those from beside it.
fn beside(template: &Template, own: Vec<(String, String)>, params: Params) -> Result<Params, Error> {
    if template.query().is_none() {
        return Ok(params);
    }
    // A list repeats its key, and strangers may write long ones.
    let mut filled: Vec<String> = own.iter().map(|(key, _)| key.clone()).collect();
    filled.dedup();
    let mut all: Params = own.into_iter().map(|(key, text)| (key, Leaf::Plain(text))).collect();
    for (key, leaf) in params {
        if filled.contains(&key) {
            return Err(Error::new(Code::InputParameter)
                .with("reason", "a parameter stands in `path` and in `params`")
                .with("field", key));
        }
        let leaf = match leaf {
            Leaf::Plain(text) => Leaf::Plain(template.admit(&key, Some(&text))?.unwrap_or_default().into_owned()),
            Leaf::Hidden(secret) => template.admit(&key, None).map(|_| Leaf::Hidden(secret))?,
        };
        all.push((key, leaf));
    }
    Ok(all)
}

fn query(params: &[(String, Leaf)]) -> Result<(Option<Text>, Vec<(String, Option<String>)>), Error> {
    if params.is_empty() {
        return Ok((None, Vec::new()));
    }
    let mut text = Text::default();
    let mut plain = String::new();
    let mut pairs = Vec::with_capacity(params.len());
    for (index, (key, leaf)) in params.iter().enumerate() {
        if key.is_empty() {
            return Err(Error::new(Code::InputParameter).saying("A query parameter's name is empty."));
        }
        let plain_value = match leaf {
            Leaf::Plain(value) => Some(value.clone()),
            Leaf::Hidden(_) => None,
        };
        pairs.push((key.clone(), plain_value));
        if index > 0 {
            plain.push('&');
        }
        plain.push_str(&encode::url_query(key));
        plain.push('=');
        match leaf {
            Leaf::Plain(value) => plain.push_str(&encode::url_query(value)),
            Leaf::Hidden(secret) => {
                text.push(Piece::Plain(std::mem::take(&mut plain).into()));
                text.push(Piece::Hidden(secret.clone(), Form::Percent));
            }
        }
    }
    if !plain.is_empty() {
        text.push(Piece::Plain(plain.into()));
    }
    Ok((Some(text), pairs))
}

fn header_name(name: &str) -> Result<HeaderName, Error> {
    header::name(name)?;
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(Code::InputHeader).saying("A header name is not valid."))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    let refuse = || Error::new(Code::InputHeader).saying("A header value was not accepted.").with("header", name);
    header::value(value).map_err(|_| refuse())?;
    HeaderValue::from_str(value).map_err(|_| refuse())
}
