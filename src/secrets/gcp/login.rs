//! Access tokens for Google: from a key, a person's consent, somebody else's token, or the machine.
//!
//! Source: RFC 7523 §2.1 and AIP-4112 (service accounts), RFC 6749 §6 and AIP-4113 (users), RFC 8693 and AIP-4117 (workload
//! identity federation), IAM Credentials API `generateAccessToken` (impersonation).

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::credentials::{ActsAs, Base, Identity, Subject, parse};
use crate::clock;
use crate::error::Error;
use crate::fork::Lock;
use crate::headers::rfc3339;
use crate::secret::{Fault, Found, Renewed, Secret, Source, Text};
use crate::secrets::caller::{json, strange};
use crate::secrets::file::File;
use crate::secrets::grant::{Endpoint, firm, served, sound, token};
use crate::secrets::metadata::{self, Lease};
use crate::secrets::{Ask, Fetch, Fetching, Reach, clean, wrap};
use crate::sign::{Auth, rs256};
use crate::url::Origin;
use crate::validate::Leaf;

/// What the token may do: all that the identity may. Secret Manager has no narrower scope.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What the token of somebody who acts as another may do: only that.
const ACT_SCOPE: &str = "https://www.googleapis.com/auth/iam";
/// How long an assertion is good for: an hour, the longest that Google takes.
const ASSERTION_S: u64 = 3600;
const TOKEN: &str = "gcp-token";

/// Who the bot is, as the provider was told.
#[derive(Clone, Debug)]
pub enum GcpCredentials {
    /// The JSON of a credential file.
    Json(Secret),
    /// The service account of the machine.
    Metadata,
}

/// Logs in.
pub(super) struct Login {
    credentials: GcpCredentials,
    /// Hosts beside Google's that may give tokens.
    hosts: Vec<Origin>,
    /// How token endpoints are reached.
    reach: Reach,
    /// The project whose quota is used, as the credentials said last.
    quota_project: Lock<Option<String>>,
}

/// A hold on [`Login`] that the token's secret has.
pub(super) struct Renewal(pub(super) Arc<Login>);

impl Fetch for Renewal {
    fn fetch(&self) -> Fetching {
        let login = self.0.clone();
        Box::pin(async move { login.fetch().await })
    }
}

impl Login {
    /// Reads credentials that are at hand once, so that a mistake in them is found at start-up.
    ///
    /// # Errors
    /// `SecretAccessError` that names the field that is wrong.
    pub(super) fn new(credentials: GcpCredentials, hosts: Vec<Origin>, reach: Reach) -> Result<Self, Error> {
        if let GcpCredentials::Json(secret) = &credentials
            && let Ok(version) = secret.reveal()
        {
            parse(&version, &hosts).map_err(spoken)?;
        }
        Ok(Self { credentials, hosts, reach, quota_project: Lock::new(None) })
    }

    /// What the token is called.
    pub(super) fn name(&self) -> String {
        match &self.credentials {
            GcpCredentials::Json(secret) => format!("{TOKEN}:{}", secret.name()),
            GcpCredentials::Metadata => format!("{TOKEN}:metadata"),
        }
    }

    /// The project to name in `x-goog-user-project`, once the bot has logged in.
    pub(super) fn quota_project(&self) -> Option<String> {
        self.quota_project.lock().clone()
    }

    /// A token; where credentials that may change were refused and have changed since, one more try.
    async fn fetch(&self) -> Result<Found, Fault> {
        let GcpCredentials::Json(secret) = &self.credentials else {
            return served(metadata::google_token().await?);
        };
        secret.ready().await.map_err(firm)?;
        let version = secret.reveal().map_err(firm)?;
        let first = self.log_in(&version).await;
        match first {
            Err(fault) if !fault.passing && secret.is_moving() => match secret.renewed(version.fingerprint()).await {
                Ok(Renewed::Changed) => self.log_in(&secret.reveal().map_err(firm)?).await,
                _ => Err(fault),
            },
            result => result,
        }
    }

