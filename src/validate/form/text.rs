//! Text that shows what it holds: nothing invisible, nothing that reorders, one spelling.

use std::borrow::Cow;

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
        if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            let blank = self.length.min > 0 && text.bytes().all(|b| b == b' ');
            return (!blank && self.length.fits(text)).then_some(Cow::Borrowed(text));
        }
        let mut text = Cow::Borrowed(text);
        if self.newlines == Newlines::Normalize && text.contains('\r') {
            text = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
        }
        if !text.chars().all(is_composed) && !is_nfc(&text) {
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
            _ if is_composed(c) && !c.is_control() => c != '\u{ad}',
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

/// Whether a character is in NFC beside every other of these: Latin-1 and its extensions, Cyrillic, kana, Han, Hangul, emoji.
/// Most text consists of them, and needs no look at the tables of normalisation.
fn is_composed(c: char) -> bool {
    matches!(c, '\0'..='\u{2ff}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{3041}'..='\u{3096}')
        || matches!(c, '\u{30a0}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
        || matches!(c, '\u{1f300}'..='\u{1faff}' | '\u{2010}'..='\u{2027}')
}

/// Controls, line and paragraph separators, direction controls, what fonts draw as nothing, and what is no character.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || is_ignorable(c)
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// `Default_Ignorable_Code_Point` (UAX #44), which has places for characters to come and does not change for others.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

/// White space, the blank of Braille, and what is hidden.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}' || is_hidden(c)
}

#[cfg(test)]
mod tests {
    use icu_properties::CodePointSetData;
    use icu_properties::props::DefaultIgnorableCodePoint;
    use unicode_normalization::{IsNormalized, is_nfc_quick};

    use super::*;

    #[test]
    fn ignorable_is_what_unicode_says() {
        let known = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let other: Vec<char> = ('\0'..=char::MAX).filter(|c| is_ignorable(*c) != known.contains(*c)).collect();
        assert!(other.is_empty(), "{other:x?}");
    }

    #[test]
    fn composed_characters_need_no_neighbour() {
        for c in ('\0'..=char::MAX).filter(|c| is_composed(*c)) {
            assert!(!is_hidden(c) || c.is_control() || c == '\u{ad}', "{c:?}");
            assert_eq!(is_nfc_quick([c].into_iter()), IsNormalized::Yes, "{c:?}");
            assert_eq!(unicode_normalization::char::canonical_combining_class(c), 0, "{c:?}");
        }
    }
}
