//! The line in front of the buckets, across threads and runtimes: each class first come, first served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::ask::{Ask, Lane};
use super::host::{Entry, Host};
use super::lease::{Answer, Leases, Places, Spare, Want};
use super::line::{Line, Turn};
use super::refusals::Refusals;
use super::turns::{Decision, Grant, Refusal, Ticket};
use super::{Bucket, Limit};
use crate::fork::{Held, Lock, epoch};
use crate::headers::Quota;

/// Shortest sleep of whose turn is next: timers step in milliseconds, and a shorter one would spin.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// Buckets and their line, shared by all clients with the same key.
#[derive(Debug)]
pub struct Shared {
    line: Lock<Line>,
    host: Option<Arc<Host>>,
    refusals: Lock<Refusals>,
    /// What the host knows it by.
    number: u64,
}

/// Lines made so far.
static LINES: AtomicU64 = AtomicU64::new(0);

impl Shared {
    /// A line of at most `max_queue` before a new bucket.
    pub fn new(limits: &[Limit], max_queue: usize) -> Self {
        let line = Lock::new(Line::new(Bucket::new(limits), max_queue, epoch()));
        Self { line, host: None, refusals: Lock::default(), number: LINES.fetch_add(1, Ordering::Relaxed) }
    }

    /// As [`Shared::new`], before a host whose health counts too.
    pub fn before(host: Arc<Host>, limits: &[Limit], max_queue: usize) -> Self {
        Self { host: Some(host), ..Self::new(limits, max_queue) }
    }

