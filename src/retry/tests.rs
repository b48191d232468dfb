#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

fn attempt(method: &Method) -> Attempt<'_> {
    let time_left = Duration::from_secs(90);
    Attempt { method, number: 1, replayable: true, idempotency_key: false, owned_above: false, time_left }
}

fn decide(attempt: &Attempt<'_>, outcome: &Outcome) -> Verdict {
    Rules::default().decide(attempt, outcome, &mut Budget::default(), &mut Dice::fixed(3))
}

fn again(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Again(_))
}

fn answered(status: u16, seconds: Option<u64>) -> Outcome {
    Outcome::Answered { status, retry_after: seconds.map(Duration::from_secs), refused: false, verdict: None }
}

fn judged(status: u16, refused: bool, verdict: Option<bool>) -> Outcome {
    Outcome::Answered { status, retry_after: None, refused, verdict }
}

#[test]
fn a_429_is_repeated_for_every_method_and_a_503_only_when_that_is_safe() {
    for method in [&Method::GET, &Method::POST] {
        assert!(again(&decide(&attempt(method), &answered(429, None))));
    }
    assert!(again(&decide(&attempt(&Method::GET), &answered(503, None))));
    assert_eq!(decide(&attempt(&Method::POST), &answered(503, None)), Verdict::Done);
    let keyed = Attempt { idempotency_key: true, ..attempt(&Method::POST) };
    assert!(again(&decide(&keyed, &answered(503, None))));
    assert!(again(&decide(&attempt(&Method::POST), &Outcome::NeverSent)));
    assert_eq!(decide(&attempt(&Method::POST), &Outcome::Broken), Verdict::Done);
    assert_eq!(decide(&attempt(&Method::GET), &answered(404, None)), Verdict::Done);
}

#[test]
fn what_the_server_says_of_a_repeat_decides() {
    let (get, post) = (attempt(&Method::GET), attempt(&Method::POST));
    let no = Verdict::Stop { reason: Reason::Server, retry_after: None };
    assert_eq!(decide(&get, &judged(500, false, Some(false))), no);
    assert_eq!(decide(&get, &judged(429, true, Some(false))), no);
    assert!(again(&decide(&post, &judged(409, false, Some(true)))));
    assert_eq!(decide(&post, &judged(409, false, None)), Verdict::Done);
}

#[test]
fn what_was_refused_for_its_pace_was_not_processed_and_is_repeated() {
    let post = attempt(&Method::POST);
    assert!(again(&decide(&post, &judged(403, true, None))));
    assert!(again(&decide(&post, &judged(529, true, None))));
    assert_eq!(decide(&post, &judged(403, false, None)), Verdict::Done);
}

#[test]
fn a_library_above_that_repeats_by_itself_is_the_only_one_to_do_so() {
    let owned = Attempt { owned_above: true, ..attempt(&Method::GET) };
    let stop = Verdict::Stop { reason: Reason::OwnedAbove, retry_after: None };
    assert_eq!(decide(&owned, &answered(503, None)), stop);
    assert_eq!(decide(&owned, &answered(404, None)), Verdict::Done);
}

#[test]
fn a_wait_is_never_below_what_the_server_asked_for_and_bounded_above() {
    for seed in 0..2000 {
        let mut dice = Dice::fixed(seed * 2 + 1);
        let verdict =
            Rules::default().decide(&attempt(&Method::GET), &answered(429, Some(7)), &mut Budget::default(), &mut dice);
        let Verdict::Again(wait) = verdict else { panic!("{verdict:?}") };
        assert!((7.0..=7.5).contains(&wait.as_secs_f64()), "{wait:?}");
    }
}

#[test]
fn a_wait_beyond_the_cap_or_the_deadline_is_refused_at_once() {
    let stop = Verdict::Stop { reason: Reason::TooLong, retry_after: Some(Duration::from_secs(3600)) };
    assert_eq!(decide(&attempt(&Method::GET), &answered(429, Some(3600))), stop);
    let late = Attempt { time_left: Duration::from_secs(5), ..attempt(&Method::GET) };
    assert!(matches!(decide(&late, &answered(429, Some(7))), Verdict::Stop { reason: Reason::TooLong, .. }));
}

#[test]
fn attempts_bodies_and_budgets_end() {
    let last = Attempt { number: 3, ..attempt(&Method::GET) };
    assert!(matches!(decide(&last, &answered(503, None)), Verdict::Stop { reason: Reason::Attempts, .. }));
    let once = Attempt { replayable: false, ..attempt(&Method::GET) };
    assert!(matches!(decide(&once, &answered(503, None)), Verdict::Stop { reason: Reason::NotReplayable, .. }));
    let (mut budget, mut dice) = (Budget::default(), Dice::fixed(1));
    let sent = (0..1000)
        .filter(|_| {
            again(&Rules::default().decide(&attempt(&Method::GET), &answered(503, None), &mut budget, &mut dice))
        })
        .count();
    assert_eq!(sent, 35);
}

