//! Lengths in the unit that the place counts in.

/// What a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values, as Python's `len`.
    Chars,
    /// Bytes of UTF-8, as databases and headers count.
    Utf8,
    /// UTF-16 code units, as Telegram, Discord and JavaScript count.
    Utf16,
}

/// A length between two bounds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// The least.
    pub min: usize,
    /// The most.
    pub max: usize,
    /// What is counted.
    pub unit: Unit,
}

/// Longest text where no bound is given: 64 KiB. No field of a form needs more, and memory has a bound.
pub const MAX: usize = 64 * 1024;

impl Length {
    /// So many characters.
    pub const fn chars(min: usize, max: usize) -> Self {
        Self { min, max, unit: Unit::Chars }
    }

    /// Whether a text is neither shorter nor longer.
    #[inline]
    pub fn fits(&self, text: &str) -> bool {
        // A unit is at most four bytes and at least one, which settles most short texts without counting.
        text.len() <= self.max && text.len().div_ceil(4) >= self.min || self.fits_counted(text)
    }

    fn fits_counted(&self, text: &str) -> bool {
        if text.len() / 4 > self.max || text.len() < self.min {
            return false;
        }
        let length = match self.unit {
            Unit::Utf8 => text.len(),
            Unit::Chars => text.chars().count(),
            Unit::Utf16 if text.is_ascii() => text.len(),
            Unit::Utf16 => text.chars().map(char::len_utf16).sum(),
        };
        (self.min..=self.max).contains(&length)
    }

    /// What a message says is expected.
    pub fn expected(&self) -> String {
        let unit = match self.unit {
            Unit::Chars => "characters",
            Unit::Utf8 => "bytes",
            Unit::Utf16 => "UTF-16 units",
        };
        match (self.min, self.max) {
            (0, max) => format!("a text of at most {max} {unit}"),
            (min, max) if min == max => format!("a text of {max} {unit}"),
            (min, max) => format!("a text of {min} to {max} {unit}"),
        }
    }
}
