//! What characters are to a reader of names, looked up once: the standard library and the normaliser search tables for each,
//! which in 100,000 characters of a rare script takes longer than all the rest.

use std::sync::OnceLock;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::invisible::is_invisible;

/// Characters that are looked up together.
const BLOCK: usize = 256;
/// Blocks of the basic plane and of the next, which has the emoji.
const BLOCKS: usize = 512;

/// One bit for each character of a block.
type Bits = [u64; BLOCK / 64];

/// What is known of a block.
struct Block {
    alphanumeric: Bits,
    kept: Bits,
    settled: Bits,
}

static TABLE: [OnceLock<Box<Block>>; BLOCKS] = [const { OnceLock::new() }; BLOCKS];

impl Block {
    fn new(number: usize) -> Self {
        let bits = |holds: fn(char) -> bool| {
            let mut bits = Bits::default();
            for (word, first) in bits.iter_mut().zip((number * BLOCK..).step_by(64)) {
                let chars = (0..64).filter(|bit| char::from_u32((first + bit) as u32).is_some_and(holds));
                *word = chars.fold(0, |word, bit| word | 1 << bit);
            }
            bits
        };
        Self { alphanumeric: bits(char::is_alphanumeric), kept: bits(keeps), settled: bits(settles) }
    }
}

fn look_up(c: char, bits: fn(&Block) -> &Bits, holds: fn(char) -> bool) -> bool {
    let code = c as usize;
    let Some(block) = TABLE.get(code / BLOCK) else { return holds(c) };
    let word = bits(block.get_or_init(|| Box::new(Block::new(code / BLOCK)))).get(code % BLOCK / 64);
    word.is_some_and(|word| word >> (code % 64) & 1 == 1)
}

/// [`char::is_alphanumeric`].
pub(super) fn is_alphanumeric(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric()
    } else {
        look_up(c, |block| &block.alphanumeric, char::is_alphanumeric)
    }
}

/// Whether NFKC leaves a character as it is, whatever stands before it.
pub(super) fn is_kept(c: char) -> bool {
    c.is_ascii() || look_up(c, |block| &block.kept, keeps)
}

/// Whether a character may stand in a host name and IDNA maps it to nothing else.
pub(super) fn is_settled(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, 'a'..='z' | '0'..='9' | '-');
    }
    look_up(c, |block| &block.settled, settles)
}

fn keeps(c: char) -> bool {
    let one = || std::iter::once(c);
    is_nfc_quick(one()) == IsNormalized::Yes && one().nfkc().eq(one())
}

fn settles(c: char) -> bool {
    // IDNA maps letters to one of those that share a capital letter, and small Cherokee ones to the capital itself.
    let one = || std::iter::once(c);
    let small = || c.to_lowercase().eq(one()) && c.to_uppercase().flat_map(char::to_lowercase).eq(one());
    let cherokee = matches!(c, '\u{13f8}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}');
    keeps(c) && c.is_alphanumeric() && small() && !cherokee && !is_invisible(c)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::is_nfkc_quick;

    use super::*;

    #[test]
    fn what_was_looked_up_is_what_the_tables_say() {
        for c in ('\0'..='\u{2ffff}').step_by(3) {
            assert_eq!(is_alphanumeric(c), c.is_alphanumeric(), "{c:?}");
            let kept = is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes;
            assert!(c.is_ascii() || is_kept(c) == kept, "{c:?}");
        }
    }

    #[test]
    fn idna_leaves_settled_characters_as_they_are() {
        for c in ('\u{80}'..='\u{33ff}').chain(('\u{3400}'..='\u{2ffff}').step_by(29)).filter(|c| is_settled(*c)) {
            let name = format!("a{c}");
            if let Ok(ascii) = idna::domain_to_ascii(&name) {
                assert_eq!(idna::domain_to_unicode(&ascii).0, name, "{c:?}");
            }
        }
    }
}
