//! Where a secret stands in Google's Secret Manager, and what an answer of it must be.
//!
//! Source: Secret Manager API, `projects.secrets.versions.access` and "Regional endpoints".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::secrets::Place;

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) project: String,
    /// The region, for a regional secret.
    pub(super) location: Option<String>,
    pub(super) secret: String,
    /// A number, `latest`, or an alias.
    pub(super) version: String,
}

impl Spot {
    /// Reads `project/name` and `projects/P[/locations/L]/secrets/S[/versions/V]`.
    ///
    /// # Errors
    /// `ValueError` that repeats nothing of the place.
    pub(super) fn parse(place: &Place) -> Result<Self, Error> {
        let parts: Vec<&str> = place.path.split('/').collect();
        let (project, location, secret, version) = match parts.as_slice() {
            ["projects", p, "locations", l, "secrets", s, "versions", v] => (p, Some(l), s, Some(*v)),
            ["projects", p, "locations", l, "secrets", s] => (p, Some(l), s, None),
            ["projects", p, "secrets", s, "versions", v] => (p, None, s, Some(*v)),
            ["projects", p, "secrets", s] => (p, None, s, None),
            [p, s] if *p != "projects" => (p, None, s, None),
            _ => return Err(wrong()),
        };
        let version = match (version, place.param("version")) {
            (Some(_), Some(_)) => {
                return Err(Error::new(Code::UsageValue).saying("The version of a `gcp-sm:` secret is given twice."));
            }
            (version, param) => version.or(param).unwrap_or("latest"),
        };
        let word = |text: &str, more: &[u8], longest: usize| {
            text.len() <= longest && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        // Some projects belong to a domain: `example.com:name`.
        let fits = word(project, b"-.:", 100)
            && word(secret, b"-_", 255)
            && word(version, b"-_", 63)
            && location.is_none_or(|l| l.starts_with(|c: char| c.is_ascii_lowercase()) && word(l, b"-", 40));
        if !fits {
            return Err(wrong());
        }
        Ok(Self {
            project: (*project).to_owned(),
            location: location.map(|location| (*location).to_ascii_lowercase()),
            secret: (*secret).to_owned(),
            version: version.to_owned(),
        })
    }

    /// The host of Google that keeps it.
    pub(super) fn endpoint(&self) -> String {
        match &self.location {
            None => "https://secretmanager.googleapis.com".to_owned(),
            Some(location) => format!("https://secretmanager.{location}.rep.googleapis.com"),
        }
    }

    /// The version that `name` of an answer tells, if the answer is about this secret.
    fn told(&self, name: &str) -> Option<String> {
        // The project is often given by its number instead of its id.
        let (secret, version) = name.split_once("/secrets/")?.1.split_once("/versions/")?;
        let number = (1..=20).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit());
        let pinned = self.version.bytes().all(|b| b.is_ascii_digit());
        let fits = number && secret == self.secret && (!pinned || version == self.version);
        fits.then(|| version.to_owned())
    }
}

fn wrong() -> Error {
    Error::new(Code::UsageValue).saying(
        "The text after `gcp-sm:` is `project/name` or `projects/P/secrets/S/versions/V`, with `?version=` and `?field=`.",
    )
}

/// What an answer holds.
#[derive(Debug)]
pub(super) enum Payload {
    /// The text and its version.
    Whole(Zeroizing<String>, String),
    /// Bytes that are not what the checksum was made of.
    Damaged,
}

/// Reads an answer of `access`.
///
/// # Errors
/// The reason, which repeats nothing, when it cannot be what was asked for.
pub(super) fn payload(body: &Value, spot: &Spot) -> Result<Payload, &'static str> {
    let name = body.get("name").and_then(Value::as_str).ok_or("the answer names no version")?;
    let version = spot.told(name).ok_or("the answer is about another secret or version")?;
    let payload = body.get("payload").ok_or("the answer holds no payload")?;
    let data = payload.get("data").and_then(Value::as_str).ok_or("the answer holds no payload")?;
    let sum = match payload.get("dataCrc32c") {
        // 64-bit integers are text in Google's JSON.
        Some(Value::String(text)) => text.parse::<u64>().ok(),
        Some(number) => number.as_u64(),
        None => return Err("the payload has no checksum"),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(data.len()));
    STANDARD.decode_vec(data, &mut bytes).map_err(|_| "the payload is not base64")?;
    if sum != Some(u64::from(crc32c(&bytes))) {
        return Ok(Payload::Damaged);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "the secret is not UTF-8 text")?;
    Ok(Payload::Whole(Zeroizing::new(text.to_owned()), version))
}

