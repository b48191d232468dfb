#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use proptest::prelude::*;

use super::*;

/// A metadata service on this machine: it answers one request after the other as it was told, and hands back what it was asked.
struct Service {
    at: Metadata,
    asked: JoinHandle<Vec<String>>,
}

impl Service {
    fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = Metadata::Test(listener.local_addr().unwrap().port());
        let asked = thread::spawn(move || {
            let serve = |answer: String| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut chunk = [0; 1024];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    let read = stream.read(&mut chunk).unwrap();
                    request.extend_from_slice(chunk.get(..read).unwrap());
                }
                let _ = stream.write_all(answer.as_bytes());
                String::from_utf8(request).unwrap()
            };
            answers.into_iter().map(serve).collect()
        });
        Self { at, asked }
    }
}

fn answer(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn ok(body: &str) -> String {
    answer(200, "", body)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn keys(expires: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"made-up-secret-key","Token":"made-up-session","Expiration":"{expires}"}}"#
    )
}

fn everything(fault: &Fault) -> String {
    format!("{:?} {} {:?}", fault.error, fault.error, fault.error.hint_text())
}

#[test]
fn an_instance_is_asked_with_a_session_token_for_its_role_and_the_keys_of_it() {
    let service = Service::new(vec![ok("made-up-imds-token"), ok("bot-role\n"), ok(&keys("2099-01-01T00:00:00Z"))]);
    let found = run(instance_keys(service.at)).unwrap();
    assert_eq!((found.id.as_str(), &**found.secret.reveal().unwrap()), ("ASIAEXAMPLE", "made-up-secret-key"));
    assert_eq!(&**found.session.unwrap().reveal().unwrap(), "made-up-session");
    assert!(found.lifetime.unwrap() > Duration::from_secs(86_400));
    let asked = service.asked.join().unwrap();
    let [token, role, keys] = asked.as_slice() else { panic!("three requests") };
    assert!(token.starts_with("PUT /latest/api/token HTTP/1.1\r\n") && token.contains("token-ttl-seconds: 60\r\n"));
    assert!(role.starts_with("GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"));
    assert!(keys.starts_with("GET /latest/meta-data/iam/security-credentials/bot-role HTTP/1.1\r\n"));
    assert!([role, keys].iter().all(|request| request.contains("x-aws-ec2-metadata-token: made-up-imds-token\r\n")));
}

#[test]
fn keys_of_an_instance_that_cannot_be_renewed_serve_a_little_longer() {
    let service = Service::new(vec![ok("t"), ok("bot-role"), ok(&keys("2001-01-01T00:00:00Z"))]);
    assert_eq!(run(instance_keys(service.at)).unwrap().lifetime, Some(OVERDUE));
}

#[test]
fn a_role_that_would_lead_elsewhere_is_not_asked_for() {
    for role in ["../user-data", "a/b", "a?b", "", "two\nlines", "..", "a b"] {
        let service = Service::new(vec![ok("t"), ok(role)]);
        assert!(!run(instance_keys(service.at)).unwrap_err().passing, "{role}");
        assert_eq!(service.asked.join().unwrap().len(), 2);
    }
}

#[test]
fn a_redirect_is_no_answer() {
    let service = Service::new(vec![answer(302, "Location: http://127.0.0.1:1/\r\n", "")]);
    let fault = run(instance_keys(service.at)).unwrap_err();
    assert!(!fault.passing && everything(&fault).contains("302"), "{}", everything(&fault));
}

#[test]
fn a_service_that_is_busy_is_asked_once_more() {
    let service = Service::new(vec![answer(503, "", "busy"), ok(&keys("2099-01-01T00:00:00Z"))]);
    assert_eq!(run(container_keys(service.at, "/v2/credentials/1", Some("made-up-auth"))).unwrap().id, "ASIAEXAMPLE");
    let asked = service.asked.join().unwrap();
    assert!(asked.iter().all(|request| request.starts_with("GET /v2/credentials/1 ")));
    assert!(asked.iter().all(|request| request.contains("authorization: made-up-auth\r\n")));
}

