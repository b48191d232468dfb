#![allow(clippy::unwrap_used, reason = "tests")]

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;

#[test]
fn a_secret_prints_its_name_and_never_its_value() {
    let value = format!("v{}", 123_456_789);
    let secret = Secret::new("env:KEY", value.clone().into(), "f".into());
    assert_eq!(format!("{secret:?}"), "Secret('env:KEY', **********)");
    assert!(!format!("{:?} {:?}", Some(&secret), secret.reveal().unwrap()).contains(&value));
    assert!(secret.same_as(&secret.clone()));
}

/// Hands out numbered values when it is told to.
struct Script(Lock<Vec<Result<&'static str, bool>>>);

impl Renew for Script {
    fn start(&self, secret: &Secret) -> Result<(), Error> {
        let next = self.0.lock().pop();
        let result = match next {
            Some(Ok(value)) => {
                let version = Version::new(value.to_owned().into(), Some(value.to_owned()), value.to_owned());
                Ok(Found { version, lifetime: None })
            }
            Some(Err(passing)) => Err(Fault { error: Error::new(Code::SecretNotFound), passing }),
            None => return Err(Error::new(Code::Internal)),
        };
        secret.finish(result);
        Ok(())
    }
}

fn scripted(mut script: Vec<Result<&'static str, bool>>) -> Secret {
    script.reverse();
    let terms = Terms { ttl: Duration::from_secs(100), max_stale: Duration::from_secs(100) };
    Secret::moving("test:x", terms, Arc::new(Script(Lock::new(script))), None)
}

fn now<T>(work: impl Future<Output = T>) -> T {
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing waits here"),
    }
}

#[test]
fn nothing_is_read_before_it_is_needed() {
    let secret = scripted(vec![Ok("a")]);
    assert_eq!(secret.reveal().unwrap_err().code(), Code::SecretAccess);
    assert!(secret.version().is_none() && secret.fingerprint().is_empty());
    now(secret.ready()).unwrap();
    assert_eq!((&**secret.reveal().unwrap(), secret.version().as_deref()), ("a", Some("a")));
}

#[test]
fn a_refused_value_is_read_once_more_and_only_another_one_helps() {
    let secret = scripted(vec![Ok("a"), Ok("a")]);
    now(secret.ready()).unwrap();
    assert_eq!(now(secret.renewed("a")).unwrap(), Renewed::Same);
    assert_eq!(now(secret.renewed("a")).unwrap(), Renewed::TooSoon);
    let secret = scripted(vec![Ok("a"), Ok("b")]);
    now(secret.ready()).unwrap();
    assert_eq!(now(secret.renewed("a")).unwrap(), Renewed::Changed);
    // Whoever comes later with the old value learns so without another reading.
    assert_eq!(now(secret.renewed("a")).unwrap(), Renewed::Changed);
    let mine = news::take().into_iter().filter(|news| news.id == secret.id());
    assert_eq!(mine.filter(|news| matches!(news.happened, Happened::Rotated { .. })).count(), 1);
}

#[test]
fn a_refresh_tells_of_a_failure_while_the_old_value_serves() {
    let secret = scripted(vec![Ok("a"), Err(true), Err(false)]);
    now(secret.ready()).unwrap();
    assert!(now(secret.refresh()).is_err());
    assert_eq!(&**secret.reveal().unwrap(), "a");
    assert!(now(secret.refresh()).is_err());
    assert_eq!(secret.reveal().unwrap_err().code(), Code::SecretNotFound);
}

#[test]
fn a_reader_that_cannot_begin_leaves_nobody_waiting() {
    let secret = scripted(vec![]);
    assert_eq!(now(secret.ready()).unwrap_err().code(), Code::Internal);
}

#[test]
fn what_rotates_keeps_its_identity() {
    let secret = scripted(vec![Ok("a"), Ok("b")]);
    let (identity, tag) = (secret.identity(), secret.shared_tag());
    now(secret.ready()).unwrap();
    now(secret.refresh()).unwrap();
    assert_eq!((secret.identity(), secret.shared_tag()), (identity, tag));
}

#[test]
fn a_call_learns_without_a_lock_that_its_value_is_no_longer_in_use() {
    let secret = scripted(vec![Ok("a"), Ok("a"), Ok("b"), Err(false)]);
    let at = clock::now();
    assert!(secret.serves(at).is_none() && secret.in_use(at).is_none());
    now(secret.ready()).unwrap();
    let used = secret.serves(at).unwrap();
    assert_eq!((&***used.version(), secret.still_uses(&used, at)), ("a", true));
    // Until its time is over, also where it is read again and is what it was.
    assert!(!secret.still_uses(&used, at + Duration::from_secs(201)));
    now(secret.refresh()).unwrap();
    assert!(secret.still_uses(&used, at));
    now(secret.refresh()).unwrap();
    let other = secret.in_use(clock::now()).unwrap();
    assert!(!secret.still_uses(&used, at) && secret.still_uses(&other, at));
    assert!(now(secret.refresh()).is_err());
    assert!(!secret.still_uses(&other, at) && secret.in_use(at).is_none());
}

#[test]
fn a_call_uses_a_value_that_is_due_and_has_it_read_in_the_background() {
    let secret = scripted(vec![Ok("a"), Ok("b")]);
    now(secret.ready()).unwrap();
    let due = clock::now() + Duration::from_millis(99_999);
    // The reading ended at once, so the value is the next one already; what the call took is the one before.
    assert_eq!(&***secret.serves(due).unwrap().version(), "a");
    assert_eq!(&**secret.reveal().unwrap(), "b");
    let fixed = Secret::new("env:K", "k".to_owned().into(), "f".into());
    let used = fixed.serves(due).unwrap();
    assert!(fixed.still_uses(&used, due));
}
