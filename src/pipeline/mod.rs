//! The one road of a request: validate, judge, queue, sign, send, learn, retry, tell.
//!
//! [`send`] is written once; the sync and the async driver of `bindings` run the same future. It is the only place in the
//! request path that waits.

mod attempt;
mod queue;
mod response;
mod setup;

pub use attempt::status_error;
pub use response::{Content, Response};
pub use setup::{Call, Options, Setup, SignRequest, Signers, ThrottleSetup, Times};

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::{self, Dice};
use crate::error::{Code, Error};
use crate::observe::Event;
use crate::transport::Transport;
use crate::url::Origin;
use crate::validate::{Target, ValidRequest};

/// How a call ended, and the one event that tells of it.
pub struct Outcome {
    /// The response, or why there is none.
    pub result: Result<Response, Failure>,
    /// The event; whoever drives the call emits it once.
    pub event: Event,
}

/// A failed call.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// The answer that the error is about: its body is the beginning, at most 64 KiB.
    pub response: Option<Box<Response>>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, response: None }
    }
}

/// What is known about a call while it runs.
pub(crate) struct Trace {
    started: Instant,
    method: String,
    host: Option<Origin>,
    label: Arc<str>,
    status: Option<u16>,
    queued: Duration,
    attempts: u32,
    redirects: u32,
}

impl Trace {
    fn begin(setup: &Setup, call: &Call) -> Self {
        let label = match &call.request.target {
            Target::Template(route, _) => route.label().clone(),
            Target::Url(_) => "{url}".into(),
            Target::Base => "{secret}".into(),
        };
        Self {
            started: clock::now(),
            method: call.request.method.as_str().to_owned(),
            host: setup.policy.origin().cloned(),
            label,
            status: None,
            queued: Duration::ZERO,
            attempts: 0,
            redirects: 0,
        }
    }

    fn event(&self, error: Option<&Error>) -> Event {
        Event {
            method: self.method.clone(),
            host: self.host.as_ref().map(|origin| origin.authority().to_string()).unwrap_or_default(),
            route: self.label.clone(),
            status: self.status,
            code: error.map(|error| error.code().as_str()),
            elapsed: clock::now().duration_since(self.started),
            queued: self.queued,
            attempts: self.attempts,
            redirects: self.redirects,
            incident: error.and_then(Error::incident).map(str::to_owned),
        }
    }
}

/// Sends one call along the road. Dropping the future closes its exchange and gives back an unused throttle grant.
pub async fn send(setup: &Setup, transport: &Transport, call: Call) -> Outcome {
    let mut trace = Trace::begin(setup, &call);
    let result = walk(setup, transport, call, &mut trace).await;
    let result = result.map_err(|mut failure| {
        explain(&mut failure.error, &trace);
        failure
    });
    let event = trace.event(result.as_ref().err().map(|failure| &failure.error));
    setup.stats.count(&event);
    event.trace();
    Outcome { result, event }
}

async fn walk(setup: &Setup, transport: &Transport, call: Call, trace: &mut Trace) -> Result<Response, Failure> {
    if setup.is_closed() {
        return Err(Error::new(Code::UsageClosed).saying("The client is closed.").into());
    }
    let Call { request, options, signers } = call;
    let request = ValidRequest::parse(request)?;
    let auth = match &options.auth {
        Some(auth) => {
            setup.policy.judge_call_auth(auth, &request)?;
            auth.as_slice()
        }
        None => setup.auth.as_slice(),
    };
    let road =
        attempt::Road { setup, transport, request: &request, auth, options: &options, signers: signers.as_deref() };
    // Judged before it queues: what is not allowed shall not wait.
    let permitted = road.permit()?;
    trace.host = Some(permitted.origin().clone());
    let bucket = setup.bucket(permitted.origin());
    let permit = queue::acquire(&bucket, setup.throttle.max_wait, &mut trace.queued).await?;
    let total = options.timeout.unwrap_or(setup.times.total);
    let deadline = clock::now() + total;
    let attempts = road.attempts(permitted, permit, deadline, trace);
    match tokio::time::timeout_at(deadline.into(), attempts).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(Code::TransportTimeout)
            .with("reason", format!("no complete answer within {} s", total.as_secs_f64()))
            .into()),
    }
}

/// Adds what every error of a call carries.
fn explain(error: &mut Error, trace: &Trace) {
    error.name_incident(&mut Dice::roll_new());
    error.add("method", trace.method.clone());
    if let Some(host) = &trace.host {
        error.add("host", host.authority().to_string());
    }
    error.add("route", trace.label.to_string());
    error.add("attempts", trace.attempts.to_string());
    error.add("elapsed_s", format!("{:.3}", clock::now().duration_since(trace.started).as_secs_f64()));
}
