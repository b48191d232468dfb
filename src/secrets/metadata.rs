//! The metadata services of clouds: who the machine is. Plain http by design, to addresses and paths that stand here and in
//! `transport::plain` alone; nothing that a user gives chooses where a request goes.
//!
//! Sources: EC2 user guide, "Use IMDSv2"; ECS developer guide, "Task IAM role"; EKS user guide, "Pod Identity"; Google Compute
//! Engine, "Access metadata"; Azure, "How to use managed identities on a virtual machine to acquire an access token".

use std::str::from_utf8;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::sleep;

use super::aws::Keys;
use super::caller::strange;
use super::file::File;
use super::{clean, env, wrap};
use crate::clock;
use crate::error::{Class, Code, Error};
use crate::headers::rfc3339;
use crate::secret::{Fault, Secret, Source};
use crate::transport::{Metadata, Plain, ask_metadata};

/// Pause before the one repeat of a question that got no answer, or one that says "later".
const PAUSE: Duration = Duration::from_millis(200);
/// EC2 goes on giving old credentials while it cannot renew them, and they work: asked again after this long.
const OVERDUE: Duration = Duration::from_secs(300);
/// The resource path of EKS Pod Identity, and the only addresses that its variable may name.
const EKS_PATH: &str = "/v1/credentials";
const EKS: [(&str, Metadata); 2] =
    [("http://169.254.170.23/v1/credentials", Metadata::Eks), ("http://[fd00:ec2::23]/v1/credentials", Metadata::Eks6)];

/// A token, and how long it is good for.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// The token.
    pub(crate) token: Secret,
    /// From now on.
    pub(crate) lifetime: Duration,
}

/// Where the credentials of an ECS task, an EKS pod or an EC2 instance come from, taken from the variables that these set.
#[derive(Clone, Debug)]
pub(crate) enum AwsMachine {
    /// A task or pod, and what it is asked with.
    Container {
        /// The service.
        at: Metadata,
        /// Path and query.
        path: String,
        /// The file of its token, which the platform rotates, or the token.
        token: Option<Result<String, Secret>>,
    },
    /// An instance, unless a variable forbids to ask for it.
    Instance {
        /// Whether it may be asked.
        allowed: bool,
    },
}

impl AwsMachine {
    /// Reads `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, its `FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN`, its `TOKEN_FILE`,
    /// and `AWS_EC2_METADATA_DISABLED`.
    ///
    /// # Errors
    /// `SecretAccessError` that names the variable that cannot be used.
    pub(crate) fn from_env() -> Result<Self, Error> {
        let relative = env::variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
        let full = env::variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
        let Some((at, path)) = container(relative, full)? else {
            let disabled = env::variable("AWS_EC2_METADATA_DISABLED")?;
            return Ok(Self::Instance { allowed: !disabled.is_some_and(|text| text.eq_ignore_ascii_case("true")) });
        };
        let token = match env::variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")? {
            Some(path) => Some(Ok(path)),
            None => env::hidden("AWS_CONTAINER_AUTHORIZATION_TOKEN")?.map(Err),
        };
        Ok(Self::Container { at, path, token })
    }

    /// The credentials that it has now.
    ///
    /// # Errors
    /// [`Fault`] that names the service.
    pub(crate) async fn credentials(&self) -> Result<Keys, Fault> {
        match self {
            Self::Container { at, path, token } => {
                let token = match token {
                    Some(Ok(path)) => {
                        let read = File::parse(path).and_then(|file| file.read()).map_err(firm)?;
                        Some(hidden(read.expose_secret())?)
                    }
                    Some(Err(secret)) => Some(hidden(&secret.reveal().map_err(firm)?)?),
                    None => None,
                };
                container_keys(*at, path, token).await
            }
            Self::Instance { allowed: true } => instance_keys(Metadata::Ec2).await,
            Self::Instance { allowed: false } => {
                Err(strange("AWS_EC2_METADATA_DISABLED keeps the instance's credentials out of reach"))
            }
        }
    }
}

