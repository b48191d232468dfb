//! Waits for a throttle grant: the judge decides, this room sleeps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::store::Remote;
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

    /// The request left so much later than it was granted.
    pub(super) fn delayed(&self, delay: Duration) {
        if let Some(grant) = &self.grant {
            self.bucket.delayed(grant, delay, clock::now());
        }
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

/// How often somebody behind others looks; it is woken when its turn has come.
const BEHIND: Duration = Duration::from_secs(1);

/// A line, and where its limits are kept when other processes share them.
#[derive(Clone, Debug)]
pub struct Front {
    /// The line.
    pub line: Arc<Shared>,
    /// The store's part.
    pub remote: Option<Arc<Remote>>,
}

/// A grant already, or a place in the line.
pub(super) enum Entry {
    Granted(Permit),
    Waits(Seat),
}

/// A place in the line that is left when its waiter goes away.
pub(super) struct Seat {
    bucket: Arc<Shared>,
    remote: Option<Arc<Remote>>,
    ticket: Ticket,
    joined: Instant,
    max_wait: Duration,
    taken: bool,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.taken {
            self.bucket.leave(&self.ticket, clock::now());
            if let Some(remote) = &self.remote {
                remote.tidy(&self.bucket);
            }
        }
    }
}

/// Joins the line, first come, first served.
///
/// # Errors
/// `ThrottledError` with `retry_after` at once when the wait would be longer than `max_wait` or the queue is full.
pub(super) fn join(front: &Front, ask: &Ask<'_>, max_wait: Duration) -> Result<Entry, Error> {
    let Front { line: bucket, remote } = front;
    let joined = clock::now();
    if let Some(grant) = bucket.try_acquire(ask, joined) {
        return Ok(Entry::Granted(Permit { bucket: bucket.clone(), grant: Some(grant), sent: false }));
    }
    let ticket = bucket.join(ask, joined, max_wait).map_err(|refusal| refuse(&refusal))?;
    Ok(Entry::Waits(Seat { bucket: bucket.clone(), remote: remote.clone(), ticket, joined, max_wait, taken: false }))
}

/// Waits in line for a grant.
///
/// # Errors
/// As [`join`], and when the wait grew longer than `max_wait`.
pub(super) async fn acquire(
    front: &Front,
    ask: &Ask<'_>,
    max_wait: Duration,
    queued: &mut Duration,
) -> Result<Permit, Error> {
    match join(front, ask, max_wait)? {
        Entry::Granted(permit) => Ok(permit),
        // In a box: most calls never wait, and each layer above would hold the place twice.
        waits => Box::pin(waits.wait(queued)).await,
    }
}

impl Entry {
    /// Waits until it is first and the buckets allow it.
    pub(super) async fn wait(self, queued: &mut Duration) -> Result<Permit, Error> {
        match self {
            Self::Granted(permit) => Ok(permit),
            Self::Waits(mut seat) => {
                let result = seat.wait().await;
                *queued += clock::now().duration_since(seat.joined);
                result
            }
        }
    }
}

impl Seat {
    async fn wait(&mut self) -> Result<Permit, Error> {
        loop {
            let decision = poll_once(self).await;
            let left = self.max_wait.saturating_sub(clock::now().duration_since(self.joined));
            if let (Decision::Wait(_), Some(remote)) = (&decision, &self.remote)
                && Box::pin(remote.ask(&self.bucket, &self.ticket, left)).await?
            {
                continue;
            }
            match decision {
                Decision::Grant(grant) => {
                    self.taken = true;
                    return Ok(Permit { bucket: self.bucket.clone(), grant: Some(grant), sent: false });
                }
                Decision::Refuse(refusal) => return Err(refuse(&refusal)),
                Decision::Wait(wait) if wait > left => return Err(refuse(&Refusal::TooLong(wait))),
                Decision::Wait(wait) => sleep_or_woken(wait).await,
                Decision::Behind if left.is_zero() => {
                    return Err(refuse(&Refusal::TooLong(Duration::from_secs(1))));
                }
                // A moment, not all that is left: a test's clock would jump there.
                Decision::Behind => sleep_or_woken(left.min(BEHIND)).await,
            }
        }
    }
}

/// Asks once; a waiter that has to wait is registered to be woken.
async fn poll_once(seat: &Seat) -> Decision {
    poll_fn(|context| Poll::Ready(seat.bucket.poll(&seat.ticket, clock::now(), context.waker()))).await
}

/// Sleeps; a test's clock is moved on instead.
pub(super) async fn nap(wait: Duration) {
    if clock::is_faked() {
        clock::advance(wait);
        return tokio::task::yield_now().await;
    }
    tokio::time::sleep(wait).await;
}

/// Ends after `wait`, or earlier when this task is woken: the bucket does that when its turn or its wait changed.
///
/// [`poll_once`] has registered this task's waker, so a wake-up between the two is not lost: the task is polled again.
async fn sleep_or_woken(wait: Duration) {
    if clock::is_faked() {
        return nap(wait).await;
    }
    let mut sleep = pin!(tokio::time::sleep(wait));
    let mut registered = false;
    poll_fn(|context| {
        let woken = std::mem::replace(&mut registered, true);
        if sleep.as_mut().poll(context).is_ready() || woken { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

pub(super) fn refuse(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::Told(wait) => Error::new(Code::ThrottleServerWait)
            .with(
                "reason",
                format!("the API asks for a wait of {:.1} s; max_retry_after= is shorter", wait.as_secs_f64()),
            )
            .after(*wait),
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
