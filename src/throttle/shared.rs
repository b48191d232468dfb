//! The line in front of a bucket: first come, first served, across threads and runtimes.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Bucket, Grant, Limit};
use crate::fork::{Held, Lock, epoch};
use crate::headers::Quota;

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// What a waiter does next.
#[derive(Debug)]
pub enum Decision {
    /// It may send.
    Grant(Grant),
    /// It is first in line and sleeps this long.
    Wait(Duration),
    /// Others come first; it will be woken.
    Behind,
}

/// Shortest sleep of the head: timers step in milliseconds, and a shorter one would spin.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// Why a waiter may not join.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many wait already.
    QueueFull,
    /// The wait would be longer than the caller accepts.
    TooLong(Duration),
}

/// A bucket and its line, shared by all clients with the same key.
#[derive(Debug)]
pub struct Shared(Lock<Line>);

#[derive(Debug)]
struct Line {
    bucket: Bucket,
    waiters: VecDeque<(Ticket, Option<Waker>)>,
    tickets: u64,
    max_queue: usize,
    epoch: u64,
}

impl Line {
    fn head_waker(&mut self) -> Option<Waker> {
        self.waiters.front_mut().and_then(|(_, waker)| waker.take())
    }

    /// Where a ticket stands, or where it would. Tickets stand in the order of their numbers, so a long line costs little.
    fn place(&self, ticket: Ticket) -> Result<usize, usize> {
        self.waiters.binary_search_by_key(&ticket.0, |(known, _)| known.0)
    }
}

impl Shared {
    /// A line of at most `max_queue` before a new bucket.
    pub fn new(limits: &[Limit], max_queue: usize) -> Self {
        let bucket = Bucket::new(limits);
        Self(Lock::new(Line { bucket, waiters: VecDeque::new(), tickets: 0, max_queue, epoch: epoch() }))
    }

    fn line(&self) -> Held<'_, Line> {
        let mut line = self.0.lock();
        if line.epoch != epoch() {
            // The child of a fork: whoever waited here stayed in the parent.
            line.epoch = epoch();
            // Their wakers belong to runtimes that the child abandons, so not even their destructors may run here.
            std::mem::forget(std::mem::take(&mut line.waiters));
            line.bucket.abandon();
        }
        line
    }

    /// A grant at once, when nobody waits and the bucket allows it.
    pub fn try_acquire(&self, now: Instant) -> Option<Grant> {
        let mut line = self.line();
        if line.waiters.is_empty() { line.bucket.take(now) } else { None }
    }

    /// Joins the line.
    ///
    /// # Errors
    /// [`Refusal`] when it is full, or when the wait is known to be longer than `max_wait`.
    pub fn join(&self, now: Instant, max_wait: Duration) -> Result<Ticket, Refusal> {
        let mut line = self.line();
        if line.waiters.len() >= line.max_queue {
            return Err(Refusal::QueueFull);
        }
        let ahead = line.waiters.len();
        let estimate = line.bucket.estimate(ahead, now);
        if estimate > max_wait {
            return Err(Refusal::TooLong(estimate));
        }
        line.tickets += 1;
        let ticket = Ticket(line.tickets);
        line.waiters.push_back((ticket, None));
        Ok(ticket)
    }

    /// Asks for a grant. A waiter that gets none is woken through `waker` when its turn or its wait may have changed.
    pub fn poll(&self, ticket: Ticket, now: Instant, waker: &Waker) -> Decision {
        let waker = waker.clone();
        // Wakers are cloned, dropped and woken outside the lock: they may run code of their runtimes.
        let (decision, _unused, next) = {
            let mut line = self.line();
            let place = line.place(ticket);
            if let Err(at) = place {
                // A fork emptied the line under this waiter: it takes its place again.
                line.waiters.insert(at, (ticket, None));
            }
            let (Ok(at) | Err(at)) = place;
            let granted = if at == 0 { line.bucket.take(now) } else { None };
            if let Some(grant) = granted {
                let left = line.waiters.pop_front();
                (Decision::Grant(grant), left.and_then(|(_, waker)| waker), line.head_waker())
            } else {
                let decision = match at {
                    0 => Decision::Wait(line.bucket.wait(now).max(TIMER_STEP)),
                    _ => Decision::Behind,
                };
                (decision, line.waiters.get_mut(at).and_then(|(_, known)| known.replace(waker)), None)
            }
        };
        wake(next);
        decision
    }

    /// Leaves the line. Costs nobody anything.
    pub fn leave(&self, ticket: Ticket, _now: Instant) {
        let (_unused, next) = {
            let mut line = self.line();
            match line.place(ticket) {
                Ok(at) => {
                    let left = line.waiters.remove(at);
                    (left, if at == 0 { line.head_waker() } else { None })
                }
                Err(_) => (None, None),
            }
        };
        wake(next);
    }

    /// Returns a grant that was never used.
    pub fn give_back(&self, grant: Grant, now: Instant) {
        self.change(now, |bucket| bucket.give_back(grant, now));
    }

    /// Ends a grant whose request brought no answer.
    pub fn fail(&self, grant: Grant, now: Instant) {
        self.change(now, |bucket| bucket.fail(grant));
    }

    /// Ends a grant with what its answer's headers say.
    pub fn settle(&self, grant: Grant, quotas: &[Quota], now: Instant) {
        self.change(now, |bucket| bucket.settle(grant, quotas, now));
    }

    /// Nothing leaves before `until`. Who is first is woken, since it may not want to wait that long.
    pub fn block_until(&self, until: Instant) {
        let next = {
            let mut line = self.line();
            line.bucket.block(until);
            line.head_waker()
        };
        wake(next);
    }

    pub(super) fn tighten(&self, limits: &[Limit]) {
        self.line().bucket.tighten(limits);
    }

    /// Changes the bucket, and wakes who is first when that shortened its wait.
    fn change(&self, now: Instant, work: impl FnOnce(&mut Bucket)) {
        let next = {
            let mut line = self.line();
            if line.waiters.is_empty() {
                work(&mut line.bucket);
                None
            } else {
                let before = line.bucket.wait(now);
                work(&mut line.bucket);
                if line.bucket.wait(now) < before { line.head_waker() } else { None }
            }
        };
        wake(next);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
