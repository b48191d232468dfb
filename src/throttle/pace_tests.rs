#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use super::*;
use crate::clock::Dice;

fn limits(texts: &[&str]) -> Vec<Limit> {
    texts.iter().map(|text| Limit::parse(text).unwrap()).collect()
}

/// The most weight within any stretch of `period`.
fn most(sent: &[(Instant, u32)], period: Duration) -> u32 {
    let (mut first, mut inside, mut most) = (0, 0, 0);
    for (at, weight) in sent {
        inside += weight;
        while at.duration_since(sent[first].0) >= period {
            inside -= sent[first].1;
            first += 1;
        }
        most = most.max(inside);
    }
    most
}

/// Requests as bots make them: without rest, one now and then, all at once after a rest; with late timers, and some that are
/// given back. When each left, and its weight.
fn traffic(
    bucket: &mut Bucket,
    longest: Duration,
    requests: usize,
    heaviest: u32,
    dice: &mut Dice,
) -> Vec<(Instant, u32)> {
    let mut now = Instant::now();
    let mut sent = Vec::new();
    let mut restless = 0;
    while sent.len() < requests {
        if restless == 0 {
            restless = 1 + (dice.fraction() * 60.0) as u32;
            now += longest.mul_f64(dice.fraction() * if dice.fraction() < 0.2 { 2.5 } else { 0.05 });
        }
        restless -= 1;
        let weight = 1 + (dice.fraction() * f64::from(heaviest)) as u32;
        while let wait = bucket.wait(weight, now)
            && !wait.is_zero()
        {
            now += wait + Duration::from_micros((dice.fraction() * 3000.0) as u64);
            bucket.roll(now);
        }
        let charge = bucket.take(weight, now).unwrap();
        if dice.fraction() < 0.05 {
            now += longest.mul_f64(dice.fraction() * 0.02);
            bucket.give_back(charge, now);
        } else {
            sent.push((now, weight));
        }
    }
    sent
}

#[test]
fn no_window_sees_more_than_the_limit_whenever_a_burst_comes() {
    for texts in
        [&["10/s"][..], &["20/s"], &["50/s"], &["1000/s"], &["100/m"], &["30/2s"], &["5/s", "60/m"], &["2/s", "500/h"]]
    {
        let limits = limits(texts);
        for seed in 1..30 {
            let mut bucket = Bucket::new(&limits);
            let longest = limits.iter().map(|limit| limit.period).max().unwrap();
            let sent = traffic(&mut bucket, longest, limits[0].count as usize * 8, 0, &mut Dice::fixed(seed * 77));
            for limit in &limits {
                let most = most(&sent, limit.period);
                assert!(most <= limit.count, "{texts:?} {seed}: {most} in {:?}", limit.period);
            }
        }
    }
}

#[test]
fn no_window_sees_more_weight_than_the_limit_either() {
    for text in ["20/s", "100/m", "50/s"] {
        let limits = limits(&[text]);
        for seed in 1..30 {
            let mut bucket = Bucket::new(&limits);
            let sent = traffic(&mut bucket, limits[0].period, 200, limits[0].count / 4, &mut Dice::fixed(seed * 77));
            let most = most(&sent, limits[0].period);
            assert!(most <= limits[0].count, "{text} {seed}: {most}");
        }
    }
}

#[test]
fn a_tenth_leaves_at_once_after_a_rest_and_the_whole_quota_in_the_long_run() {
    for (text, burst) in [("10/s", 1), ("50/s", 5), ("100/m", 10), ("1000/s", 100), ("5000/h", 500)] {
        let limit = Limit::parse(text).unwrap();
        let mut bucket = Bucket::new(&[limit]);
        let start = Instant::now();
        let at_once = std::iter::from_fn(|| bucket.take(1, start)).count();
        // A fast pace lets a little more leave, which late timers need.
        let slack = Duration::from_millis(4).div_duration_f64(limit.period) * f64::from(limit.count);
        assert!((burst..=burst + slack as usize + 1).contains(&at_once), "{text}: {at_once}");
        let (mut now, mut left) = (start, at_once);
        while now < start + limit.period * 40 {
            now += bucket.wait(1, now).max(Duration::from_nanos(1));
            left += usize::from(bucket.take(1, now).is_some());
        }
        let reached = left as f64 / f64::from(limit.count) / 40.0;
        assert!((0.98..1.01).contains(&reached), "{text}: {reached}");
    }
}

