//! The parts of a request that an HTTP message signature covers.
//!
//! Source: RFC 9421 §2.

use std::fmt;

use http::{HeaderMap, HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sfv::{BareItem, Dictionary, FieldType, Item, ItemSerializer, ListEntry, Parser};

use crate::error::{Code, Error};
use crate::sign::Message;

/// What `application/x-www-form-urlencoded` writes as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// A component and its identifier.
pub(super) struct Component {
    item: Item,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// A parameter of the query, by its decoded name.
    QueryParam(String),
    Field(HeaderName, Form),
}

/// How a field's value is read.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Whole,
    /// One member of a dictionary.
    Key(String),
    /// Each line as a byte sequence.
    Bytes,
}

/// What is known of the fields: those of the message, and those that the signer adds.
pub(super) struct Known<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) added: &'a [(HeaderName, http::HeaderValue)],
}

impl Component {
    /// Parses `@method`, `content-type` or `"@query-param";name="q"`, in lower case or not.
    ///
    /// # Errors
    /// `ValueError` with what a component may be.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (name, parameters) = match text.strip_prefix('"').and_then(|text| text.split_once('"')) {
            Some(parts) => parts,
            None => text.find(';').and_then(|at| text.split_at_checked(at)).unwrap_or((text, "")),
        };
        let name = name.to_ascii_lowercase();
        if name.len() > 256 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"@-_!#$%&'*+.^`|~".contains(&b)) {
            return Err(refuse("takes names such as `@method` and `content-type`"));
        }
        let item = Parser::new(&format!("\"{name}\"{parameters}")).parse::<Item>();
        let item = item.map_err(|_| refuse("has parameters that cannot be read"))?;
        let kind = kind(&name, &item)?;
        Ok(Self { item, kind })
    }

    /// The identifier, as it stands in the signature base.
    pub(super) fn identifier(&self) -> String {
        self.item.serialize()
    }

    pub(super) fn item(&self) -> &Item {
        &self.item
    }

    /// Whether it is this field, or a part of it.
    pub(super) fn is_field(&self, name: &HeaderName) -> bool {
        matches!(&self.kind, Kind::Field(own, _) if own == name)
    }

    /// Its value in `message`.
    ///
    /// # Errors
    /// `InputError` when the message has no such part, or more than one.
    pub(super) fn value(&self, message: &Message<'_>, known: &Known<'_>) -> Result<String, Error> {
        Ok(match &self.kind {
            Kind::Method => message.method.to_owned(),
            Kind::TargetUri => format!("https://{}{}", message.authority, message.target),
            Kind::Authority => message.authority.to_ascii_lowercase(),
            Kind::Scheme => "https".to_owned(),
            Kind::RequestTarget => message.target.to_owned(),
            Kind::Path => message.path().to_owned(),
            // An absent query reads like an empty one (RFC 9421 §2.2.7).
            Kind::Query => format!("?{}", message.query().unwrap_or("")),
            Kind::QueryParam(name) => self.query_param(message, name)?,
            Kind::Field(name, form) => self.field(name, form, known)?,
        })
    }

    fn query_param(&self, message: &Message<'_>, name: &str) -> Result<String, Error> {
        let pairs = url::form_urlencoded::parse(message.query().unwrap_or("").as_bytes());
        let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(utf8_percent_encode(&value, FORM).to_string()),
            (None, _) => Err(self.missing("the query has no such parameter")),
            // Which of them a server reads is not known (RFC 9421 §2.2.8).
            (Some(_), Some(_)) => Err(self.missing("the query has that parameter more than once")),
        }
    }

    fn field(&self, name: &HeaderName, form: &Form, known: &Known<'_>) -> Result<String, Error> {
        let added = known.added.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        let mut lines: Vec<_> = added.collect();
        if lines.is_empty() {
            lines.extend(known.headers.get_all(name));
        }
        if lines.is_empty() {
            return Err(self.missing("the request has no such header"));
        }
        if matches!(form, Form::Bytes) {
            let lines = lines.iter().map(|line| {
                let line = BareItem::ByteSequence(line.as_bytes().trim_ascii().to_vec());
                ItemSerializer::new().bare_item(&line).finish()
            });
            return Ok(lines.collect::<Vec<_>>().join(", "));
        }
        let texts = lines.iter().map(|line| line.to_str().map(|line| line.trim_matches([' ', '\t'])));
        let texts = texts.collect::<Result<Vec<_>, _>>();
        let text = texts.map_err(|_| self.missing("the header is not ASCII"))?.join(", ");
        let Form::Key(key) = form else { return Ok(text) };
        let members = Parser::new(&text).parse::<Dictionary>().ok();
        match members.as_ref().and_then(|members| members.iter().find(|(known, _)| known.as_str() == key)) {
            Some((_, ListEntry::Item(item))) => Ok(item.serialize()),
            Some((_, member)) => vec![member.clone()].serialize().ok_or_else(|| self.missing("the member is empty")),
            None => Err(self.missing("the header has no such member")),
        }
    }

    fn missing(&self, why: &str) -> Error {
        Error::new(Code::InputHeader)
            .with("component", self.identifier())
            .with("reason", format!("what is to be signed is not there: {why}"))
            .hint("send it, or leave the component out")
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identifier())
    }
}

fn kind(name: &str, item: &Item) -> Result<Kind, Error> {
    let mut parameters = item.params.iter().map(|(key, value)| (key.as_str(), value));
    let parameter = match (parameters.next(), parameters.next()) {
        (parameter, None) => parameter,
        _ => return Err(refuse("takes one parameter at most")),
    };
    let kind = match (name, parameter) {
        ("@query-param", Some(("name", BareItem::String(name)))) => {
            let name = format!("{}=", name.as_str());
            let decoded = url::form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned());
            Kind::QueryParam(decoded.ok_or_else(|| refuse("needs a name"))?)
        }
        ("@query-param", _) => return Err(refuse("is written as `@query-param;name=\"q\"`")),
        ("@method", None) => Kind::Method,
        ("@target-uri", None) => Kind::TargetUri,
        ("@authority", None) => Kind::Authority,
        ("@scheme", None) => Kind::Scheme,
        ("@request-target", None) => Kind::RequestTarget,
        ("@path", None) => Kind::Path,
        ("@query", None) => Kind::Query,
        ("host", _) => return Err(refuse("names the host as `@authority`: HTTP/2 has no Host header")),
        // Our own signature becomes a part of these fields, so as a whole they change by being signed.
        ("signature" | "signature-input", None) => {
            return Err(refuse("names another signature by its `;key=\"label\"`"));
        }
        (name, parameter) if !name.starts_with('@') => {
            let form = match parameter {
                None => Form::Whole,
                Some(("key", BareItem::String(key))) => Form::Key(key.as_str().to_owned()),
                Some(("bs", BareItem::Boolean(true))) => Form::Bytes,
                Some(_) => return Err(refuse("takes the parameters `key` and `bs` on headers")),
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("names no valid header"))?;
            Kind::Field(name, form)
        }
        _ => return Err(refuse("is not a part of requests")),
    };
    Ok(kind)
}

fn refuse(why: &str) -> Error {
    Error::new(Code::UsageValue).saying(format!("A component of `components` {why}."))
}
