//! Text with fields in braces, by which signed content and header values are laid out.

use std::fmt;

use crate::error::{Code, Error};

/// A place for something of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Method,
    Host,
    Path,
    Timestamp,
    Nonce,
    KeyId,
    Body,
    BodySha256,
    BodySha512,
    Signature,
}

/// What signed content may name.
pub(super) const OF_CONTENT: &[(&str, Field)] = &[
    ("method", Field::Method),
    ("host", Field::Host),
    ("path", Field::Path),
    ("timestamp", Field::Timestamp),
    ("nonce", Field::Nonce),
    ("key_id", Field::KeyId),
    ("body", Field::Body),
    ("body_sha256", Field::BodySha256),
    ("body_sha512", Field::BodySha512),
];

/// What the header's value may name.
pub(super) const OF_HEADER: &[(&str, Field)] = &[
    ("signature", Field::Signature),
    ("timestamp", Field::Timestamp),
    ("nonce", Field::Nonce),
    ("key_id", Field::KeyId),
];

/// Longest pattern: the layouts in use have less than 200 bytes.
const MAX_LENGTH: usize = 1024;

/// A parsed pattern.
#[derive(Clone)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone)]
enum Part {
    Text(String),
    Field(Field),
}

impl Pattern {
    /// Parses `text`, in which braces are written twice to stand for themselves.
    ///
    /// # Errors
    /// `ValueError` that names the argument and the fields that it may hold.
    pub(super) fn parse(argument: &str, text: &str, known: &[(&str, Field)]) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH {
            return Err(refuse(argument, "is longer than 1024 bytes"));
        }
        let mut pattern = Self(Vec::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            pattern.text(before);
            if let Some(after) = after.strip_prefix("{{") {
                pattern.text("{");
                rest = after;
            } else if let Some(after) = after.strip_prefix("}}") {
                pattern.text("}");
                rest = after;
            } else {
                let inside = after.strip_prefix('{').and_then(|after| after.split_once('}'));
                let (name, after) = inside.ok_or_else(|| refuse(argument, "has a brace without its pair"))?;
                let field = known.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
                let names = || known.iter().map(|(name, _)| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
                let field = field.ok_or_else(|| refuse(argument, &format!("may hold the fields {}", names())))?;
                pattern.0.push(Part::Field(field));
                rest = after;
            }
        }
        pattern.text(rest);
        Ok(pattern)
    }

    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }

    /// Whether a field stands in it.
    pub(super) fn has(&self, field: Field) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Field(known) if *known == field))
    }

    /// Hands every piece to `write`, in order; `value` writes what stands for a field.
    pub(super) fn lay_out<W>(
        &self,
        mut write: W,
        value: impl Fn(Field, &mut W) -> Result<(), Error>,
    ) -> Result<(), Error>
    where
        W: FnMut(&[u8]),
    {
        for part in &self.0 {
            match part {
                Part::Text(text) => write(text.as_bytes()),
                Part::Field(field) => value(*field, &mut write)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pattern")
    }
}

pub(super) fn refuse(argument: &str, why: &str) -> Error {
    Error::new(Code::UsageValue).saying(format!("`{argument}` {why}."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Result<String, Error> {
        let pattern = Pattern::parse("content", text, OF_CONTENT)?;
        let out = std::cell::RefCell::new(String::new());
        pattern.lay_out(
            |piece: &[u8]| out.borrow_mut().push_str(std::str::from_utf8(piece).unwrap()),
            |field, write| {
                write(format!("<{field:?}>").as_bytes());
                Ok(())
            },
        )?;
        Ok(out.into_inner())
    }

    #[test]
    fn fields_take_their_places_and_double_braces_stand_for_themselves() {
        assert_eq!(shown("v0:{timestamp}:{body}").unwrap(), "v0:<Timestamp>:<Body>");
        assert_eq!(shown("{{{method}}}é{{").unwrap(), "{<Method>}é{");
        assert_eq!(shown("").unwrap(), "");
        for bad in ["{", "}", "{method", "{Method}", "{}", "{signature}", "{body:>9}", "}{"] {
            assert_eq!(shown(bad).unwrap_err().code(), Code::UsageValue, "{bad}");
        }
        assert!(shown(&"x".repeat(MAX_LENGTH)).is_ok() && shown(&"x".repeat(MAX_LENGTH + 1)).is_err());
    }

    proptest! {
        #[test]
        fn text_without_fields_comes_out_as_it_went_in(text in "\\PC{0,200}") {
            let escaped = text.replace('{', "{{").replace('}', "}}");
            if escaped.len() <= MAX_LENGTH {
                prop_assert_eq!(shown(&escaped).unwrap(), text.clone());
            }
            let _ = shown(&text);
        }
    }
}
