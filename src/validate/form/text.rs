//! Text that shows what it holds: nothing invisible, nothing that reorders, one spelling.

use std::borrow::Cow;

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, WhiteSpace};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::length::Length;

/// What happens to line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newlines {
    /// One line only.
    Refuse,
    /// LF is taken.
    Keep,
    /// LF, CR LF and CR are taken and become LF.
    Normalize,
}

/// Text without controls, direction marks, invisible characters and noncharacters, in NFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its length, counted after line ends and spelling were settled.
    pub length: Length,
    /// What happens to line ends.
    pub newlines: Newlines,
    /// Whether a tab is taken.
    pub tabs: bool,
    /// Whether joiners and variation selectors are taken behind a visible character: emoji and Indic scripts need them.
    pub joiners: bool,
    /// Whether text that is not in NFC is rewritten instead of refused.
    pub normalize: bool,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            length: Length::chars(0, super::length::MAX),
            newlines: Newlines::Refuse,
            tabs: false,
            joiners: false,
            normalize: false,
        }
    }
}

impl Text {
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        // Composing makes a text shorter, but never to less than a quarter of its length in bytes.
        if text.len() / 16 > self.length.max {
            return None;
        }
        let mut text = Cow::Borrowed(text);
        if self.newlines == Newlines::Normalize && text.contains('\r') {
            text = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
        }
        if !text.is_ascii() && !is_nfc(&text) {
            if !self.normalize {
                return None;
            }
            text = Cow::Owned(text.nfc().collect());
        }
        let mut before = None;
        let mut blank = true;
        for c in text.chars() {
            if !self.may_stand(c, before) {
                return None;
            }
            blank = blank && is_blank(c);
            before = Some(c);
        }
        // Text that must not be empty must not look empty.
        ((!blank || self.length.min == 0) && self.length.fits(&text)).then_some(text)
    }

    fn may_stand(&self, c: char, before: Option<char>) -> bool {
        match c {
            ' '..='~' => true,
            '\n' => self.newlines != Newlines::Refuse,
            '\t' => self.tabs,
            // The emoji's own selector may stand before a joiner.
            '\u{200c}' | '\u{200d}' => self.joiners && before.is_some_and(|c| c == '\u{fe0f}' || !is_blank(c)),
            '\u{fe0e}' | '\u{fe0f}' => self.joiners && before.is_some_and(|c| !is_blank(c)),
            _ => !is_hidden(c),
        }
    }

    pub(super) fn expected(&self) -> String {
        let line = if self.newlines == Newlines::Refuse { "one line" } else { "text" };
        let length = self.length.expected();
        let length = length.strip_prefix("a text of ").unwrap_or(&length);
        format!("{line} of {length}, without invisible or control characters")
    }
}

/// Controls, line and paragraph separators, direction controls, what fonts draw as nothing, and what is no character.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// White space, the blank of Braille, and what is hidden.
fn is_blank(c: char) -> bool {
    c == ' '
        || !c.is_ascii() && (c == '\u{2800}' || CodePointSetData::new::<WhiteSpace>().contains(c) || is_hidden(c))
        || c.is_ascii_whitespace()
}
