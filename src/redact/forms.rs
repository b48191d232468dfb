//! The forms in which a secret may come back from somewhere else.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Shortest value that is looked for: masking shorter ones would destroy texts and tell by position.
pub(super) const MIN_LENGTH: usize = 8;

/// Every form of `value`, each at least [`MIN_LENGTH`] long.
pub(super) fn of(value: &str) -> Vec<Zeroizing<String>> {
    let mut forms: Vec<Zeroizing<String>> = Vec::new();
    let mut add = |form: String| {
        let form = Zeroizing::new(form);
        if form.len() >= MIN_LENGTH && !forms.contains(&form) {
            forms.push(form);
        }
    };
    add(value.to_owned());
    for upper in [true, false] {
        add(percent(value, upper, false));
        add(percent(value, upper, true));
        add(value.bytes().fold(String::new(), |mut out, byte| {
            let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
            out
        }));
    }
    add(json(value, false));
    add(json(value, true));
    add(json(value, false).replace('/', "\\/"));
    add(html_escape::encode_quoted_attribute(value).replace("&#x27;", "&#39;"));
    add(html_escape::encode_quoted_attribute(value).into_owned());
    add(html_escape::encode_text(value).into_owned());
    add(value.replace('\\', "\\\\").replace('\'', "\\'"));
    for offset in 0..3 {
        add(aligned(value, offset, false));
        add(aligned(value, offset, true));
    }
    forms
}

fn percent(value: &str, upper: bool, form: bool) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        let _ = match byte {
            b' ' if form => write!(out, "+"),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => write!(out, "{}", char::from(byte)),
            _ if upper => write!(out, "%{byte:02X}"),
            _ => write!(out, "%{byte:02x}"),
        };
        out
    })
}

fn json(value: &str, ascii: bool) -> String {
    value.chars().fold(String::new(), |mut out, c| {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            c if c.is_control() || ascii && !c.is_ascii() => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
            c => write!(out, "{c}"),
        };
        out
    })
}

/// base64 of the value `offset` bytes into a group, without the characters that its neighbours decide.
fn aligned(value: &str, offset: usize, url_safe: bool) -> String {
    let mut padded = Zeroizing::new(vec![0u8; offset]);
    padded.extend_from_slice(value.as_bytes());
    let whole =
        Zeroizing::new(if url_safe { URL_SAFE_NO_PAD.encode(&padded) } else { STANDARD_NO_PAD.encode(&padded) });
    let (from, to) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    whole.get(from..to).unwrap_or("").to_owned()
}
