//! Google Secret Manager.
//!
//! Source: Secret Manager API, `projects.secrets.versions.access`.

mod credentials;
mod login;
mod place;

pub use login::GcpCredentials;

use std::sync::Arc;

use self::login::{Login, Renewal};
use self::place::{Payload, Spot, payload};
use super::caller::{field, json, strange};
use super::endpoint::{self, ByEndpoint, renamed};
use super::grant::{Shared, ready, refusal};
use super::{Answer, Ask, Caller, Fetch, Fetching, Place, Provider, Reach, env, found};
use crate::error::{Code, Error};
use crate::secret::{Fault, Found, Secret};
use crate::sign::Auth;
use crate::url::Origin;
use crate::validate::Leaf;

/// Where Google Secret Manager is, and who asks.
#[derive(Clone, Debug)]
pub struct GcpOptions {
    /// Who the bot is.
    pub credentials: GcpCredentials,
    /// Another endpoint than Google's own.
    pub endpoint: Option<String>,
    /// Hosts beside Google's that may give tokens.
    pub hosts: Vec<String>,
    /// How all of them are reached; its base is not read.
    pub reach: Reach,
}

/// Google Secret Manager.
pub struct Gcp {
    login: Arc<Login>,
    token: Shared,
    endpoint: Option<String>,
    reach: Reach,
    /// A client for each endpoint that a secret was opened at.
    callers: ByEndpoint<Arc<Caller>>,
}

impl Gcp {
    /// Checks the options; opens no connection.
    ///
    /// # Errors
    /// `InsecureUrlError` for an endpoint that is not https, `ValueError` for hosts and networks that are not understood,
    /// `SecretAccessError` for credentials that cannot be used.
    pub fn new(options: GcpOptions) -> Result<Self, Error> {
        let GcpOptions { credentials, endpoint, hosts, reach } = options;
        let hosts = hosts.iter().map(|host| Origin::parse(host)).collect::<Result<Vec<_>, _>>().map_err(|_| {
            Error::new(Code::UsageValue)
                .saying("`hosts` takes hosts such as \"sts.example.com\" or \"localhost:8443\".")
        })?;
        let login = Arc::new(Login::new(credentials, hosts, reach.clone())?);
        let gcp = Self { login, token: Shared::default(), endpoint, reach, callers: ByEndpoint::default() };
        if let Some(endpoint) = gcp.endpoint.clone() {
            gcp.caller(&endpoint).map_err(|error| renamed(error, "endpoint"))?;
        }
        Ok(gcp)
    }

    fn caller(&self, base: &str) -> Result<Arc<Caller>, Error> {
        self.callers.get(base, || self.open_at(base))
    }

    fn open_at(&self, base: &str) -> Result<Arc<Caller>, Error> {
        Caller::new(&Reach { base: base.to_owned(), ..self.reach.clone() }).map(Arc::new)
    }
}

impl GcpCredentials {
    /// Application default credentials: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, the one that `gcloud` left, else
    /// the machine's. Source: AIP-4110.
    ///
    /// # Errors
    /// As a secret's file; one that is named and not there is not passed over.
    pub fn from_env() -> Result<Self, Error> {
        let open = |path: String| super::load(&format!("file:{path}"), super::Wish::default()).map(Self::Json);
        if let Some(path) = env::variable("GOOGLE_APPLICATION_CREDENTIALS")? {
            return open(path);
        }
        let folder = match env::variable("CLOUDSDK_CONFIG")? {
            Some(folder) => Some(folder),
            None if cfg!(windows) => env::variable("APPDATA")?.map(|home| format!("{home}/gcloud")),
            None => env::variable("HOME")?.map(|home| format!("{home}/.config/gcloud")),
        };
        let Some(folder) = folder else { return Ok(Self::Metadata) };
        match open(format!("{folder}/application_default_credentials.json")) {
            Err(error) if error.code() == Code::SecretNotFound => Ok(Self::Metadata),
            result => result,
        }
    }
}

impl Provider for Gcp {
    fn scheme(&self) -> &'static str {
        "gcp-sm"
    }

    fn params(&self) -> &'static [&'static str] {
        &["version", "field", endpoint::PARAM]
    }

    fn open(&self, place: &Place) -> Result<Arc<dyn Fetch>, Error> {
        let spot = Spot::parse(place)?;
        let caller = match self.callers.of(place, |base| self.open_at(base)) {
            Some(named) => named?,
            None => self.caller(&self.endpoint.clone().unwrap_or_else(|| spot.endpoint()))?,
        };
        let token = self.token.get(&self.login.name(), Arc::new(Renewal(self.login.clone())));
        let field = place.param("field").map(str::to_owned);
        Ok(Arc::new(Access(Arc::new(Reading { caller, token, login: self.login.clone(), spot, field }))))
    }
}

struct Access(Arc<Reading>);

impl Fetch for Access {
    fn fetch(&self) -> Fetching {
        let reading = self.0.clone();
        Box::pin(async move { reading.read().await })
    }
}

struct Reading {
    caller: Arc<Caller>,
    token: Secret,
    login: Arc<Login>,
    spot: Spot,
    field: Option<String>,
}

impl Reading {
    async fn read(&self) -> Result<Found, Fault> {
        ready(&self.token).await?;
        // Bytes that broke on the way are asked for once more.
        for _ in 0..2 {
            let answer = self.caller.send(self.ask()).await?;
            let whole = self.judge(&answer).map_err(|fault| self.named(fault))?;
            if let Some(found) = whole {
                return Ok(found);
            }
        }
        Err(self.named(strange("the payload does not fit its CRC32C checksum")))
    }

    fn ask(&self) -> Ask {
        let Spot { project, location, secret, version } = &self.spot;
        let place = if location.is_some() { "/locations/{location:str}" } else { "" };
        let template =
            format!("/v1/projects/{{project:str}}{place}/secrets/{{secret:str}}/versions/{{version:str}}:access");
        let mut values = vec![("project", project.clone()), ("secret", secret.clone()), ("version", version.clone())];
        values.extend(location.clone().map(|location| ("location", location)));
        let quota = self.login.quota_project().map(|project| ("x-goog-user-project".to_owned(), Leaf::Plain(project)));
        let (headers, auth) = (quota.into_iter().collect(), vec![Auth::Bearer(self.token.clone())]);
        Ask { values, headers, auth, reads: &[400], ..Ask::get(template) }
    }

    /// The value; `None` for bytes that broke.
    fn judge(&self, answer: &Answer) -> Result<Option<Found>, Fault> {
        let body = json(answer)?;
        if answer.status >= 300 {
            let code = refusal(&body).unwrap_or_else(|| "unnamed".to_owned());
            let hint = match code.as_str() {
                "FAILED_PRECONDITION" => "this version is disabled or destroyed",
                _ => "the manager does not understand the question",
            };
            let error = Error::new(Code::SecretAccess).with("status", answer.status.to_string());
            return Err(Fault { error: error.with("refusal", code).hint(hint), passing: false });
        }
        match payload(&body, &self.spot).map_err(strange)? {
            Payload::Damaged => Ok(None),
            Payload::Whole(text, version) => {
                let value = self.field.as_ref().map(|name| field(&text, name)).transpose()?;
                found(value.as_deref().unwrap_or(&text), Some(version), None).map(Some)
            }
        }
    }

    fn named(&self, fault: Fault) -> Fault {
        Fault { error: fault.error.with("manager", self.caller.host()), ..fault }
    }
}
