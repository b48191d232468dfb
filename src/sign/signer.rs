//! The signers that live in this crate: what they need, and the header fields that they make.

use http::{HeaderName, HeaderValue};

use super::{AwsSigV4, HmacSigner, HttpSignature, Message, Stamp};
use crate::error::{Code, Error};
use crate::secret::Secret;

/// Proves a whole request, not only who sends it.
#[derive(Debug)]
pub enum Signer {
    /// An HMAC in a layout of the API's own.
    Hmac(HmacSigner),
    /// RFC 9421.
    Http(HttpSignature),
    /// Signature Version 4.
    Aws(AwsSigV4),
}

/// Header fields that prove a request; each replaces the field of its name.
pub type Fields = Vec<(HeaderName, HeaderValue)>;

impl Signer {
    /// The key.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Hmac(signer) => signer.secret(),
            Self::Http(signer) => signer.secret(),
            Self::Aws(signer) => signer.secret(),
        }
    }

    /// Every secret that it sends or signs with; the request goes signed only where all of them may go.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let more = match self {
            Self::Aws(signer) => signer.more_secrets(),
            Self::Hmac(_) | Self::Http(_) => [None, None],
        };
        std::iter::once(self.secret()).chain(more.into_iter().flatten())
    }

    /// Whether it needs the bytes of the body.
    pub fn reads_body(&self) -> bool {
        match self {
            Self::Hmac(signer) => signer.reads_body(),
            Self::Http(signer) => signer.reads_body(),
            Self::Aws(_) => true,
        }
    }

    /// Reads the key once, so that one that cannot sign is found at start-up.
    ///
    /// # Errors
    /// `SecretAccessError` with the secret's name, never its value.
    pub fn check_key(&self) -> Result<(), Error> {
        // What a manager keeps is read later.
        if self.secrets().any(|secret| secret.is_moving() && secret.reveal().is_err()) {
            return Ok(());
        }
        match self {
            Self::Hmac(signer) => signer.check_key(),
            Self::Http(signer) => signer.check_key(),
            Self::Aws(signer) => signer.check_key(),
        }
    }

    /// The header fields that prove `message` at the moment of `stamp`.
    ///
    /// # Errors
    /// `InputError` when the message lacks what is to be signed, `SecretAccessError` when the key cannot sign.
    pub fn sign(&self, message: &Message<'_>, stamp: &Stamp) -> Result<Fields, Error> {
        match self {
            Self::Hmac(signer) => signer.sign(message, stamp),
            Self::Http(signer) => signer.sign(message, stamp),
            Self::Aws(signer) => signer.sign(message, stamp),
        }
    }
}

/// A field that was made here. `hidden` keeps it out of every log and of header compression.
pub(super) fn field(name: &HeaderName, value: &str, hidden: bool) -> Result<(HeaderName, HeaderValue), Error> {
    crate::validate::header::value(value)?;
    let value = HeaderValue::from_str(value);
    let mut value = value.map_err(|_| Error::new(Code::InputHeader).saying("A header value was not accepted."))?;
    value.set_sensitive(hidden);
    Ok((name.clone(), value))
}

/// A header field of the caller's choice.
pub(super) fn header_name(argument: &str, name: &str) -> Result<HeaderName, Error> {
    let refuse = |why: &str| Error::new(Code::UsageValue).saying(format!("`{argument}` {why}."));
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("is not a valid header name"))?;
    if crate::validate::header::is_reserved(parsed.as_str()) {
        return Err(refuse("names a header that botsec sets itself"));
    }
    Ok(parsed)
}
