//! The same work by a native loop over reqwest: same allocator, same time limits, the whole body read.
//!
//! `native sync|async URL CA_FILE BODY_LENGTH SECONDS IN_FLIGHT` prints one JSON object with the fields that
//! `cell.py` prints. `sync` drives each request with a `block_on` of its own, as a sync client must.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use botsec_bench_native::{Fallible, cpu_time};
use reqwest::{Certificate, Client};
use tokio::runtime::{Builder, Runtime};

/// As `cell.py`'s.
const WARM_UP: Duration = Duration::from_millis(150);

/// What is asked for, and how much of it must come.
struct Job {
    client: Client,
    url: String,
    length: usize,
}

impl Job {
    async fn once(&self) -> Fallible<()> {
        let body = self.client.get(&self.url).send().await?.bytes().await?;
        if body.len() == self.length { Ok(()) } else { Err("the body was not read whole".into()) }
    }
}

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
    let [kind, url, ca, length, seconds, in_flight] = arguments.as_slice() else {
        return Err("sync|async URL CA_FILE BODY_LENGTH SECONDS IN_FLIGHT".into());
    };
    let (seconds, in_flight) = (Duration::try_from_secs_f64(seconds.parse()?)?, in_flight.parse()?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let job = Arc::new(Job { client: client(ca)?, url: url.clone(), length: length.parse()? });
    let run = |length| match kind.as_str() {
        "sync" => one_by_one(&runtime, &job, length),
        _ => at_once(&runtime, &job, length, in_flight),
    };
    run(if kind == "sync" { WARM_UP } else { 2 * WARM_UP })?;
    let (cpu, begun) = (cpu_time(), Instant::now());
    let count = run(seconds)?;
    let (cpu, wall) = (cpu_time().saturating_sub(cpu), begun.elapsed().as_secs_f64());
    let (per_s, cpu_us) = (count as f64 / wall, cpu.as_secs_f64() * 1e6 / count as f64);
    println!(r#"{{"requests": {count}, "seconds": {wall:.4}, "per_s": {per_s:.1}, "cpu_us": {cpu_us:.3}}}"#);
    Ok(())
}

/// A client with botsec's time limits, which trusts `ca` alone.
fn client(ca: &str) -> Fallible<Client> {
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(&std::fs::read(ca)?)?])
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(90))
        .no_proxy();
    Ok(client.build()?)
}

fn one_by_one(runtime: &Runtime, job: &Job, length: Duration) -> Fallible<u64> {
    let end = Instant::now() + length;
    let mut count = 0;
    while Instant::now() < end {
        runtime.block_on(job.once())?;
        count += 1;
    }
    Ok(count)
}

fn at_once(runtime: &Runtime, job: &Arc<Job>, length: Duration, in_flight: usize) -> Fallible<u64> {
    let end = Instant::now() + length;
    runtime.block_on(async {
        let work = |job: Arc<Job>| async move {
            let mut count = 0u64;
            while Instant::now() < end {
                job.once().await?;
                count += 1;
            }
            Fallible::Ok(count)
        };
        let workers: Vec<_> = (0..in_flight).map(|_| tokio::spawn(work(job.clone()))).collect();
        let mut total = 0;
        for worker in workers {
            total += worker.await??;
        }
        Ok(total)
    })
}
