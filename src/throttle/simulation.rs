//! Workers, a server that counts, and a clock that only this file moves.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::*;
use crate::clock::Dice;
use crate::headers::Quota;

const MILLI: u64 = 1_000;
const SECOND: u64 = 1_000_000;

/// How the server counts. Times are microseconds.
#[derive(Clone, Copy)]
enum Counting {
    /// Windows that begin at multiples of their length.
    Fixed,
    /// Every stretch of the length.
    Sliding,
}

/// What the server's answers say of the quota.
#[derive(Clone, Copy)]
enum Tells {
    Nothing,
    /// Limit, remaining and the reset in whole seconds, rounded up.
    Quota,
    /// Remaining and reset only.
    Remaining,
}

struct Server {
    counting: Counting,
    tells: Tells,
    /// So many requests in so long a window, all of them at once.
    limits: Vec<(usize, u64)>,
    /// Requests let in, by limit, and the refused ones.
    let_in: Vec<VecDeque<u64>>,
    refused: u32,
}

impl Server {
    fn answer(&mut self, now: u64) -> (bool, Vec<Quota>, u64) {
        let begin = |window: u64| match self.counting {
            Counting::Fixed => now / window * window,
            Counting::Sliding => (now + 1).saturating_sub(window),
        };
        for ((_, window), let_in) in self.limits.iter().zip(&mut self.let_in) {
            while let_in.front().is_some_and(|at| *at < begin(*window)) {
                let_in.pop_front();
            }
        }
        let good = self.limits.iter().zip(&self.let_in).all(|((quota, _), let_in)| let_in.len() < *quota);
        if good {
            self.let_in.iter_mut().for_each(|let_in| let_in.push_back(now));
        } else {
            self.refused += 1;
        }
        // It tells of its first limit, and has those wait whom it refuses until the fullest has room.
        let told = self.limits.iter().zip(&self.let_in).map(|((quota, window), let_in)| {
            let reset = match self.counting {
                Counting::Fixed => begin(*window) + window - now,
                Counting::Sliding => let_in.front().map_or(0, |at| at + window - now),
            };
            (*quota as u64, (quota - let_in.len()) as u64, Duration::from_secs(reset.div_ceil(SECOND)))
        });
        let told: Vec<_> = told.collect();
        let wait = told.iter().filter(|told| told.1 == 0).map(|told| told.2).max().unwrap_or_default();
        let (limit, remaining, reset) = told[0];
        let quota = |limit| Quota { name: None, limit, remaining, reset: Some(reset), window: None };
        let quotas = match self.tells {
            Tells::Nothing => vec![],
            Tells::Quota => vec![quota(Some(limit))],
            Tells::Remaining => vec![quota(None)],
        };
        (good, quotas, wait.as_micros() as u64)
    }
}

/// A waker that a test can look at.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A worker wants to send its next request.
    Ask,
    /// Its timer ended.
    Timer,
    /// Its request reaches the server.
    Arrive,
    /// The answer reaches the worker; good or not.
    Answer(bool),
}

struct Run {
    refused: u32,
    finish_s: f64,
    /// Places by which a worker was overtaken.
    inversions: usize,
    grants: Vec<u32>,
}

/// Sends `requests` from `workers`, each repeating what was refused after the server's wait.
fn run(limits: &[&str], server: Server, workers: usize, requests: usize, seed: u64) -> Run {
    run_with_rests(limits, server, workers, requests, seed, (usize::MAX, 0))
}

