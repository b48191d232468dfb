//! Cuts a text into messages.
//!
//! A part is filled up to the platform's limit and cut at the last line's end in its second half, else at the last space
//! there, else between two graphemes. Blanks at a cut are left out; code that a cut goes through is closed and reopened.

use super::atoms::{self, Atom, Atoms, Grammar, Open};
use super::platform::Platform;
use crate::error::{Code, Error};

/// Parts that a text may become unless the caller says otherwise: a screenful, and no flood.
pub const DEFAULT_PARTS: usize = 10;
/// Parts that a caller may ask for.
pub const MAX_PARTS: usize = 1_000;

/// Splits text that is written in the platform's own markup.
///
/// # Errors
/// `InputError` for a text that is blank, that takes more than `max_parts`, or that holds a link of Telegram's longer than
/// a message.
pub fn markup(text: &str, platform: Platform, max_parts: usize) -> Result<Vec<String>, Error> {
    split(text, platform, Grammar::markup(platform), max_parts)
}

/// Splits Telegram's HTML.
///
/// # Errors
/// As [`markup`].
pub fn telegram_html(text: &str, max_parts: usize) -> Result<Vec<String>, Error> {
    split(text, Platform::Telegram, Grammar::html(), max_parts)
}

/// Splits text that no markup is read in, or that `encode` has escaped for the platform.
///
/// # Errors
/// As [`markup`].
pub fn plain(text: &str, platform: Platform, max_parts: usize) -> Result<Vec<String>, Error> {
    split(text, platform, Grammar::escaped(platform), max_parts)
}

fn split(text: &str, platform: Platform, grammar: Grammar, max_parts: usize) -> Result<Vec<String>, Error> {
    if text.chars().all(is_blank) {
        return Err(refuse("The text is empty."));
    }
    let (limit, unit) = platform.limit();
    // Nothing is cut, so nothing is looked at.
    if unit.of(text) <= limit && platform != Platform::Irc {
        return Ok(vec![text.to_owned()]);
    }
    let mut parts = Vec::new();
    let lines = if platform == Platform::Irc { text.split(['\n', '\r']).collect() } else { vec![text] };
    for line in lines {
        let atoms = atoms::of(line, grammar, unit, limit / 2);
        let mut packer = Packer { text: line, atoms: &atoms, limit, at: 0, top: 0 };
        while let Some(part) = packer.next()? {
            if !part.chars().all(is_blank) {
                parts.push(part);
            }
            if parts.len() > max_parts {
                return Err(refuse("The text is too long to be sent."));
            }
        }
    }
    Ok(parts)
}

/// Whether a message of these alone shows nothing; platforms refuse it.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{180e}' | '\u{3164}')
}

fn refuse(said: &str) -> Error {
    Error::new(Code::InputMessage).saying(said)
}

struct Packer<'a> {
    text: &'a str,
    atoms: &'a Atoms,
    limit: usize,
    /// The next atom, and what is open before it.
    at: usize,
    top: usize,
}

impl Packer<'_> {
    fn atom(&self, index: usize) -> Option<Atom> {
        self.atoms.list.get(index).copied()
    }

    fn open(&self, index: usize) -> Option<&Open> {
        self.atoms.open.get(index)
    }

    /// Where atom `index` begins.
    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.atom(before)).map_or(0, |atom| atom.end)
    }

    fn depth(&self, index: usize) -> usize {
        self.open(index).map_or(0, |open| open.depth)
    }

    fn next(&mut self) -> Result<Option<String>, Error> {
        self.skip_what_closes();
        if self.at >= self.atoms.list.len() {
            return Ok(None);
        }
        let (first, top) = (self.at, self.top);
        let end = self.cut(first, top)?;
        let mut stop = end;
        if end < self.atoms.list.len() {
            // A construct that would be empty here begins in the next part instead.
            while stop > first + 1 && self.depth(self.after(stop)) > self.depth(self.after_or(stop - 1, first, top)) {
                stop -= 1;
            }
        }
        let within = self.after_or(stop, first, top);
        self.at = stop;
        self.top = within;
        let mut last = stop;
        if stop < self.atoms.list.len() {
            let in_code = self.open(within).is_some_and(|open| open.is_code);
            // In code a blank may mean something; the line end there is part of what closes and reopens.
            let blank = |atom: Option<Atom>| atom.is_some_and(|atom| if in_code { atom.newline } else { atom.blank });
            let most = if in_code { 1 } else { usize::MAX };
            while last > first && blank(self.atom(last - 1)) && stop - last < most {
                last -= 1;
            }
            let skipped = stop - last;
            while blank(self.atom(self.at)) && self.at - stop + skipped < most {
                self.at += 1;
            }
        }
        let body = self.text.get(self.start(first)..self.start(last)).unwrap_or("");
        let reopen = self.open(top).map_or("", |open| open.reopen.as_str());
        let close =
            if stop < self.atoms.list.len() { self.open(within).map_or("", |open| open.close.as_str()) } else { "" };
        Ok(Some(format!("{reopen}{body}{close}")))
    }

    /// What is open after the atom before `index`.
    fn after(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.atom(before)).map_or(0, |atom| atom.open)
    }

    fn after_or(&self, index: usize, first: usize, top: usize) -> usize {
        if index == first { top } else { self.after(index) }
    }

    /// Steps over what only closes what the last cut has closed already.
    fn skip_what_closes(&mut self) {
        while let Some(atom) = self.atom(self.at) {
            let closes = self.at > 0 && self.depth(atom.open) < self.depth(self.top);
            if !closes {
                break;
            }
            self.top = atom.open;
            self.at += 1;
        }
    }

    /// The atom before which a part that begins at `first` ends.
    fn cut(&self, first: usize, top: usize) -> Result<usize, Error> {
        let unit_of = |text: &str| self.unit(text);
        let mut used = self.open(top).map_or(0, |open| unit_of(&open.reopen));
        let (mut line, mut word, mut index) = (None, None, first);
        while let Some(atom) = self.atom(index) {
            let close = self.open(atom.open).map_or(0, |open| if open.depth == 0 { 0 } else { unit_of(&open.close) });
            if used + atom.cost + close > self.limit {
                break;
            }
            used += atom.cost;
            index += 1;
            if used * 2 >= self.limit {
                line = atom.newline.then_some(index).or(line);
                word = atom.blank.then_some(index).or(word);
            }
        }
        if index == first {
            return Err(refuse("The text holds a link that is longer than a message."));
        }
        Ok(if index == self.atoms.list.len() { index } else { line.or(word).unwrap_or(index) })
    }

    /// What closes and reopens is ASCII but for the line end, which JSON escapes.
    fn unit(&self, text: &str) -> usize {
        text.len() + text.matches('\n').count()
    }
}
