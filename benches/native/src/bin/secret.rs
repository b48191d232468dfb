//! What secrets that rotate cost: a read of one that is cached, and a request that carries one against a request with one that
//! stays.
//!
//! `secret read` prints nanoseconds per read. `secret ORIGIN PATH CA_FILE SECONDS` prints CPU microseconds per request of both
//! kinds, in short slices that alternate. `secret ORIGIN PATH CA_FILE static|rotating REQUESTS` sends that many, for a count of
//! instructions under callgrind.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use botsec::client::Parts;
use botsec::error::Error;
use botsec::pipeline::{self, Call, Content};
use botsec::secret::{Found, Renew, Secret, Terms, Version};
use botsec::sign::Auth;
use botsec::transport::Transport;
use botsec::validate::Route;
use botsec_bench_native::{Fallible, client, get, median, per_request, said};
use tokio::runtime::{Builder, Runtime};

/// Requests of one slice: some 10 ms.
const SLICE: usize = 300;
/// Reads of one round.
const READS: u32 = 1_000_000;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["read"] => read(),
        [origin, path, ca, kind @ ("static" | "rotating"), count] => {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let secret = if *kind == "static" { fixed() } else { rotating() };
            Bench::new(origin, path, ca, secret)?.send(&runtime, count.parse()?)
        }
        [origin, path, ca, seconds] => compare(origin, path, ca, Duration::try_from_secs_f64(seconds.parse()?)?),
        _ => Err("read | ORIGIN PATH CA_FILE SECONDS | ORIGIN PATH CA_FILE static|rotating REQUESTS".into()),
    }
}

fn value() -> Version {
    Version::new("a-token-of-usual-length-0123456789".to_owned().into(), None, "fingerprint".into())
}

fn fixed() -> Secret {
    Secret::fixed("env:STATIC", value())
}

/// Brings the value at once.
struct Ready;

impl Renew for Ready {
    fn start(&self, secret: &Secret) -> Result<(), Error> {
        secret.finish(Ok(Found { version: value(), lifetime: None }));
        Ok(())
    }
}

fn rotating() -> Secret {
    let terms = Terms { ttl: Duration::from_secs(3600), max_stale: Duration::from_secs(3600) };
    let secret = Secret::moving("vault:rotating", terms, Arc::new(Ready), None);
    secret.renew_if_due();
    secret
}

fn read() -> Fallible<()> {
    let runtime = Builder::new_current_thread().build()?;
    let secret = rotating();
    runtime.block_on(secret.ready()).map_err(said)?;
    let mut rounds = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        for _ in 0..READS {
            black_box(black_box(&secret).reveal().map_err(said)?);
        }
        rounds.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(READS));
    }
    let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    println!(r#"{{"read_ns": {:.1}, "least_ns": {least:.1}}}"#, median(&mut rounds));
    Ok(())
}

fn compare(origin: &str, path: &str, ca: &str, seconds: Duration) -> Fallible<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (stays, rotates) = (Bench::new(origin, path, ca, fixed())?, Bench::new(origin, path, ca, rotating())?);
    stays.send(&runtime, SLICE)?;
    rotates.send(&runtime, SLICE)?;
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < seconds {
        one.push(per_request(SLICE, || stays.send(&runtime, SLICE))?);
        other.push(per_request(SLICE, || rotates.send(&runtime, SLICE))?);
    }
    let mut apart: Vec<f64> = other.iter().zip(&one).map(|(rotating, fixed)| rotating - fixed).collect();
    println!(
        r#"{{"requests": {}, "static_us": {:.3}, "rotating_us": {:.3}, "apart_us": {:.3}}}"#,
        one.len() * SLICE,
        median(&mut one),
        median(&mut other),
        median(&mut apart),
    );
    Ok(())
}

/// A client whose requests carry one secret.
struct Bench {
    parts: Parts,
    transport: Transport,
    route: Arc<Route>,
}

impl Bench {
    fn new(origin: &str, path: &str, ca: &str, secret: Secret) -> Fallible<Self> {
        let parts = client(origin, path, ca, vec![Auth::Bearer(secret)])?;
        let transport = Transport::new(&parts.settings, None).map_err(said)?;
        let route = parts.routes.parse(path).map_err(said)?;
        Ok(Self { parts, transport, route })
    }

    fn send(&self, runtime: &Runtime, count: usize) -> Fallible<()> {
        for _ in 0..count {
            let options = pipeline::Options { check: true, ..Default::default() };
            let call = Call { request: get(&self.route), options, outside: None };
            let outcome = runtime.block_on(pipeline::send(&self.parts.setup, &self.transport, Box::new(call)));
            match outcome.result.map_err(|failure| said(failure.error))?.content {
                Content::Read(body) if !body.is_empty() => {}
                _ => return Err("the body was not read whole".into()),
            }
        }
        Ok(())
    }
}
