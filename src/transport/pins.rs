//! Pins: digests of public keys, of which one must stand in the chain (RFC 7469 §2.4, without its header).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::chain;
use crate::error::{Code, Error};

/// The digest of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pin([u8; 32]);

impl Pin {
    fn of_key(key: &[u8]) -> Self {
        let mut pin = [0; 32];
        pin.copy_from_slice(digest(&SHA256, key).as_ref());
        Self(pin)
    }

    /// The pin of a root's key. The anchor holds what is inside the outer SEQUENCE.
    pub(super) fn of_anchor(anchor: &TrustAnchor<'_>) -> Self {
        let inside = anchor.subject_public_key_info.as_ref();
        let mut key = vec![0x30];
        match inside.len() {
            short @ 0..=0x7f => key.push(short as u8),
            long @ 0x80..=0xff => key.extend_from_slice(&[0x81, long as u8]),
            long => key.extend_from_slice(&[0x82, (long >> 8) as u8, long as u8]),
        }
        key.extend_from_slice(inside);
        Self::of_key(&key)
    }

    /// The pin of a certificate's key.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        chain::public_key(certificate).ok().map(|key| Self::of_key(&key))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads `sha256/BASE64` pins. At least two, so that a lost key does not lock the bot out.
///
/// # Errors
/// `ValueError` for another form, fewer than two, or the same twice.
pub(super) fn read(texts: &[String]) -> Result<Vec<Pin>, Error> {
    let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
    if texts.is_empty() {
        return Err(wrong("`pins` is empty: leave it out, or no key would be pinned."));
    }
    let mut pins = Vec::with_capacity(texts.len());
    for text in texts {
        let decoded = text.strip_prefix("sha256/").and_then(|text| STANDARD.decode(text).ok());
        let pin = decoded.and_then(|bytes| bytes.try_into().ok()).map(Pin);
        let pin = pin.ok_or_else(|| wrong("A pin is written as `sha256/` and the base64 of 32 bytes."))?;
        if pins.contains(&pin) {
            return Err(wrong("The same pin stands twice; the second is the backup key's."));
        }
        pins.push(pin);
    }
    if pins.len() == 1 {
        return Err(wrong("`pins` needs two at least: the key in use and a backup, or a lost key locks the bot out."));
    }
    Ok(pins)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pin(byte: u8) -> String {
        Pin([byte; 32]).to_string()
    }

    #[test]
    fn two_pins_are_read_and_told_as_they_were_written() {
        let pins = read(&[pin(1), pin(2)]).unwrap();
        assert_eq!(pins.iter().map(Pin::to_string).collect::<Vec<_>>(), [pin(1), pin(2)]);
    }

    #[test]
    fn what_is_no_pin_or_no_backup_is_refused() {
        let short = format!("sha256/{}", STANDARD.encode([1; 31]));
        for bad in [&[][..], &[pin(1)], &[pin(1), pin(1)], &[pin(1), short], &[pin(1), "sha1/AAAA".to_owned()]] {
            assert_eq!(read(bad).unwrap_err().code(), Code::UsageValue, "{bad:?}");
        }
    }
}
