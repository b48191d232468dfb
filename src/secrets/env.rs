//! Environment variables: the only place that reads the environment.

use std::ffi::OsString;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::clean;
use crate::error::{Code, Error};
use crate::redact;
use crate::secret::Source;

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
