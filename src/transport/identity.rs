//! Who the client is, to servers that ask: a certificate, and where it may be shown.

use std::hash::{Hash, Hasher};

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder};

use super::tls::setup;
use crate::error::{Code, Error};
use crate::policy::hosts::HostRule;
use crate::secret::Secret;
use crate::url::Origin;

/// A certificate chain in PEM. The key stays in its secret.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    chain: Vec<u8>,
    key: Secret,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key.fingerprint() == other.key.fingerprint()
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.chain, self.key.fingerprint()).hash(state);
    }
}

impl Identity {
    pub(super) fn new(chain: Vec<u8>, key: Secret) -> Self {
        Self { chain, key }
    }

    /// Where it may be shown: at the hosts of its key's secret, or at `own` when that names none.
    ///
    /// # Errors
    /// `TypeError` when neither says where, `InputError` for a host of the secret's that is none.
    pub(super) fn shown_to(&self, own: Option<&Origin>) -> Result<Vec<HostRule>, Error> {
        match (self.key.hosts(), own) {
            (Some(hosts), _) => hosts.iter().map(|host| HostRule::parse(host)).collect(),
            (None, Some(own)) => Ok(vec![HostRule::Exact(own.clone())]),
            (None, None) => Err(Error::new(Code::UsageType).saying(
                "A client without `base_url` needs to know where its certificate may go: secret(…, hosts=[…]) of its key.",
            )),
        }
    }

    /// The configuration that shows it.
    ///
    /// # Errors
    /// `TlsError` for a file or a key that cannot be used.
    pub(super) fn prove(&self, builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Result<ClientConfig, Error> {
        let Self { chain, key } = self;
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| setup("The client certificate's file holds no PEM certificate.".to_owned()))?;
        // The reader's own words could quote the key, so they are not told.
        let unusable =
            || setup(format!("The secret `{}` is not the PEM private key of the client certificate.", key.name()));
        let key = PrivateKeyDer::from_pem_slice(key.reveal()?.as_bytes()).map_err(|_| unusable())?;
        builder.with_client_auth_cert(chain, key).map_err(|_| unusable())
    }
}
