//! Says which secret goes where in a request, and signs requests. Pure: nothing is sent; time and nonce are arguments.

mod aws;
mod hmac;
mod http_signature;
mod key;
mod message;
mod signer;

pub use aws::AwsSigV4;
pub use hmac::{CONTENT, Clock, Digest, HmacLayout, HmacSigner};
pub use http_signature::{ContentDigest, HttpProfile, HttpSignature};
pub use key::{Algorithm, KeyEncoding, rs256};
pub use message::{Message, Stamp, body_unknown};
pub use signer::{Fields, Signer};

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderName, HeaderValue};

use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::redact;
use crate::secret::{Form, Piece, Secret, Text, Version};
use base64::Engine;

/// One way to prove who the bot is.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `Authorization: Basic …` of user and password.
    Basic(Arc<User>, Secret),
    /// A header of the API's own, such as `X-Api-Key`, with an optional prefix.
    Header(HeaderName, String, Secret),
    /// A query parameter.
    Query(String, Secret),
    /// A path prefix that contains the token, such as Telegram's `/bot{token}`.
    Path(String, Secret),
    /// A signature over the whole request, made as it is sent.
    Signer(Arc<Signer>),
    /// A signer outside this crate, by its number in the client's list; the pipeline asks its host.
    Outside(usize),
}

/// The user of a password, and the password's version whose pair the redactor knows.
#[derive(Debug)]
pub struct User {
    name: String,
    known: Lock<String>,
}

impl User {
    /// The two as `Basic` sends them (RFC 7617 §2), which the redactor knows from here on.
    fn pair(&self, password: &Version) -> String {
        let new = *self.known.lock() != password.fingerprint();
        if new {
            redact::register_pair(&self.name, password);
            password.fingerprint().clone_into(&mut self.known.lock());
        }
        let pair = zeroize::Zeroizing::new(format!("{}:{}", self.name, &**password));
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()))
    }
}

impl Auth {
    /// User and password.
    pub fn basic(user: impl Into<String>, password: Secret) -> Self {
        let user = User { name: user.into(), known: Lock::default() };
        if let Ok(version) = password.reveal() {
            drop(user.pair(&version));
        }
        Self::Basic(Arc::new(user), password)
    }

