#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::UNIX_EPOCH;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn secret(value: &str) -> Secret {
    Secret::new("env:K", value.to_owned().into(), "f".into())
}

fn stamp(nonce: &str) -> Stamp {
    Stamp { time: UNIX_EPOCH + Duration::from_secs(1_618_884_473), nonce: nonce.to_owned() }
}

fn row(id: &str) -> Value {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../../../tests/vectors/signatures.json")).unwrap();
    rows.into_iter().find(|row| row["id"] == id).unwrap()
}

/// The request of RFC 9421 appendix B.2.
fn request(row: &Value) -> (HeaderMap, String) {
    let (head, body) = row["message"].as_str().unwrap().split_once("\n\n").unwrap();
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    (headers, body.trim_end_matches('\n').to_owned())
}

fn post<'a>(headers: &'a HeaderMap, body: &'a str) -> Message<'a> {
    Message {
        method: "POST",
        authority: "example.com",
        target: "/foo?param=Value&Pet=dog",
        headers,
        body: Some(body.as_bytes()),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn made_base(signer: &HttpSignature, message: &Message<'_>, stamp: &Stamp) -> String {
    let components = signer.components.as_ref().unwrap();
    let fields = signer.implied(components, message, stamp).unwrap();
    let known = Known { headers: message.headers, added: &fields };
    base(components, &signer.parameters(components, stamp), message, &known).unwrap()
}

/// Names and values of what is signed.
fn signed(signer: &HttpSignature, message: &Message<'_>, stamp: &Stamp) -> Vec<(String, String)> {
    let fields = signer.sign(message, stamp).unwrap();
    fields.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn bytes_of(signature: &str) -> Vec<u8> {
    STANDARD.decode(signature.split_once('=').unwrap().1.trim_matches(':')).unwrap()
}

/// The key inside a SubjectPublicKeyInfo of the appendix.
fn public(row: &Value) -> Vec<u8> {
    let pem = row["key"].as_str().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

#[test]
fn the_ed25519_example_is_reproduced_byte_by_byte() {
    let row = row("rfc9421-sig-b26");
    let (headers, body) = request(&row);
    let components = names(&["date", "@method", "@path", "@authority", "content-type", "content-length"]);
    let profile = HttpProfile {
        key_id: Some("test-key-ed25519"),
        components: Some(&components),
        label: "sig-b26",
        nonce: false,
        ..HttpProfile::new(Algorithm::Ed25519)
    };
    let signer = HttpSignature::new(secret(row["private_key"].as_str().unwrap()), profile).unwrap();
    let message = post(&headers, &body);
    assert_eq!(made_base(&signer, &message, &stamp("")), row["signature_base"].as_str().unwrap());
    let fields = signed(&signer, &message, &stamp(""));
    assert_eq!(fields[0], ("content-length".into(), "18".into()));
    assert_eq!(fields[1], ("signature-input".into(), row["headers"]["Signature-Input"].as_str().unwrap().into()));
    assert_eq!(fields[2], ("signature".into(), row["headers"]["Signature"].as_str().unwrap().into()));
}

#[test]
fn the_minimal_rsa_pss_example_has_our_base() {
    let row = row("rfc9421-sig-b21");
    let (headers, body) = request(&row);
    let profile = HttpProfile {
        key_id: Some("test-key-rsa-pss"),
        components: Some(&[]),
        label: "sig-b21",
        ..HttpProfile::new(Algorithm::RsaPssSha512)
    };
    let signer = HttpSignature::new(secret("x"), profile).unwrap();
    let base = made_base(&signer, &post(&headers, &body), &stamp("b3k2pp5k7z-50gnwp.yemd"));
    assert_eq!(base, row["signature_base"].as_str().unwrap());
    let signature = bytes_of(row["headers"]["Signature"].as_str().unwrap());
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, public(&row));
    assert!(key.verify(base.as_bytes(), &signature).is_ok());
}

/// A client signs no response, so `@status` is refused; its algorithm is ours: what we sign is of that form and verifies like this.
#[test]
fn the_ecdsa_example_of_a_response_verifies_and_is_nothing_to_sign() {
    let row = row("rfc9421-sig-b24");
    let signature = bytes_of(row["headers"]["Signature"].as_str().unwrap());
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public(&row));
    assert!(key.verify(row["signature_base"].as_str().unwrap().as_bytes(), &signature).is_ok());
    let components = names(&["@status", "content-type", "content-digest", "content-length"]);
    let profile = HttpProfile { components: Some(&components), ..HttpProfile::new(Algorithm::EcdsaP256Sha256) };
    assert_eq!(HttpSignature::new(secret("x"), profile).unwrap_err().code(), Code::UsageValue);
    let rows: Vec<Value> = serde_json::from_str(include_str!("../../../tests/vectors/signatures.json")).unwrap();
    assert_eq!(rows.iter().filter(|row| row["kind"] == "rfc9421").count(), 3);
}

/// Examples of the appendix that are not among the vectors: B.2.2 and B.2.5.
#[test]
fn selective_components_and_hmac_have_the_appendixs_base() {
    let row = row("rfc9421-sig-b21");
    let (headers, body) = request(&row);
    let components = names(&["@authority", "content-digest", "@query-param;name=\"Pet\""]);
    let profile = HttpProfile {
        key_id: Some("test-key-rsa-pss"),
        components: Some(&components),
        nonce: false,
        tag: Some("header-example"),
        digest: ContentDigest::Sha512,
        ..HttpProfile::new(Algorithm::RsaPssSha512)
    };
    let signer = HttpSignature::new(secret("x"), profile).unwrap();
    let base = made_base(&signer, &post(&headers, &body), &stamp(""));
    assert_eq!(
        base,
        "\"@authority\": example.com\n\"content-digest\": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7\
         BNNyealdVLvRwEmTHWXvJwew==:\n\"@query-param\";name=\"Pet\": dog\n\"@signature-params\": (\"@authority\" \"content-digest\" \
         \"@query-param\";name=\"Pet\");created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\""
    );
    let components = names(&["date", "@authority", "content-type"]);
    let profile = HttpProfile {
        key: Some(KeyEncoding::Base64),
        key_id: Some("test-shared-secret"),
        components: Some(&components),
        label: "sig-b25",
        nonce: false,
        ..HttpProfile::new(Algorithm::HmacSha256)
    };
    let key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
    let fields = signed(&HttpSignature::new(secret(key), profile).unwrap(), &post(&headers, &body), &stamp(""));
    assert_eq!(fields[1].1, "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:");
}

/// Keys of this run: a private one in PEM, and the public half.
fn pair(algorithm: Algorithm) -> (String, Vec<u8>, &'static dyn VerificationAlgorithm) {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, Ed25519KeyPair};
    let pem =
        |der: &[u8]| format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    match algorithm {
        Algorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().unwrap();
            (pem(pair.to_pkcs8().unwrap().as_ref()), pair.public_key().as_ref().to_vec(), &ED25519)
        }
        Algorithm::EcdsaP256Sha256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let public = pair.public_key().as_ref().to_vec();
            (pem(pair.to_pkcs8v1().unwrap().as_ref()), public, &ECDSA_P256_SHA256_FIXED)
        }
        _ => {
            let pair = aws_lc_rs::signature::RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let verify: &dyn VerificationAlgorithm = match algorithm {
                Algorithm::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            };
            (pem(pair.as_der().unwrap().as_ref()), pair.public_key().as_ref().to_vec(), verify)
        }
    }
}

