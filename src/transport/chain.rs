//! What RFC 5280 asks of certificates and rustls leaves open: OpenSSL's strict mode, which Python 3.13 turned on.
//!
//! rustls treats a root as a bare name and key, and reads of the others what path building needs. These checks run beside its
//! own, never instead. docs/tls.md has the table of checks and sources.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{BasicConstraints, KeyUsage, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;

/// Why a certificate is not acceptable, with the section that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw(pub(super) &'static str);

const UNREADABLE: Flaw = Flaw("a certificate cannot be read");
const REPEATED: Flaw = Flaw("an extension stands twice (RFC 5280 §4.2)");
const UNKNOWN_CRITICAL: Flaw = Flaw("a critical extension is unknown (RFC 5280 §4.2)");
const NO_AKI: Flaw = Flaw("the authority key identifier is missing (RFC 5280 §4.2.1.1)");
const CRITICAL_AKI: Flaw = Flaw("the authority key identifier is critical (RFC 5280 §4.2.1.1)");
const NO_SKI: Flaw = Flaw("a CA's subject key identifier is missing (RFC 5280 §4.2.1.2)");
const CRITICAL_SKI: Flaw = Flaw("the subject key identifier is critical (RFC 5280 §4.2.1.2)");
const NO_SUBJECT: Flaw = Flaw("a CA's subject is empty (RFC 5280 §4.1.2.6)");
const NO_ISSUER: Flaw = Flaw("the issuer is empty (RFC 5280 §4.1.2.4)");
const WEAK_SAN: Flaw = Flaw("the subject is empty and the alternative names are not critical (RFC 5280 §4.2.1.6)");
const NOT_A_CA: Flaw = Flaw("the basic constraints do not make it a CA (RFC 5280 §4.2.1.9)");
const WEAK_BASIC: Flaw = Flaw("a CA's basic constraints are not critical (RFC 5280 §4.2.1.9)");
const NO_USAGE: Flaw = Flaw("a CA's key usage is missing (RFC 5280 §4.2.1.3)");
const WRONG_USAGE: Flaw = Flaw("a CA's key usage does not allow it to sign certificates (RFC 5280 §4.2.1.3)");
const SIGNING_LEAF: Flaw = Flaw("the server's key may sign certificates, and it is no CA (RFC 5280 §4.2.1.9)");
const EXPIRED: Flaw = Flaw("the root has expired");
const TOO_EARLY: Flaw = Flaw("the root is not valid yet");

/// Judges a root that the user named, at `now` in Unix time; tells its last second.
pub(super) fn judge_root(der: &[u8], now: i64) -> Result<i64, Flaw> {
    let root = parse(der)?;
    let until = root.validity().not_after.timestamp();
    if until < now {
        return Err(EXPIRED);
    }
    if root.validity().not_before.timestamp() > now {
        return Err(TOO_EARLY);
    }
    let extensions = Extensions::of(&root)?;
    if root.extensions().iter().any(|one| one.critical && !is_known(one)) {
        return Err(UNKNOWN_CRITICAL);
    }
    extensions.judge_authority(&root)?;
    Ok(until)
}

/// Judges the server's certificate.
pub(super) fn judge_leaf(der: &[u8]) -> Result<(), Flaw> {
    let leaf = parse(der)?;
    let extensions = Extensions::of(&leaf)?;
    extensions.judge_leaf(&leaf)?;
    extensions.judge_identifier(&leaf)
}

/// The CAs that a path may lead over, and what is wrong with the first of the others.
pub(super) fn sift<'a>(others: &'a [CertificateDer<'_>]) -> (Vec<CertificateDer<'a>>, Option<Flaw>) {
    let (mut sound, mut first) = (Vec::with_capacity(others.len()), None);
    for der in others {
        match judge_intermediate(der) {
            Ok(()) => sound.push(CertificateDer::from(der.as_ref())),
            Err(flaw) => first = first.or(Some(flaw)),
        }
    }
    (sound, first)
}