#[test]
fn what_a_lying_service_says_is_not_repeated() {
    let secret = "made-up-secret-key";
    let large = format!("{{\"x\":\"{}\"}}", secret.repeat(5000));
    let lacking = format!("{{\"SecretAccessKey\":\"{secret}\",\"AccessKeyId\":\"A\"}}");
    for body in [secret, &large, &lacking, "[]", "null", "\u{0}"] {
        let service = Service::new(vec![ok(body)]);
        let fault = run(container_keys(service.at, "/x", None)).unwrap_err();
        assert!(!fault.passing && !everything(&fault).contains(secret), "{}", everything(&fault));
    }
    let service = Service::new(vec![answer(403, "", secret)]);
    let fault = run(container_keys(service.at, "/x", None)).unwrap_err();
    assert!(!fault.passing && !everything(&fault).contains(secret));
}

#[test]
fn a_service_that_is_not_there_is_a_passing_fault() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let fault = run(instance_keys(Metadata::Test(port))).unwrap_err();
    assert!(fault.passing && everything(&fault).contains("transport.connect"));
}

#[test]
fn google_gives_a_token_and_says_that_it_is_google() {
    let body = r#"{"access_token":"made-up-google-token","expires_in":3599,"token_type":"Bearer"}"#;
    let service = Service::new(vec![answer(200, "Metadata-Flavor: Google\r\n", body)]);
    let lease = run(google(service.at)).unwrap();
    assert_eq!((&**lease.token.reveal().unwrap(), lease.lifetime.as_secs()), ("made-up-google-token", 3599));
    let asked = service.asked.join().unwrap().concat();
    assert!(asked.starts_with("GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\n"));
    assert!(asked.contains("metadata-flavor: Google\r\n"));
    let other = Service::new(vec![ok(body)]);
    assert!(!everything(&run(google(other.at)).unwrap_err()).contains("made-up"));
}

#[test]
fn azure_gives_a_token_for_one_resource() {
    let body = r#"{"access_token":"made-up-azure-token","expires_in":"86399","expires_on":"1","resource":"x"}"#;
    let service = Service::new(vec![ok(body)]);
    let lease = run(azure(service.at, "https://vault.azure.net", Some("an id&x=1"))).unwrap();
    assert_eq!((&**lease.token.reveal().unwrap(), lease.lifetime.as_secs()), ("made-up-azure-token", 86_399));
    let asked = service.asked.join().unwrap().concat();
    assert!(
        asked.contains("api-version=2018-02-01&resource=https%3A%2F%2Fvault%2Eazure%2Enet&client_id=an%20id%26x%3D1 ")
    );
    assert!(asked.contains("metadata: true\r\n"));
}

#[test]
fn only_the_variables_of_ecs_and_eks_lead_to_a_container_s_service() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(container(None, None).unwrap(), None);
    let ecs = container(some("/v2/credentials/0c-1?id=7"), some("http://evil.example.com/")).unwrap();
    assert_eq!(ecs, Some((Metadata::Ecs, "/v2/credentials/0c-1?id=7".to_owned())));
    for (uri, at) in EKS {
        assert_eq!(container(None, some(uri)).unwrap(), Some((at, EKS_PATH.to_owned())));
    }
    for bad in ["x", "//evil.example.com/x", "/a/../b", "/a b", "/a\r\nb", "/a@b", "/a#b", "/a%2e", "/..", "http://x/"]
    {
        assert!(container(some(bad), None).is_err(), "{bad}");
    }
    for bad in
        ["http://127.0.0.1/", "http://169.254.170.23/v1/credentials/../x", "http://169.254.170.23:81/v1/credentials"]
    {
        let error = container(None, some(bad)).unwrap_err();
        assert!(error.user_message().contains("FULL_URI") && !error.user_message().contains(bad));
    }
}

proptest! {
    #[test]
    fn no_answer_is_too_odd(body in "\\PC{0,200}", key in "\\PC{0,20}") {
        let value = serde_json::from_str(&body).unwrap_or(Value::Null);
        let _ = (aws_keys(&value, OVERDUE).is_err(), lease(&value, "x").is_err());
        let value = serde_json::json!({"AccessKeyId": key, "SecretAccessKey": key, "Token": key, "Expiration": body,
            "access_token": key, "expires_in": body});
        let _ = (aws_keys(&value, OVERDUE).is_err(), lease(&value, "x").is_err());
        let _ = is_path(&body);
    }
}
