#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_login_grants_a_time() {
    let granted = Granted::read(&json!({"auth": {"lease_duration": 900, "renewable": true}})).unwrap();
    assert_eq!(granted, Granted { lasts: Duration::from_secs(900), renewable: true });
    for bad in [json!({}), json!({"auth": null}), json!({"auth": {}}), json!({"auth": {"lease_duration": "900"}})] {
        assert!(Granted::read(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_token_without_an_end_is_told_from_an_expired_one() {
    let granted = Granted::looked_up(&json!({"data": {"ttl": 0, "expire_time": null, "renewable": false}})).unwrap();
    assert!(granted.ends().is_none());
    let fault = Granted::looked_up(&json!({"data": {"ttl": 0, "expire_time": "2020-01-01T00:00:00Z"}})).unwrap_err();
    assert!(!fault.passing);
}

#[test]
fn a_lease_is_renewed_while_it_lives_and_nobody_refused_it() {
    let token = Secret::new("vault-token:x", "some-token".to_owned().into(), "print".into());
    let ends = clock::now().checked_add(Duration::from_secs(60));
    let lease = Lease { token, renewable: true, first: Duration::from_secs(60), ends };
    assert!(lease.may_renew("another"));
    assert!(!lease.may_renew("print"));
    assert!(!Lease { renewable: false, ..lease.clone() }.may_renew(""));
    assert!(!Lease { ends: Some(clock::now()), ..lease.clone() }.may_renew(""));
    // One without an end needs no renewal.
    assert!(!Lease { ends: None, ..lease }.may_renew(""));
}

#[test]
fn a_login_is_one_json_object_whatever_its_names_hold() {
    let secret = Secret::new("env:ID", "a\"b\\c".to_owned().into(), "f".into());
    let fields = [("role_id", Field::Plain("q\"uote\n".to_owned())), ("secret_id", Field::Hidden(secret))];
    let sent = body(&fields).unwrap().reveal().unwrap();
    let read: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(read, json!({"role_id": "q\"uote\n", "secret_id": "a\"b\\c"}));
}

proptest! {
    #[test]
    fn every_name_survives_its_body(name in "\\PC{0,40}", value in "[ -~]{1,40}") {
        let secret = Secret::new("env:ID", value.clone().into(), "f".into());
        let fields = [("jwt", Field::Hidden(secret)), ("role", Field::Plain(name.clone()))];
        let read: Value = serde_json::from_slice(&body(&fields).unwrap().reveal().unwrap()).unwrap();
        prop_assert_eq!(read, json!({"jwt": value, "role": name}));
    }
}
