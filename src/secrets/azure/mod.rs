//! Azure Key Vault.
//!
//! Source: Key Vault REST API, "Get Secret".

mod answer;
mod challenge;
mod login;

pub use login::AzureCredentials;

use std::sync::Arc;

use self::answer::bundle;
use self::login::{Login, Renewal};
use super::caller::{field, json, strange};
use super::endpoint::{self, ByEndpoint};
use super::grant::{Shared, ready, refusal};
use super::{Answer, Ask, Caller, Fetch, Fetching, Place, Provider, Reach, env, found};
use crate::clock;
use crate::error::{Code, Error};
use crate::secret::{Fault, Found, Secret};
use crate::sign::Auth;
use crate::url::SafeUrl;

/// The oldest version that is still current in every cloud, sovereign ones included; what is read here is the same in all.
const API_VERSION: &str = "7.4";
/// Where the current version of a secret stands.
const TEMPLATE: &str = "/secrets/{name:str}";

/// Which vault, and who asks.
#[derive(Clone, Debug)]
pub struct AzureOptions {
    /// The vault: its URL, and how it and the authority are reached.
    pub reach: Reach,
    /// Who the bot is.
    pub credentials: AzureCredentials,
    /// Where tokens come from; Microsoft's public cloud unless given.
    pub authority: Option<String>,
    /// Whether the caller named the authority, so that it may be one that Microsoft does not run.
    pub trusts_authority: bool,
}

/// A vault of Azure.
pub struct Azure {
    options: AzureOptions,
    own: Arc<End>,
    others: ByEndpoint<Arc<End>>,
}

/// One address of the vault, and the login that belongs to it.
struct End {
    caller: Arc<Caller>,
    login: Arc<Login>,
    token: Shared,
}

impl Azure {
    /// Checks the options; opens no connection.
    ///
    /// # Errors
    /// `InsecureUrlError` for a vault that is not https, `ValueError` for an authority, ids and networks that are not understood.
    pub fn new(options: AzureOptions) -> Result<Self, Error> {
        let own = Arc::new(End::new(&options, &options.reach.base)?);
        Ok(Self { options, own, others: ByEndpoint::default() })
    }

    /// The vault's host.
    pub fn host(&self) -> String {
        self.own.caller.host()
    }
}

impl End {
    /// The vault at `base`, which has to ask for a token of the vault of the options.
    fn new(options: &AzureOptions, base: &str) -> Result<Self, Error> {
        let AzureOptions { reach, credentials, authority, trusts_authority } = options.clone();
        let caller = Arc::new(Caller::new(&Reach { base: base.to_owned(), ..reach.clone() })?);
        for url in [base, &reach.base] {
            if SafeUrl::parse_base(url)?.path_and_query().0 != "/" {
                return Err(
                    Error::new(Code::UsageValue).saying("The vault's URL has no path: https://NAME.vault.azure.net")
                );
            }
        }
        let origin = SafeUrl::parse_base(&reach.base)?.origin().clone();
        let login = Login::new(credentials, authority.as_deref(), trusts_authority, reach, caller.clone(), origin)?;
        Ok(Self { caller, login: Arc::new(login), token: Shared::default() })
    }
}

/// What the environment says of the bot and its authority.
pub struct AzureEnvironment {
    /// Who the bot is.
    pub credentials: AzureCredentials,
    /// Where tokens come from.
    pub authority: Option<String>,
}

impl AzureEnvironment {
    /// Reads the variables of Azure's own libraries: an application's secret, its federated token, else the machine's identity.
    ///
    /// # Errors
    /// As the secrets that the variables hold or name.
    pub fn read() -> Result<Self, Error> {
        let load = |source: String| super::load(&source, super::Wish::default());
        let authority = env::variable("AZURE_AUTHORITY_HOST")?;
        let authority = authority.map(|host| if host.contains("://") { host } else { format!("https://{host}") });
        let (tenant, client_id) = (env::variable("AZURE_TENANT_ID")?, env::variable("AZURE_CLIENT_ID")?);
        let file = env::variable("AZURE_FEDERATED_TOKEN_FILE")?;
        let has_secret = env::hidden("AZURE_CLIENT_SECRET")?.is_some();
        let credentials = match (tenant, client_id, file) {
            (Some(tenant), Some(client_id), _) if has_secret => {
                AzureCredentials::Secret { tenant, client_id, secret: load("env:AZURE_CLIENT_SECRET".to_owned())? }
            }
            (Some(tenant), Some(client_id), Some(path)) => {
                AzureCredentials::Assertion { tenant, client_id, token: load(format!("file:{path}"))? }
            }
            (_, client_id, _) => AzureCredentials::Machine { client_id },
        };
        Ok(Self { credentials, authority })
    }
}

