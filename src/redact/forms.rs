//! The forms in which a secret may come back from somewhere else, escapes apart: those are undone on the text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::filter::MIN_LENGTH;

/// Shortest line of a value of many lines that is looked for by itself; shorter ones are words such as `{`.
const MIN_LINE: usize = 16;

/// Every form of `value`, each at least [`MIN_LENGTH`] long.
pub(super) fn of(value: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut add = |form: &[u8]| {
        if form.len() >= MIN_LENGTH && !forms.iter().any(|known| known.as_slice() == form) {
            forms.push(Zeroizing::new(form.to_vec()));
        }
    };
    add(value.as_bytes());
    add(value.trim().as_bytes());
    add(&hex(value, b"0123456789abcdef"));
    add(&hex(value, b"0123456789ABCDEF"));
    for offset in 0..3 {
        add(&aligned(value, offset, &STANDARD_NO_PAD));
        add(&aligned(value, offset, &URL_SAFE_NO_PAD));
    }
    // Keys in PEM and JSON: whoever prints them line by line prints no whole value.
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE && !line.starts_with("-----"));
    if value.trim().contains('\n') {
        lines.for_each(|line| add(line.as_bytes()));
    }
    forms
}

fn hex(value: &str, digits: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    for byte in value.bytes() {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out
}

/// base64 of the value `offset` bytes into a group, without the characters that its neighbours decide.
fn aligned(value: &str, offset: usize, engine: &impl Engine) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(Vec::with_capacity(offset + value.len()));
    padded.extend(std::iter::repeat_n(0, offset));
    padded.extend_from_slice(value.as_bytes());
    let whole = Zeroizing::new(engine.encode(&padded));
    let (from, to) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    Zeroizing::new(whole.as_bytes().get(from..to).unwrap_or_default().to_vec())
}
