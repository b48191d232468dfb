//! A login to Vault and the token that it brings: renewed at two thirds of its lease, replaced when that no longer works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::judged;
use crate::clock;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::{Fault, Form, Found, Piece, Secret, Text};
use crate::secrets::caller::{json, status, strange};
use crate::secrets::{Answer, Ask, Caller, Fetch, Fetching, Reach, Wish, clean, found, load, version};
use crate::validate::Leaf;

/// How the bot proves to Vault who it is.
#[derive(Clone, Debug)]
pub enum Login {
    /// A token that somebody made for it.
    Token(Secret),
    /// Fields that an auth method takes at `auth/MOUNT/login`.
    Method {
        /// Where the method is mounted.
        mount: String,
        /// What it is told.
        fields: Vec<(&'static str, Field)>,
    },
}

/// What a login tells.
#[derive(Clone, Debug)]
pub enum Field {
    /// A name.
    Plain(String),
    /// A secret.
    Hidden(Secret),
    /// The secret in a file, read with each login: the platform rotates it.
    File(String),
}

/// A token and how long it is good for.
#[derive(Clone)]
struct Lease {
    token: Secret,
    renewable: bool,
    /// What the first lease was: a much shorter one says that the end of the token's life is near.
    first: Duration,
    ends: Option<Instant>,
}

#[derive(Default)]
struct Held {
    lease: Option<Lease>,
    /// Fingerprint of the last token that was refused.
    refused: String,
    logins: u64,
    /// Whether the last try failed because Vault was out of reach.
    passing: bool,
}

/// One identity at one Vault.
pub(super) struct Session {
    caller: Caller,
    login: Login,
    namespace: Option<String>,
    held: Lock<Held>,
}

/// Fetches the session's token.
pub(super) struct Renewal(pub(super) Arc<Session>);

impl Fetch for Renewal {
    fn fetch(&self) -> Fetching {
        let session = self.0.clone();
        Box::pin(async move {
            // Until it ends, it was stopped by its time limit.
            session.held.lock().passing = true;
            let result = session.fetch().await;
            session.held.lock().passing = result.as_ref().is_err_and(|fault| fault.passing);
            result
        })
    }
}

impl Session {
    pub(super) fn new(reach: &Reach, login: Login, namespace: Option<String>) -> Result<Self, Error> {
        if let Login::Method { mount, .. } = &login
            && mount.split('/').any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(
                Error::new(Code::UsageValue).saying("`mount` is a path such as `approle`, without slashes around.")
            );
        }
        Ok(Self { caller: Caller::new(reach)?, login, namespace, held: Lock::default() })
    }

    pub(super) fn host(&self) -> String {
        self.caller.host()
    }

    pub(super) fn name(&self) -> String {
        let how = match &self.login {
            Login::Token(secret) => secret.name(),
            Login::Method { mount, .. } => mount,
        };
        format!("vault-token:{}/{how}", self.host())
    }

    /// How often it logged in.
    pub(super) fn logins(&self) -> u64 {
        self.held.lock().logins
    }

    /// Notes that Vault refused a token: it is replaced, not renewed.
    pub(super) fn refused(&self, fingerprint: &str) {
        fingerprint.clone_into(&mut self.held.lock().refused);
    }

    /// Why there is no token, as a reason for there being no secret.
    pub(super) fn unready(&self, error: Error) -> Fault {
        let passing = self.held.lock().passing;
        if error.user_message() != error.code().user_message() {
            return Fault { error, passing };
        }
        let mut out = Error::new(Code::SecretAccess).with("step", "login").with("manager", self.host());
        error.details().iter().for_each(|(key, value)| out.add(key, value.clone()));
        out = out.hint(match &self.login {
            Login::Token(_) => "the token itself cannot be used: make a new one",
            Login::Method { .. } => "the login was refused or not answered: check mount, role and credentials",
        });
        Fault { error: out, passing }
    }

    /// Asks in the session's namespace.
    pub(super) async fn send(&self, mut ask: Ask, token: Option<&Secret>) -> Result<Answer, Fault> {
        // Agents that guard against forged requests demand it.
        ask.headers.push(("X-Vault-Request".to_owned(), Leaf::Plain("true".to_owned())));
        if let Some(namespace) = &self.namespace {
            ask.headers.push(("X-Vault-Namespace".to_owned(), Leaf::Plain(namespace.clone())));
        }
        if let Some(token) = token {
            ask.headers.push(("X-Vault-Token".to_owned(), Leaf::Hidden(token.clone())));
        }
        self.caller.send(ask).await.map_err(judged)
    }

