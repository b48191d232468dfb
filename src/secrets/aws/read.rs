//! Reads one secret of Secrets Manager.
//!
//! Source: Secrets Manager API reference, `GetSecretValue`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::asked::Asked;
use super::chain::firm;
use super::keys::{Keys, Proof};
use super::refusal::{self, Means};
use super::region::Region;
use crate::error::{Code, Error};
use crate::secret::{Fault, Found, Text};
use crate::secrets::caller::{field, json, strange};
use crate::secrets::{Answer, Ask, Caller, Fetch, Fetching, found};
use crate::validate::Leaf;

/// One secret: where it is asked for, by whom, and which version.
pub(super) struct Read {
    pub(super) caller: Arc<Caller>,
    pub(super) region: Region,
    pub(super) proof: Proof,
    pub(super) asked: Asked,
}

/// A read that the keeper runs as often as it must.
pub(super) struct Kept(pub(super) Arc<Read>);

impl Fetch for Kept {
    fn fetch(&self) -> Fetching {
        let read = self.0.clone();
        Box::pin(async move { read.value(&read.asked).await })
    }

    fn fetch_previous(&self) -> Option<Fetching> {
        if self.0.asked.is_pinned() {
            return None;
        }
        let read = self.0.clone();
        Some(Box::pin(async move { read.value(&read.asked.previous()).await }))
    }
}

impl Read {
    async fn value(&self, asked: &Asked) -> Result<Found, Fault> {
        let (keys, known) = self.proof.keys().await?;
        let mut answer = self.ask(asked, &keys).await?;
        // Keys end, and are replaced, while they are in use: once more with others, if there are others.
        if matches!(refusal::of(&answer), Some((_, Means::Keys))) && self.proof.renewed(&known).await {
            answer = self.ask(asked, &self.proof.keys().await?.0).await?;
        }
        if answer.status != 200 {
            return Err(refusal::fault(
                &answer,
                &self.caller,
                "the identity lacks secretsmanager:GetSecretValue for it",
            ));
        }
        value(&json(&answer)?, asked)
    }

    async fn ask(&self, asked: &Asked, keys: &Keys) -> Result<Answer, Fault> {
        let header = |name: &str, value: &str| (name.to_owned(), Leaf::Plain(value.to_owned()));
        let sign = keys.sign(self.region.name(), "secretsmanager").map_err(firm)?;
        refusal::ask(&self.caller, || Ask {
            headers: vec![header("X-Amz-Target", "secretsmanager.GetSecretValue")],
            auth: vec![sign.clone()],
            reads: refusal::READS,
            ..Ask::post("/", "application/x-amz-json-1.1", body(asked))
        })
        .await
    }
}

fn body(asked: &Asked) -> Text {
    let mut body = Map::new();
    body.insert("SecretId".to_owned(), asked.id.clone().into());
    body.extend(asked.label().map(|stage| ("VersionStage".to_owned(), stage.into())));
    body.extend(asked.version.as_deref().map(|version| ("VersionId".to_owned(), version.into())));
    Text::plain(Value::Object(body).to_string())
}

/// The value in an answer. Nothing of the answer is in a fault.
fn value(answer: &Value, asked: &Asked) -> Result<Found, Fault> {
    let of = |name: &str| answer.get(name).and_then(Value::as_str);
    let version = of("VersionId").filter(|id| id.len() <= 64 && id.is_ascii());
    let version = version.ok_or_else(|| strange("the answer names no version"))?;
    if asked.version.as_deref().is_some_and(|asked| asked != version) {
        return Err(strange("the answer is another version than the one that was asked for"));
    }
    let refuse = |reason: &'static str, hint: &'static str| Fault {
        error: Error::new(Code::SecretAccess).with("reason", reason).hint(hint),
        passing: false,
    };
    let label = Some(version.to_owned());
    match (of("SecretString"), of("SecretBinary"), &asked.field) {
        (Some(text), None, None) => found(text, label, None),
        (Some(text), None, Some(name)) => found(&Zeroizing::new(field(text, name)?), label, None),
        (None, Some(_), Some(_)) => Err(refuse("the secret is binary, so it has no field", "leave `field` out")),
        (None, Some(encoded), None) => {
            let bytes = STANDARD.decode(encoded).map(Zeroizing::new);
            let bytes = bytes.map_err(|_| strange("the answer's binary value is not base64"))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| {
                refuse("the secret is binary and not UTF-8 text", "store it as text, such as the base64 of it")
            })?;
            found(text, label, None)
        }
        _ => Err(strange("the answer holds no value")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::asked::PARAMS;
    use super::*;
    use crate::secrets::Place;

    const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn asked(text: &str) -> Asked {
        Asked::parse(&Place::parse(&format!("aws-sm:{text}"), PARAMS).unwrap()).unwrap()
    }

    fn fault(answer: &Value, asked_for: &str) -> String {
        let fault = value(answer, &asked(asked_for)).unwrap_err();
        assert!(!fault.passing);
        let text = format!("{:?} {:?}", fault.error, fault.error.hint_text());
        assert!(!text.contains("made-up"), "{text}");
        text
    }

    #[test]
    fn the_current_version_is_asked_for_unless_another_is_named() {
        let of = |text: &str| String::from_utf8(body(&asked(text)).reveal().unwrap().to_vec()).unwrap();
        assert_eq!(of("a\"b".replace('"', "").as_str()), r#"{"SecretId":"ab","VersionStage":"AWSCURRENT"}"#);
        assert_eq!(of("ab?stage=X\"Y"), r#"{"SecretId":"ab","VersionStage":"X\"Y"}"#);
        assert_eq!(of(&format!("ab?version={ID}")), format!(r#"{{"SecretId":"ab","VersionId":"{ID}"}}"#));
    }

    #[test]
    fn a_value_is_text_a_field_of_it_or_bytes_that_are_text() {
        let reveal = |answer: &Value, text: &str| value(answer, &asked(text)).unwrap();
        let text = json!({"VersionId": ID, "SecretString": "{\"key\":\"made-up-value\",\"n\":7}"});
        assert_eq!(&*reveal(&text, "a?field=key").version, "made-up-value");
        assert_eq!(reveal(&text, "a?field=n").version.label(), Some(ID));
        let binary = json!({"VersionId": ID, "SecretBinary": STANDARD.encode("made-up-\u{e9}")});
        assert_eq!(&*reveal(&binary, "a").version, "made-up-\u{e9}");
        assert!(fault(&binary, "a?field=key").contains("has no field"));
        let bytes = json!({"VersionId": ID, "SecretBinary": STANDARD.encode([0xff, 0xfe])});
        assert!(fault(&bytes, "a").contains("not UTF-8"));
    }

    #[test]
    fn an_answer_that_cannot_be_one_is_not_repeated() {
        for answer in [
            json!([]),
            json!({"SecretString": "made-up-value"}),
            json!({"VersionId": ID}),
            json!({"VersionId": ID, "SecretString": 7}),
            json!({"VersionId": ID, "SecretString": "made-up-value", "SecretBinary": "bWFkZS11cA=="}),
            json!({"VersionId": ID, "SecretBinary": "made-up-value!"}),
        ] {
            fault(&answer, "a");
        }
        let other = json!({"VersionId": "another", "SecretString": "made-up-value"});
        assert!(fault(&other, &format!("a?version={ID}")).contains("another version"));
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(text in "\\PC{0,40}", binary in any::<bool>(), name in "(\\?field=k)?") {
            let key = if binary { "SecretBinary" } else { "SecretString" };
            let _ = value(&json!({"VersionId": ID, key: text}), &asked(&format!("a{name}"))).is_err();
        }
    }
}
