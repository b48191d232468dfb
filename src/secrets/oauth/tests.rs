#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::transport::Tls;

fn tokens(url: &str, grant: Grant) -> Result<Arc<Tokens>, Error> {
    let flow = OAuth2 {
        token_url: url.to_owned(),
        grant,
        client_id: "bot".to_owned(),
        client_secret: None,
        style: Style::Body,
        fields: Vec::new(),
    };
    Tokens::new(flow, Reach { base: String::new(), networks: Vec::new(), tls: Tls::default() })
}

fn refreshing() -> Arc<Tokens> {
    let source = Secret::new("env:REFRESH", "refresh-token-0".to_owned().into(), "f0".into());
    tokens("https://id.example.com/token", Grant::Refresh(source)).unwrap()
}

fn answer(status: u16, body: &str) -> Answer {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[test]
fn a_lifetime_ends_early_and_is_never_nothing() {
    let seconds = |value: Value| lifetime(Some(&value)).map(|life| life.as_secs());
    assert_eq!(seconds(json!(3600)).ok(), Some(3540));
    assert_eq!(seconds(json!("100")).ok(), Some(90));
    assert_eq!(seconds(json!(3599.9)).ok(), Some(3539));
    assert_eq!(lifetime(None).ok(), lifetime(Some(&Value::Null)).ok());
    for bad in [json!(0), json!(-5), json!("soon"), json!(true), json!([1])] {
        assert!(lifetime(Some(&bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_refusal_passes_only_where_its_code_says_so() {
    assert!(refused(400, Some("temporarily_unavailable".into())).passing && !refused(400, None).passing);
}

#[test]
fn a_refresh_token_is_kept_even_where_the_rest_of_the_answer_is_refused() {
    let tokens = refreshing();
    let body = r#"{"access_token": "access-token-1", "token_type": "mac", "refresh_token": "refresh-token-1"}"#;
    assert!(tokens.read(&answer(200, body), "f0").is_err());
    let refresh = tokens.refresh().unwrap();
    assert_eq!((&**refresh.reveal().unwrap(), refresh.name()), ("refresh-token-1", "env:REFRESH"));
    // One that followed another beginning is not used.
    assert!(tokens.read(&answer(200, &body.replace('1', "2")), "f9").is_err());
    assert_eq!(&**tokens.refresh().unwrap().reveal().unwrap(), "refresh-token-0");
}

#[test]
fn users_of_one_client_are_told_apart() {
    let plain = tokens("https://id.example.com/token", Grant::ClientCredentials).unwrap();
    assert_eq!(plain.name(), "oauth2:id.example.com/bot");
    assert_eq!(refreshing().name(), "oauth2:id.example.com/bot/env:REFRESH");
}

#[test]
fn an_endpoint_is_https_and_has_a_plain_path() {
    let code = |url| tokens(url, Grant::ClientCredentials).err().map(|error| error.code());
    assert_eq!(code("http://id.example.com/token"), Some(Code::PolicyInsecureUrl));
    assert_eq!(code("id.example.com"), Some(Code::UsageValue));
    assert_eq!(code("https://id.example.com/a%2fb"), Some(Code::UsageValue));
    assert_eq!(code("https://id.example.com/tenant-1/oauth2/v2.0/token?p=a+b"), None);
}

proptest! {
    #[test]
    fn no_answer_panics_or_is_repeated(
        body in prop_oneof!["\\PC{0,80}", "\\{\"(error|access_token|expires_in)\": ?(null|7|-1|\\[\\]|\"[A-Z]{12}\"), \"token_type\": ?(7|\"bearer\")\\}"],
        status in prop_oneof![Just(200u16), Just(400), Just(401)],
    ) {
        if let Err(fault) = refreshing().read(&answer(status, &body), "f0") {
            let told = format!("{:?}", fault.error);
            prop_assert!(body.len() < 8 || !told.contains(&body));
        }
    }
}
