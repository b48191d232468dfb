//! What an answer of Key Vault must be. Pure.
//!
//! Source: Key Vault REST API, "Get Secret" and "Secret attributes".

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// A secret's text, its version, and how long it may be used where its owner says so.
#[derive(Debug)]
pub(super) struct Bundle<'a> {
    pub(super) text: &'a str,
    pub(super) version: String,
    pub(super) lifetime: Option<Duration>,
}

/// Reads an answer.
///
/// # Errors
/// The reason, which repeats nothing, when it is not the secret that was asked for, or its owner does not let it be used now.
pub(super) fn bundle<'a>(
    body: &'a Value,
    name: &str,
    pinned: Option<&str>,
    now: SystemTime,
) -> Result<Bundle<'a>, &'static str> {
    let text = body.get("value").and_then(Value::as_str).ok_or("the answer holds no value")?;
    let id = body.get("id").and_then(Value::as_str).ok_or("the answer names no version")?;
    let (_, place) = id.split_once("/secrets/").ok_or("the answer names no version")?;
    let (told, version) = place.split_once('/').ok_or("the answer names no version")?;
    let fits = (1..=64).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_alphanumeric());
    if !fits || !told.eq_ignore_ascii_case(name) || pinned.is_some_and(|pinned| !pinned.eq_ignore_ascii_case(version)) {
        return Err("the answer is about another secret or version");
    }
    let attributes = body.get("attributes");
    if attributes.and_then(|all| all.get("enabled")).is_some_and(|enabled| enabled != &Value::Bool(true)) {
        return Err("the secret is disabled");
    }
    let moment = |key: &str| attributes?.get(key)?.as_u64().map(Duration::from_secs);
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if moment("nbf").is_some_and(|from| now < from) {
        return Err("the secret may not be used yet: its activation date lies ahead");
    }
    let lifetime = match moment("exp") {
        Some(until) if until <= now => return Err("the secret has expired: its expiration date is over"),
        until => until.map(|until| until - now),
    };
    Ok(Bundle { text, version: version.to_owned(), lifetime })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn answer(attributes: Value) -> Value {
        json!({"value": "text", "id": format!("https://mine.vault.azure.net/secrets/Key/{VERSION}"), "attributes": attributes})
    }

    #[test]
    fn a_bundle_is_the_secret_that_was_asked_for() {
        let whole = answer(json!({"enabled": true}));
        let read = bundle(&whole, "key", None, at(0)).unwrap();
        assert_eq!((read.text, read.version.as_str(), read.lifetime), ("text", VERSION, None));
        assert!(bundle(&whole, "key", Some(VERSION), at(0)).is_ok());
        assert!(bundle(&whole, "other", None, at(0)).is_err());
        assert!(bundle(&whole, "key", Some("4387"), at(0)).is_err());
        for strange in [
            json!({"value": "text"}),
            json!({"id": format!("https://v/secrets/key/{VERSION}")}),
            json!({"value": 7, "id": format!("https://v/secrets/key/{VERSION}")}),
            json!({"value": "text", "id": "https://v/secrets/key"}),
            json!({"value": "text", "id": "https://v/secrets/key/a/b"}),
            json!([]),
        ] {
            assert!(bundle(&strange, "key", None, at(0)).is_err(), "{strange}");
        }
    }

    #[test]
    fn its_owner_says_when_it_may_be_used() {
        let lifetime = |attributes| bundle(&answer(attributes), "key", None, at(1000)).map(|read| read.lifetime);
        assert_eq!(lifetime(json!({"exp": 1500, "nbf": 1000})), Ok(Some(Duration::from_secs(500))));
        assert_eq!(lifetime(json!({"exp": null})), Ok(None));
        assert!(lifetime(json!({"exp": 1000})).is_err());
        assert!(lifetime(json!({"nbf": 1001})).is_err());
        assert!(lifetime(json!({"enabled": false})).is_err());
        assert!(lifetime(json!({"enabled": "false"})).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_panics(id in "\\PC{0,60}", exp in any::<u64>(), nbf in any::<u64>()) {
            let body = json!({"value": "text", "id": id, "attributes": {"exp": exp, "nbf": nbf}});
            let _ = bundle(&body, "key", None, at(1000));
        }
    }
}
