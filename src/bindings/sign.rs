//! `HmacSigner`, `HttpSignature` and `AwsSigV4` in Python.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::auth::secret_of;
use super::convert;
use super::error::{Raise, wrong_type, wrong_value};
use super::secret::PySecret;
use crate::sign::{self, Algorithm, Clock, ContentDigest, Digest, HmacLayout, HttpProfile, KeyEncoding, Signer};
use crate::validate::Leaf;

/// Sign each request with an HMAC, in the layout of the API's own.
///
/// Time and nonce are fresh for every request, redirect and repeat. Bodies that an iterator brings are `InputError` where
/// `content` covers the body.
///
/// Args:
///     secret: The key, as a `Secret`.
///     header: The header of the signature.
///     prefix: Text before the signature, such as `"sha256="`.
///     layout: The whole value instead, such as `"t={timestamp},v1={signature}"`; fields: `signature`, `timestamp`,
///         `nonce`, `key_id`.
///     content: What is signed, with the fields `method`, `host`, `path` (with the query), `timestamp`, `nonce`, `key_id`,
///         `body`, `body_sha256` and `body_sha512`. Unless given: method, host, path, timestamp, nonce and body_sha256,
///         one a line.
///     key_id: Names the key to the server.
///     key_id_header: Its header; `X-Key-Id` unless `layout` has a place for it.
///     timestamp_header: The header of the time, sent where `content` signs the time and `layout` does not carry it.
///     nonce_header: The same for the nonce.
///     timestamp_format: `"unix"` (seconds), `"unix_ms"` or `"iso8601"`.
///     digest: `"sha256"` or `"sha512"`.
///     encoding: `"hex"` or `"base64"`, of the signature.
///     key_encoding: `"raw"`, `"hex"` or `"base64"` (also after `whsec_`), of the secret.
#[pyclass(frozen, module = "botsec")]
pub(super) struct HmacSigner {
    signer: Arc<Signer>,
    shown: String,
}

