#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(value: &Value) -> Result<Identity, Error> {
    parse(&value.to_string(), &[Origin::parse("localhost:8443").unwrap()])
}

fn why(value: &Value) -> String {
    let error = read(value).unwrap_err();
    assert_eq!(error.code(), Code::SecretAccess);
    error.details().iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
}

/// The value with one part replaced, or removed by `null`.
fn with(value: &Value, key: &str, part: Value) -> Value {
    let mut value = value.clone();
    let object = value.as_object_mut().unwrap();
    object.remove(key);
    if !part.is_null() {
        object.insert(key.to_owned(), part);
    }
    value
}

fn key_file() -> Value {
    json!({
        "type": "service_account",
        "client_email": "bot@my-project.iam.gserviceaccount.com",
        "private_key": "-----BEGIN PRIVATE KEY-----\nnot-a-key-of-anybody\n-----END PRIVATE KEY-----\n",
        "private_key_id": "abc123",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

fn user_file() -> Value {
    json!({"type": "authorized_user", "client_id": "id", "client_secret": "client-secret-1", "refresh_token": "refresh-1234"})
}

fn outside_file() -> Value {
    json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": "/var/run/token"},
    })
}

#[test]
fn each_kind_of_file_is_read() {
    let Base::Key { email, key_id, token_url, .. } = read(&key_file()).unwrap().base else { panic!("key") };
    assert_eq!((email.as_str(), key_id.as_deref()), ("bot@my-project.iam.gserviceaccount.com", Some("abc123")));
    assert_eq!(token_url.as_sent(), "https://oauth2.googleapis.com/token");
    let user = read(&with(&user_file(), "quota_project_id", json!("my-project"))).unwrap();
    assert_eq!(user.quota_project.as_deref(), Some("my-project"));
    let Base::User { token_url, .. } = user.base else { panic!("user") };
    assert_eq!(token_url.as_sent(), TOKEN_URL);
    let Identity { base: Base::Outside { source: Subject::File(path), format: None, .. }, acts_as: None, .. } =
        read(&outside_file()).unwrap()
    else {
        panic!("outside")
    };
    assert_eq!(path, "/var/run/token");
}

#[test]
fn a_subject_token_may_stand_at_an_https_url_and_in_json() {
    let source = json!({
        "url": "https://tokens.example.com/id?audience=x",
        "headers": {"Authorization": "bearer request-token-1"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    });
    let file = with(&outside_file(), "credential_source", source.clone());
    let Base::Outside { source: Subject::Url(url, headers), format, .. } = read(&file).unwrap().base else {
        panic!("url")
    };
    assert_eq!(
        (url.as_sent().as_str(), format.as_deref()),
        ("https://tokens.example.com/id?audience=x", Some("value"))
    );
    assert!(matches!(headers.as_slice(), [(name, Leaf::Hidden(_))] if name == "Authorization"));
    for bad in [
        with(&source, "url", json!("http://169.254.169.254/token")),
        with(&source, "file", json!("/etc/passwd")),
        with(&source, "format", json!({"type": "xml"})),
        with(&source, "format", json!({"type": "json"})),
        with(&source, "headers", json!({"Authorization": 7})),
        with(&source, "headers", json!({"Host": "other.example.com"})),
        with(&source, "headers", json!({"Content-Length": "0"})),
        json!({"environment_id": "aws1", "url": "https://x.example.com"}),
        json!({"executable": {"command": "/bin/sh"}}),
        json!({}),
    ] {
        why(&with(&outside_file(), "credential_source", bad));
    }
}

#[test]
fn a_service_account_may_be_acted_as() {
    let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken";
    let file = with(&outside_file(), "service_account_impersonation_url", json!(url));
    let acts_as = read(&file).unwrap().acts_as.unwrap();
    assert_eq!((acts_as.url.as_sent().as_str(), acts_as.lifetime_s), (url, 3600));
    let file = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": url,
        "delegates": ["c@d.iam.gserviceaccount.com"],
        "source_credentials": user_file(),
    });
    let identity = read(&file).unwrap();
    assert!(matches!(identity.base, Base::User { .. }));
    assert_eq!(identity.acts_as.unwrap().delegates, ["c@d.iam.gserviceaccount.com"]);
    let twice = with(&file, "source_credentials", file.clone());
    assert!(why(&twice).contains("type"));
}

#[test]
fn tokens_come_from_google_or_a_listed_host_over_https() {
    for (url, good) in [
        ("https://oauth2.googleapis.com/token", true),
        ("https://sts.europe-west1.rep.googleapis.com/v1/token", true),
        ("https://localhost:8443/token", true),
        ("https://localhost:8444/token", false),
        ("http://oauth2.googleapis.com/token", false),
        ("https://oauth2.googleapis.com:8443/token", false),
        ("https://evilgoogleapis.com/token", false),
        ("https://oauth2.googleapis.com.evil.example/token", false),
        ("https://oauth2.googleapis.com@evil.example/token", false),
    ] {
        assert_eq!(read(&with(&key_file(), "token_uri", json!(url))).is_ok(), good, "{url}");
        assert_eq!(read(&with(&user_file(), "token_uri", json!(url))).is_ok(), good, "{url}");
        assert_eq!(read(&with(&outside_file(), "token_url", json!(url))).is_ok(), good, "{url}");
        let file = with(&outside_file(), "service_account_impersonation_url", json!(url));
        assert_eq!(read(&file).is_ok(), good, "{url}");
    }
}

#[test]
fn what_is_missing_is_named_and_nothing_is_repeated() {
    for (file, key) in [
        (key_file(), "client_email"),
        (key_file(), "private_key"),
        (key_file(), "token_uri"),
        (user_file(), "client_id"),
        (user_file(), "client_secret"),
        (user_file(), "refresh_token"),
        (outside_file(), "audience"),
        (outside_file(), "subject_token_type"),
        (outside_file(), "credential_source"),
        (outside_file(), "token_url"),
    ] {
        for part in [Value::Null, json!(7), json!("")] {
            let said = why(&with(&file, key, part));
            assert!(said.contains(&format!("`{key}`")), "{said}");
            assert!(!said.contains("client-secret-1") && !said.contains("refresh-1234") && !said.contains("BEGIN"));
        }
    }
    assert!(parse("not json", &[]).is_err());
    assert!(why(&json!({"type": "gdch_service_account"})).contains("type"));
}

proptest! {
    #[test]
    fn no_file_panics_or_is_repeated(text in "\\PC{12,80}", part in "\\PC{12,60}", at in 0usize..6) {
        let repeated = |error: Error| error.details().iter().any(|(_, value)| value.contains(&part));
        let _ = parse(&text, &[]);
        let keys = ["type", "client_email", "private_key", "token_uri", "private_key_id", "quota_project_id"];
        if let Err(error) = read(&with(&key_file(), keys.get(at).unwrap(), json!(part))) {
            prop_assert!(!repeated(error));
        }
    }
}
