#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

const CONFIG: &str = "
# the default
[default]
region = eu-central-1
s3 =
    aws_access_key_id = nested-and-not-read

[profile bot]
role_arn = arn:aws:iam::123456789012:role/bot
source_profile = base
External_ID = made-up-id
[profile base]
role_arn = arn:aws:iam::123456789012:role/base
source_profile = base
[profile \"with space\"]
role_arn=arn:aws:iam::123456789012:role/pod
web_identity_token_file = /var/run/token
[profile loop]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = back
[profile back]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = loop
[profile task]
role_arn = arn:aws:iam::123456789012:role/task
credential_source = EcsContainer
[profile program]
credential_process = /bin/print-keys
[profile person]
role_arn = arn:aws:iam::123456789012:role/p
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/p
[profile company]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Bots
[sso-session company]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
[services dev]
role_arn = not-a-profile
";
const CREDENTIALS: &str = "[base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = made-up-profile-key\n\
    [half]\naws_access_key_id = AKIAEXAMPLE\n";

fn book() -> Book {
    let mut book = Book::default();
    book.add(CONFIG, true);
    book.add(CREDENTIALS, false);
    book
}

fn refused(profile: &str) -> Error {
    let error = book().plan(profile).unwrap_err();
    assert!(!format!("{error:?} {error} {:?}", error.hint_text()).contains("made-up"), "{error}");
    error
}

#[test]
fn a_role_is_taken_on_with_the_keys_of_another_profile() {
    let Plan::Role(role, Origin::Profile(source)) = book().plan("bot").unwrap() else { panic!("a role") };
    assert_eq!(role, Role::new("arn:aws:iam::123456789012:role/bot", None, Some("made-up-id"), None).unwrap());
    let Plan::Keys(keys) = *source else { panic!("its own keys, not its role") };
    assert_eq!(&**keys.secret.reveal().unwrap(), "made-up-profile-key");
}

#[test]
fn a_profile_may_be_its_own_source() {
    let Plan::Role(_, Origin::Profile(source)) = book().plan("base").unwrap() else { panic!("a role") };
    assert!(matches!(*source, Plan::Keys(_)));
}

#[test]
fn each_kind_of_login_is_read() {
    assert!(matches!(book().plan("with space").unwrap(), Plan::Web(web) if web.file == Path::new("/var/run/token")));
    assert!(matches!(book().plan("task").unwrap(), Plan::Role(_, Origin::Container)));
    let Plan::Sso(sso) = book().plan("company").unwrap() else { panic!("a login") };
    assert_eq!((sso.cached_as.as_str(), sso.region.as_str(), sso.role.as_str()), ("company", "eu-west-1", "Bots"));
}

#[test]
fn what_cannot_be_used_is_named() {
    assert_eq!(refused("nobody").code(), Code::SecretNotFound);
    for (profile, part) in [
        ("loop", "`source_profile` leads back"),
        ("program", "`credential_process` names a program"),
        ("person", "`mfa_serial` asks a person"),
        ("half", "`aws_secret_access_key` is missing"),
        ("default", "`aws_access_key_id` is missing"),
    ] {
        assert!(refused(profile).user_message().contains(part), "{}", refused(profile).user_message());
    }
}

#[test]
fn a_program_is_there_where_it_is_allowed() {
    let mut book = book();
    book.runs_programs = true;
    assert!(matches!(book.plan("program").unwrap(), Plan::Program(_)));
}

#[test]
fn only_settings_of_the_profile_itself_count() {
    let book = book();
    assert_eq!(book.region(DEFAULT).as_deref(), Some("eu-central-1"));
    assert!(!book.has_keys(DEFAULT) && book.has_keys("company") && !book.has_keys("dev"));
    assert!(book.region("sso-session company").is_none());
}

#[test]
fn a_file_that_does_not_exist_is_empty_and_one_that_cannot_be_read_is_named() {
    let nowhere = Path::new("/nonexistent/aws/config");
    assert!(text(nowhere).unwrap().is_empty());
    let folder = std::env::temp_dir();
    assert!(text(&folder).unwrap_err().user_message().contains("cannot be used"));
}

proptest! {
    #[test]
    fn no_file_is_too_odd(text in "(\\[(profile )?a\\]\n)?([a-z_]{0,8} ?= ?\\PC{0,12}\n|\\PC{0,20}\n){0,12}") {
        for is_config in [true, false] {
            let mut book = Book::default();
            book.add(&text, is_config);
            let _ = (book.plan("a").is_err(), book.plan(DEFAULT).is_err(), book.has_keys("a"));
        }
    }
}
