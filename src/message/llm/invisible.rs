//! Characters that nobody sees: tags, zero-width ones, direction marks, controls, piled variation selectors.
//!
//! A model writes them when somebody hides text from the reader, or breaks a word that a filter looks for. What a script or
//! an emoji needs stays: joiners within emoji and between letters of scripts that join, one selector behind an emoji.

use std::borrow::Cow;

/// Text without what nobody sees, and how many characters that were. Line separators become line feeds.
pub(super) fn strip(text: &str) -> (Cow<'_, str>, usize) {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut dropped, mut kept, mut at) = (0, 0, 0);
    // What a joiner joins, for the text up to there: modifiers before it are looked through once.
    let mut joined = (0, None);
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| is_suspect(*b))) {
        at += step;
        if !may_begin(bytes.get(at..at + 2)) {
            at += 1;
            continue;
        }
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        let behind = at + c.len_utf8();
        if !is_invisible(c) && !is_control(c) {
            at = behind;
            continue;
        }
        out.push_str(text.get(kept..at).unwrap_or(""));
        (kept, at) = (behind, behind);
        let next = text.get(behind..).and_then(|rest| rest.chars().next());
        let keeps = match c {
            '\u{200d}' => {
                let since = out.get(joined.0..).unwrap_or("");
                let before = since.chars().rev().find(|c| !matches!(c, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'));
                let before = before.or(joined.1);
                joined = (out.len(), before);
                before.is_some_and(is_emoji) && next.is_some_and(is_emoji) || joins(before, next)
            }
            '\u{200c}' => joins(out.chars().next_back(), next),
            '\u{fe0e}' | '\u{fe0f}' => {
                let keycap = |c: char| c.is_ascii_digit() || matches!(c, '#' | '*');
                let before = out.chars().next_back();
                before.is_some_and(is_emoji) || before.is_some_and(keycap) && next == Some('\u{20e3}')
            }
            _ => false,
        };
        if keeps {
            out.push(c);
        } else if matches!(c, '\u{2028}' | '\u{2029}' | '\r' | '\u{85}') {
            // CR LF is one end of a line, and no finding.
            if c != '\r' || next != Some('\n') {
                out.push('\n');
            }
        } else {
            dropped += 1;
        }
    }
    if kept == 0 {
        return (Cow::Borrowed(text), 0);
    }
    out.push_str(text.get(kept..).unwrap_or(""));
    (Cow::Owned(out), dropped)
}

/// Whether a character that begins with this byte may be one that nobody sees.
fn is_suspect(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\n') & (byte != b'\t')
        | matches!(byte, 0x7f | 0xc2 | 0xcd | 0xd8 | 0xe1..=0xe3 | 0xef | 0xf0 | 0xf3)
}

/// Whether two bytes may begin such a character: emoji, full-width letters and most of Chinese and Korean share its first one.
fn may_begin(two: Option<&[u8]>) -> bool {
    match two {
        Some([0xe1, second]) => matches!(second, 0x85 | 0x9e | 0xa0),
        Some([0xe2, second]) => matches!(second, 0x80 | 0x81 | 0xa0),
        Some([0xe3, second]) => *second == 0x85,
        Some([0xef, second]) => matches!(second, 0xb8 | 0xbb | 0xbe | 0xbf),
        Some([0xf0, second]) => matches!(second, 0x9b | 0x9d),
        _ => true,
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// Unicode's default ignorable characters and the direction marks. Source: UAX #44, `Default_Ignorable_Code_Point`.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}' | '\u{24c2}' | '\u{25a0}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b00}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Whether a joiner between these two shapes letters: Arabic and its kin, the scripts of India, Mongolian.
fn joins(before: Option<char>, next: Option<char>) -> bool {
    let shaped = |c: char| matches!(c, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}');
    before.is_some_and(shaped) && next.is_some_and(shaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_nobody_sees_is_found_by_its_first_bytes() {
        for c in ('\0'..=char::MAX).filter(|c| is_invisible(*c) || is_control(*c)) {
            let text = format!("a{c}");
            assert_ne!(strip(&text).0, text, "{c:?}");
        }
    }
}