impl Provider for Azure {
    fn scheme(&self) -> &'static str {
        "azure-kv"
    }

    fn params(&self) -> &'static [&'static str] {
        &["version", "field", endpoint::PARAM]
    }

    fn open(&self, place: &Place) -> Result<Arc<dyn Fetch>, Error> {
        let word = |text: &str, more: &[u8], longest: usize| {
            text.len() <= longest && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        let version = place.param("version").map(str::to_owned);
        if !word(&place.path, b"-", 127) || version.as_deref().is_some_and(|version| !word(version, b"", 64)) {
            return Err(Error::new(Code::UsageValue)
                .saying("The text after `azure-kv:` is a secret's name, with `?version=` and `?field=`."));
        }
        let end = match self.others.of(place, |base| End::new(&self.options, base).map(Arc::new)) {
            Some(named) => named?,
            None => self.own.clone(),
        };
        end.login.probe.get_or_init(|| place.path.clone());
        let token = end.token.get(&end.login.name(), Arc::new(Renewal(end.login.clone())));
        let field = place.param("field").map(str::to_owned);
        Ok(Arc::new(Get(Arc::new(Reading {
            caller: end.caller.clone(),
            token,
            name: place.path.clone(),
            version,
            field,
        }))))
    }
}

struct Get(Arc<Reading>);

impl Fetch for Get {
    fn fetch(&self) -> Fetching {
        let reading = self.0.clone();
        Box::pin(async move {
            let found = reading.read().await;
            found.map_err(|fault| Fault { error: fault.error.with("manager", reading.caller.host()), ..fault })
        })
    }
}

struct Reading {
    caller: Arc<Caller>,
    token: Secret,
    name: String,
    version: Option<String>,
    field: Option<String>,
}

impl Reading {
    async fn read(&self) -> Result<Found, Fault> {
        ready(&self.token).await?;
        let mut values = vec![("name", self.name.clone())];
        values.extend(self.version.clone().map(|version| ("version", version)));
        let template = if self.version.is_some() { "/secrets/{name:str}/{version:str}" } else { TEMPLATE };
        let params = vec![("api-version".to_owned(), API_VERSION.to_owned())];
        let auth = vec![Auth::Bearer(self.token.clone())];
        let answer = self.caller.send(Ask { values, params, auth, reads: &[403, 404], ..Ask::get(template) }).await?;
        if answer.status >= 300 {
            return Err(refused(&answer));
        }
        let body = json(&answer)?;
        let read = bundle(&body, &self.name, self.version.as_deref(), clock::wall()).map_err(strange)?;
        let value = self.field.as_ref().map(|name| field(read.text, name)).transpose()?;
        found(value.as_deref().unwrap_or(read.text), Some(read.version), read.lifetime)
    }
}

/// Gone or forbidden: neither passes.
fn refused(answer: &Answer) -> Fault {
    let code = json(answer).ok().and_then(|body| refusal(&body)).unwrap_or_else(|| "unnamed".to_owned());
    let hint = match (answer.status, code.as_str()) {
        (404, _) => "there is no such secret or version in this vault, or it was deleted",
        (_, "SecretDisabled") => "the secret or this version is disabled",
        (_, "ForbiddenByFirewall" | "ForbiddenByConnection") => "the vault's firewall does not let this address in",
        (_, "ForbiddenByPolicy" | "ForbiddenByRbac") => "this identity may not get secrets of this vault",
        _ => "the vault does not let this identity read the secret",
    };
    let kind = if answer.status == 404 { Code::SecretNotFound } else { Code::SecretAccess };
    let error = Error::new(kind).with("status", answer.status.to_string()).with("refusal", code);
    Fault { error: error.hint(hint), passing: false }
}
