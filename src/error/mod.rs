//! What goes wrong, in one type: a code from one table, a sentence for strangers, redacted facts for developers.
//!
//! Nothing in an [`Error`] comes from a secret or from a stranger's value; whoever adds a detail redacts it first.

mod code;

pub use code::{Class, Code};

use std::fmt;
use std::time::Duration;

use crate::clock::Dice;

/// Why something was refused or failed.
pub struct Error(Box<Facts>);

struct Facts {
    code: Code,
    said: Option<String>,
    hint: Option<String>,
    retry_after: Option<Duration>,
    details: Vec<(&'static str, String)>,
    incident: Option<String>,
}

impl Error {
    /// An error with the code's own sentence and no details yet.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Facts { code, said: None, hint: None, retry_after: None, details: Vec::new(), incident: None }))
    }

    /// Names the missing or wrong thing in the public sentence. For start-up errors, and for input errors that name a
    /// field; `said` never holds a value.
    #[must_use]
    pub fn saying(mut self, said: impl Into<String>) -> Self {
        self.0.said = Some(said.into());
        self
    }

    /// Adds a fact for developers: redacted, free of values that strangers typed.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.add(key, value);
        self
    }

    /// Adds a fact in place.
    pub fn add(&mut self, key: &'static str, value: impl Into<String>) {
        if !self.0.details.iter().any(|(k, _)| *k == key) {
            self.0.details.push((key, value.into()));
        }
    }

    /// Says how to fix it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says when another try makes sense.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Gives the error its incident id, once; later calls keep the first.
    pub fn name_incident(&mut self, dice: &mut Dice) -> &str {
        self.0.incident.get_or_insert_with(|| incident_id(dice))
    }

    /// The code, such as `policy.host_not_allowed`.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence for strangers, without the incident id.
    pub fn user_message(&self) -> &str {
        self.0.said.as_deref().unwrap_or(self.0.code.user_message())
    }

    /// How to fix it, for developers.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The same facts for another call, without an incident.
    #[must_use]
    pub fn copy(&self) -> Self {
        let Facts { code, said, hint, retry_after, details, .. } = &*self.0;
        Self(Box::new(Facts {
            code: *code,
            said: said.clone(),
            hint: hint.clone(),
            retry_after: *retry_after,
            details: details.clone(),
            incident: None,
        }))
    }

    /// When another try makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The facts, in the order they were added.
    pub fn details(&self) -> &[(&'static str, String)] {
        &self.0.details
    }

    /// The incident id, once the pipeline has given one.
    pub fn incident(&self) -> Option<&str> {
        self.0.incident.as_deref()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("code", &self.0.code.as_str()).field("details", &self.0.details).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.user_message())
    }
}

impl std::error::Error for Error {}

/// Eight characters of Crockford's base 32, without those that people mix up.
fn incident_id(dice: &mut Dice) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut bits = dice.bits();
    (0..8)
        .map(|_| {
            let index = (bits & 31) as usize;
            bits >>= 5;
            char::from(*ALPHABET.get(index).unwrap_or(&b'0'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_keeps_its_first_name() {
        let mut error = Error::new(Code::PolicyHostNotAllowed);
        let first = error.name_incident(&mut Dice::fixed(1)).to_owned();
        assert_eq!(first.len(), 8);
        assert_eq!(error.name_incident(&mut Dice::fixed(2)), first);
    }

    #[test]
    fn the_first_value_of_a_detail_wins() {
        let error = Error::new(Code::TransportConnect).with("host", "a").with("host", "b");
        assert_eq!(error.details(), [("host", "a".to_owned())]);
    }
}