/// CRC-32C (RFC 3720 §12.1), bit by bit: a secret has at most 64 KiB and is read every few minutes.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn spot(source: &str) -> Result<Spot, Error> {
        Spot::parse(&Place::parse(source, &["version", "field"])?)
    }

    #[test]
    fn a_place_is_short_or_whole() {
        let short = spot("gcp-sm:my-project/api-key").unwrap();
        assert_eq!(
            (short.project.as_str(), short.secret.as_str(), short.version.as_str()),
            ("my-project", "api-key", "latest")
        );
        assert_eq!(short.endpoint(), "https://secretmanager.googleapis.com");
        assert_eq!(spot("gcp-sm:projects/my-project/secrets/api-key").unwrap(), short);
        assert_eq!(spot("gcp-sm:my-project/api-key?version=7").unwrap().version, "7");
        assert_eq!(spot("gcp-sm:projects/123/secrets/s/versions/7").unwrap().version, "7");
        assert_eq!(spot("gcp-sm:example.com:mine/s").unwrap().project, "example.com:mine");
        let region = spot("gcp-sm:projects/p/locations/europe-west1/secrets/s/versions/2").unwrap();
        assert_eq!(region.endpoint(), "https://secretmanager.europe-west1.rep.googleapis.com");
    }

    #[test]
    fn what_is_no_place_is_refused_without_being_repeated() {
        for bad in [
            "gcp-sm:only-one-part",
            "gcp-sm:projects/only-two",
            "gcp-sm:a/b/c",
            "gcp-sm:my-project/na.me",
            "gcp-sm:my-project/api-key?version=a%2Fb",
            "gcp-sm:projects/p/secrets/s/versions/1?version=2",
            "gcp-sm:projects/p/locations/evil.example/secrets/s",
            "gcp-sm:projects/p/locations/-/secrets/s",
        ] {
            let error = spot(bad).unwrap_err();
            assert_eq!(error.code(), Code::UsageValue, "{bad}");
            assert!(!error.user_message().contains("api-key"), "{bad}");
        }
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720 appendix B.4, and the usual check value.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b""), 0);
    }

    fn answer(name: &str, data: &[u8], sum: Value) -> Value {
        json!({"name": name, "payload": {"data": STANDARD.encode(data), "dataCrc32c": sum}})
    }

    #[test]
    fn an_answer_is_whole_or_damaged_or_strange() {
        let spot = spot("gcp-sm:p/s?version=3").unwrap();
        let sum = |data: &[u8]| json!(crc32c(data).to_string());
        let name = "projects/1/secrets/s/versions/3";
        match payload(&answer(name, b"value", sum(b"value")), &spot).unwrap() {
            Payload::Whole(text, version) => assert_eq!((text.as_str(), version.as_str()), ("value", "3")),
            Payload::Damaged => panic!("damaged"),
        }
        assert!(matches!(payload(&answer(name, b"value", json!(crc32c(b"value"))), &spot), Ok(Payload::Whole(..))));
        assert!(matches!(payload(&answer(name, b"value", sum(b"other")), &spot), Ok(Payload::Damaged)));
        assert!(matches!(payload(&answer(name, b"value", json!("x")), &spot), Ok(Payload::Damaged)));
        for strange in [
            answer("projects/1/secrets/s/versions/4", b"value", sum(b"value")),
            answer("projects/1/secrets/other/versions/3", b"value", sum(b"value")),
            answer("projects/1/secrets/s/versions/latest", b"value", sum(b"value")),
            answer("x", b"value", sum(b"value")),
            answer(name, b"\xff\xfe", sum(b"\xff\xfe")),
            json!({"name": name, "payload": {"data": "dmFsdWU="}}),
            json!({"name": name, "payload": {"data": "not base64!", "dataCrc32c": "1"}}),
            json!({"name": name, "payload": {}}),
            json!({"name": name}),
            json!({}),
        ] {
            assert!(payload(&strange, &spot).is_err(), "{strange}");
        }
    }

    proptest! {
        #[test]
        fn no_place_and_no_answer_panics(path in "\\PC{0,60}", name in "\\PC{0,40}", data in any::<Vec<u8>>(), sum in any::<u64>()) {
            let _ = spot(&format!("gcp-sm:{path}"));
            let _ = payload(&answer(&name, &data, json!(sum)), &spot("gcp-sm:p/s").unwrap());
        }
    }
}
