//! Whom a client trusts at a given second: the platform's roots and the user's, or the user's alone, without those that have
//! expired since they were named.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::chain;
use super::tls::setup;
use crate::error::Error;

/// The user's roots, and whether the platform's stand beside them.
#[derive(Debug)]
pub(super) struct Roots {
    given: Vec<Given>,
    only: bool,
    crls: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Given {
    certificate: CertificateDer<'static>,
    /// Its last second, in Unix time.
    until: i64,
}

/// The verifiers over the roots that are in force in one span of time.
pub(super) struct Live {
    inner: Vec<Arc<dyn ServerCertVerifier>>,
    /// The user's roots where they stand alone: webpki then tells its path.
    pub(super) own: Option<Arc<RootCertStore>>,
    /// The last second of the root that expired last; `i64::MIN` while all are in force.
    since: i64,
    /// The last second of the root that expires next; `i64::MAX` when none is left.
    until: i64,
}

impl Roots {
    /// The platform's roots and `given` ones; with `only` these alone, with revocation lists: the server's certificate must
    /// be told good by one, and no certificate of the path may be told revoked.
    ///
    /// # Errors
    /// `TlsError` for a root that cannot be trusted.
    pub(super) fn new(
        given: Vec<CertificateDer<'static>>,
        only: bool,
        crls: Vec<CertificateRevocationListDer<'static>>,
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let judge = |(index, certificate): (usize, CertificateDer<'static>)| {
            let until = chain::judge_root(&certificate, seconds(now)).map_err(|flaw| {
                setup(format!("Certificate {} of the CA file cannot be trusted: {}.", index + 1, flaw.0))
                    .hint("docs/tls.md lists what a root must have, and how to make one")
            })?;
            Ok(Given { certificate, until })
        };
        let given = given.into_iter().enumerate().map(judge).collect::<Result<_, Error>>()?;
        Ok(Self { given, only, crls, provider })
    }

    /// The last second in which all of the user's roots are in force.
    pub(super) fn until(&self) -> i64 {
        self.given.iter().map(|root| root.until).min().unwrap_or(i64::MAX)
    }

    /// What is trusted at `now`.
    ///
    /// # Errors
    /// `TlsError` when there is not one root, or a root or list cannot be used.
    pub(super) fn live(&self, now: i64) -> Result<Live, Error> {
        let (live, gone): (Vec<&Given>, Vec<&Given>) = self.given.iter().partition(|root| root.until >= now);
        let since = gone.iter().map(|root| root.until).max().unwrap_or(i64::MIN);
        let until = live.iter().map(|root| root.until).min().unwrap_or(i64::MAX);
        let roots = live.into_iter().map(|root| root.certificate.clone());
        if self.only {
            let (inner, own) = self.own(roots)?;
            return Ok(Live { inner, own: Some(own), since, until });
        }
        match rustls_platform_verifier::Verifier::new_with_extra_roots(roots, self.provider.clone()) {
            Ok(verifier) => Ok(Live { inner: vec![Arc::new(verifier)], own: None, since, until }),
            Err(_) => Err(setup("No trusted root certificates were found on this system.".to_owned())
                .hint("install the package ca-certificates, or pass Tls(ca_file=…)")),
        }
    }

    fn own(
        &self,
        certificates: impl Iterator<Item = CertificateDer<'static>>,
    ) -> Result<(Vec<Arc<dyn ServerCertVerifier>>, Arc<RootCertStore>), Error> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|e| setup(format!("The CA file cannot be used: {e}.")))?;
        }
        let roots = Arc::new(roots);
        let build = || WebPkiServerVerifier::builder_with_provider(roots.clone(), self.provider.clone());
        let bad = |e: rustls::client::VerifierBuilderError| setup(format!("The CA file or a CRL cannot be used: {e}."));
        let mut inner: Vec<Arc<dyn ServerCertVerifier>> = Vec::new();
        if self.crls.is_empty() {
            inner.push(build().build().map_err(bad)?);
        } else {
            let listed = || build().with_crls(self.crls.iter().cloned()).enforce_revocation_expiration();
            inner.push(listed().only_check_end_entity_revocation().build().map_err(bad)?);
            inner.push(listed().allow_unknown_revocation_status().build().map_err(bad)?);
        }
        Ok((inner, roots))
    }
}

impl Live {
    /// Whether it tells who is trusted at `now`. A clock that was set back brings roots back.
    pub(super) fn is_at(&self, now: i64) -> bool {
        self.since < now && now <= self.until
    }

    /// rustls' own verdict on a chain.
    pub(super) fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        self.inner.iter().try_for_each(|verifier| verifier.verify_server_cert(leaf, others, name, ocsp, now).map(drop))
    }

    /// Whether `error` may come of a root that has expired.
    pub(super) fn misses(&self, error: &rustls::Error) -> bool {
        self.since > i64::MIN && *error == rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("since", &self.since).field("until", &self.until).finish_non_exhaustive()
    }
}

/// Seconds in Unix time, as certificates count them.
pub(super) fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()).try_into().unwrap_or(i64::MAX)
}
