//! Who waits, in which order, and whose turn is next.
//!
//! A lane that has to wait for its own bucket holds up nobody else; for the common bucket everybody waits in one order.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::ask::{Ask, Lane, Priority};
use super::bucket::Charge;
use super::lanes::{Id, Lanes};
use super::lease::{Leases, Spare, Want};
use super::turns::{Grant, Refusal, Ticket};
use super::waiters::{Head, Key, Queues, Terms};
use super::{Bucket, Limit};

/// How often a waiter looks for the first answer of its lane; it is woken when the answer comes.
const ASKING: Duration = Duration::from_millis(100);

/// Longest wait that a lane is placed by: it is looked at again then. Some requests have to wait for ever.
const FAR: Duration = Duration::from_secs(86_400);

/// All of one line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) common: Bucket,
    pub(super) epoch: u64,
    /// Whether a lane's answers tell of the lane's quota.
    pub(super) lanes_tell: bool,
    /// Whether the first request of a lane goes alone.
    pub(super) first_alone: bool,
    /// Where a store outside this process hands out the common bucket's places.
    pub(super) leases: Option<Box<Leases>>,
    pub(super) lanes: Lanes,
    pub(super) queues: Queues,
    max_queue: usize,
    tickets: u64,
}

/// What it is a waiter's turn to do.
pub(super) enum Turn {
    Grant(Charge, Option<(Id, Charge)>),
    Wait(Duration),
    /// Its lane's first answer decides, whenever that comes.
    Ask(Duration),
    Behind,
    Refuse(Refusal),
}

/// Whose turn is next, and what it waits for.
struct Next {
    head: Head,
    wait: Duration,
    asking: bool,
}

