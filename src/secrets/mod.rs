//! Where secrets come from: the environment, files, secret managers. An error names the source, never a value or a neighbour.

mod aws;
mod azure;
pub mod caller;
mod endpoint;
mod env;
mod file;
mod gcp;
mod grant;
mod keeper;
mod metadata;
mod oauth;
mod place;
mod vault;
#[cfg(target_os = "linux")]
mod watch;

pub use aws::{Aws, AwsOptions, Credentials};
pub use azure::{Azure, AzureCredentials, AzureEnvironment, AzureOptions};
pub use caller::{Answer, Ask, Caller, Reach};
pub use env::{ProxyVariable, proxy, proxy_is_set, variable};
pub use gcp::{Gcp, GcpCredentials, GcpOptions};
pub use keeper::{Fetch, Fetching};
pub use oauth::{Grant, OAuth2, Style, Tokens};
pub use place::Place;
pub use vault::{Field, Login, Vault};

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::policy::bounds::{Bounds, Given};
use crate::redact;
use crate::secret::{self, Fault, Found, Secret, Source, Terms, Version};

/// Sources that are secret managers.
const REMOTE: [&str; 4] = ["aws-sm", "gcp-sm", "azure-kv", "vault"];

/// How long a value of a manager serves before it is read again: five minutes, so that a rotated key is in use within them.
pub const TTL: Duration = Duration::from_secs(300);
/// How much longer while the manager is out of reach: an hour, which outlasts most outages and few revocations.
pub const MAX_STALE: Duration = Duration::from_secs(3600);

/// What a secret is made of.
#[derive(Default)]
pub struct Wish {
    /// Where it may be used.
    pub given: Given,
    /// How long values serve; [`TTL`] and [`MAX_STALE`] unless given.
    pub terms: Option<Terms>,
    /// How its manager is reached, where the source is one.
    pub provider: Option<Arc<dyn Provider>>,
}

/// A secret manager, and how to prove who asks.
pub trait Provider: Send + Sync {
    /// The scheme of its sources, such as `vault`.
    fn scheme(&self) -> &'static str;

    /// The parameters that its sources take, such as `field`.
    fn params(&self) -> &'static [&'static str];

    /// What reads the secret at `place`. Opens no connection.
    ///
    /// # Errors
    /// `ValueError` for a place that it cannot have; nothing of it is repeated.
    fn open(&self, place: &Place) -> Result<Arc<dyn Fetch>, Error>;
}

/// Loads `env:NAME` or `file:/path` at once; what stands in a manager is read when it is first needed.
///
/// # Errors
/// `SecretNotFoundError` when the source is unset or empty, `SecretAccessError` when it cannot be read, `ValueError` for a
/// source that is not understood; its text is not repeated, for it may be a pasted key.
pub fn load(source: &str, wish: Wish) -> Result<Secret, Error> {
    let scheme = source.split(':').next().unwrap_or("");
    if REMOTE.contains(&scheme) {
        return remote(source, scheme, wish);
    }
    if wish.provider.is_some() {
        return Err(unknown("`provider` belongs to a source such as `vault:…`."));
    }
    let bounds = bounds(wish.given)?;
    if let Some(name) = source.strip_prefix("env:") {
        let value = env::Variable::parse(name)?.read()?;
        Ok(wrap(source, value, None).bound(bounds))
    } else if let Some(path) = source.strip_prefix("file:") {
        file::open(source, path, bounds)
    } else {
        Err(unknown("A secret source must start with `env:`, `file:`, `aws-sm:`, `gcp-sm:`, `azure-kv:` or `vault:`."))
    }
}

fn remote(source: &str, scheme: &str, wish: Wish) -> Result<Secret, Error> {
    let Some(provider) = wish.provider else {
        return Err(Error::new(Code::UsageValue)
            .saying(format!("A secret from `{scheme}:` needs `provider=`, which says where the manager is."))
            .hint("provider=botsec.Vault(…), Aws(…), Gcp(…) or Azure(…); from_env() takes the usual variables"));
    };
    if provider.scheme() != scheme {
        return Err(unknown("The provider is one for another kind of source."));
    }
    let place = Place::parse(source, provider.params())?;
    let fetch = provider.open(&place)?;
    let bounds = bounds(wish.given)?;
    // The parameters may say more than a name should: a secret's name is its place.
    Ok(kept(&format!("{scheme}:{}", place.path), fetch, wish.terms, bounds))
}

