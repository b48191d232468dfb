//! What signs requests to AWS: keys that the bot was given, or that a chain brings and renews before they end.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::chain::Chain;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::{Fault, Found, Renewed, Secret, Terms};
use crate::secrets::caller::strange;
use crate::secrets::{Fetch, Fetching, found, kept};
use crate::sign::{Auth, AwsSigV4, Signer};
use crate::validate::Leaf;

/// Keys serve for their own lease.
const TERMS: Terms = Terms { ttl: Duration::from_secs(365 * 86_400), max_stale: Duration::ZERO };
/// Keys that name no end, in a profile's file: looked at again after this long, for somebody may have replaced them.
const LOOK: Duration = Duration::from_secs(300);
/// Keys are not used in the last tenth of their lease, at most five minutes: the request needs time, and clocks differ.
const MARGIN: Duration = Duration::from_secs(300);
/// Keys that end sooner are not used: asking for others at once would be a flood.
const SHORTEST: Duration = Duration::from_secs(60);

/// A key, its public name, and the token of a temporary one.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The public name of the key.
    pub(crate) id: Leaf,
    /// The key.
    pub(crate) secret: Secret,
    /// What temporary keys are sent with.
    pub(crate) session: Option<Secret>,
    /// From now on; `None` for keys that stay.
    pub(crate) lifetime: Option<Duration>,
}

impl Keys {
    /// Keys that end.
    pub(crate) fn temporary(id: &str, secret: Secret, session: Secret, lifetime: Duration) -> Self {
        Self { id: Leaf::Plain(id.to_owned()), secret, session: Some(session), lifetime: Some(lifetime) }
    }

    /// A signature by them.
    ///
    /// # Errors
    /// `ValueError` for an id that cannot be one.
    pub(super) fn sign(&self, region: &str, service: &str) -> Result<Auth, Error> {
        let signer = AwsSigV4::new(self.id.clone(), self.secret.clone(), self.session.clone(), region, service, None)?;
        Ok(Auth::Signer(Arc::new(Signer::Aws(signer))))
    }

    /// All of them as one value, by which a change is seen.
    fn whole(&self) -> Result<Found, Fault> {
        let firm = |error| Fault { error, passing: false };
        let id = match &self.id {
            Leaf::Plain(id) => id.clone(),
            Leaf::Hidden(id) => id.reveal().map_err(firm)?.to_string(),
        };
        let session = self.session.as_ref().map(Secret::reveal).transpose().map_err(firm)?;
        let session = session.as_ref().map_or("", |version| version);
        let text = Zeroizing::new(format!("{id}\n{}\n{session}", &**self.secret.reveal().map_err(firm)?));
        if self.lifetime.is_some_and(|lifetime| lifetime < SHORTEST) {
            return Err(strange("the temporary keys are over as they come: is this machine's clock right?"));
        }
        let lifetime = self.lifetime.map_or(LOOK, |lifetime| lifetime.saturating_sub(MARGIN.min(lifetime / 10)));
        found(&text, None, Some(lifetime))
    }
}

/// Where keys come from.
#[derive(Clone)]
pub(super) enum Proof {
    /// The bot was given them.
    Given(Keys),
    /// A chain brings them: one login for all secrets of a provider.
    Chain(Secret, Arc<Resolve>),
}

impl Proof {
    pub(super) fn chain(chain: Chain) -> Self {
        let resolve = Arc::new(Resolve { chain, held: Lock::default() });
        Self::Chain(kept("aws-credentials", Arc::new(Login(resolve.clone())), Some(TERMS), None), resolve)
    }

    /// The keys, and what tells them from others.
    pub(super) async fn keys(&self) -> Result<(Keys, String), Fault> {
        let (secret, resolve) = match self {
            Self::Given(keys) => return Ok((keys.clone(), String::new())),
            Self::Chain(secret, resolve) => (secret, resolve),
        };
        secret.ready().await.map_err(|error| resolve.unready(error))?;
        let version = secret.reveal().map_err(|error| resolve.unready(error))?;
        match resolve.held.lock().keys.clone() {
            Some(keys) => Ok((keys, version.fingerprint().to_owned())),
            None => Err(resolve.unready(Error::new(Code::SecretAccess))),
        }
    }

    /// Whether there are other keys now than those that AWS refused.
    pub(super) async fn renewed(&self, refused: &str) -> bool {
        match self {
            Self::Given(_) => false,
            Self::Chain(secret, _) => matches!(secret.renewed(refused).await, Ok(Renewed::Changed)),
        }
    }
}

/// A chain, and what it brought last.
pub(super) struct Resolve {
    chain: Chain,
    held: Lock<Last>,
}

#[derive(Default)]
struct Last {
    keys: Option<Keys>,
    /// Why the last try brought none; `None` while one is under way, which then was stopped by its time limit.
    failed: Option<Fault>,
}

struct Login(Arc<Resolve>);

impl Fetch for Login {
    fn fetch(&self) -> Fetching {
        let resolve = self.0.clone();
        Box::pin(async move {
            resolve.held.lock().failed = None;
            let result = match resolve.chain.keys().await {
                Ok(keys) => keys.whole().map(|whole| (keys, whole)),
                Err(fault) => Err(fault),
            };
            match result {
                Ok((keys, whole)) => {
                    // The old ones are dropped outside the lock.
                    let old = resolve.held.lock().keys.replace(keys);
                    drop(old);
                    Ok(whole)
                }
                Err(fault) => {
                    let copy = Fault { error: fault.error.copy(), passing: fault.passing };
                    resolve.held.lock().failed = Some(copy);
                    Err(fault)
                }
            }
        })
    }
}

impl Resolve {
    /// Why there are no keys, as a reason for there being no secret.
    fn unready(&self, error: Error) -> Fault {
        let failed = self.held.lock().failed.as_ref().map(|fault| (fault.error.copy(), fault.passing));
        let (error, passing) = failed.unwrap_or((error, true));
        let hint = error.hint_text().unwrap_or("the credentials that sign the request could not be had").to_owned();
        Fault { error: error.with("step", "credentials").hint(hint), passing }
    }
}
