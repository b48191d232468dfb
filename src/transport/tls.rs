//! TLS 1.2 and 1.3 through rustls and aws-lc-rs; one base configuration, verifier and session store per distinct [`Tls`].

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{CipherSuite, ClientConfig};

use super::pins::{self, Pin};
use super::verify::Verifier;
use crate::clock;
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::secret::Secret;

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
    pub pins: Vec<String>,
    /// PEM files of revocation lists.
    pub crls: Vec<PathBuf>,
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

/// Who the client is. The key stays in its secret.
#[derive(Clone, Debug)]
struct Identity {
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

/// A TLS base configuration, ready to share.
#[derive(Clone)]
pub struct Base(Arc<ClientConfig>);

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
        if !crls.is_empty() && !ca_only {
            return Err(wrong(
                "`crls` needs `ca_only=True`: the platform's verifier does not tell its path, so no list could count.",
            ));
        }
        let pins = pins::read(&pins)?;
        let roots = ca_file.as_deref().map(|path| read(path, "CA")).transpose()?.unwrap_or_default();
        let crls = crls.iter().map(|path| read(path, "CRL")).collect::<Result<Vec<_>, _>>()?;
        let client = match client_cert {
            None => None,
            Some((path, key)) => Some(Identity { chain: read(&path, "client certificate")?, key }),
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

    /// The base configuration for these options, from the process-wide cache.
    ///
    /// # Errors
    /// `TlsError` when there is not one root certificate to trust.
    #[expect(
        clippy::mutable_key_type,
        reason = "the key's secret is frozen: what Hash and Eq read of it never changes"
    )]
    pub fn base(&self) -> Result<Base, Error> {
        static BASES: Lock<Option<HashMap<(u64, Tls), Base>>> = Lock::new(None);
        let key = (epoch(), self.clone());
        if let Some(base) = BASES.lock().as_ref().and_then(|bases| bases.get(&key)) {
            return Ok(base.clone());
        }
        let base = Base(Arc::new(self.build()?));
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

    fn build(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(provider());
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.modern { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS13, &rustls::version::TLS12] };
        let (roots, pins, now) = (self.certificates()?, self.pins.clone(), clock::wall());
        let verifier = if self.only {
            Verifier::own(roots, &self.lists()?, pins, provider.clone(), now)?
        } else {
            Verifier::platform(roots, pins, provider.clone(), now)?
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|e| setup(format!("TLS cannot be set up: {e}.")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some(Identity { chain, key }) = &self.client else { return Ok(builder.with_no_client_auth()) };
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
    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }
}

fn setup(said: String) -> Error {
    Error::new(Code::TransportTlsSetup).saying(said)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let only = TlsOptions { ca_only: true, ..TlsOptions::default() };
        assert_eq!(Tls::new(only).unwrap_err().code(), Code::UsageValue);
        let crls = TlsOptions { crls: vec!["x.pem".into()], ..TlsOptions::default() };
        assert_eq!(Tls::new(crls).unwrap_err().code(), Code::UsageValue);
    }

    #[test]
    fn a_file_without_certificates_is_a_tls_error_that_names_it() {
        let options = TlsOptions { ca_file: Some("Cargo.toml".into()), ca_only: true, ..TlsOptions::default() };
        let error = Tls::new(options).unwrap_err();
        assert_eq!(error.code(), Code::TransportTlsSetup);
        assert!(error.user_message().contains("Cargo.toml"));
    }
}
