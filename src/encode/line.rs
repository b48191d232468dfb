//! Terminals and log lines: nothing moves the cursor, ends the line or hides from the reader.

use std::borrow::Cow;
use std::fmt::Write;

use super::rewrite;

/// Characters that reorder or hide text: bidirectional controls, zero-width ones, tags, separators, soft hyphen.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

fn escape(c: char, out: &mut String) {
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

/// One log line (CWE-117): controls, separators and invisibles as JSON escapes, the backslash doubled so that the line
/// can be read back.
pub fn log(text: &str) -> Cow<'_, str> {
    rewrite(text, |c| c == '\\' || c.is_control() || is_invisible(c), escape)
}

/// Text for a terminal: line feeds and tabs stay, every other control character and every invisible one is shown, so that
/// no escape sequence begins. The backslash stays: shown escapes are for eyes only.
pub fn terminal(text: &str) -> Cow<'_, str> {
    rewrite(text, |c| c.is_control() && !matches!(c, '\n' | '\t') || is_invisible(c), escape)
}
