//! Mail addresses: the part of RFC 5321 that people use and that no system reads in two ways.

use std::borrow::Cow;

use super::hostname::Hostname;
use super::letters::is_atom;

/// Mail addresses: an ASCII dot-atom, `@` and a host name. No quoted local part, no address literal, no comment; no look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Email {
    /// Whether the domain needs a dot.
    pub tld: bool,
    /// Whether domains in their own script are taken and become A-labels.
    pub idna: bool,
}

/// Longest address: a path of 256 octets less its angle brackets (RFC 5321 §4.5.3.1.3).
const MAX: usize = 254;
/// Longest local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;

impl Default for Email {
    fn default() -> Self {
        Self { tld: true, idna: true }
    }
}

impl Email {
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let (local, domain) = text.split_once('@')?;
        if !is_dot_atom(local) {
            return None;
        }
        match (Hostname { idna: self.idna, dotted: self.tld }).read(domain)? {
            Cow::Borrowed(_) => (text.len() <= MAX).then_some(Cow::Borrowed(text)),
            Cow::Owned(domain) => Some(format!("{local}@{domain}")).filter(|text| text.len() <= MAX).map(Cow::Owned),
        }
    }
}

/// RFC 5322 §3.2.3.
fn is_dot_atom(local: &str) -> bool {
    if local.len() > MAX_LOCAL {
        return false;
    }
    let mut before = b'.';
    for &b in local.as_bytes() {
        if !is_atom(b) && (b != b'.' || before == b'.') {
            return false;
        }
        before = b;
    }
    before != b'.'
}
