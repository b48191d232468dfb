//! TLS 1.2 and 1.3 through rustls and aws-lc-rs; one base configuration, verifier and session store per distinct [`Tls`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{CipherSuite, ClientConfig};

use super::identity::Identity;
use super::pins::{self, Pin};
use super::roots::{Roots, seconds};
use super::verify::Verifier;
use crate::clock;
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::policy::hosts::HostRule;
use crate::secret::Secret;
use crate::url::Origin;

/// Largest file of certificates that is read: system bundles have 200 to 300 KiB, large CAs' revocation lists some MiB.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Distinct configurations kept. A process that makes more rebuilds them, which costs milliseconds, not safety.
const MAX_BASES: usize = 64;

/// TLS options as the caller gives them. There is none that weakens verification.
#[derive(Default)]
pub struct TlsOptions {
    /// PEM file of certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Leaves the platform's authorities out.
    pub ca_only: bool,
    /// `sha256/…` digests of public keys, one of which must be in the chain.
    pub pins: Option<Vec<String>>,
    /// PEM files of revocation lists.
    pub crls: Option<Vec<PathBuf>>,
    /// PEM file of the client's certificate chain, and its private key in PEM.
    pub client_cert: Option<(PathBuf, Secret)>,
    /// Asks for TLS 1.3.
    pub modern: bool,
}

/// TLS options that were checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    roots: Vec<u8>,
    only: bool,
    modern: bool,
    pins: Vec<Pin>,
    crls: Vec<Vec<u8>>,
    client: Option<Identity>,
}

/// A TLS base configuration, ready to share.
#[derive(Clone)]
pub struct Base(Arc<Configs>);

struct Configs {
    plain: ClientConfig,
    /// With the client's certificate; it shares nothing with the plain one but the verifier, no session either.
    identified: Option<ClientConfig>,
    /// The last second in which all of the user's roots are in force.
    until: i64,
}

/// aws-lc with all that rustls offers, AES-128 before AES-256 as browsers and Go order them: as strong against everything that is
/// known, its hash runs on the processor's own instructions, and a handshake takes a tenth less.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
    provider
}

fn is_aes_128(suite: CipherSuite) -> bool {
    use CipherSuite as Suite;
    matches!(
        suite,
        Suite::TLS13_AES_128_GCM_SHA256
            | Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

impl Tls {
    /// Checks the options and reads their files.
    ///
    /// # Errors
    /// `TlsError` for a file that cannot be read, holds nothing of its kind, or holds a root that has expired or breaks
    /// RFC 5280; `ValueError` for options that do not go together.
    pub fn new(options: TlsOptions) -> Result<Self, Error> {
        let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
        let TlsOptions { ca_file, ca_only, pins, crls, client_cert, modern } = options;
        if ca_only && ca_file.is_none() {
            return Err(wrong("`ca_only=True` needs `ca_file`."));
        }
        if crls.as_ref().is_some_and(Vec::is_empty) {
            return Err(wrong("`crls` is empty: leave it out, or no certificate would be checked against a list."));
        }
        let crls = crls.unwrap_or_default();
        if !crls.is_empty() && !ca_only {
            return Err(wrong(
                "`crls` needs `ca_only=True`: the platform's verifier does not tell its path, so no list could count.",
            ));
        }
        let pins = pins.map_or(Ok(Vec::new()), |pins| pins::read(&pins))?;
        let roots = ca_file.as_deref().map(|path| read(path, "CA")).transpose()?.unwrap_or_default();
        let crls = crls.iter().map(|path| read(path, "CRL")).collect::<Result<Vec<_>, _>>()?;
        let client = match client_cert {
            None => None,
            Some((path, key)) => Some(Identity::new(read(&path, "client certificate")?, key)),
        };
        let tls = Self { roots, only: ca_only, modern, pins, crls, client };
        let empty = |kind: &str, path: &Path| {
            setup(format!("The {kind} file {} cannot be used: it holds no PEM {kind}.", path.display()))
        };
        if let Some(path) = ca_file.filter(|_| tls.certificates().is_ok_and(|found| found.is_empty())) {
            return Err(empty("certificate", &path));
        }
        // What cannot be used shall fail here, with its name, and not at the first call.
        tls.base()?;
        Ok(tls)
    }

    /// Whether the platform's roots are trusted.
    pub fn trusts_platform(&self) -> bool {
        !self.only
    }

    /// Whether the client shows a certificate.
    pub fn is_identified(&self) -> bool {
        self.client.is_some()
    }

    /// Whether they say of the API what does not hold for an https proxy on the way: pins, revocation lists, a client
    /// certificate.
    pub(super) fn is_for_api_alone(&self) -> bool {
        self.client.is_some() || !self.pins.is_empty() || !self.crls.is_empty()
    }

    /// Where the client's certificate may be shown: at the hosts of its key's secret, or at `own` when that names none.
    ///
    /// # Errors
    /// `TypeError` when neither says where, `InputError` for a host of the secret's that is none.
    pub fn shown_to(&self, own: Option<&Origin>) -> Result<Vec<HostRule>, Error> {
        self.client.as_ref().map_or(Ok(Vec::new()), |client| client.shown_to(own))
    }

    /// The base configuration for these options, from the process-wide cache.
    ///
    /// # Errors
    /// `TlsError` when there is not one root certificate to trust, or one of the user's has expired by now.
    pub fn base(&self) -> Result<Base, Error> {
        self.base_at(clock::wall())
    }

    #[expect(
        clippy::mutable_key_type,
        reason = "the key's secret is frozen: what Hash and Eq read of it never changes"
    )]
    fn base_at(&self, now: SystemTime) -> Result<Base, Error> {
        static BASES: Lock<Option<HashMap<(u64, Tls), Base>>> = Lock::new(None);
        let key = (epoch(), self.clone());
        let known = BASES.lock().as_ref().and_then(|bases| bases.get(&key)).cloned();
        if let Some(base) = known.filter(|base| seconds(now) <= base.0.until) {
            return Ok(base);
        }
        let base = Base(Arc::new(self.build(now)?));
        let mut held = BASES.lock();
        let bases = held.get_or_insert_default();
        if bases.len() >= MAX_BASES {
            bases.clear();
        }
        bases.insert(key, base.clone());
        Ok(base)
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let found = CertificateDer::pem_slice_iter(&self.roots).collect::<Result<_, _>>();
        found.map_err(|e| setup(format!("The CA file cannot be used: {e}.")))
    }

    fn lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
        let mut lists = Vec::new();
        for bytes in &self.crls {
            let found = CertificateRevocationListDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
            match found {
                Ok(found) if !found.is_empty() => lists.extend(found),
                _ => return Err(setup("A CRL file cannot be used: it holds no PEM revocation list.".to_owned())),
            }
        }
        Ok(lists)
    }

    fn build(&self, now: SystemTime) -> Result<Configs, Error> {
        let provider = Arc::new(provider());
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.modern { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS13, &rustls::version::TLS12] };
        let roots = Roots::new(self.certificates()?, self.only, self.lists()?, provider.clone(), now)?;
        let until = roots.until();
        let verifier = Arc::new(Verifier::new(roots, self.pins.clone(), provider.clone(), now)?);
        let builder = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(versions)
                .map(|builder| builder.dangerous().with_custom_certificate_verifier(verifier.clone()))
                .map_err(|e| setup(format!("TLS cannot be set up: {e}.")))
        };
        let plain = builder()?.with_no_client_auth();
        let identified = self.client.as_ref().map(|client| client.prove(builder()?)).transpose()?;
        Ok(Configs { plain, identified, until })
    }
}

