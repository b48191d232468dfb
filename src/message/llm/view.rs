//! A text as the one who follows its links would read it: compatibility letters folded, then references, backslashes and
//! percent escapes resolved, each byte with its place in the original.
//!
//! Decoding goes two layers deep, as [`crate::redact`] does. Characters that browsers leave out of URLs are left out.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// How many layers are taken off.
const DEPTH: usize = 2;
/// Longest character reference, its ampersand and semicolon included.
const MAX_REFERENCE: usize = 34;

/// One reading of a text.
pub(super) struct View {
    text: String,
    /// Per byte of `text`: where in the original its character begins and ends.
    places: Vec<(u32, u32)>,
}

impl View {
    /// The text with what IDNA and browsers fold to ASCII folded.
    pub(super) fn of(text: &str) -> Self {
        let mut view = Self::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            view.push(c, (at as u32, (at + c.len_utf8()) as u32));
        }
        view
    }

    /// The text in all its readings, as it is written first.
    pub(super) fn all(text: &str) -> Vec<Self> {
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
    fn as_written(text: &str) -> Self {
        let mut view = Self::with_capacity(text.len());
        text.char_indices().for_each(|(at, c)| view.put(c, (at as u32, (at + c.len_utf8()) as u32)));
        view
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the original `range` comes from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let start = self.places.get(range.start).map_or(0, |(start, _)| *start);
        let end = range.end.checked_sub(1).and_then(|last| self.places.get(last)).map_or(start, |(_, end)| *end);
        start as usize..end.max(start) as usize
    }

    fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), places: Vec::with_capacity(bytes) }
    }

    fn push(&mut self, c: char, place: (u32, u32)) {
        if c.is_ascii() {
            self.put(c, place);
            return;
        }
        match c {
            '\u{3002}' | '\u{ff61}' => self.put('.', place),
            '\u{2044}' | '\u{2215}' | '\u{29f8}' => self.put('/', place),
            '\u{29f5}' | '\u{2216}' => self.put('\\', place),
            _ => std::iter::once(c).nfkc().for_each(|c| self.put(c, place)),
        }
    }

    fn put(&mut self, c: char, place: (u32, u32)) {
        self.text.push(c);
        self.places.resize(self.text.len(), place);
    }

    /// One layer of escapes less; `None` when there is none.
    fn decode(&self) -> Option<Self> {
        self.text.find(['&', '\\', '%'])?;
        let mut view = Self::with_capacity(self.text.len());
        let (mut at, mut changed) = (0, false);
        while let Some(rest) = self.text.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.find(['&', '\\', '%']).unwrap_or(rest.len());
            view.text.push_str(rest.get(..plain).unwrap_or(""));
            view.places.extend_from_slice(self.places.get(at..at + plain).unwrap_or_default());
            at += plain;
            let rest = rest.get(plain..).unwrap_or("");
            let Some(first) = rest.chars().next() else { break };
            let meant = match first {
                '&' => reference(rest),
                '\\' => backslash(rest),
                _ => percent(rest),
            };
            let (c, length) = match meant {
                Some((c, length)) => {
                    changed = true;
                    (c, length)
                }
                None => (first, first.len_utf8()),
            };
            let source = self.source(at..at + length);
            // Browsers drop these from a URL wherever they stand.
            if meant.is_none() || !(matches!(c, '\t' | '\n' | '\r') || super::invisible::is_invisible(c)) {
                view.push(c, (source.start as u32, source.end as u32));
            }
            at += length;
        }
        changed.then_some(view)
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
