//! HTTP message signatures, and the content digest that lets them cover a body.
//!
//! Source: RFC 9421; RFC 9530.

mod component;

use std::time::Duration;

use aws_lc_rs::digest;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderName, HeaderValue};
use sfv::{DictSerializer, Dictionary, Integer, KeyRef, ListSerializer, Parser, StringRef};

use super::key::{self, Algorithm, KeyEncoding};
use super::message::{Message, Stamp};
use super::signer::{self, Fields};
use crate::error::{Code, Error};
use crate::secret::Secret;
use component::{Component, Known};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// Most components: more than any profile names, few enough that a request's head stays small.
const MAX_COMPONENTS: usize = 32;

/// Signs by RFC 9421.
#[derive(Debug)]
pub struct HttpSignature {
    secret: Secret,
    algorithm: Algorithm,
    key: KeyEncoding,
    key_id: Option<String>,
    components: Option<Vec<Component>>,
    label: String,
    created: bool,
    expires: Option<Duration>,
    nonce: bool,
    tag: Option<String>,
    names_algorithm: bool,
    digest: ContentDigest,
}

/// A digest of RFC 9530 that is still active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentDigest {
    /// `sha-256`.
    Sha256,
    /// `sha-512`.
    Sha512,
}

impl ContentDigest {
    fn write(self, body: &[u8]) -> String {
        let (name, algorithm) = match self {
            Self::Sha256 => ("sha-256", &digest::SHA256),
            Self::Sha512 => ("sha-512", &digest::SHA512),
        };
        member(name, digest::digest(algorithm, body).as_ref())
    }
}

/// What a signature covers and says of itself.
#[derive(Clone, Copy, Debug)]
pub struct HttpProfile<'a> {
    /// How the signature is made.
    pub algorithm: Algorithm,
    /// How the secret spells the key; PEM for key pairs and raw text for HMAC unless given.
    pub key: Option<KeyEncoding>,
    /// Names the key to the server.
    pub key_id: Option<&'a str>,
    /// What is signed. Unless given: method, authority, path and query, and where there is a body its digest and type.
    pub components: Option<&'a [String]>,
    /// The signature's name within the request.
    pub label: &'a str,
    /// Whether it says when it was made.
    pub created: bool,
    /// How long it is good.
    pub expires: Option<Duration>,
    /// Whether it carries a nonce.
    pub nonce: bool,
    /// What the application calls this use of signatures.
    pub tag: Option<&'a str>,
    /// Whether the algorithm is named in the signature; servers know it from the key.
    pub names_algorithm: bool,
    /// The hash of the body.
    pub digest: ContentDigest,
}

impl HttpProfile<'_> {
    /// The recommended profile: a new nonce for each signature, and when it was made.
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            key: None,
            key_id: None,
            components: None,
            label: "sig1",
            created: true,
            expires: None,
            nonce: true,
            tag: None,
            names_algorithm: false,
            digest: ContentDigest::Sha256,
        }
    }
}

impl HttpSignature {
    /// A signer of this profile.
    ///
    /// # Errors
    /// `ValueError` for what no signature may hold.
    pub fn new(secret: Secret, given: HttpProfile<'_>) -> Result<Self, Error> {
        let text = |argument: &str, text: Option<&str>| match text {
            Some(text) if text.is_empty() || text.len() > 512 || StringRef::from_str(text).is_err() => {
                Err(refuse(argument, "takes 1 to 512 printable ASCII characters"))
            }
            text => Ok(text.map(str::to_owned)),
        };
        if given.label.len() > 64 || KeyRef::from_str(given.label).is_err() {
            return Err(refuse("label", "takes up to 64 of a-z, 0-9, `_`, `-`, `.` and `*`, a letter first"));
        }
        let default = if given.algorithm == Algorithm::HmacSha256 { KeyEncoding::Raw } else { KeyEncoding::Pem };
        let key = given.key.unwrap_or(default);
        if key == KeyEncoding::Raw && given.algorithm != Algorithm::HmacSha256 {
            return Err(refuse("key_encoding", "is \"pem\", \"hex\" or \"base64\" for private keys"));
        }
        Ok(Self {
            secret,
            algorithm: given.algorithm,
            key,
            key_id: text("key_id", given.key_id)?,
            components: given.components.map(components).transpose()?,
            label: given.label.to_owned(),
            created: given.created,
            expires: given.expires,
            nonce: given.nonce,
            tag: text("tag", given.tag)?,
            names_algorithm: given.names_algorithm,
            digest: given.digest,
        })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) fn reads_body(&self) -> bool {
        let of_body =
            |component: &Component| [CONTENT_DIGEST, CONTENT_LENGTH].iter().any(|name| component.is_field(name));
        self.components.as_ref().is_none_or(|components| components.iter().any(of_body))
    }

    pub(super) fn check_key(&self) -> Result<(), Error> {
        key::check(&self.secret, self.key, self.algorithm)
    }

    pub(super) fn sign(&self, message: &Message<'_>, stamp: &Stamp) -> Result<Fields, Error> {
        let own;
        let components = match &self.components {
            Some(components) => components,
            None => {
                own = default(message)?;
                &own
            }
        };
        let mut fields = self.implied(components, message, stamp)?;
        let known = Known { headers: message.headers, added: &fields };
        let parameters = self.parameters(components, stamp);
        let base = base(components, &parameters, message, &known)?;
        let signature = key::sign(&self.secret, self.key, self.algorithm, base.as_bytes())?;
        let input = self.beside(message, &SIGNATURE_INPUT, &format!("{}={parameters}", self.label))?;
        let signature = self.beside(message, &SIGNATURE, &member(&self.label, &signature))?;
        fields.push(signer::field(&SIGNATURE_INPUT, &input, true)?);
        fields.push(signer::field(&SIGNATURE, &signature, true)?);
        Ok(fields)
    }

