//! The verifier of server certificates: rustls' own, then strict checks of the chain, then pins.
//!
//! Two ways to trust. The platform's roots (with the user's beside them) go through the platform verifier, whose path is not
//! told; so pins match the server's own key there, and nothing else. The user's roots alone go through webpki, whose path we
//! see: pins match any key on it, and revocation lists count.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::chain::{self, Flaw};
use super::pins::Pin;
use crate::error::{Code, Error};

/// Why a certificate that rustls accepts is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The chain breaks a rule.
    Flawed(Flaw),
    /// None of the pins is in the chain; the server's own is told.
    Unpinned(Option<Pin>),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flawed(flaw) => f.write_str(flaw.0),
            Self::Unpinned(_) => f.write_str("the server's key is not pinned"),
        }
    }
}

impl std::error::Error for Refusal {}

fn refuse(refusal: Refusal) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

/// Verifies a server's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    inner: Vec<Arc<dyn ServerCertVerifier>>,
    pins: Vec<Pin>,
    own: Option<Own>,
}

/// The path over the user's roots.
#[derive(Debug)]
struct Own {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// The platform's roots, and `extra` ones.
    ///
    /// # Errors
    /// `TlsError` when there is not one root, or one of `extra` is not acceptable.
    pub(super) fn platform(
        extra: Vec<CertificateDer<'static>>,
        pins: Vec<Pin>,
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        judge_roots(&extra, now)?;
        match rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider) {
            Ok(verifier) => Ok(Self { inner: vec![Arc::new(verifier)], pins, own: None }),
            Err(_) => Err(setup("No trusted root certificates were found on this system.".to_owned())
                .hint("install the package ca-certificates, or pass Tls(ca_file=…)")),
        }
    }

    /// The given roots alone, with revocation lists: the server's certificate must be told good by one, and no
    /// certificate of the path may be told revoked.
    ///
    /// # Errors
    /// `TlsError` when a root or a list is not acceptable.
    pub(super) fn own(
        given: Vec<CertificateDer<'static>>,
        crls: &[CertificateRevocationListDer<'static>],
        pins: Vec<Pin>,
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        judge_roots(&given, now)?;
        let mut roots = RootCertStore::empty();
        for certificate in given {
            roots.add(certificate).map_err(|e| setup(format!("The CA file cannot be used: {e}.")))?;
        }
        let roots = Arc::new(roots);
        let build = || WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
        let bad = |e: rustls::client::VerifierBuilderError| setup(format!("The CA file or a CRL cannot be used: {e}."));
        let mut inner: Vec<Arc<dyn ServerCertVerifier>> = Vec::new();
        if crls.is_empty() {
            inner.push(build().build().map_err(bad)?);
        } else {
            let listed = || build().with_crls(crls.iter().cloned()).enforce_revocation_expiration();
            inner.push(listed().only_check_end_entity_revocation().build().map_err(bad)?);
            inner.push(listed().allow_unknown_revocation_status().build().map_err(bad)?);
        }
        Ok(Self { inner, pins, own: Some(Own { roots, provider }) })
    }

    /// Whether a pin stands in the chain.
    fn judge_pins(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], now: UnixTime) -> bool {
        let is_pinned = |der: &[u8]| Pin::of(&CertificateDer::from(der)).is_some_and(|pin| self.pins.contains(&pin));
        if is_pinned(leaf) {
            return true;
        }
        // A certificate that was merely sent proves nothing: only those on a path to our roots count.
        let Some(Own { roots, provider }) = &self.own else { return false };
        let Ok(entity) = EndEntityCert::try_from(leaf) else { return false };
        let on_path = |path: &webpki::VerifiedPath<'_>| {
            let known = path.intermediate_certificates().any(|certificate| is_pinned(&certificate.der()));
            if known || self.pins.contains(&Pin::of_anchor(path.anchor())) {
                Ok(())
            } else {
                Err(webpki::Error::UnknownIssuer)
            }
        };
        entity
            .verify_for_usage(
                provider.signature_verification_algorithms.all,
                &roots.roots,
                others,
                now,
                KeyUsage::server_auth(),
                None,
                Some(&on_path),
            )
            .is_ok()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        for verifier in &self.inner {
            verifier.verify_server_cert(leaf, others, name, ocsp, now)?;
        }
        chain::judge_chain(leaf, others).map_err(|flaw| refuse(Refusal::Flawed(flaw)))?;
        if !self.pins.is_empty() && !self.judge_pins(leaf, others, now) {
            return Err(refuse(Refusal::Unpinned(Pin::of(leaf))));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let Some(verifier) = self.inner.first() else { return Err(rustls::Error::General("no verifier".to_owned())) };
        verifier.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let Some(verifier) = self.inner.first() else { return Err(rustls::Error::General("no verifier".to_owned())) };
        verifier.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.first().map(|verifier| verifier.supported_verify_schemes()).unwrap_or_default()
    }
}

fn judge_roots(roots: &[CertificateDer<'_>], now: SystemTime) -> Result<(), Error> {
    for (index, root) in roots.iter().enumerate() {
        chain::judge_root(root, now).map_err(|flaw| {
            setup(format!("Certificate {} of the CA file cannot be trusted: {}.", index + 1, flaw.0))
                .hint("docs/tls.md lists what a root must have, and how to make one")
        })?;
    }
    Ok(())
}

fn setup(said: String) -> Error {
    Error::new(Code::TransportTlsSetup).saying(said)
}
