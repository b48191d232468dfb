//! Access tokens for Key Vault: the vault says what it wants a token for, the authority or the machine gives one.
//!
//! Source: Microsoft identity platform, "OAuth 2.0 client credentials flow" (secret, and federated credential).

use std::sync::{Arc, OnceLock};

use http::header::WWW_AUTHENTICATE;

use super::challenge::{Challenge, is_known};
use super::{API_VERSION, TEMPLATE};
use crate::error::{Code, Error};
use crate::secret::{Fault, Found, Renewed, Secret};
use crate::secrets::caller::strange;
use crate::secrets::grant::{Endpoint, firm, served};
use crate::secrets::{Ask, Caller, Fetch, Fetching, Reach, metadata};
use crate::url::{Origin, SafeUrl};
use crate::validate::Leaf;

/// Where tokens of the public cloud come from.
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// Resources that a machine's identity is asked a token for: vaults and managed HSMs of the public cloud, the US government and
/// China.
const RESOURCES: [&str; 6] = [
    "https://vault.azure.net",
    "https://managedhsm.azure.net",
    "https://vault.usgovcloudapi.net",
    "https://managedhsm.usgovcloudapi.net",
    "https://vault.azure.cn",
    "https://managedhsm.azure.cn",
];

/// Who the bot is.
#[derive(Clone, Debug)]
pub enum AzureCredentials {
    /// An application and its secret.
    Secret {
        /// The tenant's id or domain.
        tenant: String,
        /// The application's id.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// An application and a token of somebody else whom it trusts, such as a Kubernetes service account's.
    Assertion {
        /// The tenant's id or domain.
        tenant: String,
        /// The application's id.
        client_id: String,
        /// The token, read again for each login.
        token: Secret,
    },
    /// The identity of the machine; `client_id` names one of several.
    Machine {
        /// The identity's id.
        client_id: Option<String>,
    },
}

impl AzureCredentials {
    fn tenant(&self) -> Option<&str> {
        match self {
            Self::Secret { tenant, .. } | Self::Assertion { tenant, .. } => Some(tenant),
            Self::Machine { .. } => None,
        }
    }

    /// Tenants and applications have names that are GUIDs or domains.
    fn check(&self) -> Result<(), Error> {
        let plain = |name: &str, text: &str| {
            let fits = (1..=253).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            let dots = text.bytes().all(|b| b == b'.');
            let said = format!("`{name}` is a GUID or a domain.");
            if fits && !dots { Ok(()) } else { Err(Error::new(Code::UsageValue).saying(said)) }
        };
        match self {
            Self::Secret { tenant, client_id, .. } | Self::Assertion { tenant, client_id, .. } => {
                plain("tenant", tenant).and_then(|()| plain("client_id", client_id))
            }
            Self::Machine { client_id } => client_id.as_deref().map_or(Ok(()), |id| plain("client_id", id)),
        }
    }
}

/// Logs in.
pub(super) struct Login {
    credentials: AzureCredentials,
    /// The vault, which says what it wants a token for.
    vault: Arc<Caller>,
    origin: Origin,
    /// The secret whose place is asked for that.
    pub(super) probe: OnceLock<String>,
    authority: Origin,
    reach: Reach,
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
    /// Checks who asks and where; opens no connection.
    ///
    /// # Errors
    /// `ValueError` for ids that are none, and for an authority that is neither known nor `given`.
    pub(super) fn new(
        credentials: AzureCredentials,
        authority: Option<&str>,
        given: bool,
        reach: Reach,
        vault: Arc<Caller>,
        origin: Origin,
    ) -> Result<Self, Error> {
        credentials.check()?;
        let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
        let text = authority.unwrap_or(AUTHORITY).trim_end_matches('/');
        let url = SafeUrl::parse(text).ok().filter(|url| url.path_and_query() == ("/", None)).ok_or_else(|| {
            wrong("`authority` is an https URL without a path, such as \"https://login.microsoftonline.us\".")
        })?;
        let authority = url.origin().clone();
        if !given && !is_known(&authority) {
            return Err(wrong("`AZURE_AUTHORITY_HOST` names a host that is not Microsoft's.")
                .hint("where it is right, say so: authority=\"https://login.example.com\""));
        }
        Ok(Self { credentials, vault, origin, probe: OnceLock::new(), authority, reach })
    }