/// The access token of the machine's default service account.
///
/// # Errors
/// [`Fault`] that names the service.
pub(crate) async fn google_token() -> Result<Lease, Fault> {
    google(Metadata::Google).await
}

/// An access token of the machine's managed identity, for a resource such as `https://vault.azure.net`. `client_id` names one
/// of several identities.
///
/// # Errors
/// [`Fault`] that names the service.
pub(crate) async fn azure_token(resource: &'static str, client_id: Option<&str>) -> Result<Lease, Fault> {
    azure(Metadata::Azure, resource, client_id).await
}

/// Where a container asks, by the two variables that ECS and EKS set.
fn container(relative: Option<String>, full: Option<String>) -> Result<Option<(Metadata, String)>, Error> {
    let refuse = |name: &str, why: &str| {
        Err(Error::new(Code::SecretAccess)
            .saying(format!("Environment variable `{name}` {why}."))
            .with("source", format!("env:{name}")))
    };
    match (relative, full) {
        (Some(path), _) if is_path(&path) => Ok(Some((Metadata::Ecs, path))),
        (Some(_), _) => refuse("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "is not a path such as /v2/credentials/ID"),
        (None, Some(uri)) => match EKS.iter().find(|(known, _)| *known == uri) {
            Some((_, at)) => Ok(Some((*at, EKS_PATH.to_owned()))),
            None => refuse("AWS_CONTAINER_CREDENTIALS_FULL_URI", "names another address than EKS Pod Identity's"),
        },
        (None, None) => Ok(None),
    }
}

/// A path that stays one: no dots that climb, no authority, no query but ECS's `?id=`.
fn is_path(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.=?".contains(&b);
    let climbs = text.split(['/', '?']).any(|segment| segment == "." || segment == "..");
    text.len() <= 256 && text.starts_with('/') && !text.starts_with("//") && text.bytes().all(plain) && !climbs
}

async fn container_keys(at: Metadata, path: &str, token: Option<HeaderValue>) -> Result<Keys, Fault> {
    let headers = token.map(|token| (AUTHORIZATION, token)).into_iter().collect();
    let answer = ask(at, Method::GET, path, headers).await?;
    aws_keys(&json(&answer)?, Duration::ZERO)
}

async fn instance_keys(at: Metadata) -> Result<Keys, Fault> {
    const BASE: &str = "/latest/meta-data/iam/security-credentials/";
    let ttl = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
    let answer = ask(at, Method::PUT, "/latest/api/token", vec![(ttl, HeaderValue::from_static("60"))]).await?;
    let token = hidden(text(&answer)?)?;
    let headers = || vec![(HeaderName::from_static("x-aws-ec2-metadata-token"), token.clone())];
    let answer = ask(at, Method::GET, BASE, headers()).await?;
    let role = text(&answer)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
    if role.is_empty() || role.len() > 128 || !role.bytes().all(fits) || role.starts_with('.') {
        return Err(strange("the instance metadata service names no role"));
    }
    let answer = ask(at, Method::GET, &format!("{BASE}{role}"), headers()).await?;
    let value = json(&answer)?;
    match value.get("Code").and_then(Value::as_str) {
        Some("Success") => aws_keys(&value, OVERDUE),
        _ => Err(strange("the instance metadata service has no credentials for its role")),
    }
}

/// Keys as ECS, EKS and EC2 write them. Keys that are over serve for `overdue`.
fn aws_keys(value: &Value, overdue: Duration) -> Result<Keys, Fault> {
    let of = |name: &str| value.get(name).and_then(Value::as_str).and_then(clean);
    let lacking = || strange("the metadata service's answer lacks a part of the credentials");
    let expires = of("Expiration").and_then(|text| rfc3339(text.expose_secret())).ok_or_else(lacking)?;
    let lifetime = expires.duration_since(clock::wall()).unwrap_or_default().max(overdue);
    let part = |name, what: &str| of(name).map(|value| wrap(&format!("aws-metadata:{what}"), value, None));
    let id = of("AccessKeyId").ok_or_else(lacking)?;
    let secret = part("SecretAccessKey", "secret-access-key").ok_or_else(lacking)?;
    let session = part("Token", "session-token").ok_or_else(lacking)?;
    Ok(Keys::temporary(id.expose_secret(), secret, session, lifetime))
}

async fn google(at: Metadata) -> Result<Lease, Fault> {
    const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
    let flavor = HeaderName::from_static("metadata-flavor");
    let answer = ask(at, Method::GET, PATH, vec![(flavor.clone(), HeaderValue::from_static("Google"))]).await?;
    // Other services listen on this address in other clouds.
    if answer.headers.get(&flavor).is_none_or(|value| value != "Google") {
        return Err(strange("what answered is not Google's metadata service"));
    }
    lease(&json(&answer)?, "google-metadata:token")
}

async fn azure(at: Metadata, resource: &'static str, client_id: Option<&str>) -> Result<Lease, Fault> {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut path = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}", encode(resource));
    if let Some(id) = client_id {
        path.push_str("&client_id=");
        path.push_str(&encode(id));
    }
    let flag = (HeaderName::from_static("metadata"), HeaderValue::from_static("true"));
    let answer = ask(at, Method::GET, &path, vec![flag]).await?;
    lease(&json(&answer)?, "azure-metadata:token")
}

/// A token as OAuth 2 writes it; Azure writes its seconds as text.
fn lease(value: &Value, name: &str) -> Result<Lease, Fault> {
    let token = value.get("access_token").and_then(Value::as_str).and_then(clean);
    let seconds = match value.get("expires_in") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64(),
        None => None,
    };
    match (token, seconds) {
        (Some(token), Some(seconds)) => {
            // A day is the longest that any of them gives.
            let lifetime = Duration::from_secs(seconds.min(86_400));
            Ok(Lease { token: wrap(name, token, None), lifetime })
        }
        _ => Err(strange("the metadata service's answer lacks the token or its lifetime")),
    }
}

