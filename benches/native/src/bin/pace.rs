//! The throttle without Python: what a grant costs beside governor's, and how exactly many waiters are paced.
//!
//! A grant is counted at the moment at which its request would leave, before any task or thread has to be woken: what a server
//! sees. Prints one line per figure: `name value`. With `pace governor 100000` or `pace botsec 100000` it makes so many uncontended
//! calls alone, for callgrind to count.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::{Duration, Instant};

use botsec::pipeline::{Limiter, ThrottleSetup};
use botsec::throttle::{Ask, Limit};
use botsec_bench_native::{Fallible, cpu_time};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

const CALLS: u32 = 1_000_000;
const ROUNDS: usize = 9;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [whose, calls] = arguments.as_slice() {
        return alone(whose, calls.parse()?);
    }
    costs()?;
    for waiters in [1, 50, 1000] {
        accuracy(waiters)?;
    }
    Ok(())
}

fn said(error: botsec::error::Error) -> Box<dyn std::error::Error + Send + Sync> {
    error.to_string().into()
}

fn one_limit() -> Fallible<DefaultDirectRateLimiter> {
    let most = NonZeroU32::new(999_999_999).ok_or("zero")?;
    Ok(RateLimiter::direct(Quota::per_second(most).allow_burst(most)))
}

fn two_limits() -> Fallible<Limiter> {
    let limits = [Limit::parse("999999999/s").map_err(said)?, Limit::parse("999999999/m").map_err(said)?];
    Ok(Limiter::new(&ThrottleSetup { limits: limits.to_vec(), ..ThrottleSetup::default() }))
}

fn alone(whose: &str, calls: u32) -> Fallible<()> {
    let (peer, limiter) = (one_limit()?, two_limits()?);
    for _ in 0..calls {
        match whose {
            "governor" => assert!(std::hint::black_box(peer.check().is_ok())),
            _ => assert!(std::hint::black_box(limiter.try_acquire(&Ask::default()))),
        }
    }
    Ok(())
}

fn costs() -> Fallible<()> {
    let (peer, limiter) = (one_limit()?, two_limits()?);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = cpu_time();
        for _ in 0..CALLS {
            std::hint::black_box(peer.check().is_ok());
        }
        theirs.push(cpu_time() - begun);
        let begun = cpu_time();
        for _ in 0..CALLS {
            std::hint::black_box(limiter.try_acquire(&Ask::default()));
        }
        ours.push(cpu_time() - begun);
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    let nanos =
        |times: &[Duration]| times.get(ROUNDS / 2).map_or(0.0, |time| time.as_secs_f64() * 1e9 / f64::from(CALLS));
    println!("governor_ns {:.1}", nanos(&theirs));
    println!("botsec_two_limits_ns {:.1}", nanos(&ours));
    println!("times_governor {:.2}", nanos(&ours) / nanos(&theirs));
    Ok(())
}

/// Grants of 1000/s to so many tasks, by the time at which each leaves.
fn accuracy(waiters: usize) -> Fallible<()> {
    let setup = ThrottleSetup { limits: vec![Limit::parse("1000/s").map_err(said)?], ..ThrottleSetup::default() };
    let limiter = Rc::new(Limiter::new(&setup));
    // What a rested throttle lets go at once belongs to nobody, but a server counts it.
    let begun = Instant::now();
    let mut burst = Vec::new();
    while limiter.try_acquire(&Ask::default()) {
        burst.push(Instant::now());
    }
    let seconds = if waiters > 100 { 12.0 } else { 4.0 };
    let log: Rc<RefCell<Vec<(Instant, usize, u64)>>> = Rc::default();
    let tickets = Rc::new(RefCell::new(0u64));
    // Fair is who waits; before all have asked, whoever runs first takes what nobody else waits for.
    let asked = Rc::new(Cell::new(begun));
    let runtime = Builder::new_current_thread().enable_time().build()?;
    LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..waiters)
            .map(|number| {
                let (limiter, log, tickets) = (limiter.clone(), log.clone(), tickets.clone());
                let asked = asked.clone();
                tokio::task::spawn_local(async move {
                    asked.set(Instant::now());
                    while begun.elapsed().as_secs_f64() < seconds {
                        let ticket = {
                            let mut tickets = tickets.borrow_mut();
                            *tickets += 1;
                            *tickets
                        };
                        let Ok(place) = limiter.join(&Ask::default()) else { return };
                        if place.wait().await.is_err() {
                            return;
                        }
                        log.borrow_mut().push((Instant::now(), number, ticket));
                    }
                })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
    });
    let log = log.borrow();
    let span = log.last().map_or(Duration::ZERO, |last| last.0 - begun).as_secs_f64();
    let times: Vec<Instant> = burst.into_iter().chain(log.iter().map(|entry| entry.0)).collect();
    let (mut worst, mut first) = (0, 0);
    for (last, at) in times.iter().enumerate() {
        while times.get(first).is_some_and(|earlier| *at - *earlier >= Duration::from_secs(1)) {
            first += 1;
        }
        worst = worst.max(last + 1 - first);
    }
    let broken = log.windows(2).filter(|pair| matches!(pair, [one, two] if two.2 < one.2)).count();
    let mut counts = vec![0u32; waiters];
    for (_, number, _) in log.iter().filter(|entry| entry.0 >= asked.get()) {
        if let Some(count) = counts.get_mut(*number) {
            *count += 1;
        }
    }
    let fair = f64::from(counts.iter().copied().max().unwrap_or(0))
        / f64::from(counts.iter().copied().min().unwrap_or(1).max(1));
    println!("waiters_{waiters}_percent {:.2}", times.len() as f64 / span / 10.0);
    println!("waiters_{waiters}_most_in_a_second {worst}");
    println!("waiters_{waiters}_order_broken {broken}");
    println!("waiters_{waiters}_max_to_min {fair:.3}");
    Ok(())
}