#[test]
fn the_narrow_limit_of_two_applies_at_first_and_the_wide_one_later() {
    let mut bucket = Bucket::new(&limits(&["5/s", "5000/h"]));
    let start = Instant::now();
    let mut now = start;
    let mut took = |count: usize| {
        for _ in 0..count {
            while bucket.take(1, now).is_none() {
                now += bucket.wait(1, now);
            }
        }
        now.duration_since(start).as_secs_f64()
    };
    assert!(took(4) < 0.65, "three spaces of 5/s");
    // A burst of 500 ahead of the hour's pace, at 5/s.
    assert!(took(500) < 110.0);
    assert!(took(4496) < 3600.0, "the whole quota of the first hour");
    assert!(took(1) > 3599.0);
}

#[test]
fn what_is_heavier_than_a_limit_never_leaves() {
    let mut bucket = Bucket::new(&limits(&["5/s"]));
    let now = Instant::now();
    assert!(bucket.take(6, now).is_none());
    assert!(bucket.take(6, now + Duration::from_secs(3600)).is_none());
    assert!(bucket.take(5, now).is_some());
}

#[test]
fn an_older_grant_is_given_back_unless_a_rest_lies_between() {
    let limit = limits(&["50/s"]);
    for (rest, is_given_back) in [(Duration::from_millis(1), true), (Duration::from_secs(5), false)] {
        let (mut bucket, start) = (Bucket::new(&limit), Instant::now());
        let old = bucket.take(1, start).unwrap();
        let later = start + rest;
        while bucket.take(1, later).is_some() {}
        let before = bucket.wait(1, later);
        bucket.give_back(old, later);
        assert_eq!(bucket.wait(1, later) < before, is_given_back, "{rest:?}");
    }
}

#[test]
fn a_limit_that_nobody_claims_holds_nobody_up_and_is_remembered() {
    let strict = limits(&["1/m"]);
    let (mut bucket, now) = (Bucket::new(&strict), Instant::now());
    assert!(bucket.take(1, now).is_some());
    assert!(bucket.take(1, now).is_none());
    bucket.release(&strict, now);
    bucket.claim(&limits(&["50/s"]));
    assert_eq!(bucket.estimate(0, now), Duration::ZERO);
    for _ in 0..3 {
        assert!(bucket.take(1, now).is_some());
    }
    // Whoever claims it again gets no second quota, and waits no longer than a window.
    bucket.claim(&strict);
    let wait = bucket.wait(1, now);
    assert!(Duration::from_secs(50) < wait && wait < Duration::from_secs(61), "{wait:?}");
}

#[test]
fn a_limit_that_two_claim_stays_when_one_leaves() {
    let strict = limits(&["1/m"]);
    let (mut bucket, now) = (Bucket::new(&strict), Instant::now());
    bucket.claim(&strict);
    bucket.release(&strict, now);
    assert!(bucket.take(1, now).is_some());
    assert!(bucket.take(1, now).is_none());
}

#[test]
fn a_place_that_is_used_at_once_is_charged_like_a_request_that_brought_no_answer() {
    let limits = limits(&["50/s", "1000/m", "5/s"]);
    let (mut request, mut place) = (Bucket::new(&limits), Bucket::new(&limits));
    let (mut now, mut dice) = (Instant::now(), Dice::fixed(23));
    let mut granted = 0;
    for _ in 0..20_000 {
        now += Duration::from_micros((dice.fraction() * 400_000.0) as u64);
        let weight = if dice.fraction() < 0.1 { 3 } else { 1 };
        let charge = request.take(weight, now);
        assert_eq!(place.spend(weight, now), charge.is_some());
        granted += u32::from(charge.is_some());
        if let Some(charge) = charge {
            request.fail(charge);
        }
        assert_eq!(place.wait(weight, now), request.wait(weight, now));
    }
    assert!((2_000..18_000).contains(&granted), "{granted}");
}
