//! HTML, JavaScript, JSON and CSS.

use std::borrow::Cow;
use std::fmt::Write;

use serde::de::IgnoredAny;

use super::table::{Table, UNITS, first, is_surrogate, rewrite, suspects};
use crate::error::{Code, Error};

static HTML: Table = Table::of(&[(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;"), (b'"', "&quot;"), (b'\'', "&#x27;")]);

/// Compared by pairs: `"` and `&`, `<` and `>` differ in one bit each.
pub(super) const fn is_html(byte: u8) -> bool {
    (byte | 4 == b'&') | (byte | 2 == b'>') | (byte == b'\'')
}

/// HTML text, and quoted attribute values that hold no control characters. Source: WHATWG HTML §13.1.2.
pub fn html(text: &str) -> Cow<'_, str> {
    /// Where two searches with the widest registers that the processor has begin to pay.
    const LONG: usize = 256;
    let bytes = text.as_bytes();
    if bytes.len() >= LONG
        && memchr::memchr3(b'<', b'>', b'&', bytes).is_none()
        && memchr::memchr2(b'"', b'\'', bytes).is_none()
    {
        return Cow::Borrowed(text);
    }
    HTML.apply(text, is_html)
}

/// [`html`] for text in Latin-1, or in UTF-16 or UTF-32 of the machine's byte order; nothing when nothing changes. UTF-32 with
/// surrogates, which are no characters, comes back with them, changed or not.
pub fn html_units(raw: &[u8], width: Width) -> Option<Vec<u8>> {
    match width {
        Width::One => HTML.apply_units(raw, |block: &[[u8; 1]; UNITS]| {
            block.iter().fold(0, |found, [byte]| found | u8::from(is_html(*byte))) != 0
        }),
        Width::Two => HTML.apply_units(raw, |block: &[[u8; 2]; UNITS]| {
            let found = block.iter().fold(0, |found, unit| {
                let unit = u16::from_ne_bytes(*unit);
                found | u16::from(unit & 0xfffa == 0x22) | u16::from(unit | 2 == 0x3e)
            });
            found != 0
        }),
        Width::Four => HTML.apply_units(raw, |block: &[[u8; 4]; UNITS]| {
            // What is no byte becomes 255, so that most comparisons are of bytes.
            let mut bytes = [0; UNITS];
            for (byte, unit) in bytes.iter_mut().zip(block) {
                *byte = i32::from_ne_bytes(*unit).clamp(0, 0xff) as u8;
            }
            let special =
                bytes.iter().fold(0, |found, byte| found | u8::from(byte & 0xfa == 0x22) | u8::from(byte | 2 == 0x3e));
            let surrogate =
                block.iter().fold(0, |found, unit| found | u32::from(is_surrogate(u32::from_ne_bytes(*unit))));
            (special != 0) | (surrogate != 0)
        }),
    }
}

/// How many bytes a text holds for each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Latin-1.
    One,
    /// UTF-16.
    Two,
    /// UTF-32.
    Four,
}

const fn may_change_in_html_attribute(b: u8) -> bool {
    is_html(b) | (b == b'`') | (b == b'=') | (b < 0x20) | (b == 0x7f) | (b == 0xc2)
}

/// A quoted HTML attribute value: as [`html`], and what old parsers take for quotes or line ends as references.
pub fn html_attribute(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(may_change_in_html_attribute), |draft, at, rest| {
        let (c, len) = first(rest);
        let stands = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#x27;",
            '`' => "&#x60;",
            '=' => "&#x3D;",
            '\n' => "&#xA;",
            '\r' => "&#xD;",
            '\t' => "&#x9;",
            // No reference stands for the other controls: HTML forbids them.
            _ if c.is_control() => "\u{fffd}",
            _ => return len,
        };
        draft.put(at, len).push_str(stands);
        len
    })
}

const fn may_change_in_js_string(b: u8) -> bool {
    (b < 0x20)
        | is_html(b)
        | (b == b'\\')
        | (b == b'/')
        | (b == b'`')
        | (b == b'+')
        | (b == b'$')
        | (b == 0x7f)
        | (b == 0xe2)
}

/// The inside of a quoted JavaScript string, in a script element, an event handler or a template literal.
/// Source: ECMA-262 §12.9.4; the set is that of Go's `html/template`.
pub fn js_string(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(may_change_in_js_string), |draft, at, rest| {
        let (c, len) = first(rest);
        let next = rest.as_bytes().get(len);
        let stands = match c {
            // Before a digit it would be an octal escape.
            '\0' if !next.is_some_and(u8::is_ascii_digit) => "\\0",
            '\t' => "\\t",
            '\n' => "\\n",
            '\r' => "\\r",
            '\u{c}' => "\\f",
            '\\' => "\\\\",
            '/' => "\\/",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            // A substitution begins here only in a template literal; the brace may come from the next text.
            '$' if next.is_some_and(|next| *next != b'{') => return len,
            _ if !c.is_ascii() => return len,
            _ => {
                let _ = write!(draft.put(at, len), "\\x{:02x}", u32::from(c));
                return len;
            }
        };
        draft.put(at, len).push_str(stands);
        len
    })
}

const fn may_change_in_json_in_script(b: u8) -> bool {
    (b | 2 == b'>') | (b == b'&') | (b == 0xe2)
}

/// JSON as a serialiser wrote it, for a script element: the same value, without anything that ends or changes a script.
///
/// # Errors
/// `InputError` for text that is not JSON: a stranger's raw text would be code there.
///
/// Source: RFC 8259 §7; WHATWG HTML §4.12.1.3.
pub fn json_in_script(text: &str) -> Result<Cow<'_, str>, Error> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| {
        Error::new(Code::InputField)
            .with("reason", "the text is not JSON")
            .hint("pass what json.dumps returned; a text of its own goes through js_string, between quotes")
    })?;
    Ok(rewrite(text, suspects!(may_change_in_json_in_script), |draft, at, rest| {
        let (c, len) = first(rest);
        // Valid JSON holds these in strings only, where an escape means the same.
        if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
            let _ = write!(draft.put(at, len), "\\u{:04x}", u32::from(c));
        }
        len
    }))
}

const fn may_change_in_css_string(b: u8) -> bool {
    (b < 0x20)
        | (b.wrapping_sub(b'!') < 15)
        | (b.wrapping_sub(b':') < 7)
        | (b.wrapping_sub(b'[') < 6)
        | (b.wrapping_sub(b'{') < 5)
        | (b == 0xc2)
        | (b == 0xe2)
}

/// The inside of a quoted CSS string, in a style sheet or a `style` attribute. Source: CSS Syntax §4.3.7, CSSOM §2.1.
pub fn css_string(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(may_change_in_css_string), |draft, at, rest| {
        let (c, len) = first(rest);
        if matches!(c, '!' | '#' | '$' | '%' | ',' | '-' | '.' | '?' | '[' | ']' | '^' | '_' | '|' | '~' | '=')
            || !(c.is_ascii() || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return len;
        }
        let out = draft.put(at, len);
        if c == '\0' {
            // CSS reads an escaped NUL as this character too.
            out.push('\u{fffd}');
            return len;
        }
        let _ = write!(out, "\\{:x}", u32::from(c));
        // A hexadecimal digit or a space would belong to the escape; the next text may begin with one.
        let next = rest.as_bytes().get(len);
        if next.is_none_or(|next| next.is_ascii_hexdigit() || next.is_ascii_whitespace()) {
            out.push(' ');
        }
        len
    })
}

#[cfg(test)]
pub(super) fn tables() -> Vec<(&'static Table, fn(u8) -> bool)> {
    vec![(&HTML, is_html)]
}