#[test]
fn every_algorithm_signs_what_its_public_key_verifies() {
    let (headers, body) = request(&row("rfc9421-sig-b21"));
    for (name, algorithm) in Algorithm::ALL.into_iter().skip(1) {
        let (pem, public, verify) = pair(algorithm);
        let components = names(&["@method", "@target-uri", "content-digest"]);
        let profile = HttpProfile {
            components: Some(&components),
            expires: Some(Duration::from_secs(60)),
            names_algorithm: true,
            ..HttpProfile::new(algorithm)
        };
        let signer = HttpSignature::new(secret(&pem), profile).unwrap();
        assert!(signer.check_key().is_ok());
        let message = post(&headers, &body);
        let fields = signed(&signer, &message, &stamp("n"));
        let base = made_base(&signer, &message, &stamp("n"));
        let params = format!(";created=1618884473;expires=1618884533;alg=\"{name}\";nonce=\"n\"");
        assert!(base.ends_with(&params) && fields[1].1.ends_with(&params), "{base}");
        let key = UnparsedPublicKey::new(verify, public);
        assert!(key.verify(base.as_bytes(), &bytes_of(&fields[2].1)).is_ok(), "{name}");
        assert!(key.verify(b"other", &bytes_of(&fields[2].1)).is_err());
    }
}

