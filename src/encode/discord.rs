//! Discord's markdown. Its documentation has no list of escapes; the constructs are those of "Message Formatting".

use std::borrow::Cow;

use super::Where;
use super::chat::twin;
use super::lines::{Start, ends, turns, walk};
use super::table::{rewrite, suspects};

/// Zero-width space: keeps `@everyone` readable and inert.
const BREAK: char = '\u{200b}';

/// Discord's markdown: emphasis, spoilers, code, masked links, headings, lists, quotes, mentions, commands, emoji and
/// timestamps are inert. A mention is only sure to stay silent with `allowed_mentions: {"parse": []}`.
pub fn discord(text: &str, place: Where) -> Cow<'_, str> {
    match place {
        Where::Text => running(text),
        Where::Code => code(text),
        Where::Link => label(text),
    }
}

const fn may_change_in_running(b: u8) -> bool {
    (b == b'\\')
        | (b == b'*')
        | (b.wrapping_sub(b'_') < 2)
        | (b == b'~')
        | (b == b'|')
        | (b == b'[')
        | (b | 2 == b'>')
        | (b == b'@')
        | (b == b'#')
        | (b.wrapping_sub(b'+') < 4)
        | turns(b)
}

fn running(text: &str) -> Cow<'_, str> {
    walk(text, suspects!(may_change_in_running), |draft, at, c, next, start| {
        let escaped = match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' => true,
            '<' => opens(next),
            '#' | '-' => start == Start::Line,
            '>' => start == Start::Line && ends(next.trim_start_matches('>')),
            '+' => start == Start::Line && ends(next),
            '.' => start == Start::Number && ends(next),
            '@' if pings(next) => {
                draft.put(at, 1).extend([c, BREAK]);
                false
            }
            _ => false,
        };
        if escaped {
            // The character itself is copied with what follows it.
            draft.put(at, 0).push('\\');
        }
    })
}

/// Whether `<` before this begins a link, a channel, a command, an emoji, a timestamp or a guild page. A user's or role's
/// mention is broken at its `@`.
fn opens(next: &str) -> bool {
    next.bytes().next().is_none_or(|b| b.is_ascii_alphabetic() || matches!(b, b'#' | b':' | b'/'))
}

/// Whether `@` before this mentions somebody, or would with what the next text begins with.
fn pings(next: &str) -> bool {
    let next = next.as_bytes();
    let word = |word: &[u8]| next.iter().zip(word).all(|(a, b)| a.eq_ignore_ascii_case(b));
    let id = next.strip_prefix(b"!").or(next.strip_prefix(b"&")).unwrap_or(next);
    word(b"everyone") || word(b"here") || id.first().is_none_or(u8::is_ascii_digit)
}

const fn is_backtick(b: u8) -> bool {
    b == b'`'
}

/// Code has no escape: its fence is broken instead.
fn code(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(is_backtick), |draft, at, _| {
        let out = draft.put(at, 1);
        if at == 0 {
            // Or it would lengthen the opening fence.
            out.push(BREAK);
        }
        out.extend(['`', BREAK]);
        1
    })
}

const fn may_change_in_label(b: u8) -> bool {
    (b == b'\\')
        | (b == b'*')
        | (b.wrapping_sub(b'_') < 2)
        | (b == b'~')
        | (b == b'|')
        | (b == b'[')
        | (b == b']')
        | (b == b'<')
        | (b == b'@')
        | (b == b':')
        | (b == b'\n')
        | (b == b'\r')
}

/// Within a masked link's label a backslash is only a backslash, so full-width forms stand for what would mean something.
fn label(text: &str) -> Cow<'_, str> {
    rewrite(text, suspects!(may_change_in_label), |draft, at, rest| {
        let next = rest.get(1..).unwrap_or("");
        match rest.as_bytes().first() {
            Some(b'\n' | b'\r') => draft.put(at, 1).push(' '),
            Some(b'@') if !pings(next) => {}
            Some(b'@') => draft.put(at, 1).extend(['@', BREAK]),
            // A bare address would become a link of its own.
            Some(b':') if !(next.is_empty() || next.starts_with('/')) => {}
            Some(byte) => draft.put(at, 1).push(twin(char::from(*byte))),
            None => {}
        }
        1
    })
}
