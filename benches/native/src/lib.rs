//! What the native measurements share: the allocator of botsec's wheel, the clock that counts CPU, a client with botsec's defaults.

use std::sync::Arc;
use std::time::Duration;

use botsec::client::{Options, Parts, Scope};
use botsec::pipeline::{ThrottleSetup, Times};
use botsec::retry::Rules;
use botsec::sign::Auth;
use botsec::transport::{Tls, TlsOptions};
use botsec::validate::{Body, Request, Route, Target};
use http::Method;
use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};
use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

/// Anything that ends a measurement early.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// CPU time of the whole process, user and system.
pub fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// CPU microseconds of each of `count` requests that `slice` makes.
///
/// # Errors
/// As the slice.
pub fn per_request(count: usize, slice: impl FnOnce() -> Fallible<()>) -> Fallible<f64> {
    let before = cpu_time();
    slice()?;
    Ok(cpu_time().saturating_sub(before).as_secs_f64() * 1e6 / count as f64)
}

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// An error in words.
pub fn said(error: botsec::error::Error) -> String {
    format!("{}: {}", error.code().as_str(), error)
}

/// A client with botsec's defaults for one route on loopback.
///
/// # Errors
/// As a client's start.
pub fn client(origin: &str, path: &str, ca: &str, auth: Vec<Auth>) -> Fallible<Parts> {
    let times = Times { total: Duration::from_secs(90), connect: Duration::from_secs(5), read: Duration::from_secs(30) };
    let options = Options {
        scope: Scope::Base(Some(origin.to_owned())),
        auth,
        allow: Some(vec![format!("GET {path}")]),
        hosts: Vec::new(),
        networks: vec![(None, vec!["loopback".to_owned()])],
        throttle: ThrottleSetup::default(),
        rules: Rules::default(),
        times,
        tls: Tls::new(TlsOptions { ca_file: Some(ca.into()), ca_only: true, ..TlsOptions::default() }).map_err(said)?,
        proxy: None,
        headers: Vec::new(),
        max_bytes: 32 * 1024 * 1024,
        follow_redirects: true,
        local_address: None,
        user_agent: None,
        content_types: None,
    };
    Ok(options.build().map_err(said)?)
}

/// A GET of `route`.
pub fn get(route: &Arc<Route>) -> Request {
    Request {
        method: Method::GET,
        target: Target::Template(route.clone(), Vec::new()),
        params: Vec::new(),
        headers: Vec::new(),
        body: Body::Empty,
        content_type: None,
        idempotency_key: None,
    }
}
