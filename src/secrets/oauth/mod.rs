//! OAuth 2: access tokens as secrets that rotate, from client credentials or a refresh token.
//!
//! Source: RFC 6749 §2.3.1, §4.4, §5, §6.

mod consent;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use self::consent::{Consent, Shown};
use super::caller::{json, strange};
use super::{Answer, Ask, Caller, Fetch, Fetching, Reach, clean, found, grant, kept, version};
use crate::encode;
use crate::error::{Code, Error};
use crate::secret::{Fault, Found, Renewed, Secret, Terms};
use crate::sign::Auth;
use crate::url::SafeUrl;
use crate::validate::{Leaf, Route};

/// Tokens serve for the time that their answer names.
const TERMS: Terms = Terms { ttl: Duration::from_secs(365 * 86_400), max_stale: Duration::ZERO };
/// How long a token serves whose answer names no time (RFC 6749 §5.1 only recommends one): an hour, what most of them have.
const USUAL_S: u64 = 3600;
/// Longest time that is believed: a year.
const LONGEST_S: u64 = 365 * 86_400;
/// What the flow itself sends.
const OWN: [&str; 6] = ["grant_type", "client_id", "client_secret", "refresh_token", "scope", "audience"];

/// What the bot has to show.
#[derive(Clone, Debug)]
pub enum Grant {
    /// Itself (RFC 6749 §4.4).
    ClientCredentials,
    /// A refresh token that a person's consent brought (RFC 6749 §6).
    Refresh(Secret),
}

/// How the client proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// In the Authorization header.
    Basic,
    /// In the body.
    Body,
}

/// Where tokens come from.
#[derive(Clone, Debug)]
pub struct OAuth2 {
    /// The token endpoint.
    pub token_url: String,
    /// What the bot has to show.
    pub grant: Grant,
    /// The client's public name.
    pub client_id: String,
    /// Its password; public clients have none.
    pub client_secret: Option<Secret>,
    /// How it proves itself.
    pub style: Style,
    /// `scope` and `audience` where given, and what the endpoint takes beside them.
    pub fields: Vec<(String, Leaf)>,
}

/// The token endpoint and the tokens that it gave.
pub struct Tokens {
    caller: Caller,
    template: String,
    params: Vec<(String, String)>,
    flow: OAuth2,
    consent: Option<Arc<Consent>>,
    /// The refresh token as people see it.
    shown: Option<Secret>,
}

impl Tokens {
    /// Checks where the endpoint is; `reach` is filled in by its URL. Opens no connection.
    ///
    /// # Errors
    /// `InsecureUrlError` for a URL that is not https, `ValueError` for one that is none and for fields that the flow owns.
    pub fn new(flow: OAuth2, reach: Reach) -> Result<Arc<Self>, Error> {
        let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
        let url = SafeUrl::parse(&flow.token_url).map_err(|error| match error.code() {
            Code::PolicyInsecureUrl => error.saying("`token_url` must start with https://."),
            _ => wrong("`token_url` is the https URL of the token endpoint."),
        })?;
        let (path, query) = url.path_and_query();
        Route::parse(path).map_err(|_| wrong("The path of `token_url` holds a character that needs encoding."))?;
        let params = grant::pairs(query);
        if flow.client_id.is_empty() {
            return Err(wrong("`client_id` is empty."));
        }
        let reach = Reach { base: format!("https://{}", url.origin().authority()), ..reach };
        let template = path.to_owned();
        let caller = Caller::new(&reach)?;
        let consent = match &flow.grant {
            Grant::Refresh(source) => Some(Arc::new(Consent::new(source.clone()))),
            Grant::ClientCredentials => None,
        };
        let shown = consent.as_ref().map(|consent| {
            let shown = kept(consent.source.name(), Arc::new(Shown(consent.clone())), Some(TERMS), None);
            // What is at hand needs no reading.
            if let Ok(found) = consent.found() {
                shown.finish(Ok(found));
            }
            shown
        });
        Ok(Arc::new(Self { caller, template, params, flow, consent, shown }))
    }

    /// Whether a field is one that the flow sends by itself.
    pub fn owns(field: &str) -> bool {
        OWN.contains(&field)
    }

    /// The access token, read when it is first needed and renewed before it expires.
    pub fn access(self: &Arc<Self>) -> Secret {
        kept(&self.name(), Arc::new(Renewal(self.clone())), Some(TERMS), None)
    }

    /// The refresh token as it is now: it rotates where the endpoint replaces it.
    pub fn refresh(&self) -> Option<Secret> {
        self.shown.clone()
    }

    /// The endpoint's host.
    pub fn host(&self) -> String {
        self.caller.host()
    }

    /// Who shares this name shares a quota: it tells users of one client apart.
    fn name(&self) -> String {
        let client: String = self.flow.client_id.chars().filter(char::is_ascii_graphic).take(64).collect();
        let user = self.consent.as_ref().map(|consent| format!("/{}", consent.source.name())).unwrap_or_default();
        format!("oauth2:{}/{client}{user}", self.host())
    }

    /// Asks for a token; once more where the endpoint refused a secret that has changed since.
    async fn fetch(&self) -> Result<Found, Fault> {
        let mut used = Vec::new();
        let first = self.ask(&mut used).await;
        let Err(fault) = first else { return first };
        if !fault.error.details().iter().any(|(key, code)| *key == "oauth_error" && code.starts_with("invalid_")) {
            return Err(fault);
        }
        let mut changed = false;
        for (secret, fingerprint) in used {
            changed |= matches!(secret.renewed(&fingerprint).await, Ok(Renewed::Changed));
        }
        if changed { self.ask(&mut Vec::new()).await } else { Err(fault) }
    }

