#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn leases(rates: &[&str]) -> Leases {
    let mut leases = Leases::new(1);
    rates.iter().for_each(|rate| leases.claim(&[Limit::parse(rate).unwrap()]));
    leases
}

fn ask(leases: &mut Leases, now: Instant) -> Want {
    leases.wants(1, 1, SECOND, now).unwrap()
}

fn lease() -> Places {
    Places::Lease { slots: 1, wait: Duration::ZERO, spacing: SECOND, processes: 1, end: String::new() }
}

/// Fourteen places that are each due by the share, half a second apart, and a failure before each.
fn outage(leases: &mut Leases, open: bool, gap: Duration) -> Instant {
    let mut now = Instant::now();
    for _ in 0..14 {
        leases.failed(open, now);
        assert_eq!(leases.wait(1, now), Duration::ZERO);
        leases.charge(1, now);
        now += gap;
    }
    now
}

#[test]
fn what_kept_to_the_share_is_not_owed_when_the_store_is_back() {
    let mut leases = leases(&["120/m"]);
    let end = outage(&mut leases, false, Duration::from_millis(502));
    assert!(ask(&mut leases, end).debt < 0.1);
}

#[test]
fn what_left_without_a_limit_is_owed_as_far_as_time_has_not_refilled_it() {
    let mut leases = leases(&["120/m"]);
    let end = outage(&mut leases, true, Duration::from_millis(100));
    let debt = ask(&mut leases, end).debt;
    assert!((11.0..=11.3).contains(&debt), "{debt}");
    leases.unasked();
    assert_eq!(ask(&mut leases, end + SECOND * 7).debt, 0.0);
}

#[test]
fn a_debt_is_paid_with_the_places_alone() {
    let mut leases = leases(&["120/m"]);
    let end = outage(&mut leases, true, Duration::ZERO);
    for unpaid in [Places::Blocked(SECOND), Places::Later(SECOND)] {
        assert!(ask(&mut leases, end + ALONE).debt > 13.0);
        leases.answered(&unpaid, end, end);
        assert!(leases.is_shared());
    }
    assert!(ask(&mut leases, end).debt > 13.0);
    leases.answered(&lease(), end, end);
    leases.charge(1, end);
    assert_eq!(ask(&mut leases, end).debt, 0.0);
}

#[test]
fn the_stricter_of_two_limits_over_one_period_is_asked_for() {
    let now = Instant::now();
    let paces = |rates: &[&str]| ask(&mut leases(rates), now).paces;
    assert_eq!(paces(&["100/s", "2/s"]), paces(&["2/s"]));
    assert_eq!(paces(&["2/s", "100/s"]), paces(&["2/s"]));
    assert_eq!(paces(&["100/s", "500/m"]).len(), 2);
}

#[test]
fn a_limit_holds_until_the_last_who_wants_it_is_gone() {
    let [strict, wide] = ["5/s", "100/s"].map(|rate| Limit::parse(rate).unwrap());
    let mut leases = leases(&["100/s", "5/s", "5/s"]);
    let paced = |leases: &Leases| leases.paces() == Leases { limits: vec![strict], ..Leases::new(1) }.paces();
    assert!(paced(&leases));
    leases.release(&[strict]);
    assert!(paced(&leases));
    leases.release(&[strict]);
    assert_eq!(leases.limits, [wide]);
    leases.release(&[wide]);
    assert_eq!(leases.wait(1, Instant::now()), Duration::ZERO);
}

#[test]
fn a_limit_that_is_added_while_the_store_is_silent_holds_at_once() {
    let mut leases = leases(&["100/s"]);
    let now = Instant::now();
    leases.failed(false, now);
    leases.charge(1, now);
    leases.claim(&[Limit::parse("1/m").unwrap()]);
    leases.charge(1, now + SECOND / 100);
    assert!(leases.share.as_ref().unwrap().wait(1, now + SECOND / 50) > SECOND * 50);
}

#[test]
fn places_count_from_halfway_between_question_and_answer() {
    let mut leases = leases(&["1/s"]);
    let asked = Instant::now();
    let answered = asked + SECOND / 10;
    assert!(leases.wants(1, 1, SECOND, asked).is_some());
    let wait = SECOND / 2;
    let places = Places::Lease { slots: 1, wait, spacing: SECOND, processes: 1, end: String::new() };
    leases.answered(&places, asked, answered);
    assert_eq!(leases.wait(1, answered), wait - SECOND / 20);
}

#[test]
fn a_place_that_was_due_while_its_answer_was_on_the_way_is_of_use() {
    let mut leases = leases(&["1/s"]);
    let asked = Instant::now();
    leases.answered(&lease(), asked, asked + SECOND);
    assert_eq!(leases.wait(1, asked + SECOND), Duration::ZERO);
    assert!(leases.wants(1, 1, SECOND, asked + SECOND).is_none());
}

#[test]
fn what_left_late_is_told_once() {
    let mut leases = leases(&["1/s"]);
    let now = Instant::now();
    for late in [50, 200, 80] {
        leases.delayed(Duration::from_millis(late), now);
    }
    assert_eq!(ask(&mut leases, now).late, SECOND / 5);
    leases.unasked();
    assert_eq!(ask(&mut leases, now).late, Duration::ZERO);
}