/// `openssl genpkey -algorithm RSA-PSS` marks its keys so.
#[test]
fn a_key_marked_for_pss_alone_signs_too() {
    let (pem, public, verify) = pair(Algorithm::RsaPssSha512);
    let mut der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let at = der.windows(oid.len()).position(|window| window == oid).unwrap();
    der[at + oid.len() - 1] = 0x0a;
    let profile = HttpProfile { key: Some(KeyEncoding::Base64), ..HttpProfile::new(Algorithm::RsaPssSha512) };
    let key = secret(&STANDARD.encode(&der));
    assert!(HttpSignature::new(key.clone(), profile).unwrap().check_key().is_ok());
    let signature = key::sign(&key, KeyEncoding::Base64, Algorithm::RsaPssSha512, b"base").unwrap();
    assert!(UnparsedPublicKey::new(verify, public).verify(b"base", &signature).is_ok());
    let cut = secret(&STANDARD.encode(&der[..der.len() - 1]));
    assert!(key::check(&cut, KeyEncoding::Base64, Algorithm::RsaPssSha512).is_err());
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let (pem, ..) = pair(Algorithm::Ed25519);
    for algorithm in [Algorithm::EcdsaP256Sha256, Algorithm::RsaPssSha512, Algorithm::RsaV15Sha256] {
        let signer = HttpSignature::new(secret(&pem), HttpProfile::new(algorithm)).unwrap();
        assert_eq!(signer.check_key().unwrap_err().code(), Code::SecretAccess);
    }
    let raw = HttpProfile { key: Some(KeyEncoding::Raw), ..HttpProfile::new(Algorithm::Ed25519) };
    assert!(HttpSignature::new(secret(&pem), raw).is_err());
    let hex = HttpProfile { key: Some(KeyEncoding::Hex), ..HttpProfile::new(Algorithm::Ed25519) };
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    assert!(HttpSignature::new(secret(seed), hex).unwrap().check_key().is_ok());
}

fn value(component: &str, target: &str, headers: &[(&'static str, &'static str)]) -> Result<String, Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let message = Message { method: "GET", authority: "WWW.example.com", target, headers: &map, body: Some(b"") };
    Component::parse(component)?.value(&message, &Known { headers: &map, added: &[] })
}

