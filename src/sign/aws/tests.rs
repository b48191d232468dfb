#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::Value;

use super::canonical::{path, query};
use super::*;

/// A request of the suite, in its own notation.
struct Case {
    row: Value,
    method: String,
    target: String,
    headers: HeaderMap,
    body: String,
}

fn cases() -> Vec<Case> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../../../tests/vectors/signatures.json")).unwrap();
    rows.into_iter().filter(|row| row["kind"] == "aws-sigv4").map(case).collect()
}

fn case(row: Value) -> Case {
    let text = row["request"].as_str().unwrap().to_owned();
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
    // A folded line belongs to the field before it (RFC 9112 §5.2).
    let head = head.replace("\n ", " ");
    let (first, lines) = head.split_once('\n').unwrap();
    let (method, rest) = first.split_once(' ').unwrap();
    let mut headers = HeaderMap::new();
    for line in lines.lines() {
        let (name, value) = line.split_once(':').unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    let (method, target) = (method.to_owned(), rest.strip_suffix(" HTTP/1.1").unwrap().to_owned());
    Case { method, target, headers, body: body.to_owned(), row }
}

impl Case {
    fn text(&self, key: &str) -> &str {
        self.row[key].as_str().unwrap()
    }

    fn flag(&self, key: &str) -> bool {
        self.row[key].as_bool().unwrap()
    }

    /// The token, where the case signs it.
    fn token(&self) -> Option<&str> {
        self.row["token"].as_str().filter(|_| !self.flag("omit_session_token"))
    }

    fn signer(&self) -> AwsSigV4 {
        let secret = |name: &str, value: &str| Secret::new(name, value.to_owned().into(), "f".into());
        AwsSigV4::new(
            Leaf::Plain(self.text("access_key_id").to_owned()),
            secret("env:K", self.text("secret")),
            self.token().map(|token| secret("env:T", token)),
            self.text("region"),
            self.text("service"),
            Some(self.flag("sign_body")),
        )
        .unwrap()
    }
}

fn stamp() -> Stamp {
    let stamp = Stamp::new(UNIX_EPOCH + Duration::from_secs(1_440_938_160), [0; 16]);
    assert_eq!(stamp.basic().1, "20150830T123600Z");
    stamp
}

#[test]
fn every_case_of_the_suite_has_its_canonical_request_string_and_signature() {
    let cases = cases();
    assert_eq!(cases.len(), 38);
    for case in &cases {
        let id = case.text("id");
        assert_eq!(case.text("timestamp"), "2015-08-30T12:36:00Z");
        let hash = hex(digest::digest(&digest::SHA256, case.body.as_bytes()).as_ref());
        let (date, time) = stamp().basic();
        let mut added = vec![(DATE, time.as_str())];
        added.extend(case.token().map(|token| (TOKEN, token)));
        added.extend(case.flag("sign_body").then_some((CONTENT_SHA256, hash.as_str())));
        let rule = PathRule { double: true, normalize: case.flag("normalize") };
        let (request, _) = canonical::request(&case.method, &case.target, &case.headers, &added, &hash, rule).unwrap();
        assert_eq!(request, case.text("canonical_request"), "{id}");
        let scope = format!("{date}/{}/{}/aws4_request", case.text("region"), case.text("service"));
        let text = string_to_sign(&time, &scope, &request);
        assert_eq!(text, case.text("string_to_sign"), "{id}");
        assert_eq!(case.signer().signature(&date, &text).unwrap(), case.text("signature"), "{id}");
    }
}

/// Cases that a client cannot meet, and why.
const NOT_SENT: [(&str, &str); 12] = [
    ("sigv4-get-header-value-multiline", "folded lines are refused in headers"),
    (
        "sigv4-get-space-normalized",
        "a target holds no space; sent as %20 it is one that no service encodes once and normalises",
    ),
    ("sigv4-get-space-unnormalized", "a target holds no space"),
    ("sigv4-get-utf8", "a target is ASCII"),
    ("sigv4-get-vanilla-utf8-query", "a target is ASCII"),
    ("sigv4-post-sts-header-after", "a token is always signed"),
    (
        "sigv4-get-relative-relative-unnormalized",
        "the rule follows from the service, and this one's paths are normalised",
    ),
    ("sigv4-get-relative-unnormalized", "as above"),
    ("sigv4-get-slash-dot-slash-unnormalized", "as above"),
    ("sigv4-get-slash-pointless-dot-unnormalized", "as above"),
    ("sigv4-get-slash-unnormalized", "as above"),
    ("sigv4-get-slashes-unnormalized", "as above"),
];

#[test]
fn a_client_signs_each_case_that_it_can_meet() {
    let mut met = 0;
    for case in cases() {
        let id = case.text("id");
        if NOT_SENT.iter().any(|(known, _)| *known == id) {
            continue;
        }
        met += 1;
        let mut headers = case.headers.clone();
        let host = headers.remove("host").unwrap();
        let message = Message {
            method: &case.method,
            authority: host.to_str().unwrap(),
            target: &case.target,
            headers: &headers,
            body: Some(case.body.as_bytes()),
        };
        let fields = case.signer().sign(&message, &stamp()).unwrap();
        let (_, authorization) = fields.iter().find(|(name, _)| *name == AUTHORIZATION).unwrap();
        assert!(authorization.is_sensitive());
        let names = case.text("canonical_request").lines().rev().nth(1).unwrap().to_owned();
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, \
             Signature={}",
            case.text("signature")
        );
        assert_eq!(authorization.to_str().unwrap(), expected, "{id}");
        let token = fields.iter().find(|(name, _)| *name == TOKEN).map(|(_, value)| value);
        assert_eq!(token.map(|token| token.to_str().unwrap()), case.token(), "{id}");
        assert!(token.is_none_or(HeaderValue::is_sensitive));
    }
    assert_eq!(met, 26);
}

