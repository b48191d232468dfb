//! The verifier of server certificates: what breaks RFC 5280 is left out of the chain, rustls finds a path over the rest, and
//! pins are looked for.
//!
//! Two ways to trust. The platform's roots (with the user's beside them) go through the platform verifier, whose path is not
//! told; so pins match the server's own key there, and nothing else. The user's roots alone go through webpki, whose path we
//! see: pins match any key on it, and revocation lists count.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::chain::{self, Flaw};
use super::pins::Pin;
use super::roots::{Live, Roots, seconds};
use crate::error::Error;
use crate::fork::Lock;

const EXPIRED: Flaw = Flaw("the certificate's issuer is not trusted, and a root of the CA file has expired");

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
    roots: Roots,
    live: Lock<Arc<Live>>,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Trusts `roots`, and of the keys that they vouch for the pinned ones, if there are any.
    ///
    /// # Errors
    /// `TlsError` when there is not one root, or a root or list cannot be used.
    pub(super) fn new(
        roots: Roots,
        pins: Vec<Pin>,
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let live = Lock::new(Arc::new(roots.live(seconds(now))?));
        Ok(Self { roots, live, pins, provider })
    }

    /// What is trusted now; looked up anew once a root has expired.
    fn live(&self, now: UnixTime) -> Result<Arc<Live>, rustls::Error> {
        let now = now.as_secs().try_into().unwrap_or(i64::MAX);
        let live = self.live.lock().clone();
        if live.is_at(now) {
            return Ok(live);
        }
        let live = Arc::new(self.roots.live(now).map_err(|_| refuse(Refusal::Flawed(EXPIRED)))?);
        *self.live.lock() = live.clone();
        Ok(live)
    }

    /// Whether a pin stands in the chain.
    fn judge_pins(&self, live: &Live, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], now: UnixTime) -> bool {
        let is_pinned = |der: &[u8]| Pin::of(&CertificateDer::from(der)).is_some_and(|pin| self.pins.contains(&pin));
        if is_pinned(leaf) {
            return true;
        }
        // A certificate that was merely sent proves nothing: only those on a path to our roots count.
        let Some(roots) = &live.own else { return false };
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
                self.provider.signature_verification_algorithms.all,
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
        let live = self.live(now)?;
        // A path over sound certificates alone: no certificate that is merely sent can hide a flawed one or spoil a good one.
        let (sound, flaw) = chain::sift(others);
        if let Err(error) = live.judge(leaf, &sound, name, ocsp, now) {
            return Err(match flaw {
                Some(flaw) => match live.judge(leaf, others, name, ocsp, now) {
                    Ok(()) => refuse(Refusal::Flawed(flaw)),
                    Err(error) => error,
                },
                None if live.misses(&error) => refuse(Refusal::Flawed(EXPIRED)),
                None => error,
            });
        }
        chain::judge_leaf(leaf).map_err(|flaw| refuse(Refusal::Flawed(flaw)))?;
        if !self.pins.is_empty() && !self.judge_pins(&live, leaf, &sound, now) {
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
        verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// Two roots, one valid until 2030 and one until 2049, and a server's certificate of each, valid until 2049.
    const EXPIRING: &[u8] = include_bytes!("../../tests/vectors/expiring.pem");
    const DAY: u64 = 86_400;
    /// 2029-12-30, the day before the first root's last, and two days later.
    const BEFORE: u64 = 1_893_283_200;
    const AFTER: u64 = BEFORE + 3 * DAY;

    fn certificates() -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(EXPIRING).collect::<Result<_, _>>().unwrap()
    }

    fn verifier(roots: &[usize], only: bool) -> Verifier {
        let all = certificates();
        let given = roots.iter().map(|at| all.get(*at).unwrap().clone()).collect();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(BEFORE - 1000 * DAY);
        let roots = Roots::new(given, only, Vec::new(), provider.clone(), made).unwrap();
        Verifier::new(roots, Vec::new(), provider, made).unwrap()
    }

    fn judge(verifier: &Verifier, leaf: usize, at: u64) -> Result<(), String> {
        let name = ServerName::try_from("localhost").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let all = certificates();
        let verdict = verifier.verify_server_cert(all.get(leaf).unwrap(), &[], &name, &[], now);
        verdict.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_root_that_expires_while_a_client_lives_is_trusted_no_longer() {
        // Elsewhere the platform's own rules ask for shorter lives.
        let ways: &[bool] = if cfg!(target_os = "linux") { &[true, false] } else { &[true] };
        for only in ways {
            let verifier = verifier(&[0, 1], *only);
            assert_eq!(judge(&verifier, 2, BEFORE), Ok(()));
            assert!(judge(&verifier, 2, AFTER).unwrap_err().contains("has expired"));
            // The other root's server is as good as before.
            assert_eq!(judge(&verifier, 3, AFTER), Ok(()));
            // A clock that ran ahead and was set right takes nothing away.
            assert_eq!(judge(&verifier, 2, BEFORE), Ok(()));
        }
    }

    #[test]
    fn a_client_whose_only_root_expired_trusts_nobody() {
        let verifier = verifier(&[0], true);
        assert_eq!(judge(&verifier, 2, BEFORE), Ok(()));
        for leaf in [2, 3] {
            assert!(judge(&verifier, leaf, AFTER).unwrap_err().contains("has expired"));
        }
    }

    #[test]
    fn a_root_that_has_expired_is_refused_by_name() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let late = SystemTime::UNIX_EPOCH + Duration::from_secs(AFTER);
        let given = certificates().into_iter().take(2).collect();
        let error = Roots::new(given, true, Vec::new(), provider, late).unwrap_err();
        assert!(error.user_message().contains("Certificate 1 of the CA file"));
    }
}