/// Asks, and once more after a moment where that may help. Only 200 is an answer.
async fn ask(
    at: Metadata,
    method: Method,
    target: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<Plain, Fault> {
    match ask_once(at, method.clone(), target, headers.clone()).await {
        Err(fault) if fault.passing => {
            sleep(PAUSE).await;
            ask_once(at, method, target, headers).await
        }
        result => result,
    }
}

async fn ask_once(
    at: Metadata,
    method: Method,
    target: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<Plain, Fault> {
    let told = || Error::new(Code::SecretAccess).with("manager", format!("metadata:{at:?}").to_ascii_lowercase());
    match ask_metadata(at, method, target, headers).await {
        Ok(answer) if answer.status == 200 => Ok(answer),
        Ok(Plain { status, .. }) => {
            let error = told().with("status", status.to_string());
            let error = match status {
                404 => error.hint("the machine has no role or identity attached"),
                401 | 403 => error.hint("the metadata service refuses this process"),
                _ => error,
            };
            // Azure says 410 while it restarts.
            Err(Fault { error, passing: status >= 500 || status == 429 || status == 410 })
        }
        Err(error) => {
            let class = error.code().class();
            let passing = matches!(class, Class::ConnectError | Class::RequestTimeoutError)
                || error.code() == Code::TransportTruncated;
            let error = told().with("cause", error.code().as_str());
            Err(Fault { error: error.hint("is this machine where its identity is?"), passing })
        }
    }
}

fn firm(error: Error) -> Fault {
    Fault { error, passing: false }
}

fn text(answer: &Plain) -> Result<&str, Fault> {
    from_utf8(&answer.body).map(str::trim).map_err(|_| strange("the metadata service's answer is not text"))
}

/// Not by its media type: EC2 says `text/plain` to JSON.
fn json(answer: &Plain) -> Result<Value, Fault> {
    serde_json::from_slice(&answer.body).map_err(|_| strange("the metadata service's answer is not JSON"))
}

/// A token as a header's value.
fn hidden(token: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(token.trim())
        .map_err(|_| strange("the metadata service's token cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