    /// Renews the token while that can be done, else logs in.
    async fn fetch(&self) -> Result<Found, Fault> {
        let (lease, refused) = {
            let held = self.held.lock();
            (held.lease.clone(), held.refused.clone())
        };
        if let Some(lease) = lease.filter(|lease| lease.may_renew(&refused)) {
            match self.renew(&lease).await {
                Err(fault) if !fault.passing => {}
                result => return result,
            }
        }
        match &self.login {
            Login::Token(token) => self.look_up(token, &refused).await,
            Login::Method { mount, fields } => self.log_in(mount, fields).await,
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Found, Fault> {
        let ask = Ask::post("/v1/auth/token/renew-self", "application/json", Text::plain("{}"));
        let granted = Granted::read(&json(&self.send(ask, Some(&lease.token)).await?)?)?;
        // The token stays what it was, whatever the answer calls it.
        let renewable = granted.renewable && granted.lasts >= lease.first / 2;
        self.hold(Lease { renewable, ends: granted.ends(), ..lease.clone() }, granted.lasts)
    }

    async fn log_in(&self, mount: &str, fields: &[(&'static str, Field)]) -> Result<Found, Fault> {
        let mut ask = Ask::post("/v1/auth/{mount:segments}/login", "application/json", body(fields)?);
        ask.values = vec![("mount", mount.to_owned())];
        let answer = json(&self.send(ask, None).await?)?;
        let granted = Granted::read(&answer)?;
        let token = answer.pointer("/auth/client_token").and_then(Value::as_str).and_then(clean);
        let token = token.ok_or_else(|| strange("the login brought no token"))?;
        let token = Secret::fixed(self.name(), version(token, None));
        self.held.lock().logins += 1;
        self.hold(
            Lease { token, renewable: granted.renewable, first: granted.lasts, ends: granted.ends() },
            granted.lasts,
        )
    }

    /// Asks how long a token is good for that somebody else made.
    async fn look_up(&self, source: &Secret, refused: &str) -> Result<Found, Fault> {
        let firm = |error: Error| Fault { passing: error.code() == Code::SecretStale, error };
        source.ready().await.map_err(firm)?;
        if source.fingerprint() == refused {
            // Where it comes from there may be another one by now.
            let _ = source.renewed(refused).await;
        }
        let token = source.frozen(source.reveal().map_err(firm)?);
        let answer = match self.send(Ask::get("/v1/auth/token/lookup-self"), Some(&token)).await {
            // A policy may forbid the question; whether the token is good shows when it is used.
            Err(fault) if status(&fault) == Some(403) => None,
            answer => Some(json(&answer?)?),
        };
        let granted = answer.as_ref().map(Granted::looked_up).transpose()?.unwrap_or_default();
        if answer.is_some() {
            // It is good after all: a policy refused the secret, not Vault the token.
            self.held.lock().refused.clear();
        }
        self.hold(
            Lease { token, renewable: granted.renewable, first: granted.lasts, ends: granted.ends() },
            granted.lasts,
        )
    }

    /// Keeps a lease, and says when the token is to be renewed: a value is read again after four to five fifths of its
    /// lifetime, so that five sixths of a lease are renewed from two thirds on.
    fn hold(&self, lease: Lease, lasts: Duration) -> Result<Found, Fault> {
        let value = lease.token.reveal().map_err(|error| Fault { error, passing: false })?;
        self.held.lock().lease = Some(lease);
        found(&value, None, (!lasts.is_zero()).then(|| lasts.mul_f64(5.0 / 6.0)))
    }
}

impl Lease {
    fn may_renew(&self, refused: &str) -> bool {
        let lives = self.ends.is_some_and(|ends| clock::now() < ends);
        self.renewable && lives && self.token.fingerprint() != refused
    }
}

/// What Vault says of a token; no time means no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Granted {
    lasts: Duration,
    renewable: bool,
}

/// Longest lease that is believed: ten years.
const LONGEST: u64 = 10 * 365 * 86_400;

impl Granted {
    /// Of an answer to a login or a renewal.
    fn read(answer: &Value) -> Result<Self, Fault> {
        let auth = answer.get("auth").filter(|auth| auth.is_object());
        let auth = auth.ok_or_else(|| strange("the answer grants no token"))?;
        let lasts = auth.get("lease_duration").and_then(Value::as_u64);
        let lasts = lasts.ok_or_else(|| strange("the answer says not how long the token is good for"))?;
        let renewable = auth.get("renewable").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { lasts: Duration::from_secs(lasts.min(LONGEST)), renewable })
    }

    /// Of an answer about a token that exists.
    fn looked_up(answer: &Value) -> Result<Self, Fault> {
        let data = answer.get("data").filter(|data| data.is_object());
        let data = data.ok_or_else(|| strange("the answer tells nothing of the token"))?;
        let lasts = data.get("ttl").and_then(Value::as_u64);
        let lasts = lasts.ok_or_else(|| strange("the answer says not how long the token is good for"))?;
        let ends = data.get("expire_time").is_some_and(|time| !time.is_null());
        if lasts == 0 && ends {
            let error = Error::new(Code::SecretAccess).with("reason", "the token has expired");
            return Err(Fault { error, passing: false });
        }
        let renewable = data.get("renewable").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { lasts: Duration::from_secs(lasts.min(LONGEST)), renewable })
    }

    fn ends(&self) -> Option<Instant> {
        if self.lasts.is_zero() { None } else { clock::now().checked_add(self.lasts) }
    }
}

/// A JSON object of a login's fields.
fn body(fields: &[(&'static str, Field)]) -> Result<Text, Fault> {
    let mut text = Text::default();
    let mut plain = String::from("{");
    for (index, (name, field)) in fields.iter().enumerate() {
        plain.push_str(&format!("{}\"{name}\":", if index > 0 { "," } else { "" }));
        let secret = match field {
            Field::Plain(value) => {
                plain.push_str(&Value::from(value.as_str()).to_string());
                continue;
            }
            Field::Hidden(secret) => secret.clone(),
            Field::File(path) => load(&format!("file:{path}"), Wish::default()).map_err(|error| {
                // Whoever writes it anew needs a moment.
                let passing = error.code() == Code::SecretNotFound;
                Fault { error, passing }
            })?,
        };
        plain.push('"');
        text.push(Piece::Plain(Bytes::from(std::mem::take(&mut plain))));
        text.push(Piece::Hidden(secret, Form::Json));
        plain.push('"');
    }
    plain.push('}');
    text.push(Piece::Plain(Bytes::from(plain)));
    Ok(text)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
