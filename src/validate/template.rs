//! Path templates such as `/users/{id:int}`: parsed once, filled with values that stay within their segments.

use crate::error::{Code, Error};
use crate::validate::Kind;

/// A value for a field, as far as its type matters.
#[derive(Clone, Debug)]
pub enum Value {
    /// A whole number. A bool is none.
    Int(i128),
    /// Text.
    Text(String),
    /// A bool, which no field takes.
    Bool,
    /// A float, which no field takes.
    Float,
    /// Several values.
    List(Vec<Value>),
    /// Something else.
    Other(&'static str),
}

/// A part of a template.
#[derive(Clone, Debug)]
enum Part {
    /// Text that was checked, slashes included.
    Literal(String),
    /// A field.
    Field(String, Kind),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
    query: Option<Vec<(String, Option<Kind>)>>,
}

/// One segment of a template, as an allow list sees it.
#[derive(Clone, Debug)]
pub enum Segment {
    /// This very text.
    Literal(String),
    /// A field that is a whole segment.
    Field(Kind),
    /// A field with text around it in its segment.
    Mixed(String, Kind, String),
}

/// Longest template: 2 KiB.
const MAX_TEMPLATE: usize = 2048;

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// `InputError` for literal text outside `[A-Za-z0-9._~@:-]`, dot segments, or a field that is not understood.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::new(Code::InputPath).with("reason", reason);
        if text.len() > MAX_TEMPLATE {
            return Err(refuse("the path is longer than 2 KiB"));
        }
        if !text.starts_with('/') {
            return Err(refuse("the path does not start with /"));
        }
        let (path, query) = match text.find("{?") {
            Some(at) => {
                let (path, tail) = text.split_at_checked(at).unwrap_or((text, ""));
                let inner = tail.strip_prefix("{?").and_then(|tail| tail.strip_suffix('}'));
                (path, Some(query(inner.ok_or_else(|| refuse("the query part is not written {?name:type}"))?)?))
            }
            None => (text, None),
        };
        let parts = parts(path)?;
        let template = Self { text: text.to_owned(), parts, query };
        judge_segments(path)?;
        Ok(template)
    }

    /// The template as written, for logs.
    pub fn label(&self) -> &str {
        &self.text
    }

    /// The query keys that a pattern allows, when it says so.
    pub fn query(&self) -> Option<&[(String, Option<Kind>)]> {
        self.query.as_deref()
    }

    /// The encoded path with `values` in its fields.
    ///
    /// # Errors
    /// `InputError` that names the field and what it expects; never the value.
    pub fn fill(&self, values: &[(String, Value)]) -> Result<String, Error> {
        let mut path = String::with_capacity(self.text.len() + 16);
        let mut used = 0;
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Field(name, kind) => {
                    let Some((_, value)) = values.iter().find(|(key, _)| key == name) else {
                        return Err(Error::new(Code::InputField)
                            .saying(format!("A value for `{name}` is missing."))
                            .with("field", name.clone()));
                    };
                    used += 1;
                    if !kind.write(value, &mut path) {
                        return Err(Error::new(Code::InputField)
                            .saying(format!("`{name}` must be {}.", kind.expected()))
                            .with("field", name.clone())
                            .with("expected", kind.expected()));
                    }
                }
            }
        }
        if used != values.len() {
            return Err(Error::new(Code::InputPath)
                .with("reason", "`path` holds a value that the template has no field for")
                .hint("query parameters belong into params="));
        }
        Ok(path)
    }

    /// Its segments, for matching; `None` when two fields share a segment, where more than one reading would fit.
    pub fn segments(&self) -> Option<Vec<Segment>> {
        let mut out = vec![(String::new(), None::<Kind>, String::new())];
        for part in &self.parts {
            match part {
                Part::Field(_, kind) => {
                    let last = out.last_mut().filter(|last| last.1.is_none())?;
                    last.1 = Some(kind.clone());
                }
                Part::Literal(text) => {
                    for (index, piece) in text.split('/').enumerate() {
                        if index > 0 {
                            out.push((String::new(), None, String::new()));
                        }
                        if let Some(last) = out.last_mut() {
                            if last.1.is_some() { &mut last.2 } else { &mut last.0 }.push_str(piece);
                        }
                    }
                }
            }
        }
        let segment = |(before, kind, after): (String, Option<Kind>, String)| match kind {
            None => Segment::Literal(before),
            Some(kind) if before.is_empty() && after.is_empty() => Segment::Field(kind),
            Some(kind) => Segment::Mixed(before, kind, after),
        };
        Some(out.into_iter().skip(1).map(segment).collect())
    }
}

fn parts(path: &str) -> Result<Vec<Part>, Error> {
    let refuse = |reason: &str| Error::new(Code::InputPath).with("reason", reason);
    let mut parts = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (literal, tail) = match rest.find('{') {
            Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        judge_literal(literal)?;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let Some(tail) = tail.strip_prefix('{') else { break };
        let (field, after) = tail.split_once('}').ok_or_else(|| refuse("a field is not closed"))?;
        let (name, kind) = field.split_once(':').unwrap_or((field, "str"));
        if !is_name(name) || names.iter().any(|known| known == name) {
            return Err(refuse("a field's name is not an identifier, or stands twice"));
        }
        if matches!(parts.last(), Some(Part::Field(..))) {
            return Err(refuse("two fields without text between them"));
        }
        let kind = Kind::parse(kind)
            .ok_or_else(|| refuse("a field's type is not known").hint(format!("types: {}", Kind::NAMES)))?;
        names.push(name.to_owned());
        parts.push(Part::Field(name.to_owned(), kind));
        rest = after;
    }
    Ok(parts)
}

fn query(inner: &str) -> Result<Vec<(String, Option<Kind>)>, Error> {
    let refuse = || Error::new(Code::InputPath).with("reason", "the query part is not written {?name:type,name}");
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    inner
        .split(',')
        .map(|item| {
            let (name, kind) = item.split_once(':').map_or((item, None), |(name, kind)| (name, Some(kind)));
            let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(&b));
            let kind = kind.map(|kind| Kind::parse(kind).ok_or_else(refuse)).transpose()?;
            if fine { Ok((name.to_owned(), kind)) } else { Err(refuse()) }
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn judge_literal(text: &str) -> Result<(), Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._~@:-".contains(&b);
    if text.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::new(Code::InputPath)
        .with("reason", "literal path text holds a character that needs encoding")
        .hint("write a field such as {name:str} and pass the value in path=; a query belongs into params="))
}

/// Dot segments and empty ones are refused; one trailing slash may stand.
fn judge_segments(path: &str) -> Result<(), Error> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let bad = !path.is_empty() && path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if bad {
        return Err(Error::new(Code::InputPath).with("reason", "the path holds an empty segment, `.` or `..`"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
