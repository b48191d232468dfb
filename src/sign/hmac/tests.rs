#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::error::Code;

fn secret(value: &str) -> Secret {
    Secret::new("env:K", value.to_owned().into(), "f".into())
}

fn sign(secret_text: &str, given: HmacLayout<'_>, message: &Message<'_>, stamp: &Stamp) -> Vec<(String, String)> {
    let fields = HmacSigner::new(secret(secret_text), given).unwrap().sign(message, stamp).unwrap();
    fields.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn stamp(seconds: u64) -> Stamp {
    Stamp::new(UNIX_EPOCH + Duration::from_secs(seconds), [1; 16])
}

/// The layouts of vendors, each against the vendor's own examples.
#[test]
fn vendors_layouts_are_reproduced() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../../../tests/vectors/signatures.json")).unwrap();
    let mut seen = 0;
    for row in rows.iter().filter(|row| row["body"].is_string()) {
        let base = HmacLayout::default();
        let given = match row["kind"].as_str().unwrap() {
            "slack-v0" => HmacLayout {
                header: "X-Slack-Signature",
                prefix: "v0=",
                content: Some("v0:{timestamp}:{body}"),
                timestamp_header: Some("X-Slack-Request-Timestamp"),
                ..base
            },
            "github-sha256" => {
                HmacLayout { header: "X-Hub-Signature-256", prefix: "sha256=", content: Some("{body}"), ..base }
            }
            "line-sha256-b64" => {
                HmacLayout { header: "X-Line-Signature", content: Some("{body}"), base64: true, ..base }
            }
            "standard-webhooks-v1" => HmacLayout {
                header: "webhook-signature",
                prefix: "v1,",
                content: Some("{nonce}.{timestamp}.{body}"),
                timestamp_header: Some("webhook-timestamp"),
                nonce_header: Some("webhook-id"),
                base64: true,
                key: KeyEncoding::Base64,
                ..base
            },
            kind => unreachable!("{kind}"),
        };
        let headers = HeaderMap::new();
        let body = row["body"].as_str().unwrap().as_bytes();
        let message = Message { method: "POST", authority: "h", target: "/", headers: &headers, body: Some(body) };
        let mut stamp = stamp(row["timestamp"].as_str().map_or(0, |t| t.parse().unwrap()));
        if let Some(nonce) = row["nonce"].as_str() {
            stamp.nonce = nonce.to_owned();
        }
        let mut made = sign(row["secret"].as_str().unwrap(), given, &message, &stamp);
        let wanted = row["headers"].as_object().unwrap().iter();
        let mut wanted: Vec<_> =
            wanted.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap().to_owned())).collect();
        made.sort();
        wanted.sort();
        assert_eq!(made, wanted, "{}", row["id"]);
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn the_default_signs_what_tells_requests_apart() {
    let headers = HeaderMap::new();
    let stamp = stamp(1_700_000_000);
    let of = |method, authority, target, body: &'static [u8], stamp: &Stamp| {
        let message = Message { method, authority, target, headers: &headers, body: Some(body) };
        sign("key", HmacLayout::default(), &message, stamp)
    };
    let made = of("POST", "api.example.com", "/a?b=c", b"x", &stamp);
    let nonce = "01".repeat(16);
    assert_eq!(made[1..], [("x-timestamp".into(), "1700000000".into()), ("x-nonce".into(), nonce.clone())]);
    let content = format!(
        "POST\napi.example.com\n/a?b=c\n1700000000\n{nonce}\n{}",
        hex(digest::digest(&digest::SHA256, b"x").as_ref())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
    assert_eq!(made[0], ("x-signature".into(), hex(hmac::sign(&key, content.as_bytes()).as_ref())));
    let later = Stamp { time: stamp.time + Duration::from_secs(1), ..stamp.clone() };
    let other = Stamp { nonce: "2".into(), ..stamp.clone() };
    for different in [
        of("PUT", "api.example.com", "/a?b=c", b"x", &stamp),
        of("POST", "api.example.org", "/a?b=c", b"x", &stamp),
        of("POST", "api.example.com", "/a?b=d", b"x", &stamp),
        of("POST", "api.example.com", "/a?b=c", b"y", &stamp),
        of("POST", "api.example.com", "/a?b=c", b"x", &later),
        of("POST", "api.example.com", "/a?b=c", b"x", &other),
    ] {
        assert_ne!(different[0], made[0]);
    }
}