    /// What the token is called.
    pub(super) fn name(&self) -> String {
        let who = match &self.credentials {
            AzureCredentials::Secret { client_id, .. } | AzureCredentials::Assertion { client_id, .. } => client_id,
            AzureCredentials::Machine { client_id } => client_id.as_deref().unwrap_or("metadata"),
        };
        format!("azure-token:{}/{who}", self.origin.authority())
    }

    async fn fetch(&self) -> Result<Found, Fault> {
        let resource = self.resource().await?;
        let (secret, assertion) = match &self.credentials {
            AzureCredentials::Machine { client_id } => {
                let known = RESOURCES.iter().find(|known| **known == resource);
                let known =
                    known.ok_or_else(|| strange("the machine's identity has no token for this kind of vault"))?;
                return served(metadata::azure_token(known, client_id.as_deref()).await?);
            }
            AzureCredentials::Secret { secret, .. } => (secret, false),
            AzureCredentials::Assertion { token, .. } => (token, true),
        };
        secret.ready().await.map_err(firm)?;
        let version = secret.reveal().map_err(firm)?;
        let first = self.log_in(&resource, &secret.frozen(version.clone()), assertion).await;
        match first {
            Err(fault) if !fault.passing && secret.is_moving() => match secret.renewed(version.fingerprint()).await {
                Ok(Renewed::Changed) => {
                    let version = secret.reveal().map_err(firm)?;
                    self.log_in(&resource, &secret.frozen(version), assertion).await
                }
                _ => Err(fault),
            },
            result => result,
        }
    }

    /// What the vault wants a token for. It says so to whoever asks without one.
    async fn resource(&self) -> Result<String, Fault> {
        let probe = self.probe.get().cloned().unwrap_or_default();
        let params = vec![("api-version".to_owned(), API_VERSION.to_owned())];
        let ask = Ask { values: vec![("name", probe)], params, reads: &[401], ..Ask::get(TEMPLATE) };
        let answer = self.vault.send(ask).await?;
        let refuse = |why: &'static str| {
            let Fault { error, passing } = strange(why);
            Fault { error: error.with("manager", self.origin.authority()), passing }
        };
        if answer.status != 401 {
            return Err(refuse("the vault answered somebody who did not say who it is"));
        }
        let fields = answer.headers.get_all(WWW_AUTHENTICATE).into_iter().filter_map(|field| field.to_str().ok());
        let challenge =
            Challenge::parse(fields).ok_or_else(|| refuse("the vault's challenge names no resource and authority"))?;
        let authority = self.credentials.tenant().map(|tenant| (&self.authority, tenant));
        challenge.judge(&self.origin, authority).map_err(|why| {
            let Fault { error, passing } = refuse(why);
            Fault { error: error.hint("is this the vault that was meant? No token was requested"), passing }
        })
    }

    async fn log_in(&self, resource: &str, secret: &Secret, assertion: bool) -> Result<Found, Fault> {
        let (AzureCredentials::Secret { tenant, client_id, .. }
        | AzureCredentials::Assertion { tenant, client_id, .. }) = &self.credentials
        else {
            return Err(strange("the machine's identity logs in elsewhere"));
        };
        let url = format!("https://{}/{tenant}/oauth2/v2.0/token", self.authority.authority());
        let endpoint = Endpoint::new(&SafeUrl::parse(&url).map_err(firm)?, &self.reach).map_err(firm)?;
        let plain = |text: &str| Leaf::Plain(text.to_owned());
        let mut form = vec![
            ("client_id", plain(client_id)),
            ("scope", Leaf::Plain(format!("{resource}/.default"))),
            ("grant_type", plain("client_credentials")),
        ];
        if assertion {
            form.push(("client_assertion_type", plain("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")));
            form.push(("client_assertion", Leaf::Hidden(secret.clone())));
        } else {
            form.push(("client_secret", Leaf::Hidden(secret.clone())));
        }
        served(endpoint.token(&form, &self.name()).await?)
    }
}
