//! The line in front of the buckets, across threads and runtimes: each class first come, first served.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::ask::Ask;
use super::bucket::Charge;
use super::host::{Entry, Host};
use super::lease::{Answer, Leases, Places, Spare, Want};
use super::line::{Line, Turn};
use super::refusals::Refusals;
use super::{Bucket, Limit};
use crate::fork::{Held, Lock, epoch};
use crate::headers::Quota;

/// Permission to send one request.
#[derive(Debug)]
pub struct Grant {
    pub(super) common: Charge,
    pub(super) lane: Option<(Arc<str>, Charge)>,
    probe: bool,
}

/// A place in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(super) number: u64,
    /// The queue that it stands in, and its class there.
    pub(super) queue: Option<Arc<str>>,
    pub(super) waiter: super::waiters::Terms,
}

/// What a waiter does next.
#[derive(Debug)]
pub enum Decision {
    /// It may send.
    Grant(Grant),
    /// Its turn is next, and it sleeps this long.
    Wait(Duration),
    /// Others come first; it will be woken.
    Behind,
    /// It need not wait any longer.
    Refuse(Refusal),
}

/// Shortest sleep of whose turn is next: timers step in milliseconds, and a shorter one would spin.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// Why a waiter may not join, or not stay.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many wait already.
    QueueFull,
    /// The wait would be longer than the caller accepts.
    TooLong(Duration),
    /// What the API said asks for a longer wait than the caller's patience.
    Told(Duration),
    /// No limit ever allows so heavy a request.
    TooHeavy,
    /// The host's circuit is open for so long.
    Open(Duration),
}

/// Buckets and their line, shared by all clients with the same key.
#[derive(Debug)]
pub struct Shared {
    line: Lock<Line>,
    host: Option<Arc<Host>>,
    refusals: Lock<Refusals>,
}

impl Shared {
    /// A line of at most `max_queue` before a new bucket.
    pub fn new(limits: &[Limit], max_queue: usize) -> Self {
        Self {
            line: Lock::new(Line::new(Bucket::new(limits), max_queue, epoch())),
            host: None,
            refusals: Lock::default(),
        }
    }

    /// As [`Shared::new`], before a host whose health counts too.
    pub fn before(host: Arc<Host>, limits: &[Limit], max_queue: usize) -> Self {
        Self { host: Some(host), ..Self::new(limits, max_queue) }
    }

