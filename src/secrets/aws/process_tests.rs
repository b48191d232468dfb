#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn run(line: &str, limit: Duration) -> Result<Keys, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Program::parse("bot", line).unwrap().keys_within(limit))
}

fn words(line: &str) -> Option<Vec<String>> {
    Program::parse("bot", line).map(|program| program.words.iter().map(|word| word.to_string()).collect())
}

#[test]
fn a_line_is_split_as_a_shell_splits_it_and_nothing_is_expanded() {
    assert_eq!(
        words(r#"/bin/x "two words" a\ b 'it"s #1' $HOME * #7 x#y"#).unwrap(),
        ["/bin/x", "two words", "a b", "it\"s #1", "$HOME", "*", "#7", "x#y"]
    );
    for none in ["", "  ", "\"\"", "'x", "x \"y"] {
        assert!(words(none).is_none(), "{none}");
    }
}

#[test]
fn a_program_that_does_not_end_is_ended_and_so_is_one_that_leaves_its_output_open() {
    // One of them leaves its group, which macOS has no program for.
    let leaves = if cfg!(target_os = "linux") { "sh -c 'setsid sleep 5 & exit 0'" } else { "sleep 60" };
    for line in ["sleep 60", leaves, "sh -c 'sleep 60 & exit 0'", "sh -c 'exec >&-; sleep 60'"] {
        let fault = run(line, Duration::from_millis(300)).unwrap_err();
        assert!(fault.passing, "{line}");
        assert!(fault.error.user_message().contains("did not end in time"), "{line}");
    }
}

#[test]
fn a_program_that_cannot_be_started_is_named_by_why() {
    let fault = run("/nonexistent/program", LIMIT).unwrap_err();
    assert!(!fault.passing && fault.error.user_message().contains("could not be started"));
    assert!(fault.error.details().contains(&("reason", "entity not found".to_owned())), "{:?}", fault.error.details());
}

#[test]
fn keys_have_an_end_or_none() {
    let text =
        |more: &str| format!(r#"{{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"made-up-key-1"{more}}}"#);
    let keys = parse(text("").as_bytes()).unwrap();
    assert!(keys.session.is_none() && keys.lifetime.is_none());
    let keys = parse(text(r#","SessionToken":"made-up-token","Expiration":"2099-01-01T00:00:00+00:00""#).as_bytes());
    let keys = keys.unwrap();
    assert!(keys.session.is_some() && keys.lifetime > Some(Duration::from_secs(86_400)));
    assert_eq!(
        parse(text(r#","Expiration":"2001-01-01T00:00:00Z""#).as_bytes()).unwrap().lifetime,
        Some(Duration::ZERO)
    );
    assert!(parse(text(r#","Expiration":7"#).as_bytes()).is_err());
}

#[test]
fn a_command_line_is_never_shown() {
    let program = Program::parse("bot", "/bin/x --token made-up-token-1").unwrap();
    assert!(!format!("{program:?}").contains("made-up"));
}

proptest! {
    #[test]
    fn no_line_and_no_output_is_too_odd(line in "\\PC{0,60}", output in "(\\{\"Version\":1,)?\\PC{0,80}", bytes in any::<Vec<u8>>()) {
        let _ = (Program::parse("bot", &line).is_some(), parse(output.as_bytes()).is_err(), parse(&bytes).is_err());
    }
}
