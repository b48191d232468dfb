#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn a_missing_variable_is_named_and_nothing_else() {
    let error = load("env:BOTSEC_TEST_SURELY_UNSET", None).unwrap_err();
    assert_eq!(error.code(), Code::SecretNotFound);
    assert_eq!(error.user_message(), "Environment variable `BOTSEC_TEST_SURELY_UNSET` is not set.");
}

#[test]
fn an_unknown_source_is_not_repeated() {
    for source in ["sk-pasted-key-123456", "env:not a name", "env:", "ENV:X", ""] {
        let error = load(source, None).unwrap_err();
        assert_eq!(error.code(), Code::UsageValue, "{source}");
        assert!(source.len() < 8 || !format!("{error} {error:?}").contains(source));
    }
    assert_eq!(load("vault:kv/x", None).unwrap_err().code(), Code::SecretAccess);
}

#[test]
fn a_file_is_read_without_its_last_newline_and_then_redacted() {
    let path = std::env::temp_dir().join(format!("botsec-test-{}", std::process::id()));
    let value = format!("file-value-{}", std::process::id());
    std::fs::write(&path, format!("{value}\n")).unwrap();
    let secret = load(&format!("file:{}", path.display()), None).unwrap();
    assert_eq!(secret.reveal(), value);
    assert!(!crate::redact::scrub(&format!("x {value} y")).contains(&value));
    std::fs::write(&path, "\n").unwrap();
    assert_eq!(load(&format!("file:{}", path.display()), None).unwrap_err().code(), Code::SecretNotFound);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(load(&format!("file:{}", path.display()), None).unwrap_err().code(), Code::SecretNotFound);
    assert_eq!(load("file:/", None).unwrap_err().code(), Code::SecretAccess);
}

#[test]
fn equal_values_have_equal_fingerprints() {
    assert_eq!(fingerprint("abc"), fingerprint("abc"));
    assert_ne!(fingerprint("abc"), fingerprint("abd"));
}