#[test]
fn a_layout_carries_what_it_says() {
    let headers = HeaderMap::new();
    let message = Message { method: "GET", authority: "h", target: "/", headers: &headers, body: Some(b"") };
    let given = HmacLayout {
        header: "Authorization",
        layout: Some("HMAC {key_id}:{timestamp}:{nonce}:{signature}"),
        content: Some("{timestamp}{nonce}{{{body_sha512}"),
        key_id: Some("k-1"),
        clock: Clock::UnixMs,
        digest: Digest::Sha512,
        ..HmacLayout::default()
    };
    let made = sign("key", given, &message, &stamp(7));
    let nonce = "01".repeat(16);
    let content = format!("7000{nonce}{{{}", hex(digest::digest(&digest::SHA512, b"").as_ref()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, b"key"), content.as_bytes());
    assert_eq!(made, [("authorization".into(), format!("HMAC k-1:7000:{nonce}:{}", hex(tag.as_ref())))]);
    let iso =
        HmacLayout { content: Some("{timestamp}"), clock: Clock::Iso8601, key_id: Some("k"), ..HmacLayout::default() };
    let made = sign("key", iso, &message, &stamp(7));
    assert_eq!(made[1..], [("x-timestamp".into(), "1970-01-01T00:00:07Z".into()), ("x-key-id".into(), "k".into())]);
}

#[test]
fn the_signature_is_sensitive_and_nothing_prints_the_key() {
    let headers = HeaderMap::new();
    let message = Message { method: "GET", authority: "h", target: "/", headers: &headers, body: Some(b"") };
    let signer = HmacSigner::new(secret("the-key"), HmacLayout::default()).unwrap();
    let fields = signer.sign(&message, &stamp(7)).unwrap();
    let sensitive: Vec<_> = fields.iter().map(|(_, value)| value.is_sensitive()).collect();
    assert_eq!(sensitive, [true, false, false]);
    assert!(!format!("{signer:?}").contains("the-key"));
}

#[test]
fn a_body_that_nobody_knows_is_signed_only_where_it_is_left_out() {
    let headers = HeaderMap::new();
    let message = Message { method: "POST", authority: "h", target: "/", headers: &headers, body: None };
    let signer = |content| HmacSigner::new(secret("k"), HmacLayout { content, ..HmacLayout::default() }).unwrap();
    for content in [None, Some("{body}"), Some("{body_sha512}")] {
        assert!(signer(content).reads_body());
        assert_eq!(signer(content).sign(&message, &stamp(0)).unwrap_err().code(), Code::InputBody);
    }
    assert!(!signer(Some("{method}{path}{timestamp}")).reads_body());
    assert!(signer(Some("{method}{path}{timestamp}")).sign(&message, &stamp(0)).is_ok());
}

#[test]
fn layouts_that_cannot_be_verified_or_sent_are_refused() {
    let base = HmacLayout::default();
    for (given, name) in [
        (HmacLayout { header: "X Y", ..base }, "header"),
        (HmacLayout { header: "Host", ..base }, "header"),
        (HmacLayout { header: "X-Nonce", ..base }, "header"),
        (HmacLayout { timestamp_header: None, ..base }, "timestamp_header"),
        (HmacLayout { nonce_header: None, ..base }, "nonce_header"),
        (HmacLayout { nonce_header: Some("Content-Length"), ..base }, "nonce_header"),
        (HmacLayout { prefix: "a\r\nX: ", ..base }, "prefix"),
        (HmacLayout { prefix: "é", ..base }, "prefix"),
        (HmacLayout { prefix: "x", layout: Some("{signature}"), ..base }, "prefix"),
        (HmacLayout { layout: Some("x"), ..base }, "layout"),
        (HmacLayout { layout: Some("{signature} "), ..base }, "layout"),
        (HmacLayout { layout: Some("{signature}{body}"), ..base }, "layout"),
        (HmacLayout { layout: Some("{timestamp},{signature}"), content: Some("{body}"), ..base }, "layout"),
        (HmacLayout { content: Some("{bodies}"), ..base }, "content"),
        (HmacLayout { content: Some("{key_id}"), ..base }, "key_id"),
        (HmacLayout { key_id_header: Some("X-Key"), ..base }, "key_id"),
        (HmacLayout { key_id: Some(""), ..base }, "key_id"),
        (HmacLayout { key_id: Some("a\nb"), ..base }, "key_id"),
    ] {
        let error = HmacSigner::new(secret("k"), given).unwrap_err();
        assert_eq!(error.code(), Code::UsageValue);
        assert!(error.user_message().contains(&format!("`{name}`")), "{name}: {error}");
    }
    assert!(HmacSigner::new(secret("k"), HmacLayout { prefix: "sha={x} ", ..base }).is_ok());
}

proptest! {
    /// Against concatenation by hand.
    #[test]
    fn content_is_joined_byte_by_byte(
        body in prop::collection::vec(any::<u8>(), 0..200),
        key in "\\PC{1,80}",
        target in "/[a-z?&=%]{0,40}",
        seconds in 0u64..4_102_444_800,
    ) {
        let headers = HeaderMap::new();
        let message = Message { method: "POST", authority: "h:8443", target: &target, headers: &headers, body: Some(&body) };
        let given = HmacLayout { content: Some("{host}|{path}|{timestamp}|{body}"), base64: true, ..HmacLayout::default() };
        let made = sign(&key, given, &message, &stamp(seconds));
        let mut content = format!("h:8443|{target}|{seconds}|").into_bytes();
        content.extend_from_slice(&body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), &content);
        prop_assert_eq!(&made[0].1, &STANDARD.encode(tag.as_ref()));
    }
}
