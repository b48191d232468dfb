//! The same work by a native loop over reqwest: same allocator, same time limits, the whole body read.
//!
//! `native KIND URL CA_FILE BODY_LENGTH SECONDS IN_FLIGHT` prints one JSON object with the fields that `cell.py` prints; KIND is
//! as there. `sync` drives each request with a `block_on` of its own, as a sync client must; `threads` has a runtime and a client
//! for each thread, `new` a client for each request, `post` sends 1 MiB.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use botsec_bench_native::{Fallible, cpu_time};
use bytes::Bytes;
use reqwest::{Certificate, Client};
use tokio::runtime::{Builder, Runtime};

/// As `cell.py`'s.
const WARM_UP: Duration = Duration::from_millis(150);

/// What is asked for, and how much of it must come.
struct Job {
    client: Client,
    url: String,
    length: usize,
    upload: Option<Bytes>,
}

impl Job {
    async fn once(&self) -> Fallible<()> {
        let request = match &self.upload {
            None => self.client.get(&self.url),
            Some(body) => self.client.post(&self.url).body(body.clone()),
        };
        let body = request.send().await?.bytes().await?;
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
        return Err("KIND URL CA_FILE BODY_LENGTH SECONDS IN_FLIGHT".into());
    };
    let (seconds, in_flight) = (Duration::try_from_secs_f64(seconds.parse()?)?, in_flight.parse()?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let body_length = length.parse()?;
    let make = || -> Fallible<Job> {
        let upload = (kind == "post").then(|| Bytes::from(vec![0; 1 << 20]));
        Ok(Job { client: client(ca)?, url: url.clone(), length: body_length, upload })
    };
    let job = Arc::new(make()?);
    let run = |length| match kind.as_str() {
        "sync" | "post" => one_by_one(&runtime, &job, length),
        "new" => anew(&runtime, &make, length),
        "threads" => in_threads(&make, length, in_flight),
        _ => at_once(&runtime, &job, length, in_flight),
    };
    run(if matches!(kind.as_str(), "async" | "threads") { 2 * WARM_UP } else { WARM_UP })?;
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

fn anew(runtime: &Runtime, make: &dyn Fn() -> Fallible<Job>, length: Duration) -> Fallible<u64> {
    let end = Instant::now() + length;
    let mut count = 0;
    while Instant::now() < end {
        let job = make()?;
        runtime.block_on(job.once())?;
        let _inside = runtime.enter();
        drop(job);
        count += 1;
    }
    Ok(count)
}

/// Runtimes and connections live as long as this run; `length` is counted after the first answers.
fn in_threads(make: &(dyn Fn() -> Fallible<Job> + Sync), length: Duration, threads: usize) -> Fallible<u64> {
    std::thread::scope(|scope| {
        let work = || -> Result<u64, String> {
            let text = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
            let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
            one_by_one(&runtime, &Arc::new(make().map_err(text)?), length).map_err(text)
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut total = 0;
        for thread in running {
            total += thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(total)
    })
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
