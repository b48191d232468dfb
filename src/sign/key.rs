//! Keys as secrets hold them: text, hex, base64, PEM. Read for each signature, so that a rotated secret is used at once.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair,
};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::secret::Secret;

/// How a secret's text spells its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The text's own bytes.
    Raw,
    /// Hexadecimal digits.
    Hex,
    /// Base64 of either alphabet, padded or not, after `whsec_` or not.
    Base64,
    /// A PEM block.
    Pem,
}

/// An algorithm of RFC 9421 §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `hmac-sha256`.
    HmacSha256,
    /// `ed25519`.
    Ed25519,
    /// `ecdsa-p256-sha256`.
    EcdsaP256Sha256,
    /// `rsa-pss-sha512`.
    RsaPssSha512,
    /// `rsa-v1_5-sha256`.
    RsaV15Sha256,
}

impl Algorithm {
    /// Every algorithm, by its registered name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("hmac-sha256", Self::HmacSha256),
        ("ed25519", Self::Ed25519),
        ("ecdsa-p256-sha256", Self::EcdsaP256Sha256),
        ("rsa-pss-sha512", Self::RsaPssSha512),
        ("rsa-v1_5-sha256", Self::RsaV15Sha256),
    ];

    /// The registered name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

/// A key in the form that its algorithm takes.
enum Key {
    Hmac(Box<hmac::Key>),
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// Whether `secret` holds a key for `algorithm`.
///
/// # Errors
/// `SecretAccessError` with the secret's name, never its value.
pub(super) fn check(secret: &Secret, encoding: KeyEncoding, algorithm: Algorithm) -> Result<(), Error> {
    read(secret, encoding, algorithm).map(|_| ())
}

/// The signature of `base`.
///
/// # Errors
/// As [`check`].
pub(super) fn sign(
    secret: &Secret,
    encoding: KeyEncoding,
    algorithm: Algorithm,
    base: &[u8],
) -> Result<Vec<u8>, Error> {
    let failed = |_| refuse(secret, "the key cannot sign");
    let dice: &dyn rand::SecureRandom = &SystemRandom::new();
    match read(secret, encoding, algorithm)? {
        Key::Hmac(key) => Ok(hmac::sign(&key, base).as_ref().to_vec()),
        Key::Ed25519(pair) => pair.try_sign(base).map(|signature| signature.as_ref().to_vec()).map_err(failed),
        Key::Ecdsa(pair) => pair.sign(dice, base).map(|signature| signature.as_ref().to_vec()).map_err(failed),
        Key::Rsa(pair, padding) => {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, dice, base, &mut signature).map_err(failed)?;
            Ok(signature)
        }
    }
}

/// Signs with an RSA key in PEM: `RS256` of RFC 7518 §3.3.
///
/// # Errors
/// `SecretAccessError` with the secret's name, never its value.
pub fn rs256(key: &Secret, message: &[u8]) -> Result<Vec<u8>, Error> {
    sign(key, KeyEncoding::Pem, Algorithm::RsaV15Sha256, message)
}

fn read(secret: &Secret, encoding: KeyEncoding, algorithm: Algorithm) -> Result<Key, Error> {
    let bytes = bytes(secret, encoding)?;
    let wrong = |_| refuse(secret, &format!("no usable private key for {}", algorithm.name()));
    let rsa = |padding: &'static dyn RsaEncoding| {
        let pair = RsaKeyPair::from_pkcs8(&bytes).or_else(|_| RsaKeyPair::from_der(&bytes));
        pair.or_else(|error| rsa_of_pss(&bytes).ok_or(error)).map(|pair| Key::Rsa(pair, padding)).map_err(wrong)
    };
    match algorithm {
        Algorithm::HmacSha256 => Ok(Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes).into())),
        Algorithm::Ed25519 if bytes.len() == 32 => {
            Ed25519KeyPair::from_seed_unchecked(&bytes).map(Key::Ed25519).map_err(wrong)
        }
        Algorithm::Ed25519 => Ed25519KeyPair::from_pkcs8(&bytes).map(Key::Ed25519).map_err(wrong),
        Algorithm::EcdsaP256Sha256 => {
            let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_pkcs8(kind, &bytes);
            pair.or_else(|_| EcdsaKeyPair::from_private_key_der(kind, &bytes)).map(Key::Ecdsa).map_err(wrong)
        }
        Algorithm::RsaPssSha512 => rsa(&RSA_PSS_SHA512),
        Algorithm::RsaV15Sha256 => rsa(&RSA_PKCS1_SHA256),
    }
}

/// An RSA key whose PKCS#8 envelope is marked for PSS alone (RFC 4055 §1.2): its inside is an ordinary `RSAPrivateKey`.
fn rsa_of_pss(pkcs8: &[u8]) -> Option<RsaKeyPair> {
    /// id-RSASSA-PSS, 1.2.840.113549.1.1.10.
    const OID: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let (0x30, envelope, _) = element(pkcs8)? else { return None };
    let (0x02, _, rest) = element(envelope)? else { return None };
    let (0x30, algorithm, rest) = element(rest)? else { return None };
    let (0x04, key, _) = element(rest)? else { return None };
    algorithm.starts_with(&OID).then(|| RsaKeyPair::from_der(key).ok()).flatten()
}