/// The examples of RFC 9421 §2.1 and §2.2.
#[test]
fn components_read_as_the_rfc_shows() {
    let target = "/path?param=value&foo=bar&baz=batman&qux=";
    for (component, expected) in [
        ("@method", "GET"),
        ("@target-uri", "https://WWW.example.com/path?param=value&foo=bar&baz=batman&qux="),
        ("@authority", "www.example.com"),
        ("@scheme", "https"),
        ("@request-target", "/path?param=value&foo=bar&baz=batman&qux="),
        ("@path", "/path"),
        ("@query", "?param=value&foo=bar&baz=batman&qux="),
        ("@query-param;name=\"baz\"", "batman"),
        ("\"@query-param\";name=\"qux\"", ""),
    ] {
        assert_eq!(value(component, target, &[]).unwrap(), expected, "{component}");
    }
    assert_eq!(value("@query", "/path", &[]).unwrap(), "?");
    let target = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
    for (name, expected) in [
        ("var", "this%20is%20a%20big%0Amultiline%20value"),
        ("bar", "with%20plus%20whitespace"),
        ("fa%C3%A7ade%22%3A%20", "something"),
    ] {
        assert_eq!(value(&format!("@query-param;name=\"{name}\""), target, &[]).unwrap(), expected);
    }
    let headers = [
        ("cache-control", "  max-age=60 "),
        ("cache-control", "   must-revalidate"),
        ("example-dict", " a=1, b=2;x=1;y=2, c=(a   b   c), d"),
        ("x-empty", ""),
        ("example-header", "value, with, lots"),
        ("example-header", "of, commas"),
    ];
    for (component, expected) in [
        ("Cache-Control", "max-age=60, must-revalidate"),
        ("x-empty", ""),
        ("example-dict;key=\"a\"", "1"),
        ("example-dict;key=\"b\"", "2;x=1;y=2"),
        ("example-dict;key=\"c\"", "(a b c)"),
        ("example-dict;key=\"d\"", "?1"),
        ("example-header;bs", ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
    ] {
        assert_eq!(value(component, "/", &headers).unwrap(), expected, "{component}");
    }
}

#[test]
fn what_is_not_there_or_not_certain_is_not_signed() {
    for component in
        ["x-missing", "@query-param;name=\"a\"", "@query-param;name=\"twice\"", "x;key=\"b\"", "x;key=\"a\""]
    {
        let error = value(component, "/?twice=1&twice=2", &[("x", "a=")]).unwrap_err();
        assert_eq!(error.code(), Code::InputHeader, "{component}");
    }
    for component in [
        "",
        "@status",
        "@signature-params",
        "@Method;req",
        "@query-param",
        "@query-param;name=a",
        "host",
        "signature",
        "x;sf",
        "x;tr",
        "x;bs=?0",
        "x y",
        "é",
        "x;key=\"a\";bs",
        "x;",
        "\"x",
        "x\n",
    ] {
        assert_eq!(value(component, "/", &[]).unwrap_err().code(), Code::UsageValue, "{component}");
    }
}

#[test]
fn the_default_covers_the_body_where_there_is_one() {
    let signer = HttpSignature::new(secret("k"), HttpProfile::new(Algorithm::HmacSha256)).unwrap();
    let mut headers = HeaderMap::new();
    let covered = |method, headers: &HeaderMap, body| {
        let message = Message { method, authority: "h", target: "/", headers, body: Some(body) };
        let fields = signed(&signer, &message, &stamp("n"));
        let input = &fields.iter().find(|(name, _)| name == "signature-input").unwrap().1;
        input.split_once(')').unwrap().0.to_owned()
    };
    assert_eq!(covered("GET", &headers, b""), "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\"");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let whole = "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" \"content-type\"";
    assert_eq!(covered("DELETE", &headers, b"x"), whole);
    assert_eq!(covered("POST", &headers, b""), whole);
    let streamed = Message { method: "GET", authority: "h", target: "/", headers: &headers, body: None };
    assert_eq!(signer.sign(&streamed, &stamp("n")).unwrap_err().code(), Code::InputBody);
    let bare = names(&["@method"]);
    let profile = HttpProfile { components: Some(&bare), ..HttpProfile::new(Algorithm::HmacSha256) };
    let bare = HttpSignature::new(secret("k"), profile).unwrap();
    assert!(!bare.reads_body() && signer.reads_body() && bare.sign(&streamed, &stamp("n")).is_ok());
}

#[test]
fn our_digest_replaces_a_wrong_one_and_a_missing_date_is_sent() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_DIGEST, HeaderValue::from_static("sha-256=:AAAA:"));
    let components = names(&["content-digest", "date"]);
    let profile = HttpProfile { components: Some(&components), ..HttpProfile::new(Algorithm::HmacSha256) };
    let fields = signed(
        &HttpSignature::new(secret("k"), profile).unwrap(),
        &post(&headers, "{\"hello\": \"world\"}"),
        &stamp("n"),
    );
    // RFC 9530 appendix B.
    let digest = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    assert_eq!(fields[0], ("content-digest".into(), digest.into()));
    assert_eq!(fields[1], ("date".into(), "Tue, 20 Apr 2021 02:07:53 GMT".into()));
}

