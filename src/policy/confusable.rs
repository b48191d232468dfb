//! What a text looks like: the skeletons of Unicode UTS #39 §4, in a table that `build.rs` takes from `unicode-security`.

use unicode_normalization::UnicodeNormalization;

include!(concat!(env!("OUT_DIR"), "/confusables.rs"));

/// The skeleton of a text: two texts that people may take for one another have the same.
pub(super) fn skeleton(text: &str) -> impl Iterator<Item = char> + '_ {
    text.nfd().filter(|character| !is_ignored(*character)).flat_map(Shape::of).nfd()
}

fn is_ignored(character: char) -> bool {
    let code = u32::from(character);
    let after = IGNORED.partition_point(|(first, _)| *first <= code);
    after.checked_sub(1).and_then(|at| IGNORED.get(at)).is_some_and(|(_, last)| code <= *last)
}

/// The characters that one reads like, or itself.
enum Shape {
    Same(std::option::IntoIter<char>),
    Other(std::str::Chars<'static>),
}

impl Shape {
    fn of(character: char) -> Self {
        let code = u32::from(character);
        let found = KEYS.binary_search_by_key(&code, |key| key >> 8).ok().and_then(|at| {
            let (start, length) = (usize::from(*STARTS.get(at)?), (KEYS.get(at)? & 0xff) as usize);
            SHAPES.get(start..start + length)
        });
        found.map_or_else(|| Self::Same(Some(character).into_iter()), |shape| Self::Other(shape.chars()))
    }
}

impl Iterator for Shape {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::Same(one) => one.next(),
            Self::Other(shape) => shape.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn of_the_library(text: &str) -> String {
        unicode_security::skeleton(text).collect()
    }

    #[test]
    fn every_character_looks_as_the_library_says() {
        let assigned = ('\0'..='\u{3ffff}').chain('\u{e0000}'..='\u{effff}');
        // A debug build takes 20 s for all of them, so of the planes without characters every 61st.
        let mut all = assigned.chain(('\u{40000}'..=char::MAX).step_by(61));
        let other = all.find(|one| {
            let text = one.to_string();
            super::skeleton(&text).collect::<String>() != of_the_library(&text)
        });
        assert_eq!(other, None);
    }

    proptest! {
        #[test]
        fn every_text_looks_as_the_library_says(text in "\\PC{0,40}") {
            prop_assert_eq!(super::skeleton(&text).collect::<String>(), of_the_library(&text));
        }
    }
}
