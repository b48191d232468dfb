//! Waits for a throttle grant: the judge decides, this room sleeps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::clock;
use crate::error::{Code, Error};
use crate::headers::Quota;
use crate::throttle::{Ask, Decision, Grant, Refusal, Shared, Ticket};

/// A grant on its way to be used. Dropped unused, it goes back.
pub(super) struct Permit {
    bucket: Arc<Shared>,
    grant: Option<Grant>,
    sent: bool,
}

impl Permit {
    /// Says that the request leaves now: the server will count it.
    pub(super) fn spend(&mut self) {
        self.sent = true;
    }

    /// Tells the bucket what the answer's headers say.
    pub(super) fn settle(&mut self, quotas: &[Quota]) {
        if let Some(grant) = self.grant.take() {
            self.bucket.settle(grant, quotas, clock::now());
        }
    }

    /// Whether an answer settled it.
    pub(super) fn is_settled(&self) -> bool {
        self.grant.is_none()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(grant) = self.grant.take() else { return };
        if self.sent {
            self.bucket.fail(grant, clock::now());
        } else {
            self.bucket.give_back(grant, clock::now());
        }
    }
}

/// A place in the queue that is left when its waiter goes away.
struct Seat<'a> {
    bucket: &'a Shared,
    ticket: Ticket,
    taken: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.bucket.leave(&self.ticket, clock::now());
        }
    }
}

/// Waits in line for a grant, first come, first served.
///
/// # Errors
/// `ThrottledError` with `retry_after` at once when the wait would be longer than `max_wait` or the queue is full.
pub(super) async fn acquire(
    bucket: &Arc<Shared>,
    ask: &Ask<'_>,
    max_wait: Duration,
    queued: &mut Duration,
) -> Result<Permit, Error> {
    let joined = clock::now();
    let permit = |grant| Permit { bucket: bucket.clone(), grant: Some(grant), sent: false };
    if let Some(grant) = bucket.try_acquire(ask, joined) {
        return Ok(permit(grant));
    }
    let ticket = bucket.join(ask, joined, max_wait).map_err(|refusal| refuse(&refusal))?;
    let mut seat = Seat { bucket, ticket, taken: false };
    loop {
        match poll_once(&seat).await {
            Decision::Grant(grant) => {
                seat.taken = true;
                *queued += clock::now().duration_since(joined);
                return Ok(permit(grant));
            }
            Decision::Refuse(refusal) => {
                *queued += clock::now().duration_since(joined);
                return Err(refuse(&refusal));
            }
            Decision::Wait(wait) => {
                let waited = clock::now().duration_since(joined);
                if waited + wait > max_wait {
                    *queued += waited;
                    return Err(refuse(&Refusal::TooLong(wait)));
                }
                sleep_or_woken(wait).await;
            }
            Decision::Behind => {
                let left = max_wait.saturating_sub(clock::now().duration_since(joined));
                if left.is_zero() {
                    *queued += max_wait;
                    return Err(refuse(&Refusal::TooLong(Duration::from_secs(1))));
                }
                sleep_or_woken(left).await;
            }
        }
    }
}

/// Asks once; a waiter that has to wait is registered to be woken.
async fn poll_once(seat: &Seat<'_>) -> Decision {
    poll_fn(|context| Poll::Ready(seat.bucket.poll(&seat.ticket, clock::now(), context.waker()))).await
}

/// Ends after `wait`, or earlier when this task is woken: the bucket does that when its turn or its wait changed.
///
/// [`poll_once`] has registered this task's waker, so a wake-up between the two is not lost: the task is polled again.
async fn sleep_or_woken(wait: Duration) {
    let mut sleep = pin!(tokio::time::sleep(wait));
    let mut registered = false;
    poll_fn(|context| {
        let woken = std::mem::replace(&mut registered, true);
        if sleep.as_mut().poll(context).is_ready() || woken { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn refuse(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::Open(wait) => Error::new(Code::ThrottleCircuitOpen)
            .with("reason", "the host failed too often of late; its circuit is open")
            .after(*wait),
        Refusal::TooHeavy => Error::new(Code::UsageValue).saying("`weight` is more than a limit ever allows."),
        Refusal::QueueFull => Error::new(Code::ThrottleQueueFull).with("reason", "too many calls wait already"),
        Refusal::TooLong(wait) => Error::new(Code::ThrottleMaxWait)
            .with("reason", format!("the wait would be {:.1} s", wait.as_secs_f64()))
            .after(*wait),
    }
}
