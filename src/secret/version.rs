//! One value of a secret, and what tells it from the values before and after.

use std::fmt;
use std::ops::Deref;

use secrecy::{ExposeSecret, SecretString};

/// One value of a secret. Reads as its text; prints nothing of it.
pub struct Version {
    label: Option<String>,
    fingerprint: String,
    value: SecretString,
}

impl Version {
    /// A value, its source's name for it, and a keyed hash that names it in logs.
    pub fn new(value: SecretString, label: Option<String>, fingerprint: String) -> Self {
        Self { label, fingerprint, value }
    }

    /// The version's name at its source, where it has one.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Equal within a process for equal values, useless outside.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What logs and events call it: its label, else its fingerprint.
    pub fn shown(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.fingerprint)
    }
}

impl Deref for Version {
    type Target = str;

    fn deref(&self) -> &str {
        self.value.expose_secret()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.shown())
    }
}
