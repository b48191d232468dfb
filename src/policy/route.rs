//! `allow=`: the routes that a client may use.

use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::url::{Origin, SafeUrl};
use crate::validate::Kind;
use crate::validate::template::{Segment, Template};

/// One entry of `allow=`, such as `GET /users/{id:int}`.
#[derive(Clone, Debug)]
pub struct Pattern {
    method: String,
    origin: Option<Origin>,
    segments: Vec<Segment>,
    query: Option<Vec<(String, Option<Kind>)>>,
}

impl Pattern {
    /// Parses a pattern: a method, a space, a template with or without `https://host`.
    ///
    /// # Errors
    /// `ValueError` that quotes the pattern: it is the programmer's own text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::new(Code::UsageValue).saying(format!("The route {text:?} in `allow` is not understood: {why}."))
        };
        let (method, rest) = text.split_once(' ').ok_or_else(|| wrong("it is written as `GET /users/{id:int}`"))?;
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(wrong("the method is in capital letters"));
        }
        let rest = rest.trim();
        let (origin, path) = match rest.strip_prefix("https://") {
            None => (None, rest),
            Some(tail) => {
                let (head, path) = tail.find('/').and_then(|at| tail.split_at_checked(at)).unwrap_or((tail, "/"));
                (Some(SafeUrl::parse(&format!("https://{head}"))?.origin().clone()), path)
            }
        };
        let template = Template::parse(path).map_err(|error| {
            let why = error.details().iter().find(|(key, _)| *key == "reason").map(|(_, why)| why.clone());
            wrong(&why.unwrap_or_default())
        })?;
        Ok(Self {
            method: method.to_owned(),
            origin,
            segments: template.segments(),
            query: template.query().map(<[_]>::to_vec),
        })
    }

    /// Whether it allows this request. `own` says that `origin` is the client's own.
    pub fn matches(
        &self,
        method: &str,
        origin: &Origin,
        own: bool,
        path: &[Cow<'_, str>],
        query: &[Cow<'_, str>],
    ) -> bool {
        let origin_fits = self.origin.as_ref().map_or(own, |wanted| wanted == origin);
        self.method == method && origin_fits && fits(&self.segments, path) && self.query_fits(query)
    }

    fn query_fits(&self, keys: &[Cow<'_, str>]) -> bool {
        let Some(allowed) = &self.query else { return true };
        keys.iter().all(|key| allowed.iter().any(|(name, _)| name == key))
    }
}

fn fits(pattern: &[Segment], path: &[Cow<'_, str>]) -> bool {
    // `segments` fields take one or more segments: at most one such field in a pattern is tried greedily from both ends.
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((Segment::Field(Kind::Segments), rest)), Some(_)) => {
            let most = path.len().saturating_sub(rest.len());
            let (taken, left) = path.split_at_checked(most).unwrap_or((path, &[]));
            !taken.is_empty() && taken.iter().all(|segment| Kind::Segments.matches(segment)) && fits(rest, left)
        }
        (Some((wanted, rest)), Some((segment, left))) => wanted.fits(segment) && fits(rest, left),
        _ => false,
    }
}

impl Segment {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Field(kind) => kind.matches(text),
            Self::Mixed(before, kind, after) => text
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|inner| kind.matches(inner)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn allows(pattern: &str, method: &str, path: &str, query: &[&str]) -> bool {
        let pattern = Pattern::parse(pattern).unwrap();
        let path: Vec<Cow<'_, str>> = path.trim_start_matches('/').split('/').map(Cow::Borrowed).collect();
        let query: Vec<Cow<'_, str>> = query.iter().map(|key| Cow::Borrowed(*key)).collect();
        pattern.matches(method, &Origin::parse("api.example.com").unwrap(), true, &path, &query)
    }

    #[test]
    fn method_segments_and_types_must_fit() {
        assert!(allows("GET /users/{id:int}", "GET", "/users/42", &["x"]));
        assert!(!allows("GET /users/{id:int}", "HEAD", "/users/42", &[]));
        assert!(!allows("GET /users/{id:int}", "GET", "/users/abc", &[]));
        assert!(!allows("GET /users/{id:int}", "GET", "/users/42/posts", &[]));
        assert!(!allows("GET /users/{id:int}", "GET", "/users", &[]));
        assert!(allows("GET /f/{p:segments}/raw", "GET", "/f/a/b/raw", &[]));
        assert!(!allows("GET /f/{p:segments}/raw", "GET", "/f/raw", &[]));
    }

    #[test]
    fn query_keys_are_restricted_once_the_pattern_names_some() {
        assert!(allows("GET /s{?q,limit:int}", "GET", "/s", &["q"]));
        assert!(!allows("GET /s{?q,limit:int}", "GET", "/s", &["q", "admin"]));
        assert!(allows("GET /s", "GET", "/s", &["admin"]));
    }

    #[test]
    fn another_origin_needs_its_own_pattern() {
        let own = Pattern::parse("GET /x").unwrap();
        let other = Pattern::parse("GET https://cdn.example.com/x").unwrap();
        let cdn = Origin::parse("cdn.example.com").unwrap();
        let path = [Cow::Borrowed("x")];
        assert!(!own.matches("GET", &cdn, false, &path, &[]));
        assert!(other.matches("GET", &cdn, false, &path, &[]));
    }

    #[test]
    fn a_pattern_that_is_not_understood_is_quoted() {
        for bad in ["/users", "get /users", "GET users", "GET /a b", "GET http://x/y"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