    /// The secret it uses; a signer outside keeps its own.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Bearer(secret)
            | Self::Basic(_, secret)
            | Self::Header(_, _, secret)
            | Self::Query(_, secret)
            | Self::Path(_, secret) => Some(secret),
            Self::Signer(signer) => Some(signer.secret()),
            Self::Outside(_) => None,
        }
    }

    /// The same proof with another secret.
    #[must_use]
    pub fn with_secret(&self, secret: Secret) -> Self {
        match self {
            Self::Bearer(_) => Self::Bearer(secret),
            Self::Basic(user, _) => Self::Basic(user.clone(), secret),
            Self::Header(name, prefix, _) => Self::Header(name.clone(), prefix.clone(), secret),
            Self::Query(key, _) => Self::Query(key.clone(), secret),
            Self::Path(template, _) => Self::Path(template.clone(), secret),
            Self::Signer(signer) => Self::Signer(signer.clone()),
            Self::Outside(index) => Self::Outside(*index),
        }
    }

    /// Every secret it uses; it goes along only where all of them may go.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let signer = if let Self::Signer(signer) = self { Some(signer) } else { None };
        let plain = self.secret().filter(|_| signer.is_none());
        plain.into_iter().chain(signer.into_iter().flat_map(|signer| signer.secrets()))
    }

    /// Whether it proves the finished request, each time that it is sent.
    pub fn signs(&self) -> bool {
        matches!(self, Self::Signer(_) | Self::Outside(_))
    }

    /// A header with a secret in it.
    ///
    /// # Errors
    /// `ValueError` when `name` is not a header name or `prefix` cannot stand in one.
    pub fn header(name: &str, prefix: &str, secret: Secret) -> Result<Self, Error> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::new(Code::UsageValue).saying("`header` is not a valid header name."))?;
        if HeaderValue::from_str(prefix).is_err() {
            return Err(Error::new(Code::UsageValue).saying("`prefix` cannot stand in a header."));
        }
        Ok(Self::Header(name, prefix.to_owned(), secret))
    }

    /// A path prefix with the token in it.
    ///
    /// # Errors
    /// `ValueError` unless `template` is `/…{token}…` with exactly one `{token}` and otherwise plain path characters.
    pub fn path(template: &str, secret: Secret) -> Result<Self, Error> {
        let wrong = || {
            Error::new(Code::UsageValue)
                .saying("`template` must start with `/`, contain `{token}` once, and otherwise hold plain path text.")
        };
        let (before, after) = template.split_once("{token}").ok_or_else(wrong)?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~@:".contains(&b));
        if !before.starts_with('/') || !plain(before) || !plain(after) || template.ends_with('/') {
            return Err(wrong());
        }
        Ok(Self::Path(template.to_owned(), secret))
    }

    /// Name and value of the header it sets at this moment.
    ///
    /// # Errors
    /// `SecretAccessError` when the secret holds what no header may hold.
    pub fn header_value(&self, now: Instant) -> Result<Option<(HeaderName, HeaderValue)>, Error> {
        let (name, text) = match self {
            Self::Bearer(secret) => (http::header::AUTHORIZATION, format!("Bearer {}", &**secret.reveal_at(now)?)),
            Self::Basic(user, secret) => (http::header::AUTHORIZATION, user.pair(&*secret.reveal_at(now)?)),
            Self::Header(name, prefix, secret) => (name.clone(), format!("{prefix}{}", &**secret.reveal_at(now)?)),
            Self::Query(..) | Self::Path(..) | Self::Signer(_) | Self::Outside(_) => return Ok(None),
        };
        let value =
            HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok().filter(|value| value.to_str().is_ok());
        let Some(mut value) = value else {
            let name = self.secret().map_or("", Secret::name);
            return Err(Error::new(Code::SecretAccess)
                .with("secret", name)
                .hint("the secret holds a line break or a character that no header may hold"));
        };
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    /// Key and value of the query parameter it adds.
    pub fn query(&self) -> Option<(&str, Text)> {
        match self {
            Self::Query(key, secret) => Some((key, Text::hidden(secret.clone(), Form::Percent))),
            _ => None,
        }
    }

    /// The path prefix it puts before the API's path at this moment.
    ///
    /// # Errors
    /// As [`Secret::reveal`].
    pub fn prefix(&self, now: Instant) -> Result<Option<Text>, Error> {
        let Self::Path(template, secret) = self else { return Ok(None) };
        let Some((before, after)) = template.split_once("{token}") else { return Ok(None) };
        let mut text = Text::plain(before.to_owned());
        // A Telegram token holds a colon, which a path segment may hold as it is; its server does not decode `%3A`.
        let plain = secret.reveal_at(now)?.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:@".contains(&b));
        text.push(Piece::Hidden(secret.clone(), if plain { Form::Raw } else { Form::Percent }));
        text.push(Piece::Plain(after.to_owned().into()));
        Ok(Some(text))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock;

    fn secret(value: &str) -> Secret {
        Secret::new("env:K", value.to_owned().into(), "f".into())
    }

    #[test]
    fn each_kind_writes_what_its_rfc_says() {
        let of = |auth: Auth| auth.header_value(clock::now()).unwrap().unwrap().1.to_str().unwrap().to_owned();
        assert_eq!(of(Auth::Bearer(secret("abc"))), "Bearer abc");
        assert_eq!(of(Auth::basic("Aladdin", secret("open sesame"))), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(of(Auth::header("Authorization", "Bot ", secret("t")).unwrap()), "Bot t");
    }

    #[test]
    fn a_secret_with_a_line_break_is_refused_without_its_value() {
        let error = Auth::Bearer(secret("abc\r\nX: y")).header_value(clock::now()).unwrap_err();
        assert_eq!(error.code(), Code::SecretAccess);
        assert!(!format!("{error:?} {error}").contains("abc"));
    }

    #[test]
    fn a_token_keeps_its_colon_and_loses_everything_that_could_leave_its_segment() {
        let text = |token| {
            Auth::path("/bot{token}", secret(token)).unwrap().prefix(clock::now()).unwrap().unwrap().reveal().unwrap()
        };
        assert_eq!(text("12:ab"), "/bot12:ab");
        assert_eq!(text("a/../b?c"), "/bota%2F..%2Fb%3Fc");
        assert!(Auth::path("/bot{token}{token}", secret("x")).is_err());
        assert!(Auth::path("bot{token}", secret("x")).is_err());
    }
}
