//! Clients of the services that are asked, one per region: all secrets of a provider share their connections.

use std::sync::Arc;

use super::region::Region;
use crate::error::Error;
use crate::secrets::endpoint::{ByEndpoint, renamed};
use crate::secrets::{Caller, Place, Reach};
use crate::transport::Tls;

/// Endpoints that take the place of AWS's own, and how all of them are reached.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    pub(super) secrets: Option<String>,
    pub(super) sts: Option<String>,
    pub(super) sso: Option<String>,
    pub(super) networks: Vec<String>,
    pub(super) tls: Tls,
}

/// The clients that were needed so far.
pub(super) struct Services {
    endpoints: Endpoints,
    known: ByEndpoint<Arc<Caller>>,
}

impl Services {
    /// # Errors
    /// As [`Caller::new`], for every endpoint that was given.
    pub(super) fn new(endpoints: Endpoints) -> Result<Self, Error> {
        let services = Self { endpoints, known: ByEndpoint::default() };
        let Endpoints { secrets, sts, sso, .. } = services.endpoints.clone();
        for (name, base) in [("endpoint", secrets), ("sts_endpoint", sts), ("AWS_ENDPOINT_URL_SSO", sso)] {
            let Some(base) = base else { continue };
            services.caller(base).map_err(|error| renamed(error, name))?;
        }
        Ok(services)
    }

    /// Secrets Manager of a region, where the secret's source names no endpoint of its own.
    pub(super) fn secrets(&self, place: &Place, region: &Region) -> Result<Arc<Caller>, Error> {
        match self.known.of(place, |base| self.open(base)) {
            Some(named) => named,
            None => self.caller(self.endpoints.secrets.clone().unwrap_or_else(|| region.base("secretsmanager"))),
        }
    }

    pub(super) fn sts(&self, region: &Region) -> Result<Arc<Caller>, Error> {
        self.caller(self.endpoints.sts.clone().unwrap_or_else(|| region.base("sts")))
    }

    pub(super) fn sso(&self, region: &Region) -> Result<Arc<Caller>, Error> {
        self.caller(self.endpoints.sso.clone().unwrap_or_else(|| region.base("portal.sso")))
    }

    pub(super) fn has_endpoint(&self) -> bool {
        self.endpoints.secrets.is_some()
    }

    fn caller(&self, base: String) -> Result<Arc<Caller>, Error> {
        self.known.get(&base, || self.open(&base))
    }

    fn open(&self, base: &str) -> Result<Arc<Caller>, Error> {
        let Endpoints { networks, tls, .. } = &self.endpoints;
        let reach = Reach { base: base.to_owned(), networks: networks.clone(), tls: tls.clone() };
        Caller::new(&reach).map(Arc::new)
    }
}
