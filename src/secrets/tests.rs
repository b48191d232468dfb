#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A file that goes when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("botsec-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn load(&self) -> Result<Secret, Error> {
        load(&format!("file:{}", self.0.display()), Wish::default())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn everything(error: &Error) -> String {
    format!("{error} {error:?} {:?} {:?}", error.hint_text(), error.details())
}

#[test]
fn a_missing_variable_is_named_and_nothing_else() {
    let error = load("env:BOTSEC_TEST_SURELY_UNSET", Wish::default()).unwrap_err();
    assert_eq!(error.code(), Code::SecretNotFound);
    assert_eq!(error.user_message(), "Environment variable `BOTSEC_TEST_SURELY_UNSET` is not set.");
    assert_eq!(error.hint_text(), Some("export BOTSEC_TEST_SURELY_UNSET=…, or use file:/run/secrets/…"));
}

#[test]
fn a_variable_that_is_set_is_read() {
    assert_eq!(
        load("env:CARGO_PKG_NAME", Wish::default()).unwrap().reveal().unwrap().to_string(),
        env!("CARGO_PKG_NAME")
    );
}

#[test]
fn a_variable_loses_its_line_end_only() {
    let variable = env::Variable::parse("KEY").unwrap();
    let value = |text: &str| variable.value(Some(text.into())).map(|value| value.expose_secret().to_owned());
    assert_eq!(value(" a b \r\n").unwrap(), " a b ");
    for empty in ["", "\n", "  \t\r\n"] {
        assert_eq!(value(empty).unwrap_err().user_message(), "Environment variable `KEY` is empty.");
    }
}

#[test]
fn an_unknown_source_is_not_repeated() {
    let key = format!("gh{}_{}", "p", "a1B2".repeat(9));
    for source in
        ["sk-pasted-key-123456", "env:not a name", "env:", "env:1A", "env:A=B", "ENV:X", "", "file:", "file:a\0b", &key]
    {
        for source in [source.to_owned(), format!("env:{key}"), format!("file:{key}")] {
            let error = load(&source, Wish::default()).unwrap_err();
            assert_eq!(error.code(), Code::UsageValue, "{source}");
            assert!(source.len() < 8 || !everything(&error).contains(&source));
            assert!(!everything(&error).contains(&key));
        }
    }
}

#[test]
fn a_managers_source_needs_its_provider() {
    for scheme in REMOTE {
        let error = load(&format!("{scheme}:some-private-name"), Wish::default()).unwrap_err();
        assert_eq!(error.code(), Code::UsageValue);
        assert!(error.user_message().contains(scheme) && !everything(&error).contains("some-private-name"));
    }
}

#[test]
fn a_file_that_changes_is_read_again_and_a_missing_one_serves_a_while() {
    let scratch = Scratch::new("rotates", "first-value");
    let secret = scratch.load().unwrap();
    std::fs::write(&scratch.0, "second-value!").unwrap();
    assert_eq!(&**secret.reveal().unwrap(), "first-value");
    let run = |work| tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
    run(secret.refresh()).unwrap();
    assert_eq!(&**secret.reveal().unwrap(), "second-value!");
    std::fs::remove_file(&scratch.0).unwrap();
    assert_eq!(run(secret.refresh()).unwrap_err().code(), Code::SecretNotFound);
    assert_eq!(&**secret.reveal().unwrap(), "second-value!");
}

#[test]
fn a_file_is_read_without_its_last_line_end_and_then_redacted() {
    let value = format!("file-value-{}", std::process::id());
    for content in [value.clone(), format!("{value}\n"), format!("\u{feff}{value}\r\n\n")] {
        let secret = Scratch::new("read", content).load().unwrap();
        assert_eq!(&**secret.reveal().unwrap(), value);
    }
    assert!(!redact::scrub(&format!("x {value} y")).contains(&value));
}

#[test]
fn a_file_that_is_no_secret_is_refused_by_its_reason() {
    let refused = |scratch: &Scratch| scratch.load().unwrap_err();
    for (content, code, part) in [
        (Vec::new(), Code::SecretNotFound, "is empty"),
        (b" \r\n\n".to_vec(), Code::SecretNotFound, "is empty"),
        (b"ab\xffcdefgh".to_vec(), Code::SecretAccess, "UTF-8"),
        (vec![b'a'; 64 * 1024 + 1], Code::SecretAccess, "64 KiB"),
    ] {
        let error = refused(&Scratch::new(&format!("bad-{part}").replace(' ', "-"), content));
        assert_eq!(error.code(), code);
        assert!(error.user_message().contains(part), "{error}");
    }
    assert_eq!(Scratch::new("whole", vec![b'a'; 64 * 1024]).load().unwrap().reveal().unwrap().len(), 64 * 1024);
    let gone = Scratch::new("gone", "x");
    std::fs::remove_file(&gone.0).unwrap();
    assert!(refused(&gone).user_message().contains("does not exist"));
    assert!(load("file:/", Wish::default()).unwrap_err().user_message().contains("not a regular file"));
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("mode", "some-long-value");
    let mode = |mode| std::fs::set_permissions(&scratch.0, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o646);
    assert_eq!(scratch.load().unwrap_err().code(), Code::SecretAccess);
    mode(0o644);
    assert!(scratch.load().is_ok());
}

#[test]
fn a_path_cannot_break_a_line() {
    let error = load("file:/no\nsuch\u{1b}[31m", Wish::default()).unwrap_err();
    assert!(error.user_message().contains("/no\\nsuch\\u001b[31m"), "{error}");
}

#[test]
fn a_value_at_hand_becomes_a_secret_that_is_redacted() {
    let value = format!("value-at-hand-{}", std::process::id());
    let secret = from_value("vault:kv/x", format!("{value}\n"), Some(vec!["api.example.com".into()])).unwrap();
    assert_eq!((secret.name(), &**secret.reveal().unwrap()), ("vault:kv/x", value.as_str()));
    assert_eq!(redact::scrub(&value), redact::MASK);
    assert_eq!(from_value("x", " \n".into(), None).unwrap_err().code(), Code::SecretNotFound);
}

#[test]
fn a_host_that_is_none_is_refused_before_anything_is_read() {
    let given = Given { hosts: Some(vec!["not a host".into()]), ..Given::default() };
    let error = load("env:BOTSEC_TEST_SURELY_UNSET", Wish { given, ..Wish::default() }).unwrap_err();
    assert_ne!(error.code(), Code::SecretNotFound);
}

#[test]
fn equal_values_have_equal_fingerprints() {
    assert_eq!(fingerprint("abc"), fingerprint("abc"));
    assert_ne!(fingerprint("abc"), fingerprint("abd"));
    assert!(fingerprint("").len() == 16 && fingerprint("").bytes().all(|b| b.is_ascii_hexdigit()));
}

proptest! {
    #[test]
    fn no_source_panics_or_is_repeated(source in "\\PC{12,60}") {
        prop_assume!(!source.starts_with("file:") && !source.starts_with("env:"));
        let error = load(&source, Wish::default()).unwrap_err();
        prop_assert!(!everything(&error).contains(&source));
    }
}
