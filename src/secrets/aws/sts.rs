//! Roles: STS gives keys for an hour to whoever may take one on.
//!
//! Source: STS API reference, `AssumeRole`, `AssumeRoleWithWebIdentity`.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::chain::{WebIdentity, firm};
use super::keys::Keys;
use super::refusal::{self, element};
use super::region::Region;
use crate::clock;
use crate::error::{Code, Error};
use crate::headers::rfc3339;
use crate::secret::{Fault, Form, Piece, Source, Text};
use crate::secrets::caller::strange;
use crate::secrets::file::File;
use crate::secrets::{Answer, Ask, Caller, clean, wrap};
use crate::validate::Leaf;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// What is encoded in a form: all but RFC 3986's unreserved characters, as AWS's own clients do it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What sessions are called in AWS's logs unless the profile says otherwise.
const SESSION: &str = "botsec";

/// A role to take on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    arn: String,
    session: String,
    external_id: Option<String>,
    duration_s: Option<u32>,
}

impl Role {
    /// # Errors
    /// `SecretAccessError` for what cannot be a role; nothing of it is repeated.
    pub(super) fn new(
        arn: &str,
        session: Option<&str>,
        external_id: Option<&str>,
        duration_s: Option<&str>,
    ) -> Result<Self, Error> {
        let refuse =
            |what: &str| Err(Error::new(Code::SecretAccess).saying(format!("The role's {what} cannot be one.")));
        // Source: STS API reference, the parameters' patterns.
        let word = |text: &str, more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
        if !(20..=2048).contains(&arn.len()) || !arn.starts_with("arn:aws") || !word(arn, b"+=,.@-_/:") {
            return refuse("ARN");
        }
        let session = session.unwrap_or(SESSION);
        if !(2..=64).contains(&session.len()) || !word(session, b"+=,.@-_") {
            return refuse("session name");
        }
        if external_id.is_some_and(|id| !(2..=1224).contains(&id.len()) || !word(id, b"+=,.@:/-_")) {
            return refuse("external id");
        }
        let duration_s = match duration_s.map(str::parse::<u32>) {
            None => None,
            Some(Ok(seconds)) if (900..=43_200).contains(&seconds) => Some(seconds),
            Some(_) => return refuse("duration, 900 to 43200 seconds,"),
        };
        Ok(Self {
            arn: arn.to_owned(),
            session: session.to_owned(),
            external_id: external_id.map(str::to_owned),
            duration_s,
        })
    }

    fn form(&self, action: &str) -> Text {
        let mut fields = vec![
            ("Action", action.to_owned()),
            ("Version", "2011-06-15".to_owned()),
            ("RoleArn", self.arn.clone()),
            ("RoleSessionName", self.session.clone()),
        ];
        fields.extend(self.external_id.clone().map(|id| ("ExternalId", id)));
        fields.extend(self.duration_s.map(|seconds| ("DurationSeconds", seconds.to_string())));
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, RESERVED).to_string();
        let pairs: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        Text::plain(pairs.join("&"))
    }
}

/// Keys of a role, for whoever holds `keys`.
///
/// # Errors
/// [`Fault`] with the name of AWS's error.
pub(super) async fn assume_role(caller: &Caller, region: &Region, role: &Role, keys: &Keys) -> Result<Keys, Fault> {
    let sign = keys.sign(region.name(), "sts").map_err(firm)?;
    let form = role.form("AssumeRole");
    let answer = refusal::ask(caller, || Ask { auth: vec![sign.clone()], ..question(form.clone()) }).await?;
    taken(&answer, caller)
}

/// Keys of a role, for whoever holds a token of the identity provider that the role trusts. It goes unsigned.
///
/// # Errors
/// As [`assume_role`]; those of the token's file.
pub(super) async fn assume_role_with_web_identity(caller: &Caller, identity: &WebIdentity) -> Result<Keys, Fault> {
    // Read each time, for the platform renews it.
    let token = File::parse(&identity.file.to_string_lossy()).and_then(|file| file.read()).map_err(firm)?;
    let mut body = identity.role.form("AssumeRoleWithWebIdentity");
    body.push(Piece::Plain("&WebIdentityToken=".into()));
    body.push(Piece::Hidden(wrap("aws-web-identity:token", token, None), Form::Percent));
    taken(&refusal::ask(caller, || question(body.clone())).await?, caller)
}

