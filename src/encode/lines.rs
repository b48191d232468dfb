//! Markdown that means something at the start of a line only: headings, quotes, lists.

use std::borrow::Cow;

use super::line::is_invisible;
use super::table::{Draft, Suspects, first, rewrite_from};

/// What precedes a character on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing that is seen.
    Line,
    /// Digits alone.
    Number,
    /// Text.
    Within,
}

impl Start {
    fn after(self, c: char) -> Self {
        match (self, c) {
            (_, '\n' | '\r' | '\u{2028}' | '\u{2029}') => Self::Line,
            (Self::Line, c) if c.is_whitespace() || is_invisible(c) => Self::Line,
            (Self::Line | Self::Number, c) if c.is_ascii_digit() => Self::Number,
            _ => Self::Within,
        }
    }
}

/// Whether a marker before `next` is complete: a blank follows, or the end, after which the next text may put one.
pub(super) fn ends(next: &str) -> bool {
    next.chars().next().is_none_or(char::is_whitespace)
}

/// The first bytes of what ends a line; they belong to the suspects of every [`walk`].
pub(super) const fn turns(byte: u8) -> bool {
    (byte == b'\n') | (byte == b'\r') | (byte == 0xe2)
}

/// Rewrites `text` with the place on the line at hand. `suspects` names the ASCII characters that may change, and what
/// [`turns`] does; `judge` gets the place, the character, what follows it, and puts what stands for it.
pub(super) fn walk<'t>(
    text: &'t str,
    suspects: Suspects<impl Fn(u8) -> bool + Copy>,
    mut judge: impl FnMut(&mut Draft<'t>, usize, char, &'t str, Start),
) -> Cow<'t, str> {
    let mut start = Start::Line;
    rewrite_from(text, suspects.compare, |draft, at| {
        let (c, len) = first(text.get(at..).unwrap_or(""));
        judge(draft, at, c, text.get(at + len..).unwrap_or(""), start);
        start = start.after(c);
        // Within a line only what may change matters.
        let rest = text.as_bytes().get(at + len..).unwrap_or(&[]);
        let skip = if start == Start::Within { suspects.find(rest).unwrap_or(rest.len()) } else { 0 };
        len + skip
    })
}
