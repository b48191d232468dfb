//! HMAC over a request, in the layout that an API chose: what is signed, how the header reads, how the key is spelled.

mod pattern;

use std::borrow::Cow;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use super::key::{self, KeyEncoding};
use super::message::{Message, Stamp, hex};
use super::signer::{self, Fields};
use crate::error::Error;
use crate::secret::Secret;
use pattern::{Field, OF_CONTENT, OF_HEADER, Pattern, refuse};

/// Everything that tells one request from another. No field can hold a line end, so two requests never read alike.
pub const CONTENT: &str = "{method}\n{host}\n{path}\n{timestamp}\n{nonce}\n{body_sha256}";

/// Signs with an HMAC.
#[derive(Debug)]
pub struct HmacSigner {
    secret: Secret,
    key: KeyEncoding,
    digest: Digest,
    base64: bool,
    header: HeaderName,
    layout: Pattern,
    content: Pattern,
    key_id: Option<String>,
    key_id_header: Option<HeaderName>,
    timestamp_header: Option<HeaderName>,
    nonce_header: Option<HeaderName>,
    clock: Clock,
}

/// The hash below the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a timestamp reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// `2015-08-30T12:36:00Z`.
    Iso8601,
}

/// How an API wants its requests signed.
#[derive(Clone, Copy, Debug)]
pub struct HmacLayout<'a> {
    /// The header of the signature.
    pub header: &'a str,
    /// Text before the signature, when there is no `layout`.
    pub prefix: &'a str,
    /// The whole value of the header.
    pub layout: Option<&'a str>,
    /// What is signed; [`CONTENT`] unless given.
    pub content: Option<&'a str>,
    /// Names the key to the server.
    pub key_id: Option<&'a str>,
    /// The header that names the key; `X-Key-Id` unless the layout has a place for it.
    pub key_id_header: Option<&'a str>,
    /// The header of the time, sent where it is signed.
    pub timestamp_header: Option<&'a str>,
    /// The header of the nonce, sent where it is signed.
    pub nonce_header: Option<&'a str>,
    /// How the time reads.
    pub clock: Clock,
    /// The hash.
    pub digest: Digest,
    /// Whether the signature is base64 instead of hexadecimal.
    pub base64: bool,
    /// How the secret spells the key.
    pub key: KeyEncoding,
}

impl Default for HmacLayout<'_> {
    fn default() -> Self {
        Self {
            header: "X-Signature",
            prefix: "",
            layout: None,
            content: None,
            key_id: None,
            key_id_header: None,
            timestamp_header: Some("X-Timestamp"),
            nonce_header: Some("X-Nonce"),
            clock: Clock::Unix,
            digest: Digest::Sha256,
            base64: false,
            key: KeyEncoding::Raw,
        }
    }
}

impl HmacSigner {
    /// A signer in this layout.
    ///
    /// # Errors
    /// `ValueError` for a layout that cannot be sent, or that signs what nobody sends or sends what nobody signs.
    pub fn new(secret: Secret, given: HmacLayout<'_>) -> Result<Self, Error> {
        let content = Pattern::parse("content", given.content.unwrap_or(CONTENT), OF_CONTENT)?;
        let layout = layout(&given)?;
        let header = signer::header_name("header", given.header)?;
        let carried = |argument, field, name: Option<&str>| {
            let signed = content.has(field);
            match (signed, layout.has(field), name) {
                (false, true, _) => Err(refuse("layout", "holds a timestamp or nonce that `content` does not sign")),
                (false, false, _) | (true, true, _) => Ok(None),
                (true, false, Some(name)) => signer::header_name(argument, name).map(Some),
                (true, false, None) => {
                    Err(refuse(argument, "is needed: `content` signs what neither a header nor `layout` carries"))
                }
            }
        };
        let timestamp_header = carried("timestamp_header", Field::Timestamp, given.timestamp_header)?;
        let nonce_header = carried("nonce_header", Field::Nonce, given.nonce_header)?;
        let key_id_header = key_id_header(&given, &content, &layout)?;
        let headers = [Some(&header), timestamp_header.as_ref(), nonce_header.as_ref(), key_id_header.as_ref()];
        let named: Vec<_> = headers.into_iter().flatten().collect();
        if named.iter().enumerate().any(|(index, name)| named.iter().skip(index + 1).any(|other| other == name)) {
            return Err(refuse("header", "and the other headers of a signature need names of their own"));
        }
        Ok(Self {
            secret,
            key: given.key,
            digest: given.digest,
            base64: given.base64,
            header,
            layout,
            content,
            key_id: given.key_id.map(str::to_owned),
            key_id_header,
            timestamp_header,
            nonce_header,
            clock: given.clock,
        })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) fn reads_body(&self) -> bool {
        [Field::Body, Field::BodySha256, Field::BodySha512].iter().any(|field| self.content.has(*field))
    }

    pub(super) fn check_key(&self) -> Result<(), Error> {
        key::bytes(&self.secret, self.key).map(|_| ())
    }