impl Line {
    pub(super) fn new(common: Bucket, max_queue: usize, epoch: u64) -> Self {
        Self {
            common,
            epoch,
            lanes_tell: false,
            first_alone: false,
            leases: None,
            lanes: Lanes::default(),
            queues: Queues::default(),
            max_queue,
            tickets: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.waiting() == 0
    }

    pub(super) fn waiting(&self) -> usize {
        self.queues.waiting()
    }

    /// Forgets what belonged to threads of a parent process.
    pub(super) fn abandon(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.queues.abandon();
        self.common.abandon();
        if let Some(leases) = &mut self.leases {
            leases.abandon();
        }
        self.lanes.abandon();
    }

    /// Keeps these limits for each lane whose name begins so, until they are released.
    pub(super) fn claim_lanes(&mut self, beginning: &'static str, limits: &[Limit], now: Instant) {
        self.lanes.claim(beginning, limits);
        self.place_all(now);
    }

    pub(super) fn release_lanes(&mut self, beginning: &'static str, limits: &[Limit], now: Instant) {
        self.lanes.release(beginning, limits, now);
        self.place_all(now);
    }

    pub(super) fn bucket_of(&mut self, lane: Lane<'_>, now: Instant) -> Id {
        let queues = &self.queues;
        self.lanes.bucket_of(lane, now, |id| queues.is_awaited(Some(id)))
    }

    /// Nothing of a lane leaves before `until`.
    pub(super) fn block_lane(&mut self, lane: Lane<'_>, until: Instant, now: Instant) {
        let id = self.bucket_of(lane, now);
        if let Some(bucket) = self.lanes.get_mut(id) {
            bucket.block(until);
        }
        self.place(Some(id), now);
    }

    /// The API says that a lane counts against the bucket of this name.
    pub(super) fn name_lane(&mut self, lane: Lane<'_>, bucket: &str, now: Instant) {
        let queues = &self.queues;
        if let Some((from, to)) = self.lanes.name(lane, bucket, now, |id| queues.is_awaited(Some(id))) {
            self.queues.merge(Some(from), Some(to));
            self.place(Some(to), now);
        }
    }

    /// Charges the common bucket and the lane's, if both allow it now.
    pub(super) fn take(&mut self, ask: &Ask<'_>, now: Instant) -> Option<(Charge, Option<(Id, Charge)>)> {
        let lane = ask.lane.map(|lane| self.bucket_of(lane, now));
        self.take_both(lane, ask.weight, now)
    }

    /// As [`Line::take`], for a place that counts as used at once.
    pub(super) fn spend(&mut self, ask: &Ask<'_>, now: Instant) -> bool {
        if ask.lane.is_none() && self.leases.is_none() {
            return self.common.spend(ask.weight, now);
        }
        let Some((common, lane)) = self.take(ask, now) else { return false };
        self.each(Grant { common, lane, probe: false }, now, |bucket, charge| bucket.fail(charge));
        true
    }

    fn take_both(&mut self, lane: Key, weight: u32, now: Instant) -> Option<(Charge, Option<(Id, Charge)>)> {
        self.common.roll(now);
        let is_leased = |leases: &mut Box<Leases>| leases.wait(weight, now).is_zero();
        if !self.common.allows(weight, now) || !self.leases.as_mut().is_none_or(is_leased) {
            return None;
        }
        let lane = match lane {
            None => None,
            Some(id) => {
                let first_alone = self.first_alone;
                let take = |bucket: &mut Bucket| {
                    if first_alone && bucket.is_asking() { None } else { bucket.take(weight, now) }
                };
                match self.lanes.get_mut(id).map(take) {
                    Some(None) => return None,
                    Some(Some(charge)) => Some((id, charge)),
                    None => None,
                }
            }
        };
        if let Some(leases) = &mut self.leases {
            leases.charge(weight, now);
        }
        Some((self.common.charge(weight, now), lane))
    }

    /// Time until the common bucket lets a request of this weight go.
    fn common_wait(&mut self, weight: u32, now: Instant) -> Duration {
        let wait = self.common.wait(weight, now);
        self.leases.as_mut().map_or(wait, |leases| wait.max(leases.wait(weight, now)))
    }

    /// Whether no limit ever allows so many at once.
    pub(super) fn is_too_heavy(&mut self, ask: &Ask<'_>, now: Instant) -> bool {
        let weight = ask.weight;
        if weight <= 1 {
            return false;
        }
        let lane = ask.lane.map(|lane| self.bucket_of(lane, now));
        self.common.is_too_heavy(weight)
            || self.leases.as_ref().is_some_and(|leases| leases.is_too_heavy(weight))
            || lane.and_then(|id| self.lanes.get_mut(id)).is_some_and(|own| own.is_too_heavy(weight))
    }

    /// What to ask the store for, if this ticket is whose turn is next and only a place is missing.
    pub(super) fn wants(&mut self, ticket: &Ticket, longest: Duration, now: Instant) -> Option<Want> {
        let head = self.next(now)?.head;
        let weight = head.terms.weight;
        // A place that its lane cannot use would be lost.
        let (_, own) = self.own_wait(head.lane, weight, now);
        if head.number != ticket.number || !own.max(self.common.wait(weight, now)).is_zero() {
            return None;
        }
        let waiting = self.waiting();
        self.leases.as_mut()?.wants(weight, waiting, longest, now)
    }

    pub(super) fn spare(&mut self, now: Instant) -> Option<Spare> {
        if self.is_empty() { self.leases.as_mut()?.spare(now) } else { None }
    }

    pub(super) fn join(&mut self, ask: &Ask<'_>, now: Instant, max_wait: Duration) -> Result<Ticket, Refusal> {
        if self.waiting() >= self.max_queue {
            return Err(Refusal::QueueFull);
        }
        if self.is_too_heavy(ask, now) {
            return Err(Refusal::TooHeavy);
        }
        let lane = ask.lane.map(|lane| self.bucket_of(lane, now));
        let ahead = self.queues.len(lane);
        // Whoever may be overtaken waits longer than can be told; whoever may overtake, less.
        let before = if ask.priority == Priority::Interactive { 0 } else { self.waiting() };
        let own = lane.and_then(|id| self.lanes.get_mut(id));
        let (of_lane, lane_told) =
            own.map_or_else(Default::default, |own| (own.estimate(ahead, now), own.told(ahead, now)));
        let estimate = self.common.estimate(before, now).max(of_lane);
        if self.common.told(before, now).max(lane_told) > ask.patience {
            return Err(Refusal::Told(estimate));
        }
        if estimate > max_wait {
            return Err(Refusal::TooLong(estimate));
        }
        self.tickets += 1;
        let key = now + ask.priority.allowance();
        let waiter = Terms { key, weight: ask.weight, priority: ask.priority, patience: ask.patience };
        let ticket = Ticket { number: self.tickets, queue: lane, waiter };
        self.insert(&ticket, now);
        Ok(ticket)
    }

    /// The queue that a ticket stands in by now.
    fn queue_of(&self, ticket: &Ticket) -> Key {
        ticket.queue.map(|id| self.lanes.resolve(id))
    }

    fn insert(&mut self, ticket: &Ticket, now: Instant) {
        let lane = self.queue_of(ticket);
        if self.queues.insert(lane, ticket) {
            self.place(lane, now);
        }
    }

    /// Whether a lane waits for its first answer, and how long it holds up its head.
    fn own_wait(&mut self, lane: Key, weight: u32, now: Instant) -> (bool, Duration) {
        let Some(bucket) = lane.and_then(|id| self.lanes.get_mut(id)) else { return (false, Duration::ZERO) };
        bucket.roll(now);
        let wait = bucket.wait(weight, now);
        if self.first_alone && bucket.is_asking() { (true, wait.max(ASKING)) } else { (false, wait) }
    }

    /// A lane's queue or bucket has changed.
    pub(super) fn place(&mut self, lane: Key, now: Instant) {
        let lane = lane.map(|id| self.lanes.resolve(id));
        if !self.queues.is_awaited(lane) {
            return;
        }
        let weight = self.queues.head(lane).map_or(1, |head| head.terms.weight);
        let (_, wait) = self.own_wait(lane, weight, now);
        self.queues.place(lane, now + wait.min(FAR), now);
    }

    fn place_all(&mut self, now: Instant) {
        self.queues.heads().into_iter().for_each(|head| self.place(head.lane, now));
    }

    /// Whose turn is next, and how long it has to wait for the buckets.
    ///
    /// Of those whose lanes are free the one that counts as waiting longest, however long the common bucket takes; where no
    /// lane is free, the one that is free first.
    fn next(&mut self, now: Instant) -> Option<Next> {
        self.common.roll(now);
        while let Some(lane) = self.queues.due(now) {
            self.place(lane, now);
        }
        loop {
            let (lane, is_free) = match self.queues.first_free() {
                Some(lane) => (lane, true),
                None => (self.queues.first_later()?, false),
            };
            let head = self.queues.head(lane)?;
            let (asking, own) = self.own_wait(lane, head.terms.weight, now);
            if is_free && !own.is_zero() {
                // A window began, and nothing is left in it.
                self.place(lane, now);
                continue;
            }
            let wait = own.max(self.common_wait(head.terms.weight, now));
            return Some(Next { head, wait, asking });
        }
    }

    /// What it is this waiter's turn to do; grants only while the host has room.
    pub(super) fn turn(&mut self, ticket: &Ticket, room: bool, now: Instant) -> Turn {
        self.insert(ticket, now);
        let told = self.held_up(ticket, now);
        if told > ticket.waiter.patience {
            return Turn::Refuse(Refusal::Told(told));
        }
        let Some(Next { head, wait, asking }) = self.next(now) else { return Turn::Behind };
        if head.number != ticket.number {
            return Turn::Behind;
        }
        if asking {
            return Turn::Ask(wait);
        }
        if !wait.is_zero() || !room {
            return Turn::Wait(wait);
        }
        match self.take_both(head.lane, head.terms.weight, now) {
            Some((common, lane)) => {
                self.place(head.lane, now);
                Turn::Grant(common, lane)
            }
            None => Turn::Wait(Duration::ZERO),
        }
    }

    /// How long what the API said holds this waiter up, were it first.
    fn held_up(&mut self, ticket: &Ticket, now: Instant) -> Duration {
        let lane = ticket.queue.and_then(|id| self.lanes.get_mut(id));
        self.common.told(0, now).max(lane.map_or(Duration::ZERO, |lane| lane.told(0, now)))
    }

    pub(super) fn remove(&mut self, ticket: &Ticket, now: Instant) -> Option<Waker> {
        let lane = self.queue_of(ticket);
        let waker = self.queues.remove(lane, ticket)?;
        self.place(lane, now);
        waker
    }

    /// Keeps a waiter's waker; the one that it replaces.
    pub(super) fn remember(&mut self, ticket: &Ticket, waker: &Waker) -> Option<Waker> {
        let lane = self.queue_of(ticket);
        self.queues.waker(lane, ticket.number, ticket.waiter.priority)?.replace(waker.clone())
    }

    fn waker_of(&mut self, head: &Head) -> Option<Waker> {
        self.queues.waker(head.lane, head.number, head.terms.priority)?.take()
    }

    /// The waker of whose turn is next, unless that is `but`.
    pub(super) fn next_waker(&mut self, but: &Ticket, now: Instant) -> Option<Waker> {
        if self.is_empty() {
            return None;
        }
        let head = self.next(now)?.head;
        if head.number == but.number { None } else { self.waker_of(&head) }
    }

    pub(super) fn first_waker(&mut self, now: Instant) -> Option<Waker> {
        let head = self.next(now)?.head;
        self.waker_of(&head)
    }

    /// How long whose turn is next has to wait; `None` when nobody waits.
    pub(super) fn first_wait(&mut self, now: Instant) -> Option<Duration> {
        if self.is_empty() { None } else { self.next(now).map(|next| next.wait) }
    }

    /// The wakers of all heads: a block may make any of them give up.
    pub(super) fn head_wakers(&mut self) -> Vec<Waker> {
        let heads = self.queues.heads();
        heads.iter().filter_map(|head| self.waker_of(head)).collect()
    }
}
