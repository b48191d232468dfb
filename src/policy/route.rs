//! `allow=`: the routes that a client may use.

use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::url::Origin;
use crate::validate::Kind;
use crate::validate::template::{Segment, Template};

/// A query's key and its decoded value; `None` stands for a secret.
pub type Pair<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

/// One entry of `allow=`, such as `GET /users/{id:int}`.
#[derive(Clone, Debug)]
pub struct Pattern {
    method: String,
    origin: Option<Origin>,
    path: Path,
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
                let origin = Origin::parse(&format!("https://{head}")).map_err(|_| wrong("its host is not a host"))?;
                (Some(origin), path)
            }
        };
        let template = Template::parse(path).map_err(|error| {
            let why = error.details().iter().find(|(key, _)| *key == "reason").map(|(_, why)| why.clone());
            wrong(&why.unwrap_or_default())
        })?;
        let path = Path::of(&template).map_err(wrong)?;
        Ok(Self { method: method.to_owned(), origin, path, query: template.query().map(<[_]>::to_vec) })
    }

    /// Whether it allows this request. `own` says that `origin` is the client's own.
    /// `query` holds keys and decoded values; a secret's value is `None` and fits no type.
    pub fn matches(&self, method: &str, origin: &Origin, own: bool, path: &[Cow<'_, str>], query: &[Pair<'_>]) -> bool {
        let origin_fits = self.origin.as_ref().map_or(own, |wanted| wanted == origin);
        self.method == method && origin_fits && self.path.fits(path) && self.query_fits(query)
    }

    fn query_fits(&self, pairs: &[Pair<'_>]) -> bool {
        let Some(allowed) = &self.query else { return true };
        pairs.iter().all(|(key, value)| {
            allowed.iter().any(|(name, kind)| {
                let fits = |kind: &Kind| value.as_ref().is_some_and(|value| kind.matches(value));
                name == key && kind.as_ref().is_none_or(fits)
            })
        })
    }
}

/// The paths that a template stands for.
#[derive(Clone, Debug)]
pub struct Path(Vec<Segment>);

impl Path {
    /// Parses a template without a query, such as `/users/{id:int}`; `list` names where it stands.
    ///
    /// # Errors
    /// `ValueError` that quotes the template: it is the programmer's own text.
    pub fn parse(text: &str, list: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::new(Code::UsageValue).saying(format!("The path {text:?} in `{list}` is not understood: {why}."))
        };
        let template = Template::parse(text).map_err(|_| wrong("it is written as `/users/{id:int}`"))?;
        if template.query().is_some() {
            return Err(wrong("it has a query"));
        }
        Self::of(&template).map_err(wrong)
    }

    fn of(template: &Template) -> Result<Self, &'static str> {
        let segments =
            template.segments().ok_or("two fields share a segment; write one field for the whole segment")?;
        let several = |segment: &&Segment| matches!(segment, Segment::Field(Kind::Segments));
        if segments.iter().filter(several).count() > 1 {
            return Err("two fields of type `segments` fit a path in more than one way");
        }
        Ok(Self(segments))
    }

    /// Whether a decoded absolute path, as servers hand it to their handlers, is such a path. Nothing is decoded again.
    pub fn fits_decoded(&self, path: &str) -> bool {
        path.strip_prefix('/').is_some_and(|path| self.fits(&path.split('/').map(Cow::Borrowed).collect::<Vec<_>>()))
    }

    /// Whether these decoded segments are such a path.
    pub fn fits(&self, path: &[Cow<'_, str>]) -> bool {
        fits(&self.0, path)
    }
}

fn fits(pattern: &[Segment], path: &[Cow<'_, str>]) -> bool {
    // A `segments` field takes one or more segments: all but those that the rest of the pattern needs. A pattern holds
    // at most one such field, so this is the only way to fit.
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

    fn allows(pattern: &str, method: &str, path: &str, query: &[&'static str]) -> bool {
        let pattern = Pattern::parse(pattern).unwrap();
        let path: Vec<Cow<'_, str>> = path.trim_start_matches('/').split('/').map(Cow::Borrowed).collect();
        let pair = |text: &&'static str| {
            let (key, value) = text.split_once('=').unwrap_or((*text, ""));
            (Cow::Borrowed(key), (value != "SECRET").then_some(Cow::Borrowed(value)))
        };
        let query: Vec<Pair<'_>> = query.iter().map(pair).collect();
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
    fn a_typed_query_key_restricts_its_value() {
        let pattern = "GET /s{?q,limit:int(1..100)}";
        assert!(allows(pattern, "GET", "/s", &["q=anything", "limit=100"]));
        for bad in ["limit=101", "limit=1 OR 1=1", "limit=", "limit", "limit=SECRET"] {
            assert!(!allows(pattern, "GET", "/s", &[bad]), "{bad}");
        }
        assert!(!allows(pattern, "GET", "/s", &["limit=1", "limit=999"]), "every one of a repeated key");
        assert!(allows(pattern, "GET", "/s", &["q=SECRET"]));
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
        for bad in [
            "/users",
            "get /users",
            "GET users",
            "GET /a b",
            "GET http://x/y",
            "GET https://u@x/y",
            "GET https://x?q",
            "GET /{a:int}-{b:int}",
            "GET /{a:segments}/x/{b:segments}",
        ] {
            let error = Pattern::parse(bad).unwrap_err();
            assert!(error.user_message().contains(bad), "{bad}");
        }
    }

    #[test]
    fn a_servers_path_is_not_decoded_again() {
        let path = Path::parse("/users/{name:str}", "paths").unwrap();
        assert!(path.fits_decoded("/users/Ann B"));
        for bad in ["users/ann", "/users/", "/users/..", "/users/%2e%2e", "/users/a/b", "/Users/ann", ""] {
            assert!(!path.fits_decoded(bad), "{bad}");
        }
        let literal = Path::parse("/admin", "paths").unwrap();
        assert!(literal.fits_decoded("/admin") && !literal.fits_decoded("/%61dmin"));
    }

    #[test]
    fn text_around_a_field_must_stand_there() {
        assert!(allows("GET /f/{n:int}.json", "GET", "/f/42.json", &[]));
        assert!(!allows("GET /f/{n:int}.json", "GET", "/f/42", &[]));
        assert!(!allows("GET /f/a{n:str}a", "GET", "/f/a", &[]));
    }
}