fn read(path: &Path, kind: &str) -> Result<Vec<u8>, Error> {
    let unreadable = |why: String| setup(format!("The {kind} file {} cannot be used: {why}.", path.display()));
    let size = std::fs::metadata(path).map_err(|e| unreadable(e.kind().to_string()))?;
    if !size.is_file() || size.len() > MAX_BYTES {
        return Err(unreadable("it is not a file of at most 8 MiB".to_owned()));
    }
    std::fs::read(path).map_err(|e| unreadable(e.kind().to_string()))
}

impl Base {
    /// A copy to which a connector adds its protocol list.
    pub(super) fn plain(&self) -> ClientConfig {
        self.0.plain.clone()
    }

    /// The same with the client's certificate, when there is one.
    pub(super) fn identified(&self) -> Option<ClientConfig> {
        self.0.identified.clone()
    }
}

pub(super) fn setup(said: String) -> Error {
    Error::new(Code::TransportTlsSetup).saying(said)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let only = TlsOptions { ca_only: true, ..TlsOptions::default() };
        assert_eq!(Tls::new(only).unwrap_err().code(), Code::UsageValue);
        let crls = TlsOptions { crls: Some(vec!["x.pem".into()]), ..TlsOptions::default() };
        assert_eq!(Tls::new(crls).unwrap_err().code(), Code::UsageValue);
    }

    #[test]
    fn lists_that_are_given_and_empty_are_refused() {
        let pins = TlsOptions { pins: Some(Vec::new()), ..TlsOptions::default() };
        let crls = TlsOptions { crls: Some(Vec::new()), ..TlsOptions::default() };
        for empty in [pins, crls] {
            assert_eq!(Tls::new(empty).unwrap_err().code(), Code::UsageValue);
        }
    }

    #[test]
    fn a_root_that_expired_since_is_refused_to_a_new_client() {
        let pem = include_str!("../../tests/vectors/expiring.pem");
        // Two roots, of which the first is valid until the end of 2029; no root follows them.
        let roots: String = pem.split_inclusive("-----END CERTIFICATE-----\n").take(2).collect();
        let tls = Tls { roots: roots.into_bytes(), only: true, ..Tls::default() };
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert!(tls.base_at(made).is_ok());
        let error = tls.base_at(made + Duration::from_secs(10 * 365 * 86_400)).err().unwrap();
        assert!(error.user_message().contains("Certificate 1 of the CA file"));
    }

    #[test]
    fn a_file_without_certificates_is_a_tls_error_that_names_it() {
        let options = TlsOptions { ca_file: Some("Cargo.toml".into()), ca_only: true, ..TlsOptions::default() };
        let error = Tls::new(options).unwrap_err();
        assert_eq!(error.code(), Code::TransportTlsSetup);
        assert!(error.user_message().contains("Cargo.toml"));
    }
}