    #[inline]
    fn line(&self) -> Held<'_, Line> {
        let line = self.line.lock();
        if line.epoch == epoch() { line } else { self.line_of_child(line) }
    }

    /// In the child of a fork: whoever waited here stayed in the parent.
    #[cold]
    fn line_of_child<'a>(&'a self, mut line: Held<'a, Line>) -> Held<'a, Line> {
        line.abandon(epoch());
        let Some(host) = &self.host else { return line };
        // One lock at a time.
        drop(line);
        host.abandon();
        self.line.lock()
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

    /// A place at once that counts as used, when nobody waits and the buckets allow it: for what is no request.
    pub fn take_place(&self, ask: &Ask<'_>, now: Instant) -> bool {
        if self.host.is_some() {
            return self.try_acquire(ask, now).map(|grant| self.fail(grant, now)).is_some();
        }
        let mut line = self.line();
        line.is_empty() && line.spend(ask, now)
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
                Turn::Grant(..) => line.remove(ticket, now),
                _ => line.remember(ticket, &waker),
            };
            let next = match &turn {
                Turn::Grant(..) | Turn::Behind => line.next_waker(ticket, now),
                Turn::Wait(_) | Turn::Ask(_) | Turn::Refuse(_) => None,
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
                    host.wait(self.number, waker);
                }
                Decision::Behind
            }
            (Turn::Refuse(refusal), _) => Decision::Refuse(refusal),
            (Turn::Wait(_) | Turn::Ask(_), Entry::Shut(wait)) => Decision::Refuse(Refusal::Open(wait)),
            (Turn::Wait(wait), _) => Decision::Wait(wait.max(TIMER_STEP)),
            (Turn::Ask(wait), _) => Decision::Ask(wait),
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
        let (left, next) = {
            let mut line = self.line();
            let left = line.remove(ticket, now);
            (left, line.first_waker(now))
        };
        // Whoever is first now writes itself down at the host, if that has no room.
        let at_host = self.host.as_ref().and_then(|host| host.forget_waiter(self.number));
        drop(left);
        wake(at_host);
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
        self.change(now, |line| line.each(grant, now, |bucket, charge| bucket.give_back(charge, now)));
    }

    /// Ends a grant whose request brought no answer.
    pub fn fail(&self, grant: Grant, now: Instant) {
        self.leave_host(grant.probe);
        self.change(now, |line| line.each(grant, now, |bucket, charge| bucket.fail(charge)));
    }

    /// A request left so much later than it was granted, since it had to wait for a connection: those behind it must not catch
    /// up with it.
    pub fn delayed(&self, grant: &Grant, delay: Duration, now: Instant) {
        self.line().delayed(grant, delay, now);
    }

    /// Ends a grant with what its answer's headers say. The host's health is reported by whoever read the answer.
    pub fn settle(&self, grant: Grant, quotas: &[Quota], now: Instant) {
        self.leave_host(false);
        self.change(now, |line| line.settle(grant, quotas, None, now));
    }

    /// As [`Shared::settle`], when the answer says that this lane counts against the bucket of this name.
    pub fn settle_named(&self, grant: Grant, quotas: &[Quota], lane: Lane<'_>, bucket: &str, now: Instant) {
        self.leave_host(false);
        self.change(now, |line| {
            line.name_lane(lane, bucket, now);
            line.settle(grant, quotas, Some(bucket), now);
        });
    }

    /// Takes in quotas that an answer's body told of.
    pub fn learn(&self, lane: Option<Lane<'_>>, quotas: &[Quota], now: Instant) {
        if !quotas.is_empty() {
            self.change(now, |line| line.learn(lane, quotas, now));
        }
    }

    /// From now on what a lane's answers tell of their quota is the lane's, not that of everybody. With `first_alone` the
    /// first request of a lane goes alone, since nothing is known of its quota before its answer.
    pub fn lanes_tell(&self, first_alone: bool) {
        let mut line = self.line();
        (line.lanes_tell, line.first_alone) = (true, first_alone);
    }

    /// Keeps limits for all, and for each lane whose name begins so, until they are released as often: clients that share a
    /// line obey the limits of all of them.
    pub fn claim(&self, limits: &[Limit], of_lanes: &[(&'static str, Limit)], now: Instant) {
        let mut line = self.line();
        line.common.claim(limits);
        for (beginning, limit) in of_lanes {
            line.claim_lanes(beginning, std::slice::from_ref(limit), now);
        }
    }

    /// One of those who claimed these limits is gone.
    pub fn release(&self, limits: &[Limit], of_lanes: &[(&'static str, Limit)], now: Instant) {
        self.change(now, |line| {
            line.common.release(limits, now);
            for (beginning, limit) in of_lanes {
                line.release_lanes(beginning, std::slice::from_ref(limit), now);
            }
        });
    }

    /// Nothing leaves before `until`. Whose turn is next is woken, since it may not want to wait that long.
    pub fn block_until(&self, until: Instant) {
        self.block(None, until);
    }

    /// Nothing of a lane leaves before `until`.
    pub fn block_lane(&self, lane: Lane<'_>, until: Instant, now: Instant) {
        self.block(Some((lane, now)), until);
    }

    fn block(&self, lane: Option<(Lane<'_>, Instant)>, until: Instant) {
        let wakers = {
            let mut line = self.line();
            match lane {
                Some((lane, now)) => line.block_lane(lane, until, now),
                None => line.common.block(until),
            }
            line.head_wakers()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Has these limits kept by a store outside this process, for so many processes until it knows better, until they are
    /// released. Clients that share the line obey the limits of all of them.
    pub fn lease(&self, limits: &[Limit], processes: u32) {
        self.line().leases.get_or_insert_with(|| Box::new(Leases::new(processes))).claim(limits);
    }

    /// One of those who had these limits kept by a store is gone.
    pub fn release_lease(&self, limits: &[Limit], now: Instant) {
        self.change(now, |line| {
            if let Some(leases) = &mut line.leases {
                leases.release(limits);
            }
        });
    }

    /// What to ask the store for, if this ticket is whose turn is next and only a place is missing. Whoever gets a question asks
    /// it, and says how that ended. A place later than `longest` is of no use to it.
    pub fn wants(&self, ticket: &Ticket, longest: Duration, now: Instant) -> Option<Want> {
        self.line().wants(ticket, longest, now)
    }

    /// The store answered at `now` a question of `asked`.
    pub fn answered(&self, answer: &Answer, asked: Instant, now: Instant) {
        for (lane, wait) in &answer.blocked {
            self.block_lane(lane.as_str().into(), now + *wait, now);
        }
        self.change(now, |line| {
            if let Places::Blocked(wait) = answer.places {
                line.common.block(now + wait);
            }
            if let Some(leases) = &mut line.leases {
                leases.answered(&answer.places, asked, now);
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

    /// Whether no limit ever allows so many at once.
    pub fn is_too_heavy(&self, ask: &Ask<'_>, now: Instant) -> bool {
        self.line().is_too_heavy(ask, now)
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
