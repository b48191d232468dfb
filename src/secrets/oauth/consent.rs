//! The refresh token of a person's consent, and what the endpoint made of it.

use std::sync::Arc;

use secrecy::SecretString;

use super::unread;
use crate::fork::Lock;
use crate::secret::{Fault, Found, Secret};
use crate::secrets::{Fetch, Fetching, found, version};

/// A person's consent: the refresh token that the flow began with, and the one that the endpoint gave last.
pub(super) struct Consent {
    pub(super) source: Secret,
    /// With the fingerprint of the one at the source that it follows.
    rotated: Lock<Option<(Secret, String)>>,
}

impl Consent {
    pub(super) fn new(source: Secret) -> Self {
        Self { source, rotated: Lock::default() }
    }

    /// The refresh token to use; one that is new at the source ends those that followed the old one.
    pub(super) fn current(&self) -> Secret {
        let began = self.source.fingerprint();
        let rotated = self.rotated.lock().clone();
        rotated.filter(|(_, from)| *from == began).map_or_else(|| self.source.clone(), |(token, _)| token)
    }

    /// Takes in a refresh token that followed the one of this fingerprint at the source.
    pub(super) fn replace(&self, next: SecretString, began: &str) {
        let next = self.source.frozen(Arc::new(version(next, None)));
        if self.current().fingerprint() != next.fingerprint() {
            *self.rotated.lock() = Some((next, began.to_owned()));
        }
    }

    pub(super) fn found(&self) -> Result<Found, Fault> {
        let version = self.current().reveal().map_err(unread)?;
        found(&version, version.label().map(str::to_owned), None)
    }
}

/// Reads the refresh token for people.
pub(super) struct Shown(pub(super) Arc<Consent>);

impl Fetch for Shown {
    fn fetch(&self) -> Fetching {
        let consent = self.0.clone();
        Box::pin(async move {
            consent.source.ready().await.map_err(unread)?;
            consent.found()
        })
    }
}