    /// A secret as it is now; where it may change, it is noted which value was used.
    async fn now(&self, secret: &Secret, used: &mut Vec<(Secret, String)>) -> Result<Secret, Fault> {
        secret.ready().await.map_err(unread)?;
        let version = secret.reveal().map_err(unread)?;
        if secret.is_moving() {
            used.push((secret.clone(), version.fingerprint().to_owned()));
        }
        Ok(secret.frozen(version))
    }

    async fn ask(&self, used: &mut Vec<(Secret, String)>) -> Result<Found, Fault> {
        let mut fields: Vec<(&str, Leaf)> = Vec::new();
        let mut began = String::new();
        match &self.consent {
            None => fields.push(("grant_type", Leaf::Plain("client_credentials".to_owned()))),
            Some(consent) => {
                began = self.now(&consent.source, used).await?.fingerprint();
                fields.push(("grant_type", Leaf::Plain("refresh_token".to_owned())));
                fields.push(("refresh_token", Leaf::Hidden(consent.current())));
            }
        }
        fields.extend(self.flow.fields.iter().map(|(name, leaf)| (name.as_str(), leaf.clone())));
        let client = match &self.flow.client_secret {
            Some(secret) => Some(self.now(secret, used).await?),
            None => None,
        };
        let mut auth = Vec::new();
        match self.flow.style {
            Style::Basic => auth.push(self.basic(client)?),
            Style::Body => {
                fields.push(("client_id", Leaf::Plain(self.flow.client_id.clone())));
                fields.extend(client.map(|secret| ("client_secret", Leaf::Hidden(secret))));
            }
        }
        let ask = Ask::post(self.template.clone(), "application/x-www-form-urlencoded", grant::form(&fields));
        let ask = Ask { params: self.params.clone(), auth, reads: &[400, 401, 403], ..ask };
        let answer = self.caller.send(ask).await?;
        self.read(&answer, &began).map_err(|fault| Fault { error: fault.error.with("manager", self.host()), ..fault })
    }

    /// Name and password, each form-encoded before they are joined (RFC 6749 §2.3.1).
    fn basic(&self, client: Option<Secret>) -> Result<Auth, Fault> {
        let password = match client {
            None => Secret::new(self.flow.client_id.clone(), String::new().into(), String::new()),
            Some(secret) => {
                let value = secret.reveal().map_err(|error| Fault { error, passing: false })?;
                match clean(&encode::url_query(&value)) {
                    Some(encoded) => secret.frozen(Arc::new(version(encoded, None))),
                    None => secret,
                }
            }
        };
        Ok(Auth::basic(encode::url_query(&self.flow.client_id), password))
    }

    fn read(&self, answer: &Answer, began: &str) -> Result<Found, Fault> {
        if answer.status >= 300 {
            let code = json(answer).ok().and_then(|body| grant::refusal(&body));
            return Err(refused(answer.status, code));
        }
        let body = json(answer)?;
        // Some endpoints refuse with a status that says otherwise.
        if body.get("error").is_some_and(|error| !error.is_null()) {
            return Err(refused(answer.status, grant::refusal(&body)));
        }
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        let token = text("access_token").ok_or_else(|| strange("the answer holds no access token"))?;
        // Kept before anything else is judged: the one before it may be spent.
        if let (Some(consent), Some(next)) = (&self.consent, text("refresh_token").and_then(clean)) {
            consent.replace(next, began);
        }
        if let Some((consent, shown)) = self.consent.as_ref().zip(self.shown.as_ref()) {
            shown.finish(consent.found());
        }
        match text("token_type") {
            Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
            Some(_) => return Err(strange("the token is of another type than Bearer")),
            None => return Err(strange("the answer names no token type")),
        }
        // RFC 6749 appendix A.12; what does not fit could not be sent.
        if !grant::fits_a_header(token) {
            return Err(strange("the token holds characters that no header may hold"));
        }
        found(token, None, Some(lifetime(body.get("expires_in"))?))
    }
}

/// Why a secret that the flow needs cannot be used.
fn unread(error: Error) -> Fault {
    Fault { passing: error.code() == Code::SecretStale, error }
}

struct Renewal(Arc<Tokens>);

impl Fetch for Renewal {
    fn fetch(&self) -> Fetching {
        let tokens = self.0.clone();
        Box::pin(async move { tokens.fetch().await })
    }
}

/// How long a token serves. Some endpoints write the number as text.
fn lifetime(expires: Option<&Value>) -> Result<Duration, Fault> {
    let seconds = match expires {
        None | Some(Value::Null) => Some(USUAL_S),
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64)),
        Some(_) => None,
    };
    match seconds {
        None => Err(strange("the token's lifetime is no number")),
        Some(0) => Err(strange("the token has no time left")),
        Some(seconds) => Ok(grant::in_use(Duration::from_secs(seconds.min(LONGEST_S)))),
    }
}

fn refused(status: u16, code: Option<String>) -> Fault {
    let code = code.unwrap_or_else(|| "unnamed".to_owned());
    let passing = grant::passes(&code);
    let hint = match code.as_str() {
        "invalid_client" => "the client's name or its secret is refused",
        "invalid_grant" => "the refresh token is spent, revoked, or of another client: a person has to consent again",
        "invalid_scope" => "this client may not have what `scope` asks for",
        "unauthorized_client" => "this client may not use this kind of grant",
        _ => "the token endpoint refused the request",
    };
    let error = Error::new(Code::SecretAccess).with("status", status.to_string());
    let reason = format!("the token endpoint refused: {code}");
    Fault { error: error.with("reason", reason).with("oauth_error", code).hint(hint), passing }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
