//! A throw-away certificate authority for tests and the demo; its keys live as long as the process that made them.

use pyo3::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::error::wrong_value;

/// Make a certificate authority and a server certificate for `names`, both gone when the process forgets them.
///
/// Returns the authority's certificate, the server's certificate chain and the server's key, all as PEM text.
#[pyfunction]
pub(super) fn throwaway_ca(names: Vec<String>) -> PyResult<(String, String, String)> {
    make(names).map_err(|error| wrong_value(format!("The certificate cannot be made: {error}.")))
}

fn make(names: Vec<String>) -> Result<(String, String, String), rcgen::Error> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(rcgen::DnType::CommonName, "botsec throw-away CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);

    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(rcgen::DnType::CommonName, "botsec loopback server");
    server.use_authority_key_identifier_extension = true;
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let server_key = KeyPair::generate()?;
    let certificate = server.signed_by(&server_key, &issuer)?;
    Ok((ca_certificate.pem(), certificate.pem(), server_key.serialize_pem()))
}