fn question(body: Text) -> Ask {
    // Asked for XML in so many words, STS gives nothing else.
    let headers = vec![("Accept".to_owned(), Leaf::Plain("text/xml".to_owned()))];
    Ask { headers, reads: refusal::READS, ..Ask::post("/", FORM, body) }
}

fn taken(answer: &Answer, caller: &Caller) -> Result<Keys, Fault> {
    if answer.status >= 300 {
        return Err(refusal::fault(answer, caller, "the role is not given to this identity: see its trust policy"));
    }
    let text = std::str::from_utf8(&answer.body).map_err(|_| strange("the answer of STS is not text"))?;
    keys(text)
}

/// The keys in an answer of STS.
fn keys(xml: &str) -> Result<Keys, Fault> {
    let lacking = || strange("the answer of STS lacks a part of the credentials");
    let inside = element(xml, "Credentials").ok_or_else(lacking)?;
    let of = |name: &str| element(inside, name).filter(|text| !text.contains(['<', '>'])).map(unescape);
    let expires = of("Expiration").and_then(|text| rfc3339(&text)).ok_or_else(lacking)?;
    let lifetime = expires.duration_since(clock::wall()).unwrap_or(Duration::ZERO);
    let part = |name: &str, what: &str| {
        of(name).and_then(|text| clean(&text)).map(|value| wrap(&format!("aws-sts:{what}"), value, None))
    };
    let id = of("AccessKeyId").and_then(|text| clean(&text)).ok_or_else(lacking)?;
    let secret = part("SecretAccessKey", "secret-access-key").ok_or_else(lacking)?;
    let session = part("SessionToken", "session-token").ok_or_else(lacking)?;
    Ok(Keys::temporary(id.expose_secret(), secret, session, lifetime))
}

/// XML's five entities (XML 1.0 §4.6).
fn unescape(text: &str) -> Zeroizing<String> {
    const ENTITIES: [(&str, &str); 5] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, _)) = rest.split_once('&') {
        let tail = rest.get(before.len()..).unwrap_or("");
        let known = ENTITIES.iter().find_map(|(name, c)| tail.strip_prefix(name).map(|after| (c, after)));
        let (written, after) = known.unwrap_or((&"&", tail.get(1..).unwrap_or("")));
        out.push_str(before);
        out.push_str(written);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>\
        <SecretAccessKey>made-up/key+</SecretAccessKey><SessionToken>made-up&amp;session==</SessionToken>\
        <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    #[test]
    fn an_answer_holds_temporary_keys() {
        let keys = keys(ANSWER).unwrap();
        assert!(matches!(keys.id, Leaf::Plain(id) if id == "ASIAEXAMPLE"));
        assert_eq!(&**keys.secret.reveal().unwrap(), "made-up/key+");
        assert_eq!(&**keys.session.unwrap().reveal().unwrap(), "made-up&session==");
        for part in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Credentials"] {
            let fault = super::keys(&ANSWER.replace(part, "Other")).unwrap_err();
            assert!(!fault.passing && !format!("{:?}", fault.error).contains("made-up"));
        }
    }

    #[test]
    fn a_role_goes_into_a_form_and_nothing_of_it_leaves_its_field() {
        let role = Role::new("arn:aws:iam::123456789012:role/bot", None, Some("a=b:c"), Some("3600")).unwrap();
        let form = role.form("AssumeRole").reveal().unwrap();
        let expected = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fbot\
            &RoleSessionName=botsec&ExternalId=a%3Db%3Ac&DurationSeconds=3600";
        assert_eq!(form, expected);
        for bad in
            ["", "role/bot", "arn:aws:iam::123456789012:role/b&Action=x", "arn:aws:iam::123456789012:role/\u{e9}xyz"]
        {
            assert!(Role::new(bad, None, None, None).is_err(), "{bad}");
        }
        let arn = "arn:aws:iam::123456789012:role/bot";
        assert!(Role::new(arn, Some("a b"), None, None).is_err());
        assert!(Role::new(arn, None, Some("&"), None).is_err());
        assert!(["899", "43201", "x"].iter().all(|seconds| Role::new(arn, None, None, Some(seconds)).is_err()));
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(xml in "(<Credentials>)?[<>/a-zA-Z&;]{0,60}\\PC{0,60}", text in "\\PC{0,60}") {
            let _ = keys(&xml).is_err();
            prop_assert!(unescape(&text).len() <= text.len());
            let _ = keys(&ANSWER.replace("2099", &text)).is_err();
        }
    }
}