/// Tag and content of the first DER element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The key's bytes. PEM is recognised whatever was announced: no other spelling begins like it.
///
/// # Errors
/// `SecretAccessError` when the text is not in `encoding`, or holds no key at all.
pub(super) fn bytes(secret: &Secret, encoding: KeyEncoding) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = secret.reveal()?;
    let trimmed = text.trim();
    let bytes = match encoding {
        KeyEncoding::Hex | KeyEncoding::Base64 | KeyEncoding::Pem if trimmed.starts_with("-----BEGIN") => {
            pem(trimmed).map_err(|why| refuse(secret, why))?
        }
        KeyEncoding::Raw => Zeroizing::new(text.as_bytes().to_vec()),
        KeyEncoding::Hex => unhex(trimmed).ok_or_else(|| refuse(secret, "no hexadecimal key"))?,
        KeyEncoding::Base64 => {
            let text = trimmed.strip_prefix("whsec_").unwrap_or(trimmed);
            unbase64(text).ok_or_else(|| refuse(secret, "no base64 key"))?
        }
        KeyEncoding::Pem => return Err(refuse(secret, "no PEM block")),
    };
    if bytes.is_empty() {
        return Err(refuse(secret, "an empty key"));
    }
    Ok(bytes)
}

/// The content of a text's first PEM block (RFC 7468). Environment variables often spell its line ends as `\n`.
fn pem(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    const NOT_PEM: &str = "no whole PEM block";
    let (label, rest) = text.strip_prefix("-----BEGIN ").and_then(|t| t.split_once("-----")).ok_or(NOT_PEM)?;
    let (body, _) = rest.split_once("-----END ").ok_or(NOT_PEM)?;
    match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {}
        "ENCRYPTED PRIVATE KEY" => return Err("a key encrypted with a password, which cannot be used"),
        _ => return Err("a PEM block that is no private key"),
    }
    let mut joined = Zeroizing::new(String::with_capacity(body.len()));
    for line in body.split("\\n") {
        joined.extend(line.chars().filter(|c| !c.is_ascii_whitespace()));
    }
    unbase64(&joined).ok_or("a PEM block that is no base64")
}

fn unbase64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode_vec(text, &mut out).ok().map(|()| out)
}

fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    for pair in pairs {
        let [high, low] = pair else { return None };
        out.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
    }
    Some(out)
}

fn refuse(secret: &Secret, why: &str) -> Error {
    Error::new(Code::SecretAccess).with("secret", secret.name()).hint(format!("the secret holds {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(value: &str) -> Secret {
        Secret::new("env:K", value.to_owned().into(), "f".into())
    }

    fn read(value: &str, encoding: KeyEncoding) -> Option<Vec<u8>> {
        bytes(&secret(value), encoding).ok().map(|bytes| bytes.to_vec())
    }

    #[test]
    fn a_key_is_read_as_its_encoding_says() {
        assert_eq!(read(" k ", KeyEncoding::Raw).unwrap(), b" k ");
        assert_eq!(read("00fF\n", KeyEncoding::Hex).unwrap(), [0, 255]);
        assert_eq!(read("whsec_+/8=", KeyEncoding::Base64).unwrap(), [0xfb, 0xff]);
        assert_eq!(read("-_8", KeyEncoding::Base64).unwrap(), [0xfb, 0xff]);
        let pem = "-----BEGIN PRIVATE KEY-----\\nAA\\nECAw==\\n-----END PRIVATE KEY-----";
        assert_eq!(read(pem, KeyEncoding::Pem).unwrap(), [0, 1, 2, 3]);
        assert_eq!(read(&pem.replace("\\n", "\r\n"), KeyEncoding::Base64).unwrap(), [0, 1, 2, 3]);
        for (bad, encoding) in [
            ("0", KeyEncoding::Hex),
            ("0g", KeyEncoding::Hex),
            ("é0", KeyEncoding::Hex),
            ("a b", KeyEncoding::Base64),
            ("whsec_", KeyEncoding::Base64),
            ("plain", KeyEncoding::Pem),
            ("-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----", KeyEncoding::Pem),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----AAAA-----END X", KeyEncoding::Pem),
            ("-----BEGIN PRIVATE KEY-----AAAA", KeyEncoding::Pem),
        ] {
            assert_eq!(read(bad, encoding), None, "{bad}");
        }
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_without_its_value() {
        for (_, algorithm) in Algorithm::ALL.into_iter().skip(1) {
            let error = check(&secret("dGhlIHZhbHVl"), KeyEncoding::Base64, algorithm).unwrap_err();
            let text = format!("{error:?} {error} {:?}", error.hint_text());
            assert!(text.contains(algorithm.name()) && !text.contains("dGhl") && !text.contains("value"), "{text}");
        }
        assert!(check(&secret("x"), KeyEncoding::Raw, Algorithm::HmacSha256).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_refused(text in "\\PC*", begin in any::<bool>(), body in any::<Vec<u8>>()) {
            let text = if begin { format!("-----BEGIN PRIVATE KEY-----{text}-----END ") } else { text };
            for encoding in [KeyEncoding::Raw, KeyEncoding::Hex, KeyEncoding::Base64, KeyEncoding::Pem] {
                let _ = read(&text, encoding);
            }
            let _ = rsa_of_pss(&body);
        }

        #[test]
        fn hex_and_base64_round_trip(bytes in prop::collection::vec(any::<u8>(), 1..100)) {
            prop_assert_eq!(read(&super::super::message::hex(&bytes), KeyEncoding::Hex).unwrap(), bytes.clone());
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            prop_assert_eq!(read(&text, KeyEncoding::Base64).unwrap(), bytes);
        }
    }
}
