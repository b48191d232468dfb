//! Waits for a throttle grant: the judge decides, this room sleeps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::claim::{Claim, Front};
use super::skip;
use super::store::Remote;
use crate::clock;
use crate::error::{Code, Error};
use crate::headers::Quota;
use crate::throttle::{Ask, Decision, Grant, Lane, Refusal, Shared, Ticket};
use crate::transport::{Reached, Trouble};

/// A grant on its way to be used. Dropped unused, it goes back.
pub(super) struct Permit {
    bucket: Arc<Shared>,
    grant: Option<Grant>,
    /// When it was granted.
    at: Instant,
    sent: bool,
    /// Whether it reached the server, as far as can be told.
    arrived: bool,
}

impl Permit {
    fn new(bucket: Arc<Shared>, grant: Grant, at: Instant) -> Self {
        Self { bucket, grant: Some(grant), at, sent: false, arrived: false }
    }

    /// When it was granted.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Something of the request reached the server, though it is sent again.
    pub(super) fn arrive(&mut self) {
        self.arrived = true;
    }

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

    /// Tells the bucket what the answer's headers say, and which bucket they name.
    pub(super) fn settle(&mut self, quotas: &[Quota], named: Option<(Lane<'_>, String)>, now: Instant) {
        let Some(grant) = self.grant.take() else { return };
        match named {
            None => self.bucket.settle(grant, quotas, now),
            Some((lane, name)) => self.bucket.settle_named(grant, quotas, lane, &name, now),
        }
    }

    /// No answer came. A request of which nothing left this machine costs no place.
    pub(super) fn fail(&mut self, trouble: &Trouble) {
        let unsent = [
            Code::TransportConnect,
            Code::TransportConnectTimeout,
            Code::TransportDns,
            Code::TransportTls,
            Code::PolicyAddressBlocked,
        ];
        self.sent &= self.arrived || !unsent.contains(&trouble.error.code());
        if trouble.reached != Reached::Refused
            && let Some(grant) = &mut self.grant
        {
            grant.reported();
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

/// Longest sleep at a stretch: timers stand still while the machine sleeps, so it is looked whether it did.
const STRETCH: Duration = Duration::from_secs(5);

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
    _claim: Option<Arc<Claim>>,
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
    let Front { line: bucket, remote, .. } = front;
    let mut joined = clock::now();
    let mut grant = bucket.try_acquire(ask, joined);
    if grant.is_none() && clock::catch_up() {
        joined = clock::now();
        grant = bucket.try_acquire(ask, joined);
    }
    if let Some(grant) = grant {
        return Ok(Entry::Granted(Permit::new(bucket.clone(), grant, joined)));
    }
    let ticket = bucket.join(ask, joined, max_wait).map_err(|refusal| refuse(&refusal))?;
    let (bucket, remote) = (bucket.clone(), remote.clone());
    Ok(Entry::Waits(Seat { bucket, remote, ticket, joined, max_wait, taken: false, _claim: front.claim() }))
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
            clock::catch_up();
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
                    return Ok(Permit::new(self.bucket.clone(), grant, clock::now()));
                }
                Decision::Refuse(refusal) => return Err(refuse(&refusal)),
                Decision::Wait(wait) if wait > left => return Err(refuse(&Refusal::TooLong(wait))),
                Decision::Wait(wait) if clock::is_faked() => skip::until(clock::now() + wait).await,
                Decision::Wait(wait) => sleep_or_woken(wait.min(STRETCH)).await,
                // Not what a test's clock skips: what ends these is an event.
                Decision::Ask(wait) if !left.is_zero() => sleep_or_woken(wait.min(BEHIND)).await,
                Decision::Behind | Decision::Ask(_) if left.is_zero() => {
                    return Err(refuse(&Refusal::TooLong(Duration::from_secs(1))));
                }
                Decision::Behind | Decision::Ask(_) => sleep_or_woken(left.min(BEHIND)).await,
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
        return skip::until(clock::now() + wait).await;
    }
    let end = clock::now() + wait;
    while let left = end.saturating_duration_since(clock::now())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(STRETCH)).await;
        clock::catch_up();
    }
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

/// For what no limit ever allows.
pub(super) fn too_heavy() -> Error {
    Error::new(Code::UsageValue).saying("`weight` is more than a limit ever allows.")
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
        Refusal::TooHeavy => too_heavy(),
        Refusal::QueueFull => Error::new(Code::ThrottleQueueFull).with("reason", "too many calls wait already"),
        Refusal::TooLong(wait) => Error::new(Code::ThrottleMaxWait)
            .with("reason", format!("the wait would be {:.1} s", wait.as_secs_f64()))
            .after(*wait),
    }
}