    async fn log_in(&self, credentials: &str) -> Result<Found, Fault> {
        let identity = parse(credentials, &self.hosts).map_err(firm)?;
        let Identity { base, acts_as, quota_project } = identity;
        *self.quota_project.lock() = quota_project;
        let scope = if acts_as.is_some() { ACT_SCOPE } else { SCOPE };
        let first = match base {
            Base::Key { email, key, key_id, token_url } => {
                let endpoint = Endpoint::new(&token_url, &self.reach).map_err(firm)?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                let claims = Claims { email: &email, audience: &token_url.as_sent(), scope };
                let assertion = assertion(&claims, &key, key_id.as_deref(), clock::wall())?;
                let form = [("grant_type", plain(grant)), ("assertion", Leaf::Hidden(assertion))];
                endpoint.token(&form, TOKEN).await?
            }
            Base::User { client_id, client_secret, refresh, token_url } => {
                let endpoint = Endpoint::new(&token_url, &self.reach).map_err(firm)?;
                let form = [
                    ("grant_type", plain("refresh_token")),
                    ("client_id", Leaf::Plain(client_id)),
                    ("client_secret", Leaf::Hidden(client_secret)),
                    ("refresh_token", Leaf::Hidden(refresh)),
                ];
                endpoint.token(&form, TOKEN).await?
            }
            Base::Outside { audience, kind, source, format, token_url } => {
                let subject = self.subject(source, format.as_deref()).await?;
                let endpoint = Endpoint::new(&token_url, &self.reach).map_err(firm)?;
                let form = [
                    ("grant_type", plain("urn:ietf:params:oauth:grant-type:token-exchange")),
                    ("audience", Leaf::Plain(audience)),
                    ("scope", plain(scope)),
                    ("requested_token_type", plain("urn:ietf:params:oauth:token-type:access_token")),
                    ("subject_token", Leaf::Hidden(subject)),
                    ("subject_token_type", Leaf::Plain(kind)),
                ];
                endpoint.token(&form, TOKEN).await?
            }
        };
        match acts_as {
            None => served(first),
            Some(other) => served(self.act_as(&other, first.token).await?),
        }
    }

    /// Somebody else's token, as it is now.
    async fn subject(&self, source: Subject, field: Option<&str>) -> Result<Secret, Fault> {
        let text = match source {
            Subject::File(path) => File::parse(&path).and_then(|file| file.read()).map_err(firm)?,
            Subject::Url(url, headers) => {
                let answer = Endpoint::new(&url, &self.reach).map_err(firm)?.get(headers).await?;
                let text = std::str::from_utf8(&answer.body).ok().and_then(clean);
                text.ok_or_else(|| strange("what the subject token's URL answered is no text"))?
            }
        };
        let text = match field {
            None => Some(text),
            Some(field) => {
                let object: Option<Value> = serde_json::from_str(text.expose_secret()).ok();
                object.as_ref().and_then(|object| object.get(field)?.as_str()).and_then(clean)
            }
        };
        let text =
            text.ok_or_else(|| strange("the subject token's JSON does not hold the field that the credentials name"))?;
        Ok(wrap("gcp-credentials:subject-token", text, None))
    }

    /// The token of another service account, which `token` may act as.
    async fn act_as(&self, other: &ActsAs, first: Secret) -> Result<Lease, Fault> {
        let endpoint = Endpoint::new(&other.url, &self.reach).map_err(firm)?;
        let wish = json!({
            "scope": [SCOPE],
            "delegates": other.delegates,
            "lifetime": format!("{}s", other.lifetime_s),
        });
        let ask = Ask::post("/", "application/json", Text::plain(wish.to_string()));
        let answer = endpoint.ask(Ask { auth: vec![Auth::Bearer(first)], ..ask }).await?;
        let read = || {
            let body = json(&answer)?;
            let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            let (Some(value), Some(expires)) = (text("accessToken"), text("expireTime").and_then(rfc3339)) else {
                return Err(strange("the answer lacks the token or its lifetime"));
            };
            sound(token(value, TOKEN, expires.duration_since(clock::wall()).unwrap_or_default()))
        };
        read().map_err(|fault| endpoint.at_login(fault))
    }
}

/// An error at start-up, which says what it is about to whoever starts the bot.
fn spoken(error: Error) -> Error {
    let reason = error.details().iter().find(|(key, _)| *key == "reason").map(|(_, reason)| reason.clone());
    match reason {
        Some(reason) => error.saying(format!("The {}.", reason.trim_start_matches("the "))),
        None => error,
    }
}

/// What a service account's key says of itself.
struct Claims<'a> {
    email: &'a str,
    /// Where it is sent, so that nobody else can use it.
    audience: &'a str,
    scope: &'a str,
}

/// The claims as a token that the key signed with RS256 (RFC 7523 §3).
fn assertion(claims: &Claims<'_>, key: &Secret, key_id: Option<&str>, now: SystemTime) -> Result<Secret, Fault> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut head = json!({"alg": "RS256", "typ": "JWT"});
    if let (Some(id), Some(head)) = (key_id, head.as_object_mut()) {
        head.insert("kid".to_owned(), id.into());
    }
    let Claims { email, audience, scope } = claims;
    let claims = json!({"iss": email, "scope": scope, "aud": audience, "iat": now, "exp": now + ASSERTION_S});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut text = format!("{}.{}", encode(&head), encode(&claims));
    let signature = rs256(key, text.as_bytes()).map_err(firm)?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(wrap("gcp-credentials:assertion", text.into(), None))
}

fn plain(text: &str) -> Leaf {
    Leaf::Plain(text.to_owned())
}