/// As [`run`]; after every so many requests nobody asks for so long.
fn run_with_rests(
    limits: &[&str],
    mut server: Server,
    workers: usize,
    requests: usize,
    seed: u64,
    rests: (usize, u64),
) -> Run {
    let limits: Vec<Limit> = limits.iter().map(|text| Limit::parse(text).unwrap()).collect();
    let shared = Shared::new(&limits, 10_000);
    let start = Instant::now();
    let at = |micros: u64| start + Duration::from_micros(micros);
    let mut dice = Dice::fixed(seed);
    let mut flight = move || 5 * MILLI + (dice.fraction() * 20_000.0) as u64;
    let bells: Vec<Arc<Bell>> = (0..workers).map(|_| Arc::default()).collect();
    let wakers: Vec<Waker> = bells.iter().map(|bell| Waker::from(bell.clone())).collect();
    let mut tickets: Vec<Option<Ticket>> = vec![None; workers];
    let mut under_way: Vec<Option<(Grant, Vec<Quota>, u64)>> = (0..workers).map(|_| None).collect();
    let mut events: BinaryHeap<Reverse<(u64, u64, usize, Step)>> = BinaryHeap::new();
    let mut order = 0;
    let mut push = |events: &mut BinaryHeap<_>, time: u64, worker: usize, step: Step| {
        order += 1;
        events.push(Reverse((time, order, worker, step)));
    };
    for worker in 0..workers {
        push(&mut events, 0, worker, Step::Ask);
    }
    let (mut begun, mut done, mut now, mut rested) = (0, 0, 0, 0);
    let mut line: VecDeque<usize> = VecDeque::new();
    let mut result = Run { refused: 0, finish_s: 0.0, inversions: 0, grants: vec![0; workers] };
    while done < requests {
        let Reverse((time, _, worker, step)) = events.pop().unwrap_or_else(|| panic!("everybody sleeps"));
        now = time;
        match step {
            Step::Ask if begun == requests => {}
            Step::Ask if now < rested => push(&mut events, rested, worker, Step::Ask),
            Step::Ask => {
                begun += 1;
                tickets[worker] = Some(shared.join(&Ask::default(), at(now), Duration::from_secs(1_000_000)).unwrap());
                line.push_back(worker);
                push(&mut events, now, worker, Step::Timer);
            }
            Step::Timer => {
                let Some(ticket) = tickets[worker].clone() else { continue };
                match shared.poll(&ticket, at(now), &wakers[worker]) {
                    Decision::Grant(grant) => {
                        tickets[worker] = None;
                        result.inversions += line.iter().position(|first| *first == worker).unwrap();
                        line.retain(|first| *first != worker);
                        result.grants[worker] += 1;
                        under_way[worker] = Some((grant, vec![], 0));
                        push(&mut events, now + flight(), worker, Step::Arrive);
                    }
                    Decision::Wait(wait) => {
                        // Timers step in milliseconds, and are late by up to one more.
                        let end = (now + wait.as_micros() as u64).div_ceil(MILLI) * MILLI + flight() % MILLI;
                        push(&mut events, end, worker, Step::Timer);
                    }
                    Decision::Ask(_) | Decision::Behind | Decision::Refuse(_) => {}
                }
            }
            Step::Arrive => {
                let (good, quotas, reset) = server.answer(now);
                let entry = under_way[worker].as_mut().unwrap();
                (entry.1, entry.2) = (quotas, reset);
                push(&mut events, now + flight(), worker, Step::Answer(good));
            }
            Step::Answer(good) => {
                let (grant, quotas, reset) = under_way[worker].take().unwrap();
                shared.settle(grant, &quotas, at(now));
                if good {
                    done += 1;
                    if done % rests.0 == 0 {
                        rested = now + rests.1;
                    }
                    push(&mut events, now, worker, Step::Ask);
                } else {
                    shared.block_until(at(now + reset));
                    begun -= 1;
                    push(&mut events, now + reset, worker, Step::Ask);
                }
            }
        }
        for (worker, bell) in bells.iter().enumerate() {
            if bell.0.swap(false, Ordering::Relaxed) {
                push(&mut events, now, worker, Step::Timer);
            }
        }
    }
    result.refused = server.refused;
    result.finish_s = now as f64 / SECOND as f64;
    result
}

fn server(counting: Counting, tells: Tells, quota: usize, window_s: u64) -> Server {
    several(counting, tells, &[(quota, window_s)])
}

fn several(counting: Counting, tells: Tells, limits: &[(usize, u64)]) -> Server {
    let let_in = vec![VecDeque::new(); limits.len()];
    let limits = limits.iter().map(|(quota, window_s)| (*quota, window_s * SECOND)).collect();
    Server { counting, tells, limits, let_in, refused: 0 }
}

const ALL: [Tells; 3] = [Tells::Nothing, Tells::Quota, Tells::Remaining];

