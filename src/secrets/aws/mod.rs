//! AWS Secrets Manager: secrets by name or ARN, read with keys that the bot was given or that a chain brings.
//!
//! Sources: Secrets Manager API reference; AWS SDKs and Tools reference guide, "Standardized credential providers".

mod asked;
mod chain;
mod keys;
mod process;
mod profile;
mod read;
mod refusal;
mod region;
mod services;
mod sso;
mod sts;

pub(super) use keys::Keys;

use std::sync::Arc;

use self::asked::{Asked, PARAMS};
use self::chain::{Chain, Surroundings};
use self::keys::Proof;
use self::read::{Kept, Read};
use self::region::Region;
use self::services::{Endpoints, Services};
use super::{Fetch, Place, Provider, env};
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::Secret;
use crate::transport::Tls;
use crate::validate::Leaf;

/// Who the bot is to AWS.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A key that it was given.
    Keys {
        /// Its public name.
        access_key_id: Leaf,
        /// The key.
        secret_access_key: Secret,
        /// What a temporary key is sent with.
        session_token: Option<Secret>,
    },
    /// A profile of the shared files, with the roles that it names.
    Profile(String),
    /// What the environment, the default profile or the machine says, in this order.
    Environment,
}

/// Where Secrets Manager is, and who asks.
#[derive(Clone, Debug)]
pub struct AwsOptions {
    /// The region; that of an ARN comes first, that of the profile or the environment last.
    pub region: Option<String>,
    /// Who asks.
    pub credentials: Credentials,
    /// Another endpoint of Secrets Manager, such as one in a private network.
    pub endpoint: Option<String>,
    /// Another endpoint of STS.
    pub sts_endpoint: Option<String>,
    /// Whether a profile's `credential_process` may run.
    pub allow_process: bool,
    /// Networks that are not public, for all of these hosts.
    pub networks: Vec<String>,
    /// How their certificates are judged.
    pub tls: Tls,
}

/// Secrets Manager: one login for all secrets that are read through it.
pub struct Aws {
    region: Option<Region>,
    services: Arc<Services>,
    proof: Proof,
    home: Arc<Lock<Option<Region>>>,
}

impl Aws {
    /// Checks where it is and who asks; reads the environment and the shared files where these say so. Opens no connection.
    ///
    /// # Errors
    /// `InsecureUrlError` for an endpoint that is not https, `ValueError` for a region, key or network that is none,
    /// `SecretNotFoundError` and `SecretAccessError` for a variable or profile that cannot be used.
    pub fn new(options: AwsOptions) -> Result<Self, Error> {
        let AwsOptions { region, credentials, endpoint, sts_endpoint, allow_process, networks, tls } = options;
        let around = match &credentials {
            Credentials::Keys { .. } => None,
            Credentials::Profile(_) | Credentials::Environment => Some(Surroundings::read(allow_process)?),
        };
        let is_whole = matches!(credentials, Credentials::Environment);
        let variable = |name| if is_whole { env::variable(name) } else { Ok(None) };
        let profile = match &credentials {
            Credentials::Profile(name) => Some(name.clone()),
            _ => variable("AWS_PROFILE")?,
        };
        if let Some(around) = around.as_ref().filter(|_| is_whole) {
            around.check(profile.as_deref())?;
        }
        let named = [region, variable("AWS_REGION")?, variable("AWS_DEFAULT_REGION")?].into_iter().flatten().next();
        let region = match (named, &around) {
            (None, Some(around)) => around.region_of(profile.as_deref())?,
            (named, _) => named,
        };
        let region = region.as_deref().map(Region::parse).transpose()?;
        let all = variable("AWS_ENDPOINT_URL")?;
        let endpoints = Endpoints {
            secrets: endpoint.or(variable("AWS_ENDPOINT_URL_SECRETS_MANAGER")?).or_else(|| all.clone()),
            sts: sts_endpoint.or(variable("AWS_ENDPOINT_URL_STS")?).or_else(|| all.clone()),
            sso: variable("AWS_ENDPOINT_URL_SSO")?.or(all),
            networks,
            tls,
        };
        let services = Arc::new(Services::new(endpoints)?);
        let home = Arc::new(Lock::new(region.clone()));
        let proof = match (credentials, around) {
            (Credentials::Keys { access_key_id, secret_access_key, session_token }, _) => {
                let keys =
                    Keys { id: access_key_id, secret: secret_access_key, session: session_token, lifetime: None };
                // A key that cannot sign is found out here.
                keys.sign("us-east-1", "secretsmanager")?;
                Proof::Given(keys)
            }
            (_, Some(around)) => {
                Proof::chain(Chain { around, profile, whole: is_whole, services: services.clone(), home: home.clone() })
            }
            (_, None) => return Err(Error::new(Code::UsageValue)),
        };
        Ok(Self { region, services, proof, home })
    }

    /// The region of secrets whose source is no ARN.
    pub fn region(&self) -> Option<&str> {
        self.region.as_ref().map(Region::name)
    }
}

impl Provider for Aws {
    fn scheme(&self) -> &'static str {
        "aws-sm"
    }

    fn params(&self) -> &'static [&'static str] {
        PARAMS
    }

    fn open(&self, place: &Place) -> Result<Arc<dyn Fetch>, Error> {
        let asked = Asked::parse(place)?;
        let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
        let region = match (&asked.region, &self.region) {
            (Some(arn), Some(own)) if arn != own && self.services.has_endpoint() && !asked.has_endpoint => {
                return Err(wrong("The secret's ARN names another region than that of the endpoint."));
            }
            (Some(region), _) | (None, Some(region)) => region.clone(),
            (None, None) => {
                return Err(wrong("A secret that is named without its ARN needs a region.")
                    .hint("Aws(\"eu-central-1\", …), AWS_REGION with from_env(), or `region` in the profile"));
            }
        };
        self.home.lock().get_or_insert_with(|| region.clone());
        let caller = self.services.secrets(place, &region)?;
        Ok(Arc::new(Kept(Arc::new(Read { caller, region, proof: self.proof.clone(), asked }))))
    }
}