    /// Fields that the signature covers and that we know better than the caller.
    fn implied(&self, components: &[Component], message: &Message<'_>, stamp: &Stamp) -> Result<Fields, Error> {
        let covers = |name: &HeaderName| components.iter().any(|component| component.is_field(name));
        let mut fields = Fields::new();
        if covers(&CONTENT_DIGEST) {
            fields.push(signer::field(&CONTENT_DIGEST, &self.digest.write(message.known_body()?), false)?);
        }
        if covers(&CONTENT_LENGTH) {
            fields.push((CONTENT_LENGTH, HeaderValue::from(message.known_body()?.len())));
        }
        if covers(&DATE) && !message.headers.contains_key(DATE) {
            fields.push(signer::field(&DATE, &httpdate::fmt_http_date(stamp.time), false)?);
        }
        Ok(fields)
    }

    /// The value of `@signature-params` (RFC 9421 §2.3).
    fn parameters(&self, components: &[Component], stamp: &Stamp) -> String {
        let seconds = |seconds: u64| i64::try_from(seconds).ok().and_then(|s| Integer::try_from(s).ok());
        let mut list = ListSerializer::new();
        let mut inner = list.inner_list();
        inner.items(components.iter().map(Component::item));
        let mut parameters = inner.finish();
        let created = seconds(stamp.unix_s()).filter(|_| self.created);
        let expires = self.expires.and_then(|good| seconds(stamp.unix_s().saturating_add(good.as_secs())));
        for (name, value) in [("created", created), ("expires", expires)] {
            if let (Some(value), Ok(name)) = (value, KeyRef::from_str(name)) {
                parameters = parameters.parameter(name, value);
            }
        }
        let algorithm = Some(self.algorithm.name()).filter(|_| self.names_algorithm);
        let nonce = Some(stamp.nonce.as_str()).filter(|_| self.nonce);
        let texts =
            [("keyid", self.key_id.as_deref()), ("alg", algorithm), ("nonce", nonce), ("tag", self.tag.as_deref())];
        for (name, value) in texts {
            let value = value.and_then(|value| StringRef::from_str(value).ok());
            if let (Some(value), Ok(name)) = (value, KeyRef::from_str(name)) {
                parameters = parameters.parameter(name, value);
            }
        }
        let _ = parameters.finish();
        list.finish().unwrap_or_default()
    }

    /// A member added to what another signer put into a dictionary field.
    fn beside(&self, message: &Message<'_>, name: &HeaderName, member: &str) -> Result<String, Error> {
        let lines = message.headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("\u{0}"));
        let before = lines.collect::<Vec<_>>().join(", ");
        if before.is_empty() {
            return Ok(member.to_owned());
        }
        let known = Parser::new(&before).parse::<Dictionary>();
        let known = known.map_err(|_| {
            Error::new(Code::InputHeader)
                .with("reason", "the request's own Signature or Signature-Input cannot be read")
        })?;
        if known.keys().any(|label| label.as_str() == self.label) {
            return Err(refuse("label", "names two signatures of one request"));
        }
        Ok(format!("{before}, {member}"))
    }
}

/// The signature base: a line for each component, and last the parameters (RFC 9421 §2.5).
fn base(components: &[Component], parameters: &str, message: &Message<'_>, known: &Known<'_>) -> Result<String, Error> {
    let mut base = String::new();
    for component in components {
        base.push_str(&component.identifier());
        base.push_str(": ");
        base.push_str(&component.value(message, known)?);
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    Ok(base)
}

fn components(names: &[String]) -> Result<Vec<Component>, Error> {
    if names.len() > MAX_COMPONENTS {
        return Err(refuse("components", "takes 32 names at most"));
    }
    let components = names.iter().map(|name| Component::parse(name)).collect::<Result<Vec<_>, _>>()?;
    let identifiers: Vec<_> = components.iter().map(Component::identifier).collect();
    if identifiers.iter().enumerate().any(|(index, id)| identifiers.iter().skip(index + 1).any(|other| other == id)) {
        return Err(refuse("components", "names a component twice"));
    }
    Ok(components)
}

/// What tells a request from any other. A method that usually carries a body covers even an empty one.
fn default(message: &Message<'_>) -> Result<Vec<Component>, Error> {
    let mut names = vec!["@method", "@authority", "@path", "@query"];
    if !message.known_body()?.is_empty() || matches!(message.method, "POST" | "PUT" | "PATCH") {
        names.push("content-digest");
        if message.headers.contains_key(CONTENT_TYPE) {
            names.push("content-type");
        }
    }
    names.into_iter().map(Component::parse).collect()
}

/// A dictionary of one member, a byte sequence.
fn member(name: &str, value: &[u8]) -> String {
    let mut dictionary = DictSerializer::new();
    if let Ok(name) = KeyRef::from_str(name) {
        let _ = dictionary.bare_item(name, value).finish();
    }
    dictionary.finish().unwrap_or_default()
}

fn refuse(argument: &str, why: &str) -> Error {
    Error::new(Code::UsageValue).saying(format!("`{argument}` {why}."))
}

#[cfg(test)]
mod tests;
