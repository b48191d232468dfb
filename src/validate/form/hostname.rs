//! Names of hosts (RFC 1123 §2.1, RFC 5890).

use std::borrow::Cow;

use super::idna;

/// Names of hosts: labels of letters, digits and inner hyphens, at most 253 characters, no trailing dot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hostname {
    /// Whether names in their own script are taken and become A-labels.
    pub idna: bool,
    /// Whether a name needs a dot.
    pub dotted: bool,
}

/// Longest name in characters (RFC 1035 §2.3.4).
const MAX: usize = 253;

impl Hostname {
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        if text.is_ascii() {
            return self.judge(text).then_some(Cow::Borrowed(text));
        }
        // A character is at most four bytes.
        if !self.idna || text.len() > MAX * 4 {
            return None;
        }
        let name = idna::to_ascii(text)?;
        self.judge(&name).then_some(Cow::Owned(name))
    }

    fn judge(&self, name: &str) -> bool {
        let mut dots = 0usize;
        let mut international = false;
        let mut last = "";
        if name.len() > MAX {
            return false;
        }
        for label in name.split('.') {
            if !is_label(label) {
                return false;
            }
            international |= idna::is_a_label(label);
            last = label;
            dots += 1;
        }
        (dots > 1 || !self.dotted) && !is_number(last) && (!international || idna::is_strict(name))
    }
}

fn is_label(label: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// A name whose last label is a number would be an IPv4 address to somebody.
fn is_number(label: &str) -> bool {
    let digits = label.bytes().all(|b| b.is_ascii_digit());
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    digits || hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
