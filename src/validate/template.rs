//! URL templates such as `/users/{id:int}{?limit:int(1..100)}`: parsed once, filled with values that stay in their places.

use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::validate::Kind;

/// A value for a field, as far as its type matters.
#[derive(Clone, Debug)]
pub enum Value {
    /// A whole number. A bool is none.
    Int(i128),
    /// Text.
    Text(String),
    /// A bool or float as its text, which no type takes; a parameter without a type does.
    Scalar(String),
    /// None, which leaves a parameter out.
    Absent,
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

/// A template's path and parameters with values in them.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// The encoded path.
    pub path: String,
    /// The parameters' keys and values, not yet encoded.
    pub query: Vec<(String, String)>,
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
pub const MAX_TEMPLATE: usize = 2048;

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
        let template = Self { text: path.to_owned(), parts, query };
        judge_segments(path)?;
        Ok(template)
    }

    /// The template's path as written, for logs: one route, whatever parameters a call has.
    pub fn label(&self) -> &str {
        &self.text
    }

    /// The query's keys with their types, when the template has a `{?…}` part.
    pub fn query(&self) -> Option<&[(String, Option<Kind>)]> {
        self.query.as_deref()
    }

    /// The names of its fields: the path's, then the query's.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let path = self.parts.iter().filter_map(|part| match part {
            Part::Field(name, _) => Some(name.as_str()),
            Part::Literal(_) => None,
        });
        path.chain(self.query.iter().flatten().map(|(name, _)| name.as_str()))
    }

    /// Whether a name stands in the path and in the query part, so that one value would mean both.
    pub fn names_twice(&self) -> bool {
        let mut names: Vec<_> = self.fields().collect();
        names.sort_unstable();
        names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
    }

    /// Path and query with `values` in their fields. A parameter without a value is left out (RFC 6570 §3.2.8); a list
    /// repeats its key.
    ///
    /// # Errors
    /// `InputError` that names the field and what it expects; never the value.
    pub fn fill(&self, values: &[(String, Value)]) -> Result<Filled, Error> {
        let mut path = String::with_capacity(self.text.len() + 16);
        let mut used = 0;
        let mut find = |name: &str| {
            let found = values.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            used += usize::from(found.is_some());
            found
        };
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Field(name, kind) => {
                    let Some(value) = find(name).filter(|value| !matches!(value, Value::Absent)) else {
                        return Err(Error::new(Code::InputField)
                            .saying(format!("A value for `{name}` is missing."))
                            .with("field", name.clone()));
                    };
                    if !kind.write(value, &mut path) {
                        return Err(misfit(name, Some(kind)));
                    }
                }
            }
        }
        let mut query = Vec::new();
        for (name, kind) in self.query.iter().flatten() {
            let items = match find(name) {
                None | Some(Value::Absent) => &[],
                Some(Value::List(items)) => items.as_slice(),
                Some(value) => std::slice::from_ref(value),
            };
            for item in items {
                let text = read(kind.as_ref(), item).ok_or_else(|| misfit(name, kind.as_ref()))?;
                query.push((name.clone(), text.into_owned()));
            }
        }
        if used != values.len() {
            return Err(Error::new(Code::InputPath)
                .with("reason", "`path` holds a value that the template has no field for")
                .hint("query parameters belong into params=, or into the template as {?name:type}"));
        }
        Ok(Filled { path, query })
    }

    /// A parameter from beside the template: any, unless the template has a query part. `None` stands for a secret.
    ///
    /// # Errors
    /// `InputError` for a key that the query part does not name, or a value that does not fit its type.
    pub fn admit<'a>(&self, key: &str, value: Option<&'a str>) -> Result<Option<Cow<'a, str>>, Error> {
        let Some(query) = &self.query else { return Ok(value.map(Cow::Borrowed)) };
        let Some((_, kind)) = query.iter().find(|(name, _)| name == key) else {
            return Err(Error::new(Code::InputParameter)
                .with("reason", "`params` holds a name that the template's query part does not")
                .hint("a template with {?name:type} names every parameter"));
        };
        let Some(kind) = kind else { return Ok(value.map(Cow::Borrowed)) };
        let read = value.and_then(|value| Some(kind.read(&Value::Text(value.to_owned()))?.into_owned()));
        read.map(|text| Some(Cow::Owned(text))).ok_or_else(|| misfit(key, Some(kind)))
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

/// A parameter's value as text; one without a type takes what `params=` takes.
fn read<'a>(kind: Option<&Kind>, value: &'a Value) -> Option<Cow<'a, str>> {
    match (kind, value) {
        (Some(kind), value) => kind.read(value),
        (None, Value::Text(text) | Value::Scalar(text)) => Some(text.into()),
        (None, Value::Int(number)) => Some(number.to_string().into()),
        (None, Value::Absent | Value::List(_) | Value::Other(_)) => None,
    }
}

fn misfit(name: &str, kind: Option<&Kind>) -> Error {
    let expected = kind.map_or_else(|| "a text, a number or a bool".to_owned(), Kind::expected);
    Error::new(Code::InputField)
        .saying(format!("`{name}` must be {expected}."))
        .with("field", name.to_owned())
        .with("expected", expected)
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
    let refuse = || {
        Error::new(Code::InputPath).with("reason", "the query part is not written {?name:type,name}, each name once")
    };
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys: Vec<(String, Option<Kind>)> = Vec::new();
    for item in inner.split(',') {
        let (name, kind) = item.split_once(':').map_or((item, None), |(name, kind)| (name, Some(kind)));
        let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(&b));
        if !fine || keys.iter().any(|(known, _)| known == name) {
            return Err(refuse());
        }
        let kind = kind.map(|kind| Kind::parse(kind).ok_or_else(refuse)).transpose()?;
        keys.push((name.to_owned(), kind));
    }
    Ok(keys)
}

/// Whether a field may be called so.
pub fn is_name(name: &str) -> bool {
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
