#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::task::Waker;
use std::time::{Duration, Instant};

use super::*;
use crate::headers::Quota;

const PATIENCE: Duration = Duration::from_secs(1000);

fn ask(lane: &str) -> Ask<'_> {
    Ask { lane: Some(lane.into()), ..Ask::default() }
}

fn quota(remaining: u64, reset_s: u64) -> Quota {
    let reset = Some(Duration::from_secs(reset_s));
    Quota { name: None, limit: Some(2), remaining, reset, window: None }
}

/// A line that learns the buckets of its lanes, as for Discord.
fn learning() -> Shared {
    let line = Shared::new(&[], 10_000);
    line.lanes_tell(true);
    line
}

fn granted(line: &Shared, ticket: &Ticket, now: Instant) -> Option<Grant> {
    match line.poll(ticket, now, Waker::noop()) {
        Decision::Grant(grant) => Some(grant),
        _ => None,
    }
}

#[test]
fn who_waits_in_a_lane_moves_with_it_to_the_bucket_that_an_answer_names() {
    let (line, now) = (learning(), Instant::now());
    let first = line.try_acquire(&ask("5 POST /x"), now).unwrap();
    let tickets: Vec<Ticket> = (0..4).map(|_| line.join(&ask("5 POST /x"), now, PATIENCE).unwrap()).collect();
    assert!(matches!(line.poll(&tickets[0], now, Waker::noop()), Decision::Ask(_)), "the first goes alone");
    line.settle_named(first, &[quota(1, 3)], "5 POST /x".into(), "5 hash", now);
    let second = granted(&line, &tickets[0], now).unwrap();
    assert!(granted(&line, &tickets[1], now).is_none(), "one remained, and it is under way");
    line.settle_named(second, &[quota(0, 3)], "5 POST /x".into(), "5 hash", now);
    assert!(granted(&line, &tickets[1], now + Duration::from_millis(2900)).is_none());
    let later = now + Duration::from_millis(3001);
    assert!(granted(&line, &tickets[1], later).is_some());
    assert!(granted(&line, &tickets[2], later).is_some());
    assert!(granted(&line, &tickets[3], later).is_none(), "two a window");
}

#[test]
fn who_is_under_way_counts_after_the_bucket_has_got_its_name() {
    let (line, now) = (learning(), Instant::now());
    let first = line.try_acquire(&ask("5 POST /x"), now).unwrap();
    line.settle(first, &[quota(2, 3)], now);
    let pair: Vec<Grant> = (0..2).map(|_| line.try_acquire(&ask("5 POST /x"), now).unwrap()).collect();
    for (grant, left) in pair.into_iter().zip([1, 0]) {
        line.settle_named(grant, &[quota(left, 3)], "5 POST /x".into(), "5 hash", now);
        assert!(line.try_acquire(&ask("5 POST /x"), now).is_none());
    }
}

#[test]
fn two_lanes_of_one_bucket_share_what_is_left_and_stand_in_one_line() {
    let (line, now) = (learning(), Instant::now());
    let one = line.try_acquire(&ask("5 POST /x"), now).unwrap();
    line.settle_named(one, &[quota(1, 3)], "5 POST /x".into(), "5 hash", now);
    let two = line.try_acquire(&ask("5 PATCH /x"), now).unwrap();
    let waits = line.join(&ask("5 PATCH /x"), now, PATIENCE).unwrap();
    line.settle_named(two, &[quota(0, 3)], "5 PATCH /x".into(), "5 hash", now);
    assert!(line.try_acquire(&ask("5 POST /x"), now).is_none());
    assert!(granted(&line, &waits, now).is_none());
    let later = now + Duration::from_millis(3001);
    let behind = line.join(&ask("5 POST /x"), later, PATIENCE).unwrap();
    assert!(granted(&line, &behind, later).is_none(), "it joined last");
    assert!(granted(&line, &waits, later).is_some());
    assert!(granted(&line, &behind, later).is_some());
}

#[test]
fn a_bucket_of_another_name_takes_along_who_waits() {
    let (line, now) = (learning(), Instant::now());
    for name in ["5 old", "5 new", "5 old"] {
        let grant = line.try_acquire(&ask("5 POST /x"), now).unwrap();
        let ticket = line.join(&ask("5 POST /x"), now, PATIENCE);
        line.settle_named(grant, &[quota(2, 3)], "5 POST /x".into(), name, now);
        let next = granted(&line, &ticket.unwrap(), now).unwrap();
        line.settle_named(next, &[quota(2, 3)], "5 POST /x".into(), name, now);
    }
    assert_eq!(line.waiting(), 0);
}

