//! What judging costs: `pipeline::send` against `transport::send` of requests that were judged beforehand.
//!
//! `judge ORIGIN PATH CA_FILE SECONDS` prints one JSON object. Both roads use one transport and one runtime and
//! read the whole body under the same limits; short slices of each alternate, so that drift of the machine cancels out. The
//! difference is everything botsec does about a request: validate, policy, throttle, deadlines, learning, retry rules, event.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use botsec::client::Parts;
use botsec::pipeline::{self, Call, Content};
use botsec::policy::PermittedRequest;
use botsec::transport::{Limits, Transport};
use botsec::validate::{Route, ValidRequest};
use botsec_bench_native::{Fallible, client, get, median, per_request, said};
use tokio::runtime::{Builder, Runtime};

/// Requests of one slice: some 10 ms.
const SLICE: usize = 500;
/// Slices of each road before the clock counts.
const WARM_UP: usize = 4;

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
    let [origin, path, ca, seconds] = arguments.as_slice() else {
        return Err("ORIGIN PATH CA_FILE SECONDS".into());
    };
    let seconds = Duration::try_from_secs_f64(seconds.parse()?)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let bench = Bench::new(origin, path, ca)?;
    for _ in 0..WARM_UP {
        bench.judged(&runtime)?;
        bench.bare(&runtime)?;
    }
    let (mut judged, mut bare) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < seconds {
        judged.push(bench.judged(&runtime)?);
        bare.push(bench.bare(&runtime)?);
    }
    let judging = bench.judging_alone()?;
    let mut apart: Vec<f64> = judged.iter().zip(&bare).map(|(judged, bare)| judged - bare).collect();
    println!(
        r#"{{"requests": {}, "judged_us": {:.3}, "bare_us": {:.3}, "cpu_us": {:.3}, "judges_alone_us": {judging:.3}}}"#,
        judged.len() * SLICE,
        median(&mut judged),
        median(&mut bare),
        median(&mut apart),
    );
    Ok(())
}

/// A client with botsec's defaults, and one request.
struct Bench {
    parts: Parts,
    transport: Transport,
    route: Arc<Route>,
    limits: Limits,
}

impl Bench {
    fn new(origin: &str, path: &str, ca: &str) -> Fallible<Self> {
        let parts = client(origin, path, ca, Vec::new())?;
        let deadline = Instant::now() + Duration::from_secs(3600);
        let limits = Limits { max_bytes: parts.setup.max_bytes, read_timeout: parts.setup.times.read, deadline };
        let transport = Transport::new(&parts.settings, None).map_err(said)?;
        let route = parts.routes.parse(path).map_err(said)?;
        Ok(Self { parts, transport, route, limits })
    }

    fn permitted(&self) -> Fallible<PermittedRequest> {
        let setup = &self.parts.setup;
        let request = ValidRequest::parse(get(&self.route)).map_err(said)?;
        Ok(setup.policy.permit(&request, &setup.auth, &setup.defaults, Instant::now()).map_err(said)?)
    }

    /// CPU microseconds per request of the whole road.
    fn judged(&self, runtime: &Runtime) -> Fallible<f64> {
        per_request(SLICE, || {
            for _ in 0..SLICE {
                let options = pipeline::Options { check: true, ..Default::default() };
                let call = Call { request: get(&self.route), options, outside: None };
                let outcome = runtime.block_on(pipeline::send(&self.parts.setup, &self.transport, Box::new(call)));
                match outcome.result.map_err(|failure| said(failure.error))?.content {
                    Content::Read(body) if !body.is_empty() => {}
                    _ => return Err("the body was not read whole".into()),
                }
            }
            Ok(())
        })
    }

    /// The same of the transport alone.
    fn bare(&self, runtime: &Runtime) -> Fallible<f64> {
        let requests = (0..SLICE).map(|_| self.permitted()).collect::<Fallible<Vec<_>>>()?;
        per_request(SLICE, || {
            for request in requests {
                let body = runtime.block_on(async {
                    let mut reply = self.transport.send(request).await.map_err(|trouble| said(trouble.error))?;
                    reply.body.collect(&self.limits).await.map_err(said)
                })?;
                if body.is_empty() {
                    return Err("the body was not read whole".into());
                }
            }
            Ok(())
        })
    }

    /// The same of validation and policy with no network in between.
    fn judging_alone(&self) -> Fallible<f64> {
        let rounds = (0..20).map(|_| {
            per_request(SLICE, || {
                for _ in 0..SLICE {
                    std::hint::black_box(self.permitted()?);
                }
                Ok(())
            })
        });
        Ok(median(&mut rounds.collect::<Fallible<Vec<_>>>()?))
    }
}