/// The two cases of the suite inside the crate `aws-sigv4` that have no context of their own; its tests give it.
#[test]
fn a_client_signs_paths_that_are_encoded_already() {
    let secret = |value: &str| Secret::new("env:K", value.to_owned().into(), "f".into());
    let rows = [
        (
            ("ANOTREAL", "notrealrnrELgWzOk3IfjzDKtFBhDby", "us-east-1", "service"),
            1_440_938_160,
            ("tj9n5r0m12.execute-api.us-east-1.amazonaws.com", "/test/@connections/JBDvjfGEIAMCERw%3D"),
            "/test/%40connections/JBDvjfGEIAMCERw%253D",
            "57d157672191bac40bae387e48bbe14b15303c001fdbb01f4abf295dccb09705",
        ),
        (
            ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-2", "lambda"),
            1_620_747_645,
            (
                "lambda.us-east-2.amazonaws.com",
                "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun/invocations",
            ),
            "/2015-03-31/functions/arn%253Aaws%253Alambda%253Aus-west-2%253A892717189312%253Afunction%253Amy-rusty-fun\
             /invocations",
            "4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804",
        ),
    ];
    for ((id, key, region, service), seconds, (host, target), canonical, signature) in rows {
        assert_eq!(path(target, PathRule::of(service)), canonical);
        let signer = AwsSigV4::new(Leaf::Plain(id.to_owned()), secret(key), None, region, service, None).unwrap();
        let headers = HeaderMap::new();
        let message = Message { method: "POST", authority: host, target, headers: &headers, body: Some(b"") };
        let stamp = Stamp::new(UNIX_EPOCH + Duration::from_secs(seconds), [0; 16]);
        let fields = signer.sign(&message, &stamp).unwrap();
        let (_, authorization) = fields.iter().find(|(name, _)| *name == AUTHORIZATION).unwrap();
        let text = authorization.to_str().unwrap();
        assert!(text.contains("SignedHeaders=host;x-amz-date, "), "{text}");
        assert!(text.ends_with(&format!("Signature={signature}")), "{text}");
    }
}

#[test]
fn paths_follow_the_rule_of_their_service() {
    let (api, s3) = (PathRule::of("execute-api"), PathRule::of("s3"));
    for (sent, doubled, once) in [
        ("/a%20b/c@d", "/a%2520b/c%40d", "/a%20b/c%40d"),
        ("/a%2fb%7E%zz", "/a%252fb%257E%25zz", "/a%2Fb~%25zz"),
        ("/a//b/../c/", "/a/c/", "/a//b/../c/"),
        ("/..", "/", "/.."),
        ("/../..//x/.", "/x/", "/../..//x/."),
        ("/a/..b/.c/...", "/a/..b/.c/...", "/a/..b/.c/..."),
        ("", "/", "/"),
    ] {
        assert_eq!(path(sent, api), doubled, "{sent}");
        assert_eq!(path(sent, s3), once, "{sent}");
    }
}

#[test]
fn queries_are_sorted_by_key_then_value_in_one_spelling() {
    assert_eq!(query("b=2&a=2&a=1&a-b=&c"), "a=1&a=2&a-b=&b=2&c=");
    assert_eq!(query("q=%7e%2b+%c3%a9/"), "q=~%2B%2B%C3%A9%2F");
    assert_eq!(query("&&"), "");
    assert_eq!(query("Action=%41&prefix=a=b"), "Action=A&prefix=a%3Db");
}

