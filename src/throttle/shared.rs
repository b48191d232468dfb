//! The line in front of a bucket: first come, first served, across threads and runtimes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
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
            line.waiters.clear();
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
        let estimate = line.bucket.estimate(line.waiters.len(), now);
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
        let (decision, next) = {
            let mut line = self.line();
            if line.waiters.front().is_some_and(|(first, _)| *first == ticket) {
                match line.bucket.take(now) {
                    Some(grant) => {
                        line.waiters.pop_front();
                        let next = line.head_waker();
                        (Decision::Grant(grant), next)
                    }
                    None => {
                        let wait = line.bucket.wait(now);
                        if let Some((_, place)) = line.waiters.front_mut() {
                            *place = Some(waker.clone());
                        }
                        (Decision::Wait(wait.max(Duration::from_millis(1))), None)
                    }
                }
            } else {
                match line.waiters.iter_mut().find(|(known, _)| *known == ticket) {
                    Some((_, place)) => *place = Some(waker.clone()),
                    // A fork emptied the line under this waiter: it joins again at the end.
                    None => line.waiters.push_back((ticket, Some(waker.clone()))),
                }
                (Decision::Behind, None)
            }
        };
        wake(next);
        decision
    }

    /// Leaves the line. Costs nobody anything.
    pub fn leave(&self, ticket: Ticket, _now: Instant) {
        let next = {
            let mut line = self.line();
            let first = line.waiters.front().is_some_and(|(known, _)| *known == ticket);
            line.waiters.retain(|(known, _)| *known != ticket);
            if first { line.head_waker() } else { None }
        };
        wake(next);
    }

    /// Returns a grant that was never used.
    pub fn give_back(&self, grant: Grant, now: Instant) {
        self.change(|bucket| bucket.give_back(grant, now));
    }

    /// Ends a grant whose request brought no answer.
    pub fn fail(&self, grant: Grant, _now: Instant) {
        self.change(|bucket| bucket.fail(grant));
    }

    /// Ends a grant with what its answer's headers say.
    pub fn settle(&self, grant: Grant, quotas: &[Quota], now: Instant) {
        self.change(|bucket| bucket.settle(grant, quotas, now));
    }

    /// Nothing leaves before `until`.
    pub fn block_until(&self, until: Instant) {
        self.change(|bucket| bucket.block(until));
    }

    fn change(&self, work: impl FnOnce(&mut Bucket)) {
        let next = {
            let mut line = self.line();
            work(&mut line.bucket);
            line.head_waker()
        };
        wake(next);
    }

    fn tighten(&self, limits: &[Limit]) {
        self.change(|bucket| bucket.tighten(limits));
    }
}

/// Wakes outside the lock: a waker may run code of its runtime.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The buckets of this process, by origin, secret fingerprint and key.
pub struct Registry;

static BUCKETS: Lock<Option<HashMap<String, Arc<Shared>>>> = Lock::new(None);
/// Buckets kept; beyond it those that nobody uses are forgotten.
const MAX_BUCKETS: usize = 10_000;

impl Registry {
    /// The bucket of `key`. Limits that it does not have yet are added.
    pub fn get_or_create(key: &str, limits: &[Limit], max_queue: usize) -> Arc<Shared> {
        let found = {
            let mut held = BUCKETS.lock();
            let buckets = held.get_or_insert_default();
            if let Some(found) = buckets.get(key) {
                found.clone()
            } else {
                if buckets.len() >= MAX_BUCKETS {
                    buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1);
                }
                let made = Arc::new(Shared::new(limits, max_queue));
                if buckets.len() < MAX_BUCKETS {
                    buckets.insert(key.to_owned(), made.clone());
                }
                return made;
            }
        };
        found.tighten(limits);
        found
    }
}
