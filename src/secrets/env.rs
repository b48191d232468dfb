//! Environment variables: the only place that reads the environment.

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::secret::Source;

/// A variable by name.
pub(super) struct Variable(String);

impl Variable {
    pub(super) fn parse(name: &str) -> Result<Self, Error> {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if first && name.len() <= 256 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Ok(Self(name.to_owned()));
        }
        // Whatever this is, it may be a pasted key.
        Err(Error::new(Code::UsageValue).saying("The name after `env:` is not the name of an environment variable."))
    }
}

impl Source for Variable {
    fn read(&self) -> Result<SecretString, Error> {
        let missing = |state: &str| {
            Error::new(Code::SecretNotFound)
                .saying(format!("Environment variable `{}` is {state}.", self.0))
                .with("source", format!("env:{}", self.0))
                .hint(format!("export {}=…, or use file:/run/secrets/…", self.0))
        };
        match std::env::var(&self.0) {
            Ok(value) => {
                let value = Zeroizing::new(value);
                let trimmed = value.trim_end_matches(['\r', '\n']);
                if trimmed.trim().is_empty() { Err(missing("empty")) } else { Ok(trimmed.to_owned().into()) }
            }
            Err(std::env::VarError::NotPresent) => Err(missing("not set")),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::new(Code::SecretAccess).saying(format!("Environment variable `{}` is not text.", self.0)))
            }
        }
    }
}