#[test]
fn fifty_workers_at_the_known_rate_meet_a_fixed_window_without_one_429() {
    for tells in ALL {
        for seed in 0..3 {
            let run = run(&["10/s"], server(Counting::Fixed, tells, 10, 1), 50, 500, seed);
            assert_eq!((run.refused, run.inversions), (0, 0));
            let (least, most) = (run.grants.iter().min().unwrap(), run.grants.iter().max().unwrap());
            assert!(f64::from(*most) / f64::from(*least) <= 1.15, "{least} to {most}");
            // Headers in whole seconds cost a little: who reads them waits for the end that they tell.
            let bound = if matches!(tells, Tells::Nothing) { 1.02 } else { 1.03 };
            assert!(run.finish_s <= 50.0 * bound, "{} {seed}", run.finish_s);
        }
    }
}

#[test]
fn headers_alone_are_enough_where_the_first_burst_fits() {
    for tells in [Tells::Quota, Tells::Remaining] {
        for (quota, window) in [(100, 10), (1000, 60)] {
            let run = run(&[], server(Counting::Fixed, tells, quota, window), 50, quota * 20, 7);
            assert_eq!((run.refused, run.inversions), (0, 0));
            assert!(run.finish_s <= 20.0 * window as f64 * 1.02, "{}", run.finish_s);
        }
    }
}

#[test]
fn a_burst_into_an_unknown_quota_is_refused_once() {
    for counting in [Counting::Fixed, Counting::Sliding] {
        for (quota, window) in [(10, 1), (100, 10)] {
            let run = run(&[], server(counting, Tells::Quota, quota, window), 50, quota * 50, 7);
            assert!(run.refused <= 50, "{} of {}", run.refused, quota * 50);
            assert!(run.finish_s <= 50.0 * window as f64 * 1.1, "{}", run.finish_s);
        }
    }
}

#[test]
fn a_sliding_window_that_tells_its_quota_refuses_nobody_at_the_known_rate() {
    let run = run(&["10/s"], server(Counting::Sliding, Tells::Quota, 10, 1), 50, 500, 7);
    assert_eq!((run.refused, run.inversions), (0, 0));
}

#[test]
fn a_burst_after_a_rest_fits_into_every_window() {
    for counting in [Counting::Fixed, Counting::Sliding] {
        for (limit, quota, window) in [("100/m", 100, 60), ("50/5s", 50, 5), ("600/m", 600, 60)] {
            for seed in 0..3 {
                let server = server(counting, Tells::Nothing, quota, window);
                let rests = (quota * 3 / 2, window * SECOND / 2);
                let run = run_with_rests(&[limit], server, 50, quota * 10, seed, rests);
                assert_eq!((run.refused, run.inversions), (0, 0), "{limit} {seed}");
                // Six rests of half a window.
                let ideal = window as f64 * (10.0 + 6.0 * 0.5);
                assert!(run.finish_s <= ideal * 1.02, "{limit} {seed}: {} of {ideal}", run.finish_s);
            }
        }
    }
}

#[test]
fn a_burst_costs_no_rate_in_the_long_run() {
    for counting in [Counting::Fixed, Counting::Sliding] {
        let run = run(&["100/m"], server(counting, Tells::Nothing, 100, 60), 50, 2000, 7);
        assert_eq!((run.refused, run.inversions), (0, 0));
        assert!(run.finish_s <= 1200.0 * 1.02, "{}", run.finish_s);
    }
}

#[test]
fn several_limits_hold_together_and_each_of_them_applies() {
    for counting in [Counting::Fixed, Counting::Sliding] {
        for seed in 0..3 {
            let server = several(counting, Tells::Nothing, &[(5, 1), (120, 60)]);
            let run = run(&["5/s", "120/m"], server, 50, 600, seed);
            assert_eq!((run.refused, run.inversions), (0, 0));
            assert!(run.finish_s <= 300.0 * 1.02, "{}", run.finish_s);
        }
        let run = run(&["5/s", "120/m"], several(counting, Tells::Nothing, &[(5, 1), (120, 60)]), 5, 12, 7);
        assert!(run.finish_s <= 11.0 / 5.0 * 1.1, "the first twelve leave at 5/s: {}", run.finish_s);
    }
}