    pub(super) fn sign(&self, message: &Message<'_>, stamp: &Stamp) -> Result<Fields, Error> {
        let timestamp = match self.clock {
            Clock::Unix => stamp.unix_s().to_string(),
            Clock::UnixMs => stamp.unix_ms().to_string(),
            Clock::Iso8601 => stamp.extended(),
        };
        let signature = self.signature(message, &timestamp, &stamp.nonce)?;
        let mut value = Vec::new();
        self.layout.lay_out(
            |piece: &[u8]| value.extend_from_slice(piece),
            |field, write| {
                write(match field {
                    Field::Signature => signature.as_bytes(),
                    Field::Timestamp => timestamp.as_bytes(),
                    Field::Nonce => stamp.nonce.as_bytes(),
                    _ => self.key_id().as_bytes(),
                });
                Ok(())
            },
        )?;
        let mut fields = vec![signer::field(&self.header, &String::from_utf8_lossy(&value), true)?];
        let plain = [
            (&self.timestamp_header, &*timestamp),
            (&self.nonce_header, &stamp.nonce),
            (&self.key_id_header, self.key_id()),
        ];
        for (name, value) in plain {
            if let Some(name) = name {
                fields.push(signer::field(name, value, false)?);
            }
        }
        Ok(fields)
    }

    /// The HMAC of the content, fed piece by piece: a large body is not copied.
    fn signature(&self, message: &Message<'_>, timestamp: &str, nonce: &str) -> Result<String, Error> {
        let algorithm = match self.digest {
            Digest::Sha256 => hmac::HMAC_SHA256,
            Digest::Sha512 => hmac::HMAC_SHA512,
        };
        let key = hmac::Key::new(algorithm, &key::bytes(&self.secret, self.key)?);
        let mut context = hmac::Context::with_key(&key);
        self.content.lay_out(
            |piece: &[u8]| context.update(piece),
            |field, write| {
                let hash = |algorithm| Ok(hex(digest::digest(algorithm, message.known_body()?).as_ref()).into_bytes());
                let value: Cow<'_, [u8]> = match field {
                    Field::Method => message.method.as_bytes().into(),
                    Field::Host => message.authority.as_bytes().into(),
                    Field::Path => message.target.as_bytes().into(),
                    Field::Timestamp => timestamp.as_bytes().into(),
                    Field::Nonce => nonce.as_bytes().into(),
                    Field::Body => message.known_body()?.into(),
                    Field::BodySha256 => hash(&digest::SHA256)?.into(),
                    Field::BodySha512 => hash(&digest::SHA512)?.into(),
                    Field::KeyId | Field::Signature => self.key_id().as_bytes().into(),
                };
                write(&value);
                Ok::<(), Error>(())
            },
        )?;
        let tag = context.sign();
        Ok(if self.base64 { STANDARD.encode(tag.as_ref()) } else { hex(tag.as_ref()) })
    }

    fn key_id(&self) -> &str {
        self.key_id.as_deref().unwrap_or("")
    }
}

fn layout(given: &HmacLayout<'_>) -> Result<Pattern, Error> {
    let layout = match given.layout {
        Some(_) if !given.prefix.is_empty() => {
            return Err(refuse("prefix", "belongs into `layout` when that is given"));
        }
        Some(text) => Pattern::parse("layout", text, OF_HEADER)?,
        None => {
            let escaped = given.prefix.replace('{', "{{").replace('}', "}}");
            Pattern::parse("prefix", &format!("{escaped}{{signature}}"), OF_HEADER)?
        }
    };
    let (argument, text) = given.layout.map_or(("prefix", given.prefix), |layout| ("layout", layout));
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b))
        || text.starts_with(' ')
        || given.layout.is_some_and(|l| l.ends_with(' '))
    {
        return Err(refuse(argument, "cannot stand in a header"));
    }
    if !layout.has(Field::Signature) {
        return Err(refuse("layout", "needs a place for the {signature}"));
    }
    Ok(layout)
}

/// Where the key is named, and that it can be.
fn key_id_header(given: &HmacLayout<'_>, content: &Pattern, layout: &Pattern) -> Result<Option<HeaderName>, Error> {
    /// Longest name of a key: ARNs and URLs of keys have less.
    const MAX_LENGTH: usize = 512;
    let Some(id) = given.key_id else {
        let named = given.key_id_header.is_some() || content.has(Field::KeyId) || layout.has(Field::KeyId);
        return if named { Err(refuse("key_id", "is named by the layout and not given")) } else { Ok(None) };
    };
    if id.is_empty() || id.len() > MAX_LENGTH || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(refuse("key_id", "takes 1 to 512 visible ASCII characters"));
    }
    match given.key_id_header {
        Some(name) => signer::header_name("key_id_header", name).map(Some),
        None if layout.has(Field::KeyId) => Ok(None),
        None => Ok(Some(HeaderName::from_static("x-key-id"))),
    }
}

#[cfg(test)]
mod tests;
