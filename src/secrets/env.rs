//! Environment variables: the only place that reads the environment.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::clean;
use crate::error::{Code, Error};
use crate::redact;
use crate::secret::{Secret, Source};

/// Longest name of a variable: the longest that people use have some sixty characters.
const MAX_NAME: usize = 256;

/// A variable by name.
pub(super) struct Variable(String);

impl Variable {
    pub(super) fn parse(name: &str) -> Result<Self, Error> {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        let fits = first && name.len() <= MAX_NAME && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        // Some keys are made of the characters of names, and an error would repeat them.
        if fits && !redact::looks_like_token(name) {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::new(Code::UsageValue)
            .saying("The text after `env:` is not the name of an environment variable.")
            .hint("a name has ASCII letters, digits and `_`; if this was the key itself, change the key"))
    }

    /// Judges what the environment holds.
    pub(super) fn value(&self, found: Option<OsString>) -> Result<SecretString, Error> {
        let Some(found) = found else { return Err(self.missing("not set")) };
        match found.into_string().map(Zeroizing::new) {
            Ok(value) => clean(&value).ok_or_else(|| self.missing("empty")),
            Err(other) => {
                drop(Zeroizing::new(other.into_encoded_bytes()));
                Err(Error::new(Code::SecretAccess)
                    .saying(format!("Environment variable `{}` is not UTF-8 text.", self.0))
                    .with("source", self.source()))
            }
        }
    }

    fn missing(&self, state: &str) -> Error {
        Error::new(Code::SecretNotFound)
            .saying(format!("Environment variable `{}` is {state}.", self.0))
            .with("source", self.source())
            .hint(format!("export {}=…, or use file:/run/secrets/…", self.0))
    }

    fn source(&self) -> String {
        format!("env:{}", self.0)
    }
}

impl Source for Variable {
    fn read(&self) -> Result<SecretString, Error> {
        self.value(std::env::var_os(&self.0))
    }
}

/// A variable that says where something is, not a secret; `None` when it is unset or empty.
///
/// # Errors
/// `SecretAccessError` for a value that is not UTF-8 text.
pub fn variable(name: &'static str) -> Result<Option<String>, Error> {
    match Variable(name.to_owned()).value(std::env::var_os(name)) {
        Ok(value) => Ok(Some(value.expose_secret().to_owned())),
        Err(error) if error.code() == Code::SecretNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The environment for a program: without the variables whose values are known as secrets.
pub(super) fn for_programs() -> impl Iterator<Item = (OsString, OsString)> {
    let is_free = |value: &OsStr| matches!(redact::scrub(&value.to_string_lossy()), Cow::Borrowed(_));
    std::env::vars_os().filter(move |(_, value)| is_free(value))
}

/// What the environment says of a proxy for https.
pub struct ProxyVariable {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// User and password, when the variable holds them.
    pub auth: Option<(String, Secret)>,
    /// Hosts that are reached without it, as `NO_PROXY` lists them.
    pub except: String,
}

/// The variables that name a proxy for https, in curl's order.
const PROXY: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

fn first(names: &[&'static str]) -> Option<(&'static str, Zeroizing<String>)> {
    let read = |name: &&'static str| Some((*name, Zeroizing::new(std::env::var(name).ok()?)));
    names.iter().find_map(read).filter(|(_, value)| !value.trim().is_empty())
}

/// Whether a proxy is set for https.
pub fn proxy_is_set() -> bool {
    first(&PROXY).is_some()
}

/// The proxy for https, read as curl reads it: `host:port` without a scheme is an http proxy.
///
/// # Errors
/// `SecretAccessError` for credentials that are not percent-encoded UTF-8, which never repeats them.
pub fn proxy() -> Result<Option<ProxyVariable>, Error> {
    let Some((name, value)) = first(&PROXY) else { return Ok(None) };
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value.as_str()));
    let (auth, host) = match rest.rsplit_once('@') {
        None => (None, rest),
        Some((credentials, host)) => {
            let wrong = |_| {
                Error::new(Code::SecretAccess)
                    .saying(format!("The credentials in `{name}` are not percent-encoded text."))
                    .with("source", format!("env:{name}"))
            };
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(Cow::into_owned);
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            let (user, password) = (decode(user).map_err(wrong)?, decode(password).map_err(wrong)?);
            (Some((user, super::from_value(&format!("env:{name}"), password, None)?)), host)
        }
    };
    let except = first(&["no_proxy", "NO_PROXY"]).map_or(String::new(), |(_, value)| value.as_str().to_owned());
    Ok(Some(ProxyVariable { url: format!("{scheme}://{}", host.trim_end_matches('/')), auth, except }))
}

/// A variable that holds a secret; `None` when it is unset or empty.
///
/// # Errors
/// `SecretAccessError` for a value that is not UTF-8 text.
pub(super) fn hidden(name: &'static str) -> Result<Option<Secret>, Error> {
    match super::load(&format!("env:{name}"), super::Wish::default()) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.code() == Code::SecretNotFound => Ok(None),
        Err(error) => Err(error),
    }
}
