#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const TERMS: Terms = Terms { ttl: Duration::from_secs(100), max_stale: Duration::from_secs(50) };

fn found(value: &str) -> Result<Found, Fault> {
    let version = Version::new(value.to_owned().into(), Some(format!("v-{value}")), format!("f-{value}"));
    Ok(Found { version, lifetime: None })
}

fn fault(passing: bool) -> Result<Found, Fault> {
    Err(Fault { error: Error::new(Code::SecretAccess), passing })
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn loaded(start: Instant) -> Life {
    let mut life = Life::new(TERMS, 0);
    assert!(matches!(life.look(start), Look::Load) && life.begin());
    life.finish(found("a"), start, &mut Dice::fixed(1));
    life
}

#[test]
fn one_reads_and_the_others_wait() {
    let mut life = Life::new(TERMS, 0);
    assert!(life.begin());
    assert!(!life.begin() && !life.begin());
    let (wakers, _) = life.finish(found("a"), Instant::now(), &mut Dice::fixed(1));
    assert!(wakers.is_empty() && life.begin());
}

#[test]
fn a_value_is_read_again_before_its_time_is_over() {
    let start = Instant::now();
    let life = loaded(start);
    assert!(matches!(life.look(start + seconds(79)), Look::Use));
    assert!(matches!(life.look(start + seconds(99)), Look::Use | Look::Renew));
    assert!(matches!(life.look(start + seconds(100)), Look::Load));
    let next = life.next(start).unwrap();
    assert!(next >= seconds(80) && next <= seconds(100));
}

#[test]
fn an_old_value_serves_while_the_source_is_out_of_reach_and_no_longer_than_allowed() {
    let start = Instant::now();
    let mut life = loaded(start);
    life.finish(fault(true), start + seconds(100), &mut Dice::fixed(1));
    assert!(matches!(life.look(start + seconds(100)), Look::Use));
    assert!(matches!(life.look(start + seconds(149)), Look::Renew));
    life.finish(fault(true), start + seconds(150), &mut Dice::fixed(1));
    assert!(matches!(life.look(start + seconds(150)), Look::Refuse(error) if error.code() == Code::SecretStale));
    assert!(matches!(life.look(start + seconds(200)), Look::Load));
}

#[test]
fn why_no_value_serves_does_not_depend_on_when_it_is_asked() {
    let start = Instant::now();
    let mut life = Life::new(TERMS, 0);
    assert!(life.refusal().is_none());
    life = loaded(start);
    assert_eq!(life.refusal().unwrap().code(), Code::SecretStale);
    // Long after the time for another try has come, too.
    for later in [0, 10_000] {
        life.finish(fault(true), start + seconds(150 + later), &mut Dice::fixed(1));
        assert_eq!(life.refusal().unwrap().code(), Code::SecretStale);
    }
    life.finish(fault(false), start + seconds(151), &mut Dice::fixed(1));
    assert_eq!(life.refusal().unwrap().code(), Code::SecretAccess);
}

#[test]
fn a_value_with_a_lifetime_does_not_outlive_it() {
    let start = Instant::now();
    let mut life = Life::new(TERMS, 0);
    let version = Version::new("t".to_owned().into(), None, "f".into());
    life.finish(Ok(Found { version, lifetime: Some(seconds(10)) }), start, &mut Dice::fixed(1));
    assert!(life.next(start).unwrap() <= seconds(10));
    life.finish(fault(true), start + seconds(9), &mut Dice::fixed(1));
    assert!(life.serving(start + seconds(9)).is_some() && life.serving(start + seconds(10)).is_none());
}

#[test]
fn a_refusal_ends_a_value_at_once() {
    let start = Instant::now();
    let mut life = loaded(start);
    life.finish(fault(false), start + seconds(1), &mut Dice::fixed(1));
    assert!(matches!(life.look(start + seconds(1)), Look::Refuse(error) if error.code() == Code::SecretAccess));
    assert!(matches!(life.look(start + seconds(3)), Look::Load));
}

#[test]
fn a_new_value_is_told_once_and_an_equal_one_never() {
    let start = Instant::now();
    let mut life = loaded(start);
    assert_eq!(life.finish(found("a"), start, &mut Dice::fixed(1)).1, None);
    let told = life.finish(found("b"), start, &mut Dice::fixed(1)).1;
    assert_eq!(told, Some(Happened::Rotated { old: "v-a".into(), new: "v-b".into() }));
}

#[test]
fn refused_requests_do_not_become_a_flood_of_readings() {
    let start = Instant::now();
    let mut life = loaded(start);
    assert_eq!(life.force(start), Some(true));
    assert_eq!(life.force(start), Some(false));
    life.finish(found("a"), start, &mut Dice::fixed(1));
    assert_eq!(life.force(start + seconds(1)), None);
    assert_eq!(life.force(start + seconds(6)), Some(true));
}

#[test]
fn tries_come_less_and_less_often() {
    let start = Instant::now();
    let mut life = Life::new(TERMS, 0);
    let mut waits = Vec::new();
    for _ in 0..20 {
        life.finish(fault(true), start, &mut Dice::fixed(1));
        waits.push(life.next(start).unwrap());
    }
    assert!(waits[0] <= seconds(1) && waits[19] <= LAST_RETRY && waits[19] >= LAST_RETRY / 2);
}

#[test]
fn the_value_before_is_asked_for_by_one_and_not_soon_again() {
    let start = Instant::now();
    let mut life = loaded(start);
    assert!(matches!(life.earlier(start), Earlier::Ask));
    assert!(matches!(life.earlier(start), Earlier::Wait));
    life.wait(Waker::noop());
    let Ok(Found { version, .. }) = found("before") else { return };
    assert_eq!(life.set_earlier(Some(Some(Arc::new(version))), start).len(), 1);
    assert!(matches!(life.earlier(start + seconds(4)), Earlier::Take(Some(version)) if &**version == "before"));
    // Later it is asked for again; whoever asks and goes away leaves that to others.
    assert!(matches!(life.earlier(start + seconds(5)), Earlier::Ask));
    life.set_earlier(None, start);
    assert!(matches!(life.earlier(start + seconds(5)), Earlier::Ask));
    life.set_earlier(Some(None), start + seconds(5));
    assert!(matches!(life.earlier(start + seconds(6)), Earlier::Take(None)));
    // Before another value there is another one.
    life.finish(found("b"), start + seconds(6), &mut Dice::fixed(1));
    assert!(matches!(life.earlier(start + seconds(6)), Earlier::Ask));
}