#[test]
fn fields_that_proxies_change_are_not_signed_and_ours_win() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("User-Agent", "x"), ("X-Amz-Date", "old"), ("Authorization", "old"), ("X-A", "  1 \t 2 ")] {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value));
    }
    let added = [("x-amz-date", "new"), ("host", "h")];
    let (request, names) = canonical::request("GET", "/", &headers, &added, "hash", PathRule::of("s3")).unwrap();
    assert_eq!(names, "host;x-a;x-amz-date");
    assert_eq!(request, "GET\n/\n\nhost:h\nx-a:1 2\nx-amz-date:new\n\nhost;x-a;x-amz-date\nhash");
}

#[test]
fn the_body_is_always_signed_and_its_hash_sent_where_the_service_needs_it() {
    let secret = || Secret::new("env:K", "k".to_owned().into(), "f".into());
    let signer = |service: &str, sent| AwsSigV4::new(Leaf::Plain("AKID".into()), secret(), None, "r", service, sent);
    let headers = HeaderMap::new();
    let sends = |signer: &AwsSigV4| {
        let message = Message { method: "PUT", authority: "h", target: "/", headers: &headers, body: Some(b"x") };
        signer.sign(&message, &stamp()).unwrap().iter().any(|(name, _)| *name == CONTENT_SHA256)
    };
    assert!(sends(&signer("s3", None).unwrap()) && sends(&signer("execute-api", Some(true)).unwrap()));
    assert!(!sends(&signer("execute-api", None).unwrap()));
    assert!(signer("s3", Some(false)).is_err());
    let streamed = Message { method: "PUT", authority: "h", target: "/", headers: &headers, body: None };
    assert_eq!(signer("s3", None).unwrap().sign(&streamed, &stamp()).unwrap_err().code(), Code::InputBody);
}

#[test]
fn what_cannot_be_a_credential_scope_is_refused() {
    let secret = || Secret::new("env:K", "k".to_owned().into(), "f".into());
    let made = |id: &str, region: &str, service: &str| {
        AwsSigV4::new(Leaf::Plain(id.into()), secret(), None, region, service, None).is_ok()
    };
    assert!(made("AKIDEXAMPLE", "eu-central-1", "execute-api"));
    for (id, region, service) in [
        ("", "r", "s"),
        ("A/B", "r", "s"),
        ("A B", "r", "s"),
        ("A", "", "s"),
        ("A", "r/x", "s"),
        ("A", "R", "s"),
        ("A", "r", "s\n"),
        ("A", "r", ""),
    ] {
        assert!(!made(id, region, service), "{id} {region} {service}");
    }
    let id = Secret::new("env:ID", "two words".to_owned().into(), "f".into());
    let signer = AwsSigV4::new(Leaf::Hidden(id), secret(), None, "r", "s", None).unwrap();
    let error = signer.check_key().unwrap_err();
    assert!(!format!("{error:?} {error} {:?} {signer:?}", error.hint_text()).contains("two words"));
}

#[test]
fn a_path_without_its_slash_is_normalised_like_the_one_with_it() {
    let rule = PathRule { double: false, normalize: true };
    for text in ["./ ", "../a", "a//b", ".", "", "a"] {
        assert_eq!(path(text, rule), path(&format!("/{text}"), rule), "{text}");
    }
}

proptest! {
    #[test]
    fn canonical_spellings_stay_as_they_are(text in "/[ -~é]{0,60}", double in any::<bool>(), normalize in any::<bool>()) {
        let once = path(&text, PathRule { double: false, normalize });
        prop_assert!(once.bytes().all(|b| b.is_ascii_alphanumeric() || b"/%-._~".contains(&b)));
        prop_assert!(once.starts_with('/'));
        prop_assert_eq!(path(&once, PathRule { double: false, normalize }), once.clone());
        let _ = path(&text, PathRule { double, normalize });
        let sorted = query(&text);
        prop_assert_eq!(query(&sorted), sorted.clone());
        prop_assert!(sorted.is_ascii());
    }

    #[test]
    fn a_normalised_path_has_no_dot_segments(segments in prop::collection::vec("(\\.|\\.\\.||a|b\\.)", 0..12)) {
        let sent = format!("/{}", segments.join("/"));
        let out = path(&sent, PathRule { double: true, normalize: true });
        prop_assert!(!out.contains("//"));
        prop_assert!(out.split('/').all(|segment| segment != "." && segment != ".."));
        // Against the URL standard, which keeps repeated slashes.
        let plain = sent.split('/').skip(1).filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/");
        let tail = if sent.ends_with('/') && !plain.is_empty() { "/" } else { "" };
        let url = url::Url::parse(&format!("https://h/{plain}{tail}")).unwrap();
        prop_assert_eq!(out, url.path());
    }
}
