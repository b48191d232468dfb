//! TLS 1.2 and 1.3 through rustls and aws-lc-rs; one base configuration, verifier and session store per distinct [`Tls`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};

/// Largest CA file that is read: system bundles have 200 to 300 KiB.
const MAX_CA_BYTES: u64 = 8 * 1024 * 1024;
/// Distinct configurations kept. A process that makes more rebuilds them, which costs milliseconds, not safety.
const MAX_BASES: usize = 64;

/// TLS options of a client. There is none that weakens verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    roots: Vec<u8>,
    only: bool,
    modern: bool,
}

/// A TLS base configuration, ready to share.
#[derive(Clone)]
pub struct Base(Arc<ClientConfig>);

impl Tls {
    /// Options from a PEM file of certificate authorities; `only` leaves the platform's out; `modern` asks for TLS 1.3.
    ///
    /// # Errors
    /// `TlsError` when the file cannot be read or holds no certificate; `ValueError` for `only` without a file.
    pub fn new(ca_file: Option<&Path>, only: bool, modern: bool) -> Result<Self, Error> {
        let Some(path) = ca_file else {
            if only {
                return Err(Error::new(Code::UsageValue).saying("`ca_only=True` needs `ca_file`."));
            }
            return Ok(Self { roots: Vec::new(), only, modern });
        };
        let unreadable = |why: String| setup(format!("The CA file {} cannot be used: {why}.", path.display()));
        let size = std::fs::metadata(path).map_err(|e| unreadable(e.kind().to_string()))?;
        if !size.is_file() || size.len() > MAX_CA_BYTES {
            return Err(unreadable("it is not a file of at most 8 MiB".to_owned()));
        }
        let roots = std::fs::read(path).map_err(|e| unreadable(e.kind().to_string()))?;
        let tls = Self { roots, only, modern };
        if tls.certificates().map_err(unreadable)?.is_empty() {
            return Err(unreadable("it holds no PEM certificate".to_owned()));
        }
        Ok(tls)
    }

    /// The base configuration for these options, from the process-wide cache.
    ///
    /// # Errors
    /// `TlsError` when there is not one root certificate to trust.
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

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        CertificateDer::pem_slice_iter(&self.roots).collect::<Result<_, _>>().map_err(|e| e.to_string())
    }

    fn build(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.modern { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS13, &rustls::version::TLS12] };
        let verifier = self.verifier(provider.clone())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|e| setup(format!("TLS cannot be set up: {e}.")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(config)
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let extra = self.certificates().map_err(|e| setup(format!("The CA file cannot be used: {e}.")))?;
        if self.only {
            let mut roots = RootCertStore::empty();
            for certificate in extra {
                roots.add(certificate).map_err(|e| setup(format!("The CA file cannot be used: {e}.")))?;
            }
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| setup(format!("The CA file cannot be used: {e}.")))?;
            return Ok(verifier);
        }
        match rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            Err(_) => Err(setup("No trusted root certificates were found on this system.".to_owned())
                .hint("install the package ca-certificates, or pass Tls(ca_file=…)")),
        }
    }
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
    fn only_without_a_file_is_refused() {
        assert_eq!(Tls::new(None, true, false).unwrap_err().code(), Code::UsageValue);
    }

    #[test]
    fn a_file_without_certificates_is_a_tls_error_that_names_it() {
        let error = Tls::new(Some(Path::new("Cargo.toml")), true, false).unwrap_err();
        assert_eq!(error.code(), Code::TransportTlsSetup);
        assert!(error.user_message().contains("Cargo.toml"));
    }
}
