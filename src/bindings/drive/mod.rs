//! The two drivers of the one pipeline: a stack of current-thread runtimes for sync calls, one thread for async ones.

pub(super) mod background;
pub(super) mod bridge;
pub(super) mod operation;
pub(super) mod promise;
mod pump;
pub(super) mod stack;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::error::internal;
use crate::clock::Dice;
use crate::observe::Event;
use crate::pipeline::{Call, Failure, Outcome, Setup};
use crate::transport::Transport;
use crate::validate::Target;

/// What is known of a call from outside, for the event of one that never ended by itself.
#[derive(Clone)]
pub(super) struct Sketch(Event);

impl Sketch {
    pub(super) fn of(setup: &Setup, call: &Call) -> Self {
        let route = match &call.request.target {
            Target::Template(route, _) => route.label().clone(),
            Target::Url(_) => "{url}".into(),
            Target::Base => "{secret}".into(),
        };
        Self(Event {
            method: Some(call.request.method.clone()),
            host: setup.policy.origin().cloned(),
            route,
            status: None,
            code: None,
            elapsed: std::time::Duration::ZERO,
            queued: std::time::Duration::ZERO,
            attempts: 0,
            redirects: 0,
            store: None,
            circuit: None,
            incident: None,
        })
    }

    /// The event of a call that its caller abandoned.
    pub(super) fn cancelled(&self, setup: &Setup) -> Event {
        let event = self.0.clone().cancel();
        setup.stats.count(&event);
        event
    }

    /// The outcome of a call in which we panicked.
    fn broken(&self, setup: &Setup) -> Outcome {
        let mut error = internal();
        error.name_incident(&mut Dice::roll_new());
        let mut event = self.0.clone();
        event.code = Some(error.code().as_str());
        event.incident = error.incident().map(str::to_owned);
        setup.stats.count(&event);
        Outcome { result: Err(Failure::from(error)), event }
    }
}

/// Sends a call; a panic on the way becomes an `InternalError`.
pub(super) async fn send(setup: &Setup, transport: &Transport, call: Box<Call>, sketch: &Sketch) -> Outcome {
    let mut future = pin!(crate::pipeline::send(setup, transport, call));
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(sketch.broken(setup)),
    })
    .await
}
