//! A text as the one who follows its links would read it: compatibility letters folded, then references, backslashes and
//! percent escapes resolved, each byte with its place in the original.
//!
//! Decoding goes two layers deep, as [`crate::redact`] does. Characters that browsers leave out of URLs are left out.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::letters::is_kept;

/// How many layers are taken off.
const DEPTH: usize = 2;
/// Longest character reference, its ampersand and semicolon included.
const MAX_REFERENCE: usize = 34;
/// How many parts behind the last one are looked at one after the other: those of a link or two.
const NEAR: usize = 32;

/// One reading of a text.
pub(super) struct View<'t> {
    text: Cow<'t, str>,
    /// Where its parts come from, ascending. Nothing while it is the original itself.
    parts: Option<Vec<Part>>,
    /// The part that was asked for last: the next question is nearly always about one close behind.
    last: Cell<usize>,
}

/// A part of a reading, up to the next one.
#[derive(Clone, Copy)]
struct Part {
    /// Where it begins in the reading.
    at: u32,
    /// Where it begins in the original.
    from: u32,
    /// Where it ends there, when it stands for all of that. Otherwise each byte stands for its own.
    whole: Option<u32>,
}

impl<'t> View<'t> {
    /// The text with what IDNA and browsers fold to ASCII folded.
    pub(super) fn of(text: &'t str) -> Self {
        let written = Self::as_written(text);
        let mut draft: Option<Draft> = None;
        let mut kept = 0;
        if !text.is_ascii() {
            for (at, c) in text.char_indices().filter(|(_, c)| folds(*c)) {
                let draft = draft.get_or_insert_with(|| Draft::with_capacity(text.len()));
                draft.keep(&written, kept..at);
                kept = at + c.len_utf8();
                draft.push(c, at..kept);
            }
        }
        let Some(mut draft) = draft else { return written };
        draft.keep(&written, kept..text.len());
        draft.finish()
    }

    /// The text in all its readings, as it is written first.
    pub(super) fn all(text: &'t str) -> Vec<Self> {
        let folded = Self::of(text);
        let mut views = if folded.text == text { Vec::new() } else { vec![Self::as_written(text)] };
        let most = views.len() + 1 + DEPTH;
        views.push(folded);
        while let Some(next) = views.last().filter(|_| views.len() < most).and_then(Self::decode) {
            views.push(next);
        }
        views
    }

    /// Many clients fold nothing.
    fn as_written(text: &'t str) -> Self {
        Self { text: Cow::Borrowed(text), parts: None, last: Cell::default() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the original `range` comes from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let Some(parts) = &self.parts else { return range };
        let start = self.part(parts, range.start).map_or(0, |part| part.source(range.start).start);
        let end = range.end.checked_sub(1).and_then(|last| Some(self.part(parts, last)?.source(last).end));
        start..end.unwrap_or(start).max(start)
    }

    /// The part that holds a byte of the reading.
    fn part<'p>(&self, parts: &'p [Part], at: usize) -> Option<&'p Part> {
        let last = self.last.get();
        let near = parts.get(last..).unwrap_or_default();
        let ahead = near.iter().take(NEAR).position(|part| part.at as usize > at).unwrap_or(near.len());
        let index = match ahead {
            1..NEAR => last + ahead - 1,
            _ => parts.partition_point(|part| part.at as usize <= at).saturating_sub(1),
        };
        self.last.set(index);
        parts.get(index)
    }

    /// One layer of escapes less; `None` when there is none.
    fn decode(&self) -> Option<Self> {
        let bytes = self.text.as_bytes();
        let mut draft: Option<Draft> = None;
        let mut kept = 0;
        for at in memchr::memchr3_iter(b'&', b'\\', b'%', bytes) {
            // Within an escape before it.
            if at < kept {
                continue;
            }
            let rest = self.text.get(at..).unwrap_or("");
            let meant = match bytes.get(at) {
                Some(b'&') => reference(rest),
                Some(b'\\') => backslash(rest),
                _ => percent(rest),
            };
            let Some((c, length)) = meant else { continue };
            let draft = draft.get_or_insert_with(|| Draft::with_capacity(self.text.len()));
            draft.keep(self, kept..at);
            kept = at + length;
            // Browsers drop these from a URL wherever they stand.
            if !(matches!(c, '\t' | '\n' | '\r') || super::invisible::is_invisible(c)) {
                draft.push(c, self.source(at..kept));
            }
        }
        let mut draft = draft?;
        draft.keep(self, kept..self.text.len());
        Some(draft.finish())
    }
}

impl Part {
    /// Where a byte of the reading comes from.
    fn source(&self, at: usize) -> Range<usize> {
        let from = self.from as usize;
        match self.whole {
            Some(end) => from..end as usize,
            None => from + at - self.at as usize..from + at - self.at as usize + 1,
        }
    }
}

/// Whether a character is folded.
fn folds(c: char) -> bool {
    // Whole phrases with blanks between their words, which no host name holds: a text of these would grow elevenfold.
    let phrase = matches!(c, '\u{fdfa}' | '\u{fdfb}');
    !is_kept(c) && !phrase || stands_for(c).is_some()
}