/// The requests that so many calls in a row make when each attempt ends like this.
fn sent(calls: usize, outcome: &Outcome, budget: &mut Budget, dice: &mut Dice) -> usize {
    let mut sent = 0;
    for _ in 0..calls {
        for number in 1.. {
            sent += 1;
            let attempt = Attempt { number, ..attempt(&Method::GET) };
            if !again(&Rules::default().decide(&attempt, outcome, budget, dice)) {
                break;
            }
        }
    }
    sent
}

#[test]
fn a_host_that_always_fails_gets_no_more_requests_than_calls_once_the_first_tokens_are_used() {
    let (refused, asked) = (judged(429, true, None), answered(429, Some(1)));
    for (outcome, first, later) in [
        (answered(503, None), 35, 10),
        (answered(503, Some(1)), 35, 10),
        (Outcome::TimedOut, 35, 10),
        (Outcome::Broken, 35, 10),
        (Outcome::NeverSent, 35, 10),
        (refused, 100, 28),
        (asked, 100, 28),
    ] {
        let (mut budget, mut dice) = (Budget::default(), Dice::fixed(7));
        assert_eq!(sent(400, &outcome, &mut budget, &mut dice), 400 + first, "{outcome:?}");
        assert_eq!(sent(1600, &outcome, &mut budget, &mut dice), 1600, "{outcome:?}");
        // Successes fill it again: 14 for a failure, 5 for a refusal.
        (0..140).for_each(|_| budget.succeed());
        assert_eq!(sent(100, &outcome, &mut budget, &mut dice), 100 + later, "{outcome:?}");
    }
}

/// The largest distance between the draws' distribution and the uniform one on `[0, most]`.
fn distance(mut draws: Vec<f64>, most: f64) -> f64 {
    draws.sort_by(f64::total_cmp);
    let count = draws.len() as f64;
    let steps = draws.iter().enumerate().map(|(at, draw)| {
        let (below, above) = (at as f64 / count, (at + 1) as f64 / count);
        (draw / most - below).abs().max((above - draw / most).abs())
    });
    steps.fold(0.0, f64::max)
}

/// Kolmogorov and Smirnov: at 10,000 draws a uniform one stays below this in 999 of 1,000 tests.
const UNIFORM: f64 = 1.95 / 100.0;

#[test]
fn jitter_is_uniform_within_its_bounds() {
    let mut dice = Dice::fixed(11);
    // Without a word from the server: from nothing to the doubled base, at most the cap.
    for (number, most) in [(1, 0.5), (3, 2.0), (6, 16.0), (7, 20.0), (40, 20.0)] {
        let draws: Vec<f64> =
            (0..10_000).map(|_| Rules::default().wait(number, None, &mut dice).as_secs_f64()).collect();
        assert!(draws.iter().all(|wait| (0.0..most).contains(wait)));
        assert!(distance(draws, most) < UNIFORM, "{number}");
    }
    // With one: above it, by at most a quarter and a second, or the backoff where that is less.
    for (number, asked, most) in [(1, 60, 0.5), (5, 8, 3.0), (7, 60, 16.0), (9, 0, 1.0)] {
        let least = Duration::from_secs(asked);
        let draws: Vec<f64> = (0..10_000)
            .map(|_| Rules::default().wait(number, Some(least), &mut dice).checked_sub(least).unwrap().as_secs_f64())
            .collect();
        assert!(draws.iter().all(|extra| (0.0..most).contains(extra)));
        assert!(distance(draws, most) < UNIFORM, "{number}");
    }
}

#[test]
fn the_test_of_jitter_tells_a_uniform_draw_from_others() {
    let even: Vec<f64> = (0..10_000).map(|n| (f64::from(n) + 0.5) / 10_000.0).collect();
    assert!(distance(even.clone(), 1.0) < 0.001);
    assert!(distance(even.iter().map(|draw| draw.powf(1.1)).collect(), 1.0) > UNIFORM);
    assert!(distance(even.iter().map(|draw| draw * 0.97).collect(), 1.0) > UNIFORM);
}

#[test]
fn a_429_is_repeated_as_the_caller_says() {
    let (get, post) = (attempt(&Method::GET), attempt(&Method::POST));
    for (on_429, reads, writes) in
        [(On429::All, true, true), (On429::Idempotent, true, false), (On429::Never, false, false)]
    {
        let rules = Rules { on_429, ..Rules::default() };
        let outcome = judged(429, true, None);
        let tried = |attempt| again(&rules.decide(attempt, &outcome, &mut Budget::default(), &mut Dice::fixed(3)));
        assert_eq!((tried(&get), tried(&post)), (reads, writes), "{on_429:?}");
        // Other failures are none of its business.
        let failed = rules.decide(&get, &answered(503, None), &mut Budget::default(), &mut Dice::fixed(3));
        assert!(again(&failed));
    }
}
