//! Whether a text can be exactly one path segment, whatever a server on the way decodes.

use std::borrow::Cow;

/// Longest text in one segment, in bytes: longer ones are no ids.
const MAX_TEXT: usize = 1024;
/// Layers of percent-encoding that are read: more than any server peels. What still changes then is refused.
const LAYERS: usize = 5;

/// Whether a text can be one segment: not empty, no control or bidi character, and no way to read it as a dot segment
/// after any number of decodings. A slash within it is encoded and stays within the segment.
pub(super) fn is_segment(text: &str) -> bool {
    if text.is_empty() || text.len() > MAX_TEXT {
        return false;
    }
    let mut layer = Cow::Borrowed(text);
    for _ in 0..LAYERS {
        if layer.chars().any(is_deceptive) || layer.split(is_separator).any(is_dots) {
            return false;
        }
        match decode(&layer) {
            Decoded::Same => return true,
            Decoded::Overlong => return false,
            Decoded::Text(next) => layer = Cow::Owned(next),
        }
    }
    false
}

/// Controls, line separators, direction marks, the byte order mark and what is no character.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Slashes, and what compatibility forms make of them (UAX #15).
fn is_separator(c: char) -> bool {
    matches!(c, '/' | '\\' | '\u{2044}' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}')
}

/// Whether some server takes a part for `.` or `..`: with path parameters, with blanks around, or as compatibility forms.
fn is_dots(part: &str) -> bool {
    let name = part.split(';').next().unwrap_or(part).trim();
    let mut dots = 0usize;
    for c in name.chars() {
        dots += match c {
            '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => 1,
            '\u{2025}' => 2,
            _ => return false,
        };
    }
    matches!(dots, 1 | 2)
}

enum Decoded {
    /// Nothing to decode.
    Same,
    /// ASCII in more bytes than it needs (RFC 3629 §10): written to get past a check.
    Overlong,
    /// One layer less.
    Text(String),
}

/// Takes one layer of percent-encoding off, `%uXXXX` included.
fn decode(text: &str) -> Decoded {
    if !text.contains('%') {
        return Decoded::Same;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut changed = false;
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = if byte == b'%' { escaped(tail) } else { None };
        let (bytes, after) = escape.unwrap_or((Bytes::One(byte), tail));
        changed |= after.len() < tail.len();
        match bytes {
            Bytes::One(byte) => out.push(byte),
            Bytes::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = after;
    }
    let overlong = |pair: &[u8]| matches!(pair, [0xc0 | 0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]);
    if !changed {
        Decoded::Same
    } else if out.windows(2).any(overlong) {
        Decoded::Overlong
    } else {
        Decoded::Text(String::from_utf8_lossy(&out).into_owned())
    }
}

enum Bytes {
    One(u8),
    Char(char),
}

/// What stands behind a `%`, and what is left after it.
fn escaped(tail: &[u8]) -> Option<(Bytes, &[u8])> {
    let (wide, digits) = match tail.split_first() {
        Some((b'u' | b'U', digits)) => (true, digits),
        _ => (false, tail),
    };
    let (digits, after) = digits.split_at_checked(if wide { 4 } else { 2 })?;
    let number = digits.iter().try_fold(0u32, |sum, b| Some(sum * 16 + char::from(*b).to_digit(16)?))?;
    let bytes = match u8::try_from(number) {
        Ok(byte) if !wide => Bytes::One(byte),
        _ => Bytes::Char(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)),
    };
    Some((bytes, after))
}
