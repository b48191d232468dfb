//! `scheme:path?key=value`: where a secret stands in its manager.

use crate::error::{Code, Error};
use crate::redact;

/// Longest source text; the longest names that managers allow have some hundreds of characters.
const MAX_SOURCE: usize = 2048;

/// A source as written, taken apart. Nothing of it is in any error but the names of parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws-sm`, `gcp-sm`, `azure-kv`, `vault`.
    pub scheme: String,
    /// What stands before the question mark.
    pub path: String,
    params: Vec<(String, String)>,
}

impl Place {
    /// Takes a source apart; `params` are the parameters that its scheme knows.
    ///
    /// # Errors
    /// `ValueError` that repeats nothing of the source: it may be a pasted key.
    pub fn parse(source: &str, params: &[&str]) -> Result<Self, Error> {
        let wrong = |said: String| Err(Error::new(Code::UsageValue).saying(said));
        let (scheme, rest) = source.split_once(':').unwrap_or(("", source));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let form = || format!("The text after `{scheme}:` is not the place of a secret: `{scheme}:name?field=key`.");
        if source.len() > MAX_SOURCE || path.is_empty() || source.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return wrong(form());
        }
        // Names in AWS often begin with a slash.
        let segments = if scheme == "aws-sm" { path.strip_prefix('/').unwrap_or(path) } else { path };
        if segments.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return wrong(form());
        }
        if redact::looks_like_token(path) {
            return wrong(form());
        }
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(key) = params.iter().find(|known| **known == key) else {
                return wrong(format!("`{scheme}:` takes the parameters {}.", params.join(", ")));
            };
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
            match decoded {
                Ok(value) if !value.is_empty() && !found.iter().any(|(known, _)| known == key) => {
                    found.push(((*key).to_owned(), value.into_owned()));
                }
                _ => return wrong(format!("The parameter `{key}` needs one value.")),
            }
        }
        Ok(Self { scheme: scheme.to_owned(), path: path.to_owned(), params: found })
    }

    /// A parameter's value.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_a_path_and_known_parameters() {
        let place = Place::parse("vault:kv/bot/key?field=api%20key&version=3", &["field", "version"]).unwrap();
        assert_eq!((place.scheme.as_str(), place.path.as_str()), ("vault", "kv/bot/key"));
        assert_eq!(
            (place.param("field"), place.param("version"), place.param("x")),
            (Some("api key"), Some("3"), None)
        );
    }

    #[test]
    fn what_is_no_place_is_refused_without_being_repeated() {
        let key = format!("gh{}_{}", "p", "a1B2".repeat(9));
        for bad in ["", "a//b", "../x", "a/./b", "a b", "a\n", "x?other=1", "x?field=", "x?field=1&field=2", &key] {
            let error = Place::parse(&format!("vault:{bad}"), &["field"]).unwrap_err();
            assert_eq!(error.code(), Code::UsageValue, "{bad}");
            assert!(bad.len() < 8 || !error.user_message().contains(bad), "{bad}");
        }
        assert!(Place::parse(&format!("vault:{}", "a".repeat(3000)), &[]).is_err());
    }
}