#[test]
fn a_second_signature_stands_beside_the_first() {
    let mut headers = HeaderMap::new();
    let components = names(&["@method", "signature;key=\"first\""]);
    let signer = |label, components| {
        let profile = HttpProfile { label, components, ..HttpProfile::new(Algorithm::HmacSha256) };
        HttpSignature::new(secret("k"), profile).unwrap()
    };
    for (name, value) in signer("first", None).sign(&post(&headers.clone(), ""), &stamp("1")).unwrap() {
        headers.insert(name, value);
    }
    let first = headers["signature"].to_str().unwrap().to_owned();
    let fields = signer("second", Some(&components)).sign(&post(&headers, ""), &stamp("2")).unwrap();
    assert!(fields.iter().all(|(_, value)| value.is_sensitive()));
    let value = |name: &HeaderName| fields.iter().find(|(own, _)| own == name).unwrap().1.to_str().unwrap().to_owned();
    assert!(value(&SIGNATURE).starts_with(&format!("{first}, second=:")));
    let members = Parser::new(&value(&SIGNATURE_INPUT)).parse::<Dictionary>().unwrap();
    assert_eq!(members.keys().map(|key| key.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(signer("first", None).sign(&post(&headers, ""), &stamp("3")).unwrap_err().code(), Code::UsageValue);
    headers.insert(SIGNATURE_INPUT, HeaderValue::from_static("?!"));
    assert_eq!(signer("x", None).sign(&post(&headers, ""), &stamp("3")).unwrap_err().code(), Code::InputHeader);
}

#[test]
fn what_a_signature_cannot_say_is_refused() {
    let base = HttpProfile::new(Algorithm::HmacSha256);
    let (twice, many) = (names(&["X", "x"]), vec!["x".to_owned(); 33]);
    for (profile, name) in [
        (HttpProfile { label: "Sig", ..base }, "label"),
        (HttpProfile { label: "", ..base }, "label"),
        (HttpProfile { key_id: Some("é"), ..base }, "key_id"),
        (HttpProfile { key_id: Some(""), ..base }, "key_id"),
        (HttpProfile { tag: Some("a\nb"), ..base }, "tag"),
        (HttpProfile { components: Some(&twice), ..base }, "components"),
        (HttpProfile { components: Some(&many), ..base }, "components"),
    ] {
        let error = HttpSignature::new(secret("k"), profile).unwrap_err();
        assert_eq!(error.code(), Code::UsageValue);
        assert!(error.user_message().contains(&format!("`{name}`")), "{error}");
    }
}

proptest! {
    #[test]
    fn a_base_is_one_line_for_each_component_and_its_fields_parse(
        target in "/[!-~]{0,60}",
        key_id in "[ -~]{1,40}",
        header in "[!-~][ -~]{0,40}[!-~]",
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("x-own", HeaderValue::from_str(&header).unwrap());
        let components = names(&["@target-uri", "@path", "@query", "@request-target", "x-own", "content-digest"]);
        let profile = HttpProfile {
            key_id: Some(&key_id), components: Some(&components), ..HttpProfile::new(Algorithm::HmacSha256)
        };
        let signer = HttpSignature::new(secret("k"), profile).unwrap();
        let message = Message { method: "GET", authority: "h", target: &target, headers: &headers, body: Some(b"") };
        let base = made_base(&signer, &message, &stamp("n"));
        prop_assert_eq!(base.lines().count(), components.len() + 1);
        let fields = signed(&signer, &message, &stamp("n"));
        let members = Parser::new(&fields[1].1).parse::<Dictionary>().unwrap();
        let Some(sfv::ListEntry::InnerList(list)) = members.values().next() else { unreachable!() };
        let sent = list.params.iter().find(|(key, _)| key.as_str() == "keyid").unwrap().1.as_string().unwrap();
        prop_assert_eq!(sent.as_str(), &key_id);
        prop_assert_eq!(list.items.len(), components.len());
        prop_assert!(Parser::new(&fields[2].1).parse::<Dictionary>().is_ok());
    }

    #[test]
    fn no_component_is_too_odd_to_be_refused(text in "\\PC{0,60}", target in "/[!-~]{0,60}") {
        let _ = value(&text, &target, &[("x", "a")]);
        let _ = value(&format!("@query-param;name=\"{text}\""), &target, &[]);
        let _ = value(&format!("x;key=\"{text}\""), &target, &[("x", "a=1, b")]);
    }
}
