//! The secret value: zeroized when dropped, bound to hosts, unable to print itself.

mod text;

pub use text::{Form, Piece, Text};

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;

/// A loaded secret. Clones share one value.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    name: String,
    version: Option<String>,
    hosts: Option<Vec<String>>,
    fingerprint: String,
    value: SecretString,
}

/// Where secrets come from: an environment variable, a file, later a manager.
pub trait Source: Send + Sync {
    /// Reads the current value.
    ///
    /// # Errors
    /// `SecretNotFoundError` when there is none, `SecretAccessError` when it may not be read.
    fn read(&self) -> Result<SecretString, Error>;
}

impl Secret {
    /// Wraps a value. `name` is its source as written (`env:MY_KEY`); `fingerprint` names it in logs and bucket keys.
    pub fn new(name: impl Into<String>, value: SecretString, fingerprint: String, hosts: Option<Vec<String>>) -> Self {
        Self(Arc::new(Inner { name: name.into(), version: None, hosts, fingerprint, value }))
    }

    /// The source as written, such as `env:MY_KEY`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The version, where the source has versions.
    pub fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// The hosts it may be sent to; `None` means the client's own origin.
    pub fn hosts(&self) -> Option<&[String]> {
        self.0.hosts.as_deref()
    }

    /// A keyed hash of the value: equal within a process for equal values, useless outside.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// A name for the holder of this secret that is equal in all processes: 128 bits of an HMAC under the value itself, which
    /// tell nothing of a value that cannot be guessed.
    pub fn shared_tag(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.reveal().as_bytes());
        let tag = hmac::sign(&key, b"botsec: who shares a quota");
        tag.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The value. Every call of this is a place to review.
    pub fn reveal(&self) -> &str {
        self.0.value.expose_secret()
    }

    /// Compares in constant time for values of equal length.
    pub fn same_as(&self, other: &Secret) -> bool {
        let (a, b) = (self.reveal().as_bytes(), other.reveal().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret('{}', **********)", self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_its_name_and_never_its_value() {
        let value = format!("v{}", 123_456_789);
        let secret = Secret::new("env:KEY", value.clone().into(), "f".into(), None);
        assert_eq!(format!("{secret:?}"), "Secret('env:KEY', **********)");
        assert!(!format!("{:?}", Some(&secret)).contains(&value));
        assert!(secret.same_as(&secret.clone()));
    }
}