/// A secret that is fetched on the keeper's thread.
pub fn kept(
    name: &str,
    fetch: Arc<dyn Fetch>,
    terms: Option<Terms>,
    bounds: Option<Arc<dyn secret::Bounds>>,
) -> Secret {
    let terms = terms.unwrap_or(Terms { ttl: TTL, max_stale: MAX_STALE });
    Secret::moving(name, terms, Arc::new(keeper::Keeper::new(fetch)), bounds)
}

/// Wraps a value that is already at hand; `name` stands for it wherever it is printed.
///
/// # Errors
/// `SecretNotFoundError` for an empty value; those of the hosts as in [`load`].
pub fn from_value(name: &str, value: String, hosts: Option<Vec<String>>) -> Result<Secret, Error> {
    let value = Zeroizing::new(value);
    let bounds = bounds(Given { hosts, ..Given::default() })?;
    match clean(&value) {
        Some(value) => Ok(wrap(name, value, None).bound(bounds)),
        None => Err(Error::new(Code::SecretNotFound).saying("The value of a secret is empty.")),
    }
}

/// Largest value: 256 KiB, as much as a manager may answer. Keys are shorter, and the redactor looks for all of a value's parts.
const LARGEST: usize = 256 * 1024;

/// A value as a manager or a callable gave it, known to the redactor from here on.
///
/// # Errors
/// `SecretNotFoundError` for an empty value, `SecretAccessError` for one above 256 KiB.
pub fn found(value: &str, label: Option<String>, lifetime: Option<Duration>) -> Result<Found, Fault> {
    if value.len() > LARGEST {
        let error = Error::new(Code::SecretAccess).with("reason", "the value is larger than 256 KiB");
        return Err(Fault { error, passing: false });
    }
    match clean(value) {
        Some(value) => Ok(Found { version: version(value, label), lifetime }),
        None => {
            Err(Fault { error: Error::new(Code::SecretNotFound).with("reason", "the value is empty"), passing: false })
        }
    }
}

/// A value as it was read.
fn found_in(value: SecretString) -> Found {
    Found { version: version(value, None), lifetime: None }
}

/// The value without the line end that editors and shells leave; `None` when nothing but white space remains. Other white
/// space stays, for it may belong to the value; where it cannot be sent, attaching refuses it.
fn clean(text: &str) -> Option<SecretString> {
    let value = text.trim_end_matches(['\r', '\n']);
    if value.trim().is_empty() { None } else { Some(value.to_owned().into()) }
}

/// The bounds of a secret, if it has any.
///
/// # Errors
/// As [`Bounds::parse`].
pub fn bounds(given: Given) -> Result<Option<Arc<dyn secret::Bounds>>, Error> {
    Ok(Bounds::parse(given)?.map(|bounds| Arc::new(bounds) as Arc<dyn secret::Bounds>))
}

/// The one place where a value becomes a version: known to the redactor before anybody can print it.
fn version(value: SecretString, label: Option<String>) -> Version {
    let print = fingerprint(value.expose_secret());
    let version = Version::new(value, label, print);
    redact::register_version(&version);
    version
}

fn wrap(name: &str, value: SecretString, label: Option<String>) -> Secret {
    Secret::loaded(name, version(value, label))
}

/// A keyed hash: equal for equal values within this process, useless outside it.
fn fingerprint(value: &str) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    format!("{:016x}", KEY.get_or_init(RandomState::new).hash_one(value))
}

fn unknown(said: &str) -> Error {
    Error::new(Code::UsageValue).saying(said).hint(
        "put the key into an environment variable and write env:ITS_NAME; a key in source code stays in its history",
    )
}

#[cfg(test)]
mod tests;
