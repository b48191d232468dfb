//! Regular expressions for whole texts, in linear time.

use regex::{Regex, RegexBuilder};

use super::length::Length;

/// A regular expression that a whole text must match.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    written: String,
    length: Length,
    expected: Option<String>,
}

/// Longest expression: longer ones are generated, and belong into code.
const MAX_PATTERN: usize = 4096;
/// Most memory of a compiled expression: 256 KiB bounds the steps a character can cost.
const MAX_COMPILED: usize = 256 * 1024;

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.written, self.length, &self.expected) == (&other.written, other.length, &other.expected)
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles an expression for texts of at most `max` characters; `expected` is what messages say instead of it.
    ///
    /// # Errors
    /// A sentence for the programmer: the expression is not valid, or too large.
    pub fn new(written: &str, max: usize, expected: Option<String>) -> Result<Self, String> {
        if written.len() > MAX_PATTERN {
            return Err(format!("The pattern is longer than {MAX_PATTERN} bytes."));
        }
        let ascii =
            in_ascii(written).ok_or("The pattern names a class of Unicode: write its characters, such as [а-яё].")?;
        // Alone first: what is unbalanced could close the anchoring group and open another.
        compile(&ascii)?;
        let regex = compile(&format!(r"\A(?:{ascii})\z"))?;
        Ok(Self { regex, written: written.to_owned(), length: Length::chars(0, max), expected })
    }

    /// The expression as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        self.length.fits(text) && self.regex.is_match(text)
    }

    pub(super) fn expected(&self) -> String {
        self.expected.clone().unwrap_or_else(|| "a text of the expected form".to_owned())
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).nest_limit(64).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "The pattern is too large once compiled.".to_owned(),
        _ => "The pattern is not a regular expression of Rust's `regex` crate (no look-around, no back references; \
              small and capital letters alike are `(?i-u:…)`)."
            .to_owned(),
    })
}

/// Writes `\d`, `\w`, `\s`, their opposites and `\b` out in ASCII: digits that nobody else reads as digits are none.
fn in_ascii(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\x0b\f\r ]"),
            Some('S') => out.push_str(r"[^\t\n\x0b\f\r ]"),
            Some('b') => out.push_str(r"(?-u:\b)"),
            Some('p' | 'P') => return None,
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    Some(out)
}