/// What browsers and IDNA read for a character beyond NFKC.
fn stands_for(c: char) -> Option<char> {
    match c {
        '\u{3002}' | '\u{ff61}' => Some('.'),
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => Some('/'),
        '\u{29f5}' | '\u{2216}' => Some('\\'),
        _ => None,
    }
}

/// A reading in the making.
struct Draft {
    text: String,
    parts: Vec<Part>,
    /// What was folded last, and where it stands in `text`: a flood of ligatures is one after the other the same.
    last: (char, Range<usize>),
}

impl Draft {
    fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), parts: Vec::new(), last: ('\0', 0..0) }
    }

    /// Takes over a part of another reading as it is.
    fn keep(&mut self, view: &View<'_>, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let base = self.text.len();
        self.text.push_str(view.text.get(range.clone()).unwrap_or(""));
        let Some(parts) = &view.parts else {
            return self.parts.push(Part { at: base as u32, from: range.start as u32, whole: None });
        };
        let first = parts.partition_point(|part| part.at as usize <= range.start).saturating_sub(1);
        let within = parts.iter().skip(first).take_while(|part| (part.at as usize) < range.end);
        self.parts.extend(within.map(|part| {
            let cut = range.start.saturating_sub(part.at as usize);
            let from = if part.whole.is_some() { part.from } else { part.from + cut as u32 };
            Part { at: (base + part.at as usize + cut - range.start) as u32, from, whole: part.whole }
        }));
    }

    /// Puts what a character is folded to.
    fn push(&mut self, c: char, source: Range<usize>) {
        self.parts.push(Part { at: self.text.len() as u32, from: source.start as u32, whole: Some(source.end as u32) });
        match c {
            '\u{ff01}'..='\u{ff5e}' => self.text.extend(char::from_u32(c as u32 - 0xfee0)),
            _ if stands_for(c).is_some() => self.text.extend(stands_for(c)),
            _ if !folds(c) => self.text.push(c),
            _ if c == self.last.0 => self.text.extend_from_within(self.last.1.clone()),
            _ => {
                let start = self.text.len();
                self.text.extend(std::iter::once(c).nfkc());
                self.last = (c, start..self.text.len());
            }
        }
    }

    fn finish<'t>(self) -> View<'t> {
        View { text: Cow::Owned(self.text), parts: Some(self.parts), last: Cell::default() }
    }
}

/// `&#104;`, `&#x68`, `&colon;`: what it means and how long it is.
fn reference(rest: &str) -> Option<(char, usize)> {
    if let Some(number) = rest.strip_prefix("&#") {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let count = digits.bytes().take(MAX_REFERENCE).take_while(|b| char::from(*b).is_digit(radix)).count();
        let code = u32::from_str_radix(digits.get(..count)?, radix).ok()?;
        let length = rest.len() - digits.len() + count;
        let ended = digits.get(count..).is_some_and(|rest| rest.starts_with(';'));
        return Some((char::from_u32(code)?, length + usize::from(ended)));
    }
    let end = rest.bytes().take(MAX_REFERENCE).position(|b| b == b';');
    if let Some(written) = end.and_then(|end| rest.get(..=end)) {
        let meant = html_escape::decode_html_entities(written);
        if meant != written {
            return Some((meant.chars().next()?, written.len()));
        }
    }
    rest.starts_with("&amp").then_some(('&', 4))
}

/// Markdown's, JSON's and JavaScript's escapes.
fn backslash(rest: &str) -> Option<(char, usize)> {
    let code = |from: usize, to: usize| {
        let digits = rest.get(from..to).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    match rest.chars().nth(1)? {
        'x' => Some((code(2, 4)?, 4)),
        'u' => Some((code(2, 6)?, 6)),
        mark if mark.is_ascii_punctuation() => Some((mark, 2)),
        _ => None,
    }
}

/// Percent-encoded UTF-8, but for what would end a URL.
fn percent(rest: &str) -> Option<(char, usize)> {
    let mut bytes = [0; 4];
    let mut length = 0;
    while let Some(slot) = bytes.get_mut(length) {
        let digits = rest.get(length * 3..)?.strip_prefix('%')?.get(..2)?;
        *slot = u8::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        length += 1;
        if let Some(c) =
            bytes.get(..length).and_then(|read| std::str::from_utf8(read).ok()).and_then(|s| s.chars().next())
        {
            return (c > ' ').then_some((c, length * 3));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_whatever_was_asked_before() {
        let text = "ｅｖｉｌ．ｃｏｍ &#104;ttps%3a//ﬃ.\\com ".repeat(40);
        for depth in 0..View::all(&text).len() {
            let found = |at: usize| View::all(&text).get(depth).map(|view| view.source(at..at + 1));
            let views = View::all(&text);
            let view = views.get(depth).map_or("", View::text);
            let places = || (0..view.len()).step_by(7);
            let shuffled = places().map(|at| at * 31 % view.len());
            for at in places().chain(places().rev()).chain(shuffled) {
                assert_eq!(views.get(depth).map(|view| view.source(at..at + 1)), found(at), "{depth}: {at}");
            }
        }
    }
}
