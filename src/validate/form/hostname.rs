//! Names of hosts (RFC 1123 §2.1, RFC 5890).

use std::borrow::Cow;

use super::idna;
use super::letters::is_alphanumeric;

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

    /// One look at every byte: names stand in every mail address and URL.
    fn judge(&self, name: &str) -> bool {
        let (mut length, mut dots, mut double) = (0usize, 0usize, false);
        let mut before = b'.';
        if name.len() > MAX {
            return false;
        }
        for &b in name.as_bytes() {
            if is_alphanumeric(b) {
                length += 1;
            } else if b == b'.' && (1..=MAX_LABEL).contains(&length) && before != b'-' {
                dots += 1;
                length = 0;
            } else if b == b'-' && length > 0 {
                double |= before == b'-';
                length += 1;
            } else {
                return false;
            }
            before = b;
        }
        let whole = (1..=MAX_LABEL).contains(&length) && before != b'-' && (dots > 0 || !self.dotted);
        let last = name.rsplit('.').next().unwrap_or(name);
        // Only `xn--` makes a label international, and it has two hyphens in a row.
        whole && !is_number(last) && (!double || !name.split('.').any(idna::is_a_label) || idna::is_strict(name))
    }
}

/// Longest label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// A name whose last label is a number would be an IPv4 address to somebody.
fn is_number(label: &str) -> bool {
    let digits = label.bytes().all(|b| b.is_ascii_digit());
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    digits || hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
