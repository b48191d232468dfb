#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::*;

const PATIENCE: Duration = Duration::from_secs(1000);

#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::<Bell>::default();
    (bell.clone(), Waker::from(bell))
}

fn granted(line: &Shared, ticket: &Ticket, now: Instant) -> Option<Grant> {
    match line.poll(ticket, now, Waker::noop()) {
        Decision::Grant(grant) => Some(grant),
        _ => None,
    }
}

/// A host that bears one request at once, and two lines before it.
fn crowded(now: Instant) -> (Arc<Host>, Shared, Shared) {
    let host = Arc::new(Host::new(now));
    host.report(Health::Crowded, now);
    assert_eq!(host.reading(now).at_once, 1);
    let line = || Shared::before(host.clone(), &[], 100);
    (host.clone(), line(), line())
}

#[test]
fn a_request_that_ends_wakes_the_head_of_each_line_that_waits_for_it() {
    let now = Instant::now();
    let (_, one, two) = crowded(now);
    let first = one.try_acquire(&Ask::default(), now).unwrap();
    let heads = [one.join(&Ask::default(), now, PATIENCE).unwrap(), two.join(&Ask::default(), now, PATIENCE).unwrap()];
    let bells = [bell(), bell()];
    assert!(matches!(one.poll(&heads[0], now, &bells[0].1), Decision::Behind));
    assert!(matches!(two.poll(&heads[1], now, &bells[1].1), Decision::Behind));
    one.fail(first, now);
    assert!(bells.iter().all(|bell| bell.0.0.load(Ordering::Relaxed)));
    let grant = granted(&one, &heads[0], now).unwrap();
    assert!(matches!(two.poll(&heads[1], now, &bells[1].1), Decision::Behind));
    bells[1].0.0.store(false, Ordering::Relaxed);
    one.fail(grant, now);
    assert!(bells[1].0.0.load(Ordering::Relaxed), "it waited on, and is woken again");
}

#[test]
fn a_waiter_that_goes_away_leaves_the_wake_up_to_the_next() {
    let now = Instant::now();
    let (_, line, _) = crowded(now);
    let first = line.try_acquire(&Ask::default(), now).unwrap();
    let gone = line.join(&Ask::default(), now, PATIENCE).unwrap();
    let stays = line.join(&Ask::default(), now, PATIENCE).unwrap();
    let bells = [bell(), bell()];
    assert!(matches!(line.poll(&gone, now, &bells[0].1), Decision::Behind));
    assert!(matches!(line.poll(&stays, now, &bells[1].1), Decision::Behind));
    line.leave(&gone, now);
    assert!(bells[1].0.0.swap(false, Ordering::Relaxed), "it is first now");
    assert!(matches!(line.poll(&stays, now, &bells[1].1), Decision::Behind));
    line.fail(first, now);
    assert!(bells[1].0.0.load(Ordering::Relaxed));
    assert!(granted(&line, &stays, now).is_some());
}

#[test]
fn a_refusal_for_the_pace_says_nothing_of_how_many_a_host_bears() {
    let now = Instant::now();
    let host = Host::new(now);
    host.report(Health::Paced, now);
    assert_eq!(host.reading(now).at_once, 1024);
    // A sign of trouble does, by the most that was under way of late, and never down to one by one.
    for (under_way, health, left) in [
        (50, Health::Short, 45),
        (50, Health::Refused, 45),
        (50, Health::Crowded, 25),
        (1, Health::Short, 8),
        (1, Health::Crowded, 1),
    ] {
        let host = Arc::new(Host::new(now));
        let line = Shared::before(host.clone(), &[], 100);
        let grants: Vec<Grant> = (0..under_way).map(|_| line.try_acquire(&Ask::default(), now).unwrap()).collect();
        grants.into_iter().for_each(|grant| line.fail(grant, now));
        host.report(health, now + Duration::from_secs(1));
        assert_eq!(host.reading(now).at_once, left, "{health:?} of {under_way}");
    }
}

#[test]
fn a_failed_probe_allows_one_more_and_not_two() {
    let now = Instant::now();
    let host = Arc::new(Host::new(now));
    let line = Shared::before(host.clone(), &[], 100);
    for _ in 0..20 {
        host.report(Health::Failed, now);
    }
    assert_eq!(host.circuit(now), Circuit::Open);
    let later = now + Duration::from_secs(6);
    assert_eq!(host.circuit(later), Circuit::HalfOpen);
    let mut probe = line.try_acquire(&Ask::default(), later).unwrap();
    host.report(Health::Failed, later);
    probe.reported();
    line.give_back(probe, later);
    let again = later + Duration::from_secs(11);
    assert!(line.try_acquire(&Ask::default(), again).is_some());
    assert!(line.try_acquire(&Ask::default(), again).is_none());
}