#[test]
fn a_resource_that_an_answer_names_holds_up_its_own_route_alone() {
    let line = Shared::new(&[], 100);
    line.lanes_tell(false);
    let now = Instant::now();
    let route = |name| Lane { name, bucket: Some("core") };
    let ask = |name| Ask { lane: Some(route(name)), ..Ask::default() };
    let user = line.try_acquire(&ask("GET /user"), now).unwrap();
    line.settle_named(user, &[quota(2, 3000)], route("GET /user"), "core", now);
    let snapshot = line.try_acquire(&ask("POST /snapshots"), now).unwrap();
    line.settle_named(snapshot, &[quota(0, 3000)], route("POST /snapshots"), "snapshots", now);
    assert!(line.try_acquire(&ask("POST /snapshots"), now).is_none());
    let user = line.try_acquire(&ask("GET /user"), now).unwrap();
    line.settle_named(user, &[quota(1, 3000)], route("GET /user"), "core", now);
    // A route that comes to count against the common one again does so.
    let end = now + Duration::from_secs(3001);
    let snapshot = line.try_acquire(&ask("POST /snapshots"), end).unwrap();
    line.settle_named(snapshot, &[quota(0, 3000)], route("POST /snapshots"), "core", end);
    assert!(line.try_acquire(&ask("GET /user"), end).is_none());
    assert!(line.try_acquire(&ask("GET /never"), end).is_none(), "a route that nobody asked counts there too");
}

#[test]
fn lanes_whose_windows_are_over_make_room_for_new_ones() {
    let (line, now) = (learning(), Instant::now());
    for number in 0..5000 {
        let name = format!("{number} POST /x");
        let grant = line.try_acquire(&ask(&name), now).unwrap();
        line.settle_named(grant, &[quota(1, 1)], name.as_str().into(), &format!("{number} hash"), now);
    }
    let later = now + Duration::from_secs(3600);
    let first = line.try_acquire(&ask("900001 POST /x"), later).unwrap();
    line.settle(first, &[quota(0, 30)], later);
    assert!(line.try_acquire(&ask("900001 POST /x"), later).is_none());
    assert!(line.try_acquire(&ask("900002 POST /x"), later).is_some(), "it has a bucket of its own");
}

#[test]
fn the_next_of_thousands_of_lanes_is_found_at_once() {
    const LANES: usize = 4000;
    let line = Shared::new(&[Limit::parse("1000/s").unwrap()], 10_000);
    let mut now = Instant::now();
    line.claim(&[], &[("chat ", Limit::parse("1/s").unwrap())], now);
    let names: Vec<String> = (0..LANES).map(|number| format!("chat {number}")).collect();
    let twice = names.iter().chain(&names);
    let mut tickets: Vec<Ticket> = twice.map(|name| line.join(&ask(name), now, PATIENCE).unwrap()).collect();
    let begun = Instant::now();
    let mut order = Vec::new();
    while !tickets.is_empty() {
        match line.poll(&tickets[0], now, Waker::noop()) {
            Decision::Grant(grant) => {
                order.push(tickets.remove(0).number);
                line.fail(grant, now);
            }
            Decision::Wait(wait) => now += wait,
            _ => panic!("out of order"),
        }
    }
    assert!(order.is_sorted());
    // A look at each lane for each grant would be 32 million looks, a minute in a debug build.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_lane_that_waits_holds_up_no_other() {
    let line = Shared::new(&[], 100);
    let now = Instant::now();
    line.claim(&[], &[("chat ", Limit::parse("1/s").unwrap())], now);
    assert!(line.try_acquire(&ask("chat 1"), now).is_some());
    let one = line.join(&ask("chat 1"), now, PATIENCE).unwrap();
    let two = line.join(&ask("chat 2"), now, PATIENCE).unwrap();
    assert!(granted(&line, &one, now).is_none());
    assert!(granted(&line, &two, now).is_some());
    assert!(granted(&line, &one, now + Duration::from_millis(1020)).is_some());
}

#[test]
fn a_lane_that_is_free_again_stands_where_its_waiter_came() {
    let line = Shared::new(&[], 100);
    let now = Instant::now();
    line.claim(&[], &[("chat ", Limit::parse("1/s").unwrap())], now);
    assert!(line.try_acquire(&ask("chat 1"), now).is_some());
    let one = line.join(&ask("chat 1"), now, PATIENCE).unwrap();
    let free = now + Duration::from_millis(1020);
    line.block_until(free);
    let two = line.join(&ask("chat 2"), now + Duration::from_millis(500), PATIENCE).unwrap();
    assert!(granted(&line, &two, free).is_none(), "it came later");
    assert!(granted(&line, &one, free).is_some());
    assert!(granted(&line, &two, free).is_some());
}
