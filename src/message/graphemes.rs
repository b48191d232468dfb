//! Where the characters that people see end.

use unicode_segmentation::{Graphemes, UnicodeSegmentation};

/// Where each grapheme of a text ends. The segmenter looks up every character, which most texts need for few of theirs.
pub(super) struct Ends<'t> {
    text: &'t str,
    at: usize,
    /// The segmenter, from a grapheme's beginning on: what stands before one does not matter to those behind it.
    slow: Option<Graphemes<'t>>,
}

impl<'t> Ends<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, at: 0, slow: None }
    }
}

impl Iterator for Ends<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        match rest {
            [] => return None,
            // Between two of ASCII there is a boundary but within a line's end (UAX #29, GB3 and GB999).
            [a, b, ..] if a.is_ascii() && b.is_ascii() && (*a, *b) != (b'\r', b'\n') => {
                self.slow = None;
                self.at += 1;
            }
            _ => {
                let rest = self.text.get(self.at..)?;
                self.at += self.slow.get_or_insert_with(|| rest.graphemes(true)).next()?.len();
            }
        }
        Some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agree(text: &str) -> bool {
        Ends::of(text).eq(text.grapheme_indices(true).map(|(at, grapheme)| at + grapheme.len()))
    }

    #[test]
    fn ascii_ends_at_each_byte_but_within_a_line_end() {
        for first in 0..128u8 {
            for second in 0..128u8 {
                let text: String = ['a', first.into(), second.into(), '\u{301}', 'b'].iter().collect();
                assert!(agree(&text), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_segmenter_says_the_same(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[ -~\r\n\t]{1,3}",
                    Just("\u{301}".to_owned()),
                    Just("\u{200d}".to_owned()),
                    Just("\u{fe0f}\u{20e3}".to_owned()),
                    "[🇦-🇿]{1,3}",
                    "[👨👩🧑🏽❤]{1,2}",
                    "[ऀ-ॿ]{1,3}",
                    "[\u{1100}-\u{11ff}]{1,3}",
                    Just("\u{600}".to_owned()),
                    any::<char>().prop_map(String::from),
                ],
                0..12,
            ),
        ) {
            prop_assert!(agree(&parts.concat()));
        }
    }
}