    fn line(&self) -> Held<'_, Line> {
        let mut line = self.line.lock();
        if line.epoch != epoch() {
            // The child of a fork: whoever waited here stayed in the parent.
            line.abandon(epoch());
            if let Some(host) = &self.host {
                host.abandon();
            }
        }
        line
    }

    /// What it remembers of refusals.
    pub fn refusals(&self) -> Held<'_, Refusals> {
        self.refusals.lock()
    }

    fn enter(&self, now: Instant) -> Entry {
        self.host.as_ref().map_or(Entry::Open { probe: false }, |host| host.enter(now))
    }

    fn leave_host(&self, returned: bool) {
        if let Some(host) = &self.host {
            host.return_probe(returned);
            host.leave();
        }
    }

    /// A grant at once, when nobody waits and the buckets allow it.
    pub fn try_acquire(&self, ask: &Ask<'_>, now: Instant) -> Option<Grant> {
        let Entry::Open { probe } = self.enter(now) else { return None };
        let granted = {
            let mut line = self.line();
            if line.is_empty() { line.take(ask, now) } else { None }
        };
        match granted {
            Some((common, lane)) => Some(Grant { common, lane, probe }),
            None => {
                self.leave_host(probe);
                None
            }
        }
    }

    /// Joins the line.
    ///
    /// # Errors
    /// [`Refusal`] when it is full, when the wait is known to be longer than `max_wait`, when no limit allows the weight, or
    /// when the host's circuit is open.
    pub fn join(&self, ask: &Ask<'_>, now: Instant, max_wait: Duration) -> Result<Ticket, Refusal> {
        if let Some(wait) = self.host.as_ref().and_then(|host| host.refuses(now)) {
            return Err(Refusal::Open(wait));
        }
        self.line().join(ask, now, max_wait)
    }

    /// Asks for a grant. A waiter that gets none is woken through `waker` when its turn or its wait may have changed.
    pub fn poll(&self, ticket: &Ticket, now: Instant, waker: &Waker) -> Decision {
        let entry = self.enter(now);
        let waker = waker.clone();
        // Wakers are cloned, dropped and woken outside the lock: they may run code of their runtimes.
        let (turn, unused, next) = {
            let mut line = self.line();
            let turn = line.turn(ticket, matches!(entry, Entry::Open { .. }), now);
            let unused = match &turn {
                Turn::Grant(..) => line.remove(ticket),
                _ => line.remember(ticket, &waker),
            };
            let next = match &turn {
                Turn::Grant(..) | Turn::Behind => line.next_waker(ticket, now),
                Turn::Wait(_) | Turn::Refuse(_) => None,
            };
            (turn, unused, next)
        };
        drop(unused);
        let decision = match (turn, entry) {
            (Turn::Grant(common, lane), Entry::Open { probe }) => {
                wake(next);
                return Decision::Grant(Grant { common, lane, probe });
            }
            (Turn::Wait(wait), Entry::Full) if wait.is_zero() => {
                if let Some(host) = &self.host {
                    host.wait(waker);
                }
                Decision::Behind
            }
            (Turn::Refuse(refusal), _) => Decision::Refuse(refusal),
            (Turn::Wait(_), Entry::Shut(wait)) => Decision::Refuse(Refusal::Open(wait)),
            (Turn::Wait(wait), _) => Decision::Wait(wait.max(TIMER_STEP)),
            (_, _) => Decision::Behind,
        };
        if let Entry::Open { probe } = entry {
            self.leave_host(probe);
        }
        wake(next);
        decision
    }

    /// Leaves the line. Costs nobody anything.
    pub fn leave(&self, ticket: &Ticket, now: Instant) {
        let (unused, next) = {
            let mut line = self.line();
            let left = line.remove(ticket);
            (left, line.next_waker(ticket, now))
        };
        drop(unused);
        wake(next);
    }

    /// Returns a grant that was never used.
    pub fn give_back(&self, grant: Grant, now: Instant) {
        self.leave_host(grant.probe);
        let place = grant.common.place();
        self.change(now, |line| {
            if let Some(leases) = &mut line.leases {
                leases.give_back(place.0, place.1);
            }
        });
        self.change(now, |line| line.each(grant, |bucket, charge| bucket.give_back(charge, now)));
    }

    /// Ends a grant whose request brought no answer.
    pub fn fail(&self, grant: Grant, now: Instant) {
        self.leave_host(grant.probe);
        self.change(now, |line| line.each(grant, |bucket, charge| bucket.fail(charge)));
    }

    /// A request left so much later than it was granted, since it had to wait for a connection: those behind it must not catch
    /// up with it.
    pub fn delayed(&self, grant: &Grant, delay: Duration, now: Instant) {
        self.line().delayed(grant, delay, now);
    }

    /// Ends a grant with what its answer's headers say. The host's health is reported by whoever read the answer.
    pub fn settle(&self, grant: Grant, quotas: &[Quota], now: Instant) {
        self.leave_host(false);
        self.change(now, |line| line.settle(grant, quotas, now));
    }

    /// Takes in quotas that an answer's body told of.
    pub fn learn(&self, lane: Option<&str>, quotas: &[Quota], now: Instant) {
        if !quotas.is_empty() {
            self.change(now, |line| line.told(lane).learn(now, quotas, now));
        }
    }

    /// From now on what a lane's answers tell of their quota is the lane's, not that of everybody. With `first_alone` the
    /// first request of a lane goes alone, since nothing is known of its quota before its answer.
    pub fn lanes_tell(&self, first_alone: bool) {
        let mut line = self.line();
        (line.lanes_tell, line.first_alone) = (true, first_alone);
    }

    /// The API says that a lane counts against this bucket, maybe with other lanes.
    pub fn name_lane(&self, lane: &str, bucket: &str) {
        self.line().name_lane(lane, bucket);
    }

    /// Limits of each lane by itself, if its name begins so.
    pub fn narrow(&self, beginning: &'static str, limits: &[Limit]) {
        if !limits.is_empty() {
            self.line().narrow(beginning, limits);
        }
    }

    /// Nothing leaves before `until`. Whose turn is next is woken, since it may not want to wait that long.
    pub fn block_until(&self, until: Instant) {
        self.block(None, until);
    }

    /// Nothing of a lane leaves before `until`.
    pub fn block_lane(&self, lane: &str, until: Instant) {
        self.block(Some(lane), until);
    }

    fn block(&self, lane: Option<&str>, until: Instant) {
        let wakers = {
            let mut line = self.line();
            match lane {
                Some(lane) => line.lane_bucket(lane).block(until),
                None => line.common.block(until),
            }
            line.head_wakers()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Has the limits kept by a store outside this process, for so many processes until it knows better. Clients that share the
    /// line obey the limits of all of them.
    pub fn lease(&self, limits: &[Limit], processes: u32) {
        self.line().leases.get_or_insert_with(|| Box::new(Leases::new(processes))).tighten(limits);
    }

    /// What to ask the store for, if this ticket is whose turn is next and only a place is missing. Whoever gets a question asks
    /// it, and says how that ended. A place later than `longest` is of no use to it.
    pub fn wants(&self, ticket: &Ticket, longest: Duration, now: Instant) -> Option<Want> {
        self.line().wants(ticket, longest, now)
    }

    /// The store answered a question.
    pub fn answered(&self, answer: &Answer, now: Instant) {
        for (lane, wait) in &answer.blocked {
            self.block_lane(lane, now + *wait);
        }
        self.change(now, |line| {
            if let Places::Blocked(wait) = answer.places {
                line.common.block(now + wait);
            }
            if let Some(leases) = &mut line.leases {
                leases.answered(&answer.places, now);
            }
        });
    }

    /// The store did not answer: the line goes on with this process's share, or `open` without a limit.
    pub fn store_failed(&self, open: bool, now: Instant) {
        self.change(now, |line| {
            if let Some(leases) = &mut line.leases {
                leases.failed(open, now);
            }
        });
    }

    /// Whoever asked went away.
    pub fn unasked(&self) {
        if let Some(leases) = &mut self.line().leases {
            leases.unasked();
        }
    }

    /// Places that nobody waits for any more.
    pub fn spare(&self, now: Instant) -> Option<Spare> {
        self.line().spare(now)
    }

    /// Whether the store answered last time; `None` without one.
    pub fn is_shared(&self) -> Option<bool> {
        self.line().leases.as_ref().map(|leases| leases.is_shared())
    }

    /// Adds limits: clients that share a bucket obey the limits of all of them.
    pub fn tighten(&self, limits: &[Limit]) {
        self.line().common.tighten(limits);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.line().waiting()
    }

    /// Changes a bucket, and wakes whose turn is next when somebody waits.
    fn change(&self, now: Instant, work: impl FnOnce(&mut Line)) {
        let next = {
            let mut line = self.line();
            let before = line.first_wait(now);
            work(&mut line);
            match before {
                Some(before) if line.first_wait(now).is_some_and(|wait| wait < before) => line.first_waker(now),
                _ => None,
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
