//! Log lines, terminals and IRC: nothing moves the cursor, ends the line or hides from the reader.

use std::borrow::Cow;
use std::fmt::Write;

use super::table::{Draft, first, rewrite, suspects};
use crate::error::{Code, Error};

/// Characters that reorder or hide text: bidirectional controls, zero-width ones, tags, separators, soft hyphen.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Controls, and the first bytes of everything that [`is_invisible`] names and of the C1 controls.
const fn is_suspect(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == 0x7f)
        | (byte == 0xc2)
        | (byte == 0xd8)
        | (byte.wrapping_sub(0xe1) < 2)
        | (byte == 0xef)
        | (byte == 0xf3)
}

fn show(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\\' => out.push_str("\\\\"),
        _ => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

const fn may_change_in_log(byte: u8) -> bool {
    is_suspect(byte) | (byte == b'\\')
}

/// One log line (CWE-117): controls, separators and invisibles as JSON escapes, the backslash doubled so that the line
/// can be read back.
pub fn log(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(may_change_in_log), |draft, at, rest| {
        let (c, len) = first(rest);
        if c == '\\' || c.is_control() || is_invisible(c) {
            show(c, draft.put(at, len));
        }
        len
    })
}

/// Text for a terminal: escape sequences are gone (CSI, OSC, DCS, SOS, PM, APC and the short ones, in 7-bit and C1 form),
/// line feeds and tabs stay, every other control character and every invisible one is shown. The backslash stays: shown
/// escapes are for eyes only. Source: ECMA-48 §5.
pub fn terminal(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(is_suspect), |draft, at, rest| {
        let (c, len) = first(rest);
        if let Some(len) = sequence(rest) {
            draft.put(at, len);
            return len;
        }
        match c {
            '\n' | '\t' => {}
            // A line end of other systems; alone it would write over the line.
            '\r' if rest.starts_with("\r\n") => _ = draft.put(at, len),
            _ if c.is_control() || is_invisible(c) => show(c, draft.put(at, len)),
            _ => {}
        }
        len
    })
}

/// The length of the escape sequence that `rest` begins with.
///
/// A sequence that does not end loses its introducer only, so that nobody hides text behind one. Parameters and strings end
/// at the next control character at the latest, so no byte is read twice.
fn sequence(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices();
    let kind = match chars.next()?.1 {
        '\u{1b}' => match chars.next() {
            Some((_, c @ ('[' | ']' | 'P' | 'X' | '^' | '_'))) => c,
            Some((at, ' '..='~')) => return Some(short(rest, at)),
            _ => return Some(1),
        },
        '\u{9b}' => '[',
        '\u{9d}' => ']',
        '\u{90}' => 'P',
        '\u{98}' => 'X',
        '\u{9e}' => '^',
        '\u{9f}' => '_',
        _ => return None,
    };
    let introducer = chars.offset();
    let body = rest.get(introducer..).unwrap_or("");
    let end = if kind == '[' { control_end(body) } else { string_end(body, kind == ']') };
    Some(introducer + end.unwrap_or(0))
}

/// ESC, intermediates, one final byte.
fn short(rest: &str, at: usize) -> usize {
    let tail = rest.as_bytes().get(at..).unwrap_or(&[]);
    let middle = tail.iter().take_while(|b| matches!(b, 0x20..=0x2f)).count();
    at + middle + usize::from(tail.get(middle).is_some_and(|b| matches!(b, 0x30..=0x7e)))
}

/// Parameters, intermediates, one final byte.
fn control_end(body: &str) -> Option<usize> {
    let at = body.bytes().position(|b| !matches!(b, 0x20..=0x3f))?;
    body.as_bytes().get(at).is_some_and(|b| matches!(b, 0x40..=0x7e)).then_some(at + 1)
}

/// A string up to its terminator: ST, and BEL for OSC.
fn string_end(body: &str, operating_system: bool) -> Option<usize> {
    let (at, c) = body.char_indices().find(|(_, c)| c.is_control())?;
    match c {
        '\u{7}' if operating_system => Some(at + 1),
        '\u{9c}' => Some(at + 2),
        '\u{1b}' if body.as_bytes().get(at + 1) == Some(&b'\\') => Some(at + 2),
        _ => None,
    }
}

const fn may_change_in_irc(b: u8) -> bool {
    (b < 0x20) | (b == 0x7f) | (b == 0xc2)
}

/// One message on IRC, without formatting: colour, bold and their kin, CTCP and other controls are gone.
///
/// # Errors
/// `InputError` for CR, LF and NUL: each would end the command and begin another.
///
/// Source: modern.ircdocs.horse, "Message format" and "Formatting".
pub fn irc(text: &str) -> Result<Cow<'_, str>, Error> {
    if memchr::memchr3(b'\r', b'\n', b'\0', text.as_bytes()).is_some() {
        return Err(Error::new(Code::InputField)
            .with("reason", "a line end or NUL in a message")
            .hint("split a text into lines, and send each as a message of its own"));
    }
    Ok(rewrite(text, suspects!(may_change_in_irc), |draft, at, rest| {
        let (c, len) = first(rest);
        if !c.is_control() || c == '\t' {
            return len;
        }
        let body = rest.get(len..).unwrap_or("");
        let len = len
            + match c {
                '\u{3}' => colours(body, |text| digits(text, 2, u8::is_ascii_digit)),
                '\u{4}' => colours(body, |text| digits(text, 6, u8::is_ascii_hexdigit) / 6 * 6),
                _ => 0,
            };
        remove(draft, at, len);
        len
    }))
}

fn remove(draft: &mut Draft<'_>, at: usize, len: usize) {
    draft.put(at, len);
}

/// A foreground, and a background after a comma.
fn colours(body: &str, colour: impl Fn(&[u8]) -> usize) -> usize {
    let bytes = body.as_bytes();
    let front = colour(bytes);
    let back = match bytes.get(front..) {
        Some([b',', rest @ ..]) if front > 0 => colour(rest),
        _ => 0,
    };
    if back > 0 { front + 1 + back } else { front }
}

fn digits(bytes: &[u8], most: usize, digit: fn(&u8) -> bool) -> usize {
    bytes.iter().take(most).take_while(|b| digit(b)).count()
}
