//! HashiCorp Vault and OpenBao: secrets of KV version 2 and 1, read with a token that a login brings.
//!
//! Source: Vault's HTTP API, `/v1/:mount/data/:path`, `/v1/auth/…`; <https://developer.hashicorp.com/vault/api-docs>.

mod session;

pub use session::{Field, Login};

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use self::session::{Renewal, Session};
use super::caller::{json, member, status, strange};
use super::endpoint::{self, ByEndpoint, renamed};
use super::{Answer, Ask, Fetch, Fetching, Place, Provider, Reach, found, kept};
use crate::error::{Class, Code, Error};
use crate::secret::{Fault, Found, Renewed, Secret, Terms};
use crate::validate::header;

/// Its tokens serve for their own lease; those without an end until they are refused.
const TOKEN: Terms = Terms { ttl: Duration::from_secs(365 * 86_400), max_stale: Duration::ZERO };
/// Nodes that cannot answer now: a standby that lags behind, disaster recovery, performance standby.
/// Source: Vault's HTTP API, "HTTP status codes" and `/sys/health`.
const PASSING: [u16; 3] = [412, 472, 473];

/// A Vault: one login for all secrets that are read through it.
pub struct Vault {
    own: End,
    reach: Reach,
    login: Login,
    namespace: Option<String>,
    others: ByEndpoint<End>,
}

/// One address, and the login there.
#[derive(Clone)]
struct End {
    session: Arc<Session>,
    token: Secret,
}

impl End {
    fn new(reach: &Reach, login: Login, namespace: Option<String>) -> Result<Self, Error> {
        let session = Arc::new(Session::new(reach, login, namespace)?);
        // Whoever logs in under another name is another one, also for quotas.
        let token = kept(&session.name(), Arc::new(Renewal(session.clone())), Some(TOKEN), None);
        Ok(Self { session, token })
    }
}

impl Vault {
    /// Checks where it is and how to log in. Opens no connection.
    ///
    /// # Errors
    /// As those of the reach; `ValueError` for a namespace or mount that is none.
    pub fn new(reach: &Reach, login: Login, namespace: Option<&str>) -> Result<Self, Error> {
        let namespace = namespace.map(|text| text.trim_matches('/').to_owned()).filter(|text| !text.is_empty());
        if namespace.as_deref().is_some_and(|text| header::value(text).is_err()) {
            return Err(Error::new(Code::UsageValue).saying("`namespace` is a path such as `team/bots`."));
        }
        let own = End::new(reach, login.clone(), namespace.clone()).map_err(|error| renamed(error, "url"))?;
        Ok(Self { own, reach: reach.clone(), login, namespace, others: ByEndpoint::default() })
    }

    /// Its host.
    pub fn host(&self) -> String {
        self.own.session.host()
    }
}

impl Provider for Vault {
    fn scheme(&self) -> &'static str {
        "vault"
    }

    fn params(&self) -> &'static [&'static str] {
        &["field", "version", "engine", "mount", endpoint::PARAM]
    }

    fn open(&self, place: &Place) -> Result<Arc<dyn Fetch>, Error> {
        let asked = Asked::parse(place)?;
        let made = |base: &str| {
            let reach = Reach { base: base.to_owned(), ..self.reach.clone() };
            End::new(&reach, self.login.clone(), self.namespace.clone())
        };
        let End { session, token } = self.others.of(place, made).unwrap_or_else(|| Ok(self.own.clone()))?;
        Ok(Arc::new(Kept(Arc::new(Read { session, token, asked }))))
    }
}

/// What is read: taken from the source's text.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    mount: String,
    path: String,
    field: Option<String>,
    version: Option<u64>,
    first_engine: bool,
}

impl Asked {
    fn parse(place: &Place) -> Result<Self, Error> {
        let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
        let cut = match place.param("mount") {
            Some(mount) => place.path.strip_prefix(mount.trim_matches('/')).and_then(|rest| rest.strip_prefix('/')),
            None => place.path.split_once('/').map(|(_, path)| path),
        };
        let path = cut.ok_or_else(|| {
            wrong(
                "The text after `vault:` is `mount/path?field=key`; a mount of several parts is repeated in `mount=`.",
            )
        })?;
        let mount = place.path.strip_suffix(path).map_or("", |mount| mount.trim_end_matches('/'));
        let first_engine = match place.param("engine") {
            None | Some("2") => false,
            Some("1") => true,
            Some(_) => return Err(wrong("The parameter `engine` is 1 or 2, the version of the KV engine.")),
        };
        let version = place.param("version").map(|text| text.parse().ok().filter(|version| *version > 0));
        let version = match version {
            None => None,
            Some(Some(_)) if first_engine => return Err(wrong("KV version 1 keeps no versions of a secret.")),
            Some(Some(version)) => Some(version),
            Some(None) => return Err(wrong("The parameter `version` is a whole number, at least 1.")),
        };
        let field = place.param("field").map(str::to_owned);
        Ok(Self { mount: mount.to_owned(), path: path.to_owned(), field, version, first_engine })
    }

