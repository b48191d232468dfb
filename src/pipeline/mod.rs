//! The one road of a request: validate, judge, queue, sign, send, learn, retry, tell.
//!
//! [`send`] is written once; the sync and the async driver of `bindings` run the same future. It is the only place in the
//! request path that waits.

mod attempt;
mod claim;
mod gate;
mod limiter;
mod queue;
mod redirect;
mod renew;
mod response;
mod setup;
mod skip;
mod store;
mod verdict;

pub use claim::Front;
pub use gate::Gate;
pub use limiter::{Limiter, Place};
pub use response::{Content, Response};
pub use setup::{Call, Options, Outside, Setup, SignRequest, ThrottleSetup, Times};
pub use store::{Remote, Store};
pub use verdict::status_error;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;

use crate::clock::{self, Dice};
use crate::error::{Code, Error};
use crate::observe::Event;
use crate::sign::Auth;
use crate::throttle::{Ask, Circuit};
use crate::transport::Transport;
use crate::url::Origin;
use crate::validate::{Target, ValidRequest};

/// How a call ended, and the one event that tells of it.
pub struct Outcome {
    /// The response, or why there is none. In a box, for it is handed through many layers.
    pub result: Result<Box<Response>, Failure>,
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
    method: Method,
    host: Option<Origin>,
    label: Arc<str>,
    status: Option<u16>,
    queued: Duration,
    attempts: u32,
    redirects: u32,
    /// Whether a 401 had a secret read again already.
    renewed: bool,
    store: Option<String>,
    circuit: Option<Circuit>,
    /// When its last answer was read.
    ended: Option<Instant>,
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
            method: call.request.method.clone(),
            host: setup.policy.origin().cloned(),
            label,
            status: None,
            queued: Duration::ZERO,
            attempts: 0,
            redirects: 0,
            renewed: false,
            store: None,
            circuit: None,
            ended: None,
        }
    }

    fn event(&self, error: Option<&Error>) -> Event {
        Event {
            method: Some(self.method.clone()),
            host: self.host.clone(),
            route: self.label.clone(),
            status: self.status,
            code: error.map(|error| error.code().as_str()),
            elapsed: self.ended.unwrap_or_else(clock::now).duration_since(self.started),
            queued: self.queued,
            attempts: self.attempts,
            redirects: self.redirects,
            store: self.store.clone(),
            circuit: self.circuit,
            incident: error.and_then(Error::incident).map(str::to_owned),
        }
    }
}

/// Sends one call along the road. Dropping the future closes its exchange and gives back an unused throttle grant.
pub async fn send(setup: &Setup, transport: &Transport, call: Box<Call>) -> Outcome {
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

async fn walk(
    setup: &Setup,
    transport: &Transport,
    call: Box<Call>,
    trace: &mut Trace,
) -> Result<Box<Response>, Failure> {
    if setup.is_closed() {
        return Err(Error::new(Code::UsageClosed).saying("The client is closed.").into());
    }
    let Call { request, options, outside } = *call;
    let request = ValidRequest::parse(request)?;
    let auth = match &options.auth {
        Some(auth) => {
            setup.policy.judge_call_auth(auth, &request)?;
            auth.as_slice()
        }
        None => setup.auth.as_slice(),
    };
    let mut now = trace.started;
    let moving = match renew::serve(&request, auth, now) {
        Some(moving) => moving,
        None => {
            let longest = options.timeout.unwrap_or(setup.times.total);
            Box::pin(read_secrets(setup, &request, auth, outside.as_deref(), longest)).await?;
            now = clock::now();
            renew::serve(&request, auth, now).unwrap_or_default()
        }
    };
    // Judged before it queues: what is not allowed shall not wait.
    let permitted = Box::new(setup.policy.permit(&request, auth, &setup.defaults, now)?);
    trace.host = Some(permitted.origin().clone());
    let gate = setup.gate(permitted.origin()).of(&permitted);
    let lane = gate.lane(&request, &permitted);
    let ask = Ask {
        lane: lane.as_ref().map(gate::LaneName::as_lane),
        weight: options.weight.max(1),
        priority: options.priority,
        patience: setup.rules.max_retry_after,
    };
    let circuit = |now: Instant| Some(gate.host.circuit(now));
    gate.judge()?;
    let permit = queue::acquire(&gate.front, &ask, setup.throttle.max_wait, &mut trace.queued).await;
    trace.store = gate.front.remote.as_ref().and_then(|remote| remote.news());
    let permit = permit.inspect_err(|_| trace.circuit = circuit(clock::now()))?;
    let begun = permit.at();
    let road = attempt::Road {
        setup,
        transport,
        request: &request,
        auth,
        options: &options,
        outside: outside.as_deref(),
        moving: moving.count,
        gate: &gate,
        ask: &ask,
        begun,
        deadline: begun + options.timeout.unwrap_or(setup.times.total),
    };
    let result = road.attempts(permitted, moving.used, permit, trace).await;
    let ended = clock::now();
    (trace.circuit, trace.ended) = (circuit(ended), Some(ended));
    result
}

/// Has the call's secrets read, unless it is refused without them.
async fn read_secrets(
    setup: &Setup,
    request: &ValidRequest,
    auth: &[Auth],
    outside: Option<&dyn Outside>,
    longest: Duration,
) -> Result<(), Error> {
    match setup.policy.permit(request, auth, &setup.defaults, clock::now()) {
        Err(error) if !renew::lacks_value(&error) => Err(error),
        _ => renew::ready(request, auth, outside, longest).await,
    }
}

/// Adds what every error of a call carries.
fn explain(error: &mut Error, trace: &Trace) {
    error.name_incident(&mut Dice::roll_new());
    error.add("method", trace.method.as_str());
    if let Some(host) = &trace.host {
        error.add("host", host.authority().to_string());
    }
    error.add("route", trace.label.to_string());
    error.add("attempts", trace.attempts.to_string());
    error.add("elapsed_s", format!("{:.3}", clock::now().duration_since(trace.started).as_secs_f64()));
}