#[pymethods]
impl HmacSigner {
    #[new]
    #[pyo3(signature = (secret, *, header="X-Signature", prefix="", layout=None, content=None, key_id=None,
        key_id_header=None, timestamp_header=Some("X-Timestamp"), nonce_header=Some("X-Nonce"), timestamp_format="unix",
        digest="sha256", encoding="hex", key_encoding="raw"),
        text_signature = "(secret, *, header='X-Signature', prefix='', layout=None, content=None, key_id=None, \
        key_id_header=None, timestamp_header='X-Timestamp', nonce_header='X-Nonce', timestamp_format='unix', \
        digest='sha256', encoding='hex', key_encoding='raw')")]
    #[expect(clippy::too_many_arguments, reason = "an API's layout has this many parts; Python passes them by name")]
    fn new(
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        header: &str,
        prefix: &str,
        layout: Option<&str>,
        content: Option<&str>,
        key_id: Option<&str>,
        key_id_header: Option<&str>,
        timestamp_header: Option<&str>,
        nonce_header: Option<&str>,
        timestamp_format: &str,
        digest: &str,
        encoding: &str,
        key_encoding: &str,
    ) -> PyResult<Self> {
        let secret = secret_of(secret)?;
        let shown = format!("HmacSigner({secret:?}, header='{}')", shown(header));
        let clocks = [("unix", Clock::Unix), ("unix_ms", Clock::UnixMs), ("iso8601", Clock::Iso8601)];
        let given = HmacLayout {
            header,
            prefix,
            layout,
            content,
            key_id,
            key_id_header,
            timestamp_header,
            nonce_header,
            clock: choice("timestamp_format", timestamp_format, &clocks)?,
            digest: choice("digest", digest, &[("sha256", Digest::Sha256), ("sha512", Digest::Sha512)])?,
            base64: choice("encoding", encoding, &[("hex", false), ("base64", true)])?,
            key: choice("key_encoding", key_encoding, &KEY_ENCODINGS[..3])?,
        };
        let signer = Signer::Hmac(sign::HmacSigner::new(secret, given).or_raise(py)?);
        Ok(Self { signer: checked(py, signer)?, shown })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// Sign each request by RFC 9421, with a digest of its body by RFC 9530.
///
/// Time and nonce are fresh for every request, redirect and repeat. Bodies that an iterator brings are `InputError` where
/// the components cover the body.
///
/// Args:
///     secret: The key, as a `Secret`: a private key in PEM (PKCS#8), or the shared key of `hmac-sha256`.
///     algorithm: `"ed25519"`, `"ecdsa-p256-sha256"`, `"rsa-pss-sha512"`, `"rsa-v1_5-sha256"` or `"hmac-sha256"`.
///     key_id: The `keyid` parameter, which names the key to the server.
///     components: What is signed: `@method`, `@target-uri`, `@authority`, `@scheme`, `@request-target`, `@path`, `@query`,
///         `@query-param;name="q"` and header names. Unless given: method, authority, path and query, and of a body its
///         digest and type. `content-digest`, `content-length` and `date` are added to the request where they are signed.
///     label: The signature's name in the request.
///     created: Whether the time of signing is signed and sent.
///     expires: Seconds for which the signature is good.
///     nonce: Whether a nonce is signed and sent.
///     tag: The `tag` parameter, which names the application's use.
///     include_alg: Whether the `alg` parameter is sent; servers know it from the key.
///     digest: `"sha-256"` or `"sha-512"`, of the body.
///     key_encoding: `"pem"`, `"hex"` or `"base64"` (DER, or 32 bytes for ed25519), and `"raw"` for `hmac-sha256`, where it
///         is the default.
#[pyclass(frozen, module = "botsec")]
pub(super) struct HttpSignature {
    signer: Arc<Signer>,
    shown: String,
}

#[pymethods]
impl HttpSignature {
    #[new]
    #[pyo3(signature = (secret, *, algorithm, key_id=None, components=None, label="sig1", created=true, expires=None,
        nonce=true, tag=None, include_alg=false, digest="sha-256", key_encoding=None))]
    #[expect(clippy::too_many_arguments, reason = "the RFC's own parameters; Python passes them by name")]
    fn new(
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        algorithm: &str,
        key_id: Option<&str>,
        components: Option<&Bound<'_, PyAny>>,
        label: &str,
        created: bool,
        expires: Option<&Bound<'_, PyAny>>,
        nonce: bool,
        tag: Option<&str>,
        include_alg: bool,
        digest: &str,
        key_encoding: Option<&str>,
    ) -> PyResult<Self> {
        let secret = secret_of(secret)?;
        let algorithm = choice("algorithm", algorithm, &Algorithm::ALL)?;
        let expires = expires.map(|expires| convert::seconds(expires, "expires")).transpose()?;
        if expires.is_some_and(|expires| expires.as_secs() == 0) {
            return Err(wrong_value("`expires` counts whole seconds, at least 1."));
        }
        let components = components.map(|components| convert::strings(components, "components")).transpose()?;
        let digests = [("sha-256", ContentDigest::Sha256), ("sha-512", ContentDigest::Sha512)];
        let profile = HttpProfile {
            key: key_encoding.map(|encoding| choice("key_encoding", encoding, &KEY_ENCODINGS)).transpose()?,
            key_id,
            components: components.as_deref(),
            label,
            created,
            expires,
            nonce,
            tag,
            names_algorithm: include_alg,
            digest: choice("digest", digest, &digests)?,
            ..HttpProfile::new(algorithm)
        };
        let shown = format!("HttpSignature({secret:?}, algorithm='{}')", algorithm.name());
        let signer = Signer::Http(sign::HttpSignature::new(secret, profile).or_raise(py)?);
        Ok(Self { signer: checked(py, signer)?, shown })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// Sign each request with AWS Signature Version 4, for API Gateway and services like it.
///
/// The hash of the body is always signed; bodies that an iterator brings are `InputError`.
///
/// Args:
///     access_key_id: Names the key: a `str`, or a `Secret` where it rotates with the key.
///     secret: The secret access key, as a `Secret`.
///     region: Such as `"eu-central-1"`.
///     service: Such as `"execute-api"`. Paths of `"s3"` are signed as they are, those of all other services normalised.
///     session_token: The token of temporary credentials, as a `Secret`.
///     content_sha256: Whether the hash is also sent, as `x-amz-content-sha256`. Unless given: where the service needs it.
#[pyclass(frozen, module = "botsec")]
pub(super) struct AwsSigV4 {
    signer: Arc<Signer>,
    shown: String,
}

#[pymethods]
impl AwsSigV4 {
    #[new]
    #[pyo3(signature = (access_key_id, secret, *, region, service, session_token=None, content_sha256=None))]
    fn new(
        py: Python<'_>,
        access_key_id: &Bound<'_, PyAny>,
        secret: &Bound<'_, PyAny>,
        region: &str,
        service: &str,
        session_token: Option<&Bound<'_, PyAny>>,
        content_sha256: Option<bool>,
    ) -> PyResult<Self> {
        let access_key_id = if let Ok(id) = access_key_id.cast::<PyString>() {
            Leaf::Plain(convert::text(id))
        } else if let Ok(id) = access_key_id.cast::<PySecret>() {
            Leaf::Hidden(id.get().0.clone())
        } else {
            let given = convert::type_name(access_key_id);
            return Err(wrong_type(format!("`access_key_id` takes a str or a Secret, not {given}.")));
        };
        let secret = secret_of(secret)?;
        let token = session_token.map(secret_of).transpose()?;
        let shown = format!("AwsSigV4({secret:?}, region='{}', service='{}')", shown(region), shown(service));
        let signer = sign::AwsSigV4::new(access_key_id, secret, token, region, service, content_sha256).or_raise(py)?;
        Ok(Self { signer: checked(py, Signer::Aws(signer))?, shown })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// The encodings of a key; HMAC layouts take the first three.
const KEY_ENCODINGS: [(&str, KeyEncoding); 4] =
    [("raw", KeyEncoding::Raw), ("hex", KeyEncoding::Hex), ("base64", KeyEncoding::Base64), ("pem", KeyEncoding::Pem)];

/// The signer of an object of these classes.
pub(super) fn signer_of(value: &Bound<'_, PyAny>) -> Option<Arc<Signer>> {
    if let Ok(signer) = value.cast::<HmacSigner>() {
        return Some(signer.get().signer.clone());
    }
    if let Ok(signer) = value.cast::<HttpSignature>() {
        return Some(signer.get().signer.clone());
    }
    value.cast::<AwsSigV4>().ok().map(|signer| signer.get().signer.clone())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<HmacSigner>()?;
    module.add_class::<HttpSignature>()?;
    module.add_class::<AwsSigV4>()
}

/// A signer whose key can sign: found out at start-up, not with the first call.
fn checked(py: Python<'_>, signer: Signer) -> PyResult<Arc<Signer>> {
    signer.check_key().or_raise(py)?;
    Ok(Arc::new(signer))
}

/// One of a few words.
fn choice<T: Copy>(argument: &str, given: &str, known: &[(&str, T)]) -> PyResult<T> {
    let found = known.iter().find(|(name, _)| *name == given).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        wrong_value(format!("`{argument}` is one of {}.", names.join(", ")))
    })
}

/// A name as a repr may show it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect()
}