    fn ask(&self) -> Ask {
        let template = match self.first_engine {
            true => "/v1/{mount:segments}/{path:segments}",
            false => "/v1/{mount:segments}/data/{path:segments}",
        };
        Ask {
            values: vec![("mount", self.mount.clone()), ("path", self.path.clone())],
            params: self.version.map(|version| ("version".to_owned(), version.to_string())).into_iter().collect(),
            reads: &[404],
            ..Ask::get(template)
        }
    }

    /// The value in an answer. Nothing of the answer is in a fault.
    fn value(&self, answer: &Answer) -> Result<Found, Fault> {
        let body = if answer.status == 404 { json(answer).unwrap_or_default() } else { json(answer)? };
        let outer = body.get("data");
        let metadata = outer.and_then(|data| data.get("metadata"));
        if answer.status == 404 {
            return Err(gone(metadata));
        }
        let outer = outer.ok_or_else(|| strange("the answer holds no data"))?;
        if self.first_engine {
            return found(&self.pick(outer)?, None, None);
        }
        let number = metadata.and_then(|metadata| metadata.get("version")?.as_u64());
        let number = number.ok_or_else(|| {
            let fault = strange("the answer names no version");
            Fault { error: fault.error.hint("is the mount one of KV version 1? then add engine=1"), ..fault }
        })?;
        if self.version.is_some_and(|asked| asked != number) {
            return Err(strange("the answer is about another version"));
        }
        match outer.get("data") {
            None | Some(Value::Null) => Err(gone(metadata)),
            Some(data) => found(&self.pick(data)?, Some(number.to_string()), None),
        }
    }

    fn pick(&self, data: &Value) -> Result<Zeroizing<String>, Fault> {
        let object = data.as_object().ok_or_else(|| strange("the answer's data is no object"))?;
        let only = || object.keys().next().filter(|_| object.len() == 1).map(String::as_str);
        match self.field.as_deref().or_else(only) {
            Some(name) => member(data, name).map(Zeroizing::new),
            None => Err(missing("the secret has not exactly one field", "name one of them: ?field=NAME")),
        }
    }
}

/// What a 404 means: a version that is deleted or destroyed is told of with the rest of its metadata.
fn gone(metadata: Option<&Value>) -> Fault {
    let destroyed = metadata.and_then(|metadata| metadata.get("destroyed")?.as_bool());
    match destroyed {
        Some(true) => missing("this version is destroyed", "write the secret anew"),
        Some(false) => missing("this version is deleted", "undelete it, or name another with ?version="),
        None => missing(
            "there is no such secret, or the engine is another",
            "check mount and path; mounts of KV version 1 need engine=1",
        ),
    }
}

fn missing(reason: &str, hint: &str) -> Fault {
    let error = Error::new(Code::SecretNotFound).with("reason", reason.to_owned()).hint(hint);
    Fault { error, passing: false }
}

/// What a failed call to Vault means.
fn judged(fault: Fault) -> Fault {
    match (status(&fault), fault.error.code().class()) {
        (Some(code), _) if PASSING.contains(&code) => Fault { passing: true, ..fault },
        (Some(503), _) => Fault { error: fault.error.with("reason", "sealed, or not in service"), ..fault },
        (Some(code), Class::SecretAccessError) if (300..400).contains(&code) => {
            let error = fault.error.with("reason", "a redirect, which no token follows");
            Fault { error: error.hint("name the active node, or let the standby nodes forward requests"), ..fault }
        }
        _ => fault,
    }
}

/// Reads one secret.
struct Read {
    session: Arc<Session>,
    token: Secret,
    asked: Asked,
}

struct Kept(Arc<Read>);

impl Fetch for Kept {
    fn fetch(&self) -> Fetching {
        let read = self.0.clone();
        Box::pin(async move { read.fetch().await })
    }
}

impl Read {
    /// Reads with the session's token; one that is refused is replaced once, unless it is brand new.
    async fn fetch(&self) -> Result<Found, Fault> {
        let before = self.session.logins();
        let token = self.ready().await?;
        let is_new = self.session.logins() != before;
        let refusal = match self.ask(&token).await {
            Err(fault) if matches!(status(&fault), Some(401 | 403)) => fault,
            result => return result,
        };
        if is_new {
            return Err(refusal);
        }
        self.session.refused(&token.fingerprint());
        match self.token.renewed(&token.fingerprint()).await {
            Ok(Renewed::Changed) => self.ask(&self.ready().await?).await,
            Ok(Renewed::Same | Renewed::TooSoon) => Err(refusal),
            Err(error) => Err(self.session.unready(error)),
        }
    }

    /// The token as it is now.
    async fn ready(&self) -> Result<Secret, Fault> {
        self.token.ready().await.map_err(|error| self.session.unready(error))?;
        let version = self.token.reveal().map_err(|error| self.session.unready(error))?;
        Ok(self.token.frozen(version))
    }

    async fn ask(&self, token: &Secret) -> Result<Found, Fault> {
        let answer = self.session.send(self.asked.ask(), Some(token)).await?;
        let host = self.session.host();
        self.asked.value(&answer).map_err(|fault| Fault { error: fault.error.with("manager", host), ..fault })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
