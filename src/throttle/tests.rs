#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::task::Waker;
use std::time::{Duration, Instant};

use super::*;
use crate::headers::Quota;

const ASK: Ask<'static> = Ask { lane: None, weight: 1, priority: Priority::Normal, patience: Duration::MAX };

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn quota(remaining: u64, reset: u64, limit: Option<u64>) -> Quota {
    Quota { name: None, limit, remaining, reset: Some(Duration::from_secs(reset)), window: None }
}

#[test]
fn rates_are_read_and_nonsense_is_refused() {
    assert_eq!(Limit::parse("10/2s").unwrap(), Limit { count: 10, period: Duration::from_secs(2) });
    assert_eq!(Limit::parse("1/day").unwrap().period, Duration::from_secs(86_400));
    for bad in ["", "5", "5/", "0/s", "5/0s", "-1/s", "5/x", "1.5/s", "5/s ", "１/s", "9999999999/s"] {
        assert!(Limit::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn no_window_of_the_server_sees_more_than_the_limit() {
    for text in ["10/s", "1/s", "50/s", "1000/s", "100/m", "3/2s"] {
        let limit = Limit::parse(text).unwrap();
        let mut bucket = Bucket::new(&[limit]);
        let (start, mut now) = (Instant::now(), Instant::now());
        let mut sent = Vec::new();
        while sent.len() < limit.count as usize * 3 + 5 {
            match bucket.take(1, now) {
                Some(_) => sent.push(now),
                None => now += bucket.wait(1, now).max(Duration::from_nanos(1)),
            }
        }
        for (index, first) in sent.iter().enumerate() {
            let inside = sent[index..]
                .iter()
                .take_while(|at| at.duration_since(*first) < limit.period - Duration::from_micros(1))
                .count();
            assert!(inside <= limit.count as usize, "{text}: {inside}");
        }
        let pace = (sent.len() - 1) as f64 / now.duration_since(start).as_secs_f64();
        let wanted = f64::from(limit.count) / limit.period.as_secs_f64();
        assert!(pace / wanted > 0.98, "{text}: {pace} of {wanted}");
    }
}

#[test]
fn heavy_requests_fit_into_every_window_too() {
    for (text, weights) in [
        ("20/s", &[4u32][..]),
        ("20/s", &[1, 1, 4, 1, 7, 20, 1]),
        ("9/s", &[4, 2]),
        ("100/m", &[1, 100, 1]),
        ("5/s", &[5]),
    ] {
        let limit = Limit::parse(text).unwrap();
        let mut bucket = Bucket::new(&[limit]);
        let (start, mut now) = (Instant::now(), Instant::now());
        let mut sent: Vec<(Instant, u32)> = Vec::new();
        let mut total = 0;
        for weight in weights.iter().cycle() {
            while bucket.take(*weight, now).is_none() {
                now += bucket.wait(*weight, now).max(Duration::from_nanos(1));
                assert!(now < start + limit.period * 100, "{text}: never");
            }
            sent.push((now, *weight));
            total += *weight;
            if total > limit.count * 6 {
                break;
            }
        }
        for (index, first) in sent.iter().enumerate() {
            let window = sent[index..].iter().take_while(|at| at.0.duration_since(first.0) < limit.period);
            let inside: u32 = window.map(|at| at.1).sum();
            assert!(inside <= limit.count, "{text} {weights:?}: {inside}");
        }
        let rate = f64::from(total) / now.duration_since(start).as_secs_f64() * limit.period.as_secs_f64();
        assert!(rate / f64::from(limit.count) > 0.45, "{text} {weights:?}: {rate}");
    }
}

#[test]
fn requests_behind_one_that_left_late_do_not_catch_up_with_it() {
    let mut bucket = Bucket::new(&[Limit::parse("10/s").unwrap()]);
    let start = Instant::now();
    assert!(bucket.take(1, start).is_some());
    bucket.delayed(ms(80), start + ms(90));
    bucket.delayed(ms(60), start + ms(95));
    let wait = bucket.wait(1, start + ms(95));
    assert!(ms(70) < wait && wait < ms(95), "{wait:?}");
    // The next window may begin with a late one again.
    let later = start + ms(1200);
    assert!(bucket.take(1, later).is_some());
    bucket.delayed(ms(80), later);
    assert!(bucket.wait(1, later) > ms(160));
}

#[test]
fn several_limits_are_charged_together_or_not_at_all() {
    let limits = [Limit::parse("1/s").unwrap(), Limit::parse("2/m").unwrap()];
    let mut bucket = Bucket::new(&limits);
    let now = Instant::now();
    assert!(bucket.take(1, now).is_some());
    let later = now + Duration::from_secs(1);
    assert!(bucket.take(1, later).is_none(), "the minute's pace forbids it");
    assert!(bucket.wait(1, later) > Duration::from_secs(28));
    assert!(bucket.take(1, now + Duration::from_secs(31)).is_some());
}

#[test]
fn the_line_is_first_come_first_served() {
    let shared = Shared::new(&[Limit::parse("10/s").unwrap()], 100);
    let now = Instant::now();
    assert!(shared.try_acquire(&ASK, now).is_some());
    let tickets: Vec<Ticket> = (0..5).map(|_| shared.join(&ASK, now, Duration::from_secs(9)).unwrap()).collect();
    let later = now + ms(150);
    assert!(shared.try_acquire(&ASK, later).is_none(), "nobody overtakes");
    assert!(matches!(shared.poll(&tickets[1], later, Waker::noop()), Decision::Behind));
    assert!(matches!(shared.poll(&tickets[0], later, Waker::noop()), Decision::Grant(_)));
    assert!(matches!(shared.poll(&tickets[1], later, Waker::noop()), Decision::Wait(_)));
}

#[test]
fn waiters_that_leave_cost_nothing() {
    let shared = Shared::new(&[Limit::parse("10/s").unwrap()], 100);
    let now = Instant::now();
    assert!(shared.try_acquire(&ASK, now).is_some());
    let tickets: Vec<Ticket> = (0..20).map(|_| shared.join(&ASK, now, Duration::from_secs(9)).unwrap()).collect();
    tickets.iter().for_each(|ticket| shared.leave(ticket, now));
    assert!(shared.try_acquire(&ASK, now + ms(101)).is_some());
}

#[test]
fn a_grant_that_was_not_used_goes_back() {
    let shared = Shared::new(&[Limit::parse("1/m").unwrap()], 100);
    let now = Instant::now();
    let grant = shared.try_acquire(&ASK, now).unwrap();
    assert!(shared.try_acquire(&ASK, now).is_none());
    shared.give_back(grant, now);
    assert!(shared.try_acquire(&ASK, now).is_some());
}

#[test]
fn the_line_refuses_what_would_wait_too_long() {
    let shared = Shared::new(&[Limit::parse("1/m").unwrap()], 1);
    let now = Instant::now();
    assert!(shared.try_acquire(&ASK, now).is_some());
    assert!(matches!(shared.join(&ASK, now, Duration::from_secs(5)), Err(Refusal::TooLong(_))));
    assert!(shared.join(&ASK, now, Duration::from_secs(90)).is_ok());
    assert_eq!(shared.join(&ASK, now, Duration::from_secs(900)), Err(Refusal::QueueFull));
}

#[test]
fn nothing_is_sent_when_the_api_says_that_nothing_remains() {
    let shared = Shared::new(&[], 10);
    let now = Instant::now();
    let grant = shared.try_acquire(&ASK, now).unwrap();
    shared.settle(grant, &[quota(0, 3, Some(10))], now);
    assert!(shared.try_acquire(&ASK, now + ms(2900)).is_none());
    assert!(shared.try_acquire(&ASK, now + ms(3001)).is_some());
}

#[test]
fn answers_that_overtake_each_other_do_not_raise_the_quota() {
    let mut bucket = Bucket::new(&[]);
    let now = Instant::now();
    let grants: Vec<Charge> = (0..3).map(|_| bucket.take(1, now).unwrap()).collect();
    let mut grants = grants.into_iter();
    bucket.settle(grants.next().unwrap(), &[quota(2, 10, Some(5))], now);
    assert!(bucket.take(1, now).is_none(), "two are in flight and two remain");
    bucket.settle(grants.next().unwrap(), &[quota(4, 10, Some(5))], now);
    assert!(bucket.take(1, now).is_some(), "one is in flight and two remain");
    assert!(bucket.take(1, now).is_none(), "an older answer does not add");
    bucket.settle(grants.next().unwrap(), &[quota(4, 2, Some(5))], now);
    assert!(bucket.take(1, now + Duration::from_secs(11)).is_some(), "the window ended");
}

#[test]
fn a_block_stops_everybody_and_is_never_shortened() {
    let shared = Shared::new(&[], 10);
    let now = Instant::now();
    shared.block_until(now + ms(500));
    shared.block_until(now + ms(100));
    assert!(shared.try_acquire(&ASK, now + ms(400)).is_none());
    assert!(shared.try_acquire(&ASK, now + ms(501)).is_some());
}

#[test]
fn equal_keys_share_one_bucket() {
    let limits = [Limit::parse("1/m").unwrap()];
    let (a, b) = (Registry::get_or_create("t|1", 9, None), Registry::get_or_create("t|1", 9, None));
    a.claim(&limits, &[], Instant::now());
    assert!(a.try_acquire(&ASK, Instant::now()).is_some());
    assert!(b.try_acquire(&ASK, Instant::now()).is_none());
}

#[test]
fn time_that_the_machine_slept_ends_a_window_and_brings_no_more_than_a_burst() {
    let mut bucket = Bucket::new(&[Limit::parse("50/s").unwrap()]);
    let mut now = Instant::now();
    let charge = bucket.take(1, now).unwrap();
    bucket.settle(charge, &[quota(0, 3600, Some(1000))], now);
    assert!(bucket.take(1, now + ms(1000)).is_none());
    // The clock of whoever asks is moved on by what was slept.
    now += Duration::from_secs(7200);
    let at_once = (0..100).filter(|_| bucket.take(1, now).is_some()).count();
    assert_eq!(at_once, 5);
}
