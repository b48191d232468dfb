#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

const PARAMS: [&str; 4] = ["field", "version", "engine", "mount"];

fn asked(source: &str) -> Result<Asked, Error> {
    Asked::parse(&Place::parse(&format!("vault:{source}"), &PARAMS)?)
}

fn answer(status: u16, body: &str) -> Answer {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[test]
fn a_place_is_a_mount_and_a_path() {
    let place = asked("kv/team/bot?field=key&version=3").unwrap();
    assert_eq!((place.mount.as_str(), place.path.as_str(), place.version), ("kv", "team/bot", Some(3)));
    let place = asked("kv/team/bot?mount=kv/team&engine=1").unwrap();
    assert_eq!((place.mount.as_str(), place.path.as_str(), place.first_engine), ("kv/team", "bot", true));
}

#[test]
fn a_place_that_is_none_is_refused() {
    for source in
        ["kv", "kv/a?engine=0", "kv/a?version=-1", "kv/a?version=1&engine=1", "kv/a?mount=k", "kv/a?mount=kv/a"]
    {
        assert_eq!(asked(source).unwrap_err().code(), Code::UsageValue, "{source}");
    }
}

#[test]
fn a_value_comes_with_its_version() {
    let found = asked("kv/a?field=k").unwrap().value(&answer(
        200,
        r#"{"data": {"data": {"k": "vault-value-1", "n": 1}, "metadata": {"version": 7, "destroyed": false}}}"#,
    ));
    let version = found.unwrap().version;
    assert_eq!((&*version, version.label()), ("vault-value-1", Some("7")));
}

#[test]
fn an_answer_without_a_value_is_told_from_one_about_a_version_that_is_gone() {
    let reason = |status, body: &str| {
        let fault = asked("kv/a").unwrap().value(&answer(status, body)).unwrap_err();
        assert!(!fault.passing);
        let details = fault.error.details();
        details.iter().find(|(key, _)| *key == "reason").map(|(_, reason)| reason.clone()).unwrap()
    };
    let gone = r#"{"data": {"data": null, "metadata": {"version": 1, "destroyed": true}}}"#;
    assert!(reason(404, gone).contains("destroyed"));
    assert!(reason(404, &gone.replace("true", "false")).contains("deleted"));
    assert!(reason(404, r#"{"errors": []}"#).contains("no such secret"));
    assert!(reason(404, "<html>").contains("no such secret"));
    assert!(reason(200, r#"{"data": {"k": "v"}}"#).contains("version"));
}

proptest! {
    #[test]
    fn no_answer_panics_or_is_repeated(
        body in prop_oneof![
            "\\PC{0,80}",
            "\\{\"data\": ?(null|\\[\\]|\"[a-z]{12}\"|\\{\"data\": ?(null|7|\"[a-z]{12}\"|\\{\"k\": ?(null|true|\\[1\\]|\"\")\\}), \"metadata\": ?(null|\\{\"version\": ?(-1|1.5|\"1\"|1)\\})\\})\\}",
        ],
        status in prop_oneof![Just(200u16), Just(404)],
        engine in 1..=2,
    ) {
        let asked = asked(&format!("kv/a?engine={engine}")).unwrap();
        if let Err(fault) = asked.value(&answer(status, &body)) {
            let told = format!("{:?}", fault.error);
            prop_assert!(body.len() < 8 || !told.contains(&body));
        }
    }

    #[test]
    fn no_place_panics(path in "[a-z/%.]{0,40}", value in "\\PC{0,20}", key in "field|version|engine|mount") {
        let _ = asked(&format!("{path}?{key}={value}"));
    }
}
