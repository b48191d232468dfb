//! Format strings: `"Hello {name!r:>10}"`, a part of Python's own syntax.
//!
//! Names only. `{a.b}` and `{a[0]}` reach into objects, and a template from the wrong place would then read secrets.
//! Source: Python library reference, "Format String Syntax".

use super::Flaw;

/// A hole of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The keyword that fills it.
    pub name: String,
    /// `r`, `s` or `a`.
    pub conversion: Option<char>,
    /// What follows the colon.
    pub spec: String,
}

/// A format string taken apart: one part more than fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Fields {
    /// The literal parts, doubled braces undone.
    pub parts: Vec<String>,
    /// What stands between them.
    pub fields: Vec<Field>,
}

impl Fields {
    /// Takes a format string apart.
    ///
    /// # Errors
    /// [`Flaw::At`] for single braces, positional fields, attributes, indexes, nested fields and unknown conversions.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let mut parts = vec![String::new()];
        let mut fields = Vec::new();
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            let doubled = chars.peek().is_some_and(|(_, next)| *next == c);
            match c {
                '{' | '}' if doubled => {
                    chars.next();
                    push(&mut parts, c);
                }
                '}' => return Err(Flaw::At(at, "a single `}`; write `}}`")),
                '{' => {
                    let mut inner = String::new();
                    loop {
                        match chars.next() {
                            Some((_, '}')) => break,
                            Some((at, '{')) => return Err(Flaw::At(at, "a field inside a field")),
                            Some((_, c)) => inner.push(c),
                            None => return Err(Flaw::At(at, "a `{` without its `}`; write `{{` for a brace")),
                        }
                    }
                    fields.push(field(&inner).map_err(|why| Flaw::At(at, why))?);
                    parts.push(String::new());
                }
                c => push(&mut parts, c),
            }
        }
        Ok(Self { parts, fields })
    }
}

fn push(parts: &mut [String], c: char) {
    if let Some(part) = parts.last_mut() {
        part.push(c);
    }
}

fn field(inner: &str) -> Result<Field, &'static str> {
    let (head, spec) = inner.split_once(':').unwrap_or((inner, ""));
    let (name, conversion) = match head.split_once('!') {
        None => (head, None),
        Some((name, "r")) => (name, Some('r')),
        Some((name, "s")) => (name, Some('s')),
        Some((name, "a")) => (name, Some('a')),
        Some(_) => return Err("a conversion other than `!r`, `!s` and `!a`"),
    };
    if name.contains(['.', '[']) {
        return Err("a field that reaches into its value; pass the attribute or item as a value of its own");
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("a field without a name; values are passed by keyword");
    }
    if !name.chars().all(|c| c == '_' || c.is_alphanumeric()) {
        return Err("a field whose name is no identifier");
    }
    Ok(Field { name: name.to_owned(), conversion, spec: spec.to_owned() })
}
