//! AWS Signature Version 4, in the header form. The hash of the body is always signed, never `UNSIGNED-PAYLOAD`.
//!
//! Source: IAM user guide, "Create a signed AWS API request".

mod canonical;

use aws_lc_rs::{digest, hmac};
use http::HeaderName;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::message::{Message, Stamp, hex};
use super::signer::{self, Fields};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::validate::Leaf;
use canonical::PathRule;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// Signs for one service in one region.
#[derive(Debug)]
pub struct AwsSigV4 {
    access_key_id: Leaf,
    secret: Secret,
    session_token: Option<Secret>,
    region: String,
    service: String,
    content_sha256: bool,
}

impl AwsSigV4 {
    /// A signer. `content_sha256` sends the body's hash in a field of its own; services that need it get it unasked.
    ///
    /// # Errors
    /// `ValueError` for a region, service or access key id that cannot be one.
    pub fn new(
        access_key_id: Leaf,
        secret: Secret,
        session_token: Option<Secret>,
        region: &str,
        service: &str,
        content_sha256: Option<bool>,
    ) -> Result<Self, Error> {
        let refuse = |why: &str| Err(Error::new(Code::UsageValue).saying(why));
        let word = |text: &str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !word(region) {
            return refuse("`region` is written like `eu-central-1`.");
        }
        if !word(service) {
            return refuse("`service` is written like `execute-api`.");
        }
        if matches!(&access_key_id, Leaf::Plain(id) if !is_key_id(id)) {
            return refuse("`access_key_id` takes up to 128 letters, digits and `_`.");
        }
        let needs_sha256 = !PathRule::of(service).double || service == "aoss";
        if needs_sha256 && content_sha256 == Some(false) {
            return refuse("`content_sha256` cannot be left out for this service.");
        }
        let content_sha256 = content_sha256.unwrap_or(needs_sha256);
        let (region, service) = (region.to_owned(), service.to_owned());
        Ok(Self { access_key_id, secret, session_token, region, service, content_sha256 })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What it sends besides the signature, where that is a secret.
    pub(super) fn more_secrets(&self) -> [Option<&Secret>; 2] {
        let id = match &self.access_key_id {
            Leaf::Hidden(id) => Some(id),
            Leaf::Plain(_) => None,
        };
        [self.session_token.as_ref(), id]
    }

    pub(super) fn check_key(&self) -> Result<(), Error> {
        match &self.access_key_id {
            Leaf::Hidden(id) if !is_key_id(id.reveal()?.trim()) => Err(Error::new(Code::SecretAccess)
                .with("secret", id.name())
                .hint("the secret holds no access key id: up to 128 letters, digits and `_`")),
            _ => Ok(()),
        }
    }

    pub(super) fn sign(&self, message: &Message<'_>, stamp: &Stamp) -> Result<Fields, Error> {
        self.check_key()?;
        let hash = hex(digest::digest(&digest::SHA256, message.known_body()?).as_ref());
        let (date, time) = stamp.basic();
        let token = self.session_token.as_ref().map(Secret::reveal).transpose()?;
        let token = token.as_ref().map(|token| token.trim());
        let mut added = vec![("host", message.authority), (DATE, &*time)];
        added.extend(token.map(|token| (TOKEN, token)));
        added.extend(self.content_sha256.then_some((CONTENT_SHA256, &*hash)));
        let rule = PathRule::of(&self.service);
        let (request, names) =
            canonical::request(message.method, message.target, message.headers, &added, &hash, rule)?;
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = string_to_sign(&time, &scope, &request);
        let signature = self.signature(&date, &text)?;
        let authorization = match &self.access_key_id {
            Leaf::Plain(id) => authorize(id, &scope, &names, &signature),
            Leaf::Hidden(id) => authorize(id.reveal()?.trim(), &scope, &names, &signature),
        };
        let mut fields = vec![signer::field(&HeaderName::from_static(DATE), &time, false)?];
        if let Some(token) = token {
            fields.push(signer::field(&HeaderName::from_static(TOKEN), token, true)?);
        }
        if self.content_sha256 {
            fields.push(signer::field(&HeaderName::from_static(CONTENT_SHA256), &hash, false)?);
        }
        fields.push(signer::field(&AUTHORIZATION, &authorization, true)?);
        Ok(fields)
    }

    /// The HMAC of `text` under the key of this day, region and service.
    fn signature(&self, date: &str, text: &str) -> Result<String, Error> {
        let secret = self.secret.reveal()?;
        let mut first = Zeroizing::new(Vec::with_capacity(secret.len() + 4));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret.trim().as_bytes());
        let under = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        let mut key = under(&first, date);
        for part in [&*self.region, &self.service, "aws4_request"] {
            key = under(key.as_ref(), part);
        }
        Ok(hex(under(key.as_ref(), text).as_ref()))
    }
}

/// What the signing key signs.
fn string_to_sign(time: &str, scope: &str, request: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
    format!("{ALGORITHM}\n{time}\n{scope}\n{hash}")
}

fn authorize(id: &str, scope: &str, names: &str, signature: &str) -> String {
    format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

fn is_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
