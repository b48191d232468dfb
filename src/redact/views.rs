//! A text as the one who decodes it would read it: percent escapes, backslash escapes and HTML entities resolved, each
//! byte with its place in the original.
//!
//! Encoders differ in what they escape and how; decoding meets them all, mixed cases and double encoding included.

use std::ops::Range;

use memchr::{memchr, memchr2};
use zeroize::Zeroizing;

/// How many layers are taken off: a URL within JSON, an entity within a URL.
const DEPTH: u32 = 2;

/// One reading of a text.
pub(super) struct View {
    bytes: Zeroizing<Vec<u8>>,
    /// Where in the original each byte begins; one more for the end.
    places: Vec<usize>,
}

#[derive(Clone, Copy)]
enum Codec {
    Percent,
    Form,
    Backslash,
    Entity,
}

/// What an escape stands for, and the bytes it takes.
struct Escape {
    length: usize,
    meaning: [u8; 8],
    meant: usize,
}

/// Calls `see` with each reading that differs from the text. `spaced` asks for `+` as a space, too.
pub(super) fn each(text: &[u8], spaced: bool, mut see: impl FnMut(&View)) {
    descend(text, None, spaced, DEPTH, &mut see);
}

fn descend(bytes: &[u8], places: Option<&[usize]>, spaced: bool, depth: u32, see: &mut impl FnMut(&View)) {
    for codec in [Codec::Percent, Codec::Form, Codec::Backslash, Codec::Entity] {
        if matches!(codec, Codec::Form) && !spaced {
            continue;
        }
        let Some(view) = codec.read(bytes, places) else { continue };
        see(&view);
        if depth > 1 {
            descend(&view.bytes, Some(&view.places), spaced, depth - 1, see);
        }
    }
}

impl View {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The part of the original that `range` of this reading comes from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let place = |index: usize| self.places.get(index).copied().unwrap_or(0);
        place(range.start)..place(range.end)
    }
}

impl Codec {
    fn next(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Percent => memchr(b'%', bytes),
            Self::Form => memchr2(b'%', b'+', bytes),
            Self::Backslash => memchr(b'\\', bytes),
            Self::Entity => memchr(b'&', bytes),
        }
    }

    /// The text with its escapes resolved; `None` when it has none.
    fn read(self, bytes: &[u8], places: Option<&[usize]>) -> Option<View> {
        self.next(bytes)?;
        let origin = |index: usize| places.map_or(index, |places| places.get(index).copied().unwrap_or(index));
        let mut view = View {
            bytes: Zeroizing::new(Vec::with_capacity(bytes.len())),
            places: Vec::with_capacity(bytes.len() + 1),
        };
        let (mut at, mut changed) = (0, false);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = self.next(rest).unwrap_or(rest.len());
            view.bytes.extend_from_slice(rest.get(..plain).unwrap_or_default());
            view.places.extend((at..at + plain).map(origin));
            at += plain;
            let Some((mark, escaped)) = rest.get(plain..).and_then(|rest| Some((*rest.first()?, rest))) else { break };
            let (meaning, length) = match self.escape(escaped) {
                Some(escape) => {
                    changed = true;
                    (escape.meaning, (escape.meant, escape.length))
                }
                None => ([mark; 8], (1, 1)),
            };
            view.bytes.extend_from_slice(meaning.get(..length.0).unwrap_or_default());
            view.places.extend(std::iter::repeat_n(origin(at), length.0));
            at += length.1;
        }
        view.places.push(origin(bytes.len()));
        changed.then_some(view)
    }

    fn escape(self, bytes: &[u8]) -> Option<Escape> {
        match (self, bytes) {
            (Self::Form, [b'+', ..]) => Some(Escape::byte(b' ', 1)),
            (Self::Percent | Self::Form, [b'%', digits @ ..]) => Some(Escape::byte(hex(digits.get(..2)?)? as u8, 3)),
            (Self::Backslash, [b'\\', rest @ ..]) => backslash(rest),
            (Self::Entity, [b'&', ..]) => entity(bytes),
            _ => None,
        }
    }
}

impl Escape {
    fn byte(byte: u8, length: usize) -> Self {
        Self { length, meaning: [byte; 8], meant: 1 }
    }

    fn text(text: &str, length: usize) -> Option<Self> {
        let mut meaning = [0; 8];
        meaning.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { length, meaning, meant: text.len() })
    }

    fn character(code: u32, length: usize) -> Option<Self> {
        Self::text(char::from_u32(code)?.encode_utf8(&mut [0; 4]), length)
    }
}

/// The escapes of JSON, JavaScript, Python, Rust and shells, after the backslash.
fn backslash(rest: &[u8]) -> Option<Escape> {
    match rest {
        [b'x', digits @ ..] => Some(Escape::byte(hex(digits.get(..2)?)? as u8, 4)),
        [b'u', b'{', digits @ ..] => {
            let end = digits.iter().take(7).position(|b| *b == b'}')?;
            Escape::character(hex(digits.get(..end)?)?, end + 4)
        }
        [b'u', digits @ ..] => match (hex(digits.get(..4)?)?, digits.get(4..)) {
            (high @ 0xd800..=0xdbff, Some([b'\\', b'u', digits @ ..])) => {
                let low = hex(digits.get(..4)?)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                Escape::character(0x10000 + ((high - 0xd800) << 10) + low, 12)
            }
            (code, _) => Escape::character(code, 6),
        },
        [b'U', digits @ ..] => Escape::character(hex(digits.get(..8)?)?, 10),
        [letter, ..] => {
            let byte = match letter {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'f' => 12,
                b'v' => 11,
                b'a' => 7,
                b'0' => 0,
                mark if mark.is_ascii_punctuation() => *mark,
                _ => return None,
            };
            Some(Escape::byte(byte, 2))
        }
        [] => None,
    }
}

/// A named or numbered entity that ends in a semicolon.
fn entity(bytes: &[u8]) -> Option<Escape> {
    /// The longest name of HTML's table, its ampersand and semicolon included, is 33.
    const LONGEST: usize = 34;
    let end = bytes.iter().take(LONGEST).position(|b| *b == b';')? + 1;
    let written = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let meant = html_escape::decode_html_entities(written);
    if meant == written { None } else { Escape::text(&meant, end) }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0u32, |sum, digit| Some(sum.checked_mul(16)? + char::from(*digit).to_digit(16)?))
        .filter(|_| !digits.is_empty())
}
