//! IAM Identity Center: keys of a role for whoever has logged in with `aws sso login`. The login itself is a person's.
//!
//! Source: IAM Identity Center Portal API reference, `GetRoleCredentials`.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::chain::firm;
use super::keys::Keys;
use super::refusal;
use crate::clock;
use crate::error::{Code, Error};
use crate::headers::rfc3339;
use crate::secret::{Fault, Secret, Source};
use crate::secrets::caller::{json, strange};
use crate::secrets::file::File;
use crate::secrets::{Ask, Caller, clean, wrap};
use crate::validate::Leaf;

/// A role that a login may take on.
#[derive(Debug)]
pub(super) struct Sso {
    /// What the login's token is filed under: the session's name, or the start URL.
    pub(super) cached_as: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) role: String,
}

/// # Errors
/// [`Fault`] when nobody has logged in lately, or with the name of AWS's error.
pub(super) async fn keys(caller: &Caller, cache: &Path, sso: &Sso) -> Result<Keys, Fault> {
    let token = token(cache, &sso.cached_as).map_err(firm)?;
    let question = || Ask {
        params: vec![("role_name".to_owned(), sso.role.clone()), ("account_id".to_owned(), sso.account.clone())],
        headers: vec![("x-amz-sso_bearer_token".to_owned(), Leaf::Hidden(token.clone()))],
        reads: refusal::READS,
        ..Ask::get("/federation/credentials")
    };
    let answer = refusal::ask(caller, question).await?;
    if answer.status >= 300 {
        return Err(refusal::fault(&answer, caller, "log in again with `aws sso login`"));
    }
    read(&json(&answer)?)
}

fn read(value: &Value) -> Result<Keys, Fault> {
    let lacking = || strange("the answer lacks a part of the credentials");
    let of = |name: &str| value.get("roleCredentials")?.get(name);
    let ends = of("expiration").and_then(Value::as_u64).ok_or_else(lacking)?;
    let ends = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ends)).ok_or_else(lacking)?;
    let part = |name: &str| of(name).and_then(Value::as_str).and_then(clean);
    let hidden = |name: &str, what: &str| part(name).map(|value| wrap(&format!("aws-sso:{what}"), value, None));
    let id = part("accessKeyId").ok_or_else(lacking)?;
    let secret = hidden("secretAccessKey", "secret-access-key").ok_or_else(lacking)?;
    let session = hidden("sessionToken", "session-token").ok_or_else(lacking)?;
    Ok(Keys::temporary(id.expose_secret(), secret, session, ends.duration_since(clock::wall()).unwrap_or_default()))
}

/// The token that the last login left.
fn token(cache: &Path, cached_as: &str) -> Result<Secret, Error> {
    let absent = |why: &str| {
        Error::new(Code::SecretAccess)
            .saying(format!("The login of IAM Identity Center {why}."))
            .hint("a person logs in with `aws sso login`; for a bot without one, use a role or web identity")
    };
    // The file's name, not a protection: the tools agreed on SHA-1.
    let name = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, cached_as.as_bytes());
    let name: String = name.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let path = cache.join(format!("{name}.json"));
    let text = File::parse(&path.to_string_lossy()).and_then(|file| file.read()).map_err(|_| absent("is not there"))?;
    let value: Value = serde_json::from_str(text.expose_secret()).map_err(|_| absent("cannot be read"))?;
    let of = |key: &str| value.get(key).and_then(Value::as_str);
    // Older tools wrote `UTC` for `Z`.
    let ends = of("expiresAt").and_then(|text| rfc3339(&text.replace("UTC", "Z")));
    match (of("accessToken").and_then(clean), ends) {
        (Some(token), Some(ends)) if ends > clock::wall() => Ok(wrap("aws-sso:token", token, None)),
        (Some(_), Some(_)) => Err(absent("is over")),
        _ => Err(absent("cannot be read")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_holds_keys_with_an_end_in_milliseconds() {
        let answer = serde_json::json!({"roleCredentials": {"accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "made-up-sso-key",
            "sessionToken": "made-up-sso-session", "expiration": 4_070_908_800_000_u64}});
        let keys = read(&answer).unwrap();
        assert_eq!(&**keys.secret.reveal().unwrap(), "made-up-sso-key");
        assert!(keys.lifetime.unwrap() > Duration::from_secs(86_400));
        assert!(read(&serde_json::json!({"roleCredentials": {"accessKeyId": "A"}})).is_err());
    }

    #[test]
    fn a_login_is_found_by_its_name_and_must_not_be_over() {
        let folder = std::env::temp_dir().join(format!("botsec-sso-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // SHA-1 of "company".
        let path = folder.join("71b21161ffa1e6516bcc072aaf5ef38cbe85b511.json");
        assert!(token(&folder, "company").unwrap_err().user_message().contains("is not there"));
        let write = |ends: &str| {
            let text = format!(r#"{{"accessToken":"made-up-sso-token","expiresAt":"{ends}"}}"#);
            std::fs::write(&path, text).unwrap();
        };
        write("2099-01-01T00:00:00UTC");
        assert_eq!(&**token(&folder, "company").unwrap().reveal().unwrap(), "made-up-sso-token");
        write("2001-01-01T00:00:00Z");
        let error = token(&folder, "company").unwrap_err();
        assert!(error.user_message().contains("is over") && !format!("{error:?}").contains("made-up"));
        let _ = std::fs::remove_dir_all(&folder);
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(text in "\\PC{0,40}", number in any::<u64>()) {
            let _ = read(&serde_json::json!({"roleCredentials": {"accessKeyId": text, "secretAccessKey": text,
                "sessionToken": text, "expiration": number}})).is_err();
        }
    }
}