fn judge_intermediate(der: &[u8]) -> Result<(), Flaw> {
    let ca = parse(der)?;
    let extensions = Extensions::of(&ca)?;
    extensions.judge_authority(&ca)?;
    extensions.judge_identifier(&ca)
}

/// The public key of a certificate as SubjectPublicKeyInfo, which pins are made of.
pub(super) fn public_key(der: &[u8]) -> Result<Vec<u8>, Flaw> {
    parse(der).map(|certificate| certificate.public_key().raw.to_vec())
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Flaw> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(UNREADABLE),
    }
}

/// Extensions that we, rustls or the web's CAs give a meaning to.
fn is_known(extension: &X509Extension<'_>) -> bool {
    !matches!(
        extension.parsed_extension(),
        ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::ParseError { .. } | ParsedExtension::Unparsed
    )
}

/// What the checks look at, read once.
#[derive(Default)]
struct Extensions<'a> {
    basic: Option<(bool, &'a BasicConstraints)>,
    usage: Option<&'a KeyUsage>,
    alternative_is_critical: Option<bool>,
    subject_key_is_critical: Option<bool>,
    authority_key_is_critical: Option<bool>,
    authority_key: bool,
}

impl<'a> Extensions<'a> {
    fn of(certificate: &'a X509Certificate<'_>) -> Result<Self, Flaw> {
        certificate.extensions_map().map_err(|_| REPEATED)?;
        let mut found = Self::default();
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(basic) => found.basic = Some((extension.critical, basic)),
                ParsedExtension::KeyUsage(usage) => found.usage = Some(usage),
                ParsedExtension::SubjectAlternativeName(_) => found.alternative_is_critical = Some(extension.critical),
                ParsedExtension::SubjectKeyIdentifier(_) => found.subject_key_is_critical = Some(extension.critical),
                ParsedExtension::AuthorityKeyIdentifier(key) => {
                    found.authority_key_is_critical = Some(extension.critical);
                    found.authority_key = key.key_identifier.is_some();
                }
                _ => {}
            }
        }
        if found.authority_key_is_critical == Some(true) {
            return Err(CRITICAL_AKI);
        }
        if found.subject_key_is_critical == Some(true) {
            return Err(CRITICAL_SKI);
        }
        Ok(found)
    }

    /// A certificate that names itself as its issuer needs no identifier of another's key.
    fn judge_identifier(&self, certificate: &X509Certificate<'_>) -> Result<(), Flaw> {
        let own = certificate.issuer().as_raw() == certificate.subject().as_raw();
        if own || self.authority_key { Ok(()) } else { Err(NO_AKI) }
    }

    fn judge_leaf(&self, leaf: &X509Certificate<'_>) -> Result<(), Flaw> {
        let ca = self.basic.is_some_and(|(_, basic)| basic.ca);
        if leaf.issuer().as_raw().is_empty() || leaf.issuer().iter().next().is_none() {
            return Err(NO_ISSUER);
        }
        if !ca && self.usage.is_some_and(KeyUsage::key_cert_sign) {
            return Err(SIGNING_LEAF);
        }
        if leaf.subject().iter().next().is_none() && self.alternative_is_critical == Some(false) {
            return Err(WEAK_SAN);
        }
        Ok(())
    }

    fn judge_authority(&self, ca: &X509Certificate<'_>) -> Result<(), Flaw> {
        match self.basic {
            Some((true, basic)) if basic.ca => {}
            Some((false, basic)) if basic.ca => return Err(WEAK_BASIC),
            _ => return Err(NOT_A_CA),
        }
        match self.usage {
            None => return Err(NO_USAGE),
            Some(usage) if !usage.key_cert_sign() => return Err(WRONG_USAGE),
            Some(_) => {}
        }
        if ca.subject().iter().next().is_none() {
            return Err(NO_SUBJECT);
        }
        if ca.issuer().iter().next().is_none() {
            return Err(NO_ISSUER);
        }
        if self.subject_key_is_critical.is_none() { Err(NO_SKI) } else { Ok(()) }
    }
}
