//! Who waits, in which order, and whose turn is next. One queue per lane, three classes in each.
//!
//! A lane that has to wait for its own bucket holds up nobody else; for the common bucket everybody waits in one order.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::ask::{Ask, Priority};
use super::bucket::Charge;
use super::lease::{Leases, Spare, Want};
use super::shared::{Grant, Refusal, Ticket};
use super::waiters::{Queue, Terms, Waiter};
use super::{Bucket, Limit};
use crate::headers::Quota;

/// Lanes with buckets of their own. Beyond it those that hold nothing back are forgotten; where all do, new ones share one.
const MAX_LANES: usize = 4096;
/// How often a waiter looks for the first answer of its lane; it is woken when the answer comes.
const ASKING: Duration = Duration::from_millis(100);
/// The bucket of the lanes for which there was no room.
const OVERFLOW: &str = "\u{0}";

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
    lanes: HashMap<Arc<str>, Bucket>,
    /// Lanes that count against a bucket of another name.
    names: HashMap<Arc<str>, Arc<str>>,
    /// Limits of lanes whose names begin so.
    narrow: Vec<(&'static str, Limit)>,
    queues: HashMap<Option<Arc<str>>, Queue>,
    waiting: usize,
    max_queue: usize,
    tickets: u64,
}

/// What it is a waiter's turn to do.
pub(super) enum Turn {
    Grant(Charge, Option<(Arc<str>, Charge)>),
    Wait(Duration),
    Behind,
    Refuse(Refusal),
}

impl Line {
    pub(super) fn new(common: Bucket, max_queue: usize, epoch: u64) -> Self {
        Self {
            common,
            epoch,
            lanes_tell: false,
            first_alone: false,
            leases: None,
            lanes: HashMap::new(),
            names: HashMap::new(),
            narrow: Vec::new(),
            queues: HashMap::new(),
            waiting: 0,
            max_queue,
            tickets: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Forgets what belonged to threads of a parent process.
    pub(super) fn abandon(&mut self, epoch: u64) {
        self.epoch = epoch;
        // Their wakers belong to runtimes that the child abandons, so not even their destructors may run here.
        mem::forget(mem::take(&mut self.queues));
        self.waiting = 0;
        self.common.abandon();
        if let Some(leases) = &mut self.leases {
            leases.abandon();
        }
        self.lanes.values_mut().for_each(Bucket::abandon);
    }

    pub(super) fn narrow(&mut self, beginning: &'static str, limits: &[Limit]) {
        for limit in limits {
            if !self.narrow.contains(&(beginning, *limit)) {
                self.narrow.push((beginning, *limit));
            }
        }
        for (name, bucket) in &mut self.lanes {
            if name.starts_with(beginning) {
                bucket.tighten(limits);
            }
        }
    }

    fn new_lane(&self, name: &str) -> Bucket {
        let limits = self.narrow.iter().filter(|(beginning, _)| name.starts_with(beginning));
        Bucket::new(&limits.map(|(_, limit)| *limit).collect::<Vec<_>>())
    }

    /// The name of the bucket that a lane counts against; it exists from then on.
    fn bucket_of(&mut self, lane: &str) -> Arc<str> {
        let name = self.names.get(lane).map_or(lane, |name| name);
        if let Some((name, _)) = self.lanes.get_key_value(name) {
            return name.clone();
        }
        let full = self.lanes.len() >= MAX_LANES;
        let name: Arc<str> = if full { OVERFLOW.into() } else { name.into() };
        if !self.lanes.contains_key(&name) {
            self.lanes.insert(name.clone(), self.new_lane(&name));
        }
        name
    }

    fn make_room(&mut self, now: Instant) {
        if self.lanes.len() < MAX_LANES {
            return;
        }
        let queues = &self.queues;
        self.lanes.retain(|name, bucket| !bucket.is_idle(now) || queues.keys().flatten().any(|lane| lane == name));
        self.names.retain(|_, name| self.lanes.contains_key(name));
    }

    pub(super) fn lane_bucket(&mut self, lane: &str) -> &mut Bucket {
        let name = self.bucket_of(lane);
        self.lanes.entry(name).or_default()
    }

    pub(super) fn name_lane(&mut self, lane: &str, bucket: &str) {
        let known = self.names.get(lane).is_some_and(|name| **name == *bucket);
        if known || lane == bucket || self.names.len() >= MAX_LANES {
            return;
        }
        // What the lane learned by itself goes along, unless others have told more already.
        if let Some(old) = self.lanes.remove(lane) {
            self.lanes.entry(bucket.into()).or_insert(old);
        }
        self.names.insert(lane.into(), bucket.into());
    }

    /// Charges the common bucket and the lane's, if both allow it now.
    pub(super) fn take(&mut self, ask: &Ask<'_>, now: Instant) -> Option<(Charge, Option<(Arc<str>, Charge)>)> {
        let Some(lane) = ask.lane else { return self.take_both(None, ask.weight, now) };
        self.make_room(now);
        let name = self.bucket_of(lane);
        self.take_both(Some(name), ask.weight, now)
    }

    fn take_both(
        &mut self,
        lane: Option<Arc<str>>,
        weight: u32,
        now: Instant,
    ) -> Option<(Charge, Option<(Arc<str>, Charge)>)> {
        self.common.roll(now);
        if !self.common_wait(weight, now).is_zero() {
            return None;
        }
        let lane = match lane {
            None => None,
            Some(name) => {
                let first_alone = self.first_alone;
                let take = |bucket: &mut Bucket| {
                    if first_alone && bucket.is_asking() { None } else { bucket.take(weight, now) }
                };
                let charge = self.lanes.get_mut(&name).map(take);
                match charge {
                    Some(None) => return None,
                    Some(Some(charge)) => Some((name, charge)),
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

    /// What to ask the store for, if this ticket is whose turn is next and only a place is missing.
    pub(super) fn wants(&mut self, ticket: &Ticket, longest: Duration, now: Instant) -> Option<Want> {
        let (number, lane, terms, _) = self.next(now)?;
        // A place that its lane cannot use would be lost.
        let own = lane.and_then(|name| self.lanes.get(&name)).map_or(Duration::ZERO, |own| own.wait(terms.weight, now));
        if number != ticket.number || !own.max(self.common.wait(terms.weight, now)).is_zero() {
            return None;
        }
        let waiting = self.waiting;
        self.leases.as_mut()?.wants(terms.weight, waiting, longest, now)
    }

    pub(super) fn spare(&mut self, now: Instant) -> Option<Spare> {
        if self.waiting == 0 { self.leases.as_mut()?.spare(now) } else { None }
    }

    pub(super) fn join(&mut self, ask: &Ask<'_>, now: Instant, max_wait: Duration) -> Result<Ticket, Refusal> {
        if self.waiting >= self.max_queue {
            return Err(Refusal::QueueFull);
        }
        let lane = ask.lane.map(|lane| {
            self.make_room(now);
            self.bucket_of(lane)
        });
        let ahead = self.queues.get(&lane).map_or(0, |queue| queue.0.iter().map(VecDeque::len).sum());
        let own = lane.as_ref().and_then(|name| self.lanes.get_mut(name));
        let leased = self.leases.as_ref().is_some_and(|leases| leases.is_too_heavy(ask.weight));
        if leased
            || self.common.is_too_heavy(ask.weight)
            || own.as_ref().is_some_and(|own| own.is_too_heavy(ask.weight))
        {
            return Err(Refusal::TooHeavy);
        }
        // Whoever may be overtaken waits longer than can be told; whoever may overtake, less.
        let before = if ask.priority == Priority::Interactive { 0 } else { self.waiting };
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
        self.insert(&ticket);
        Ok(ticket)
    }

    /// Puts a ticket where it belongs in its class: at the end, unless a fork emptied the line under it.
    fn insert(&mut self, ticket: &Ticket) {
        let queue = self.queues.entry(ticket.queue.clone()).or_default();
        let Some(class) = queue.class(&ticket.waiter) else { return };
        if let Err(at) = class.binary_search_by_key(&ticket.number, |known| known.number) {
            class.insert(at, Waiter { number: ticket.number, terms: ticket.waiter, waker: None });
            self.waiting += 1;
        }
    }

    /// Whose turn is next, and how long it has to wait for the buckets.
    ///
    /// Of those whose lanes are free the one that counts as waiting longest, however long the common bucket takes; where no
    /// lane is free, the one that is free first.
    fn next(&mut self, now: Instant) -> Option<(u64, Option<Arc<str>>, Terms, Duration)> {
        self.common.roll(now);
        let mut best: Option<(Duration, Instant, u64, &Option<Arc<str>>, Terms)> = None;
        for (lane, queue) in &self.queues {
            let Some(head) = queue.head() else { continue };
            let own = lane.as_ref().and_then(|name| self.lanes.get_mut(name)).map_or(Duration::ZERO, |bucket| {
                bucket.roll(now);
                let wait = bucket.wait(head.terms.weight, now);
                if self.first_alone && bucket.is_asking() { wait.max(ASKING) } else { wait }
            });
            let rank = (own, head.terms.key, head.number);
            if best.as_ref().is_none_or(|best| rank < (best.0, best.1, best.2)) {
                best = Some((own, head.terms.key, head.number, lane, head.terms));
            }
        }
        let (own, _, number, lane, terms) = best?;
        let lane = lane.clone();
        let wait = own.max(self.common_wait(terms.weight, now));
        Some((number, lane, terms, wait))
    }

    /// What it is this waiter's turn to do; grants only while the host has room.
    pub(super) fn turn(&mut self, ticket: &Ticket, room: bool, now: Instant) -> Turn {
        self.insert(ticket);
        let told = self.held_up(ticket, now);
        if told > ticket.waiter.patience {
            return Turn::Refuse(Refusal::Told(told));
        }
        let Some((number, lane, terms, wait)) = self.next(now) else { return Turn::Behind };
        if number != ticket.number {
            return Turn::Behind;
        }
        if !wait.is_zero() || !room {
            return Turn::Wait(wait);
        }
        match self.take_both(lane, terms.weight, now) {
            Some((common, lane)) => Turn::Grant(common, lane),
            None => Turn::Wait(Duration::ZERO),
        }
    }

    /// How long what the API said holds this waiter up, were it first.
    fn held_up(&mut self, ticket: &Ticket, now: Instant) -> Duration {
        let lane = ticket.queue.as_ref().and_then(|name| self.lanes.get_mut(name));
        self.common.told(0, now).max(lane.map_or(Duration::ZERO, |lane| lane.told(0, now)))
    }

    pub(super) fn remove(&mut self, ticket: &Ticket) -> Option<Waker> {
        let queue = self.queues.get_mut(&ticket.queue)?;
        let class = queue.class(&ticket.waiter)?;
        let at = class.binary_search_by_key(&ticket.number, |known| known.number).ok()?;
        let left = class.remove(at)?;
        self.waiting = self.waiting.saturating_sub(1);
        if queue.is_empty() {
            self.queues.remove(&ticket.queue);
        }
        left.waker
    }

    /// Keeps a waiter's waker; the one that it replaces.
    pub(super) fn remember(&mut self, ticket: &Ticket, waker: &Waker) -> Option<Waker> {
        self.waiter(ticket.number, &ticket.queue, &ticket.waiter)?.waker.replace(waker.clone())
    }

    fn waiter(&mut self, number: u64, lane: &Option<Arc<str>>, terms: &Terms) -> Option<&mut Waiter> {
        let class = self.queues.get_mut(lane)?.class(terms)?;
        let at = class.binary_search_by_key(&number, |known| known.number).ok()?;
        class.get_mut(at)
    }

    /// The waker of whose turn is next, unless that is `but`.
    pub(super) fn next_waker(&mut self, but: &Ticket, now: Instant) -> Option<Waker> {
        if self.waiting == 0 {
            return None;
        }
        let (number, lane, terms, _) = self.next(now)?;
        if number == but.number { None } else { self.waiter(number, &lane, &terms)?.waker.take() }
    }

    pub(super) fn first_waker(&mut self, now: Instant) -> Option<Waker> {
        let (number, lane, terms, _) = self.next(now)?;
        self.waiter(number, &lane, &terms)?.waker.take()
    }

    /// How long whose turn is next has to wait; `None` when nobody waits.
    pub(super) fn first_wait(&mut self, now: Instant) -> Option<Duration> {
        if self.waiting == 0 { None } else { self.next(now).map(|(_, _, _, wait)| wait) }
    }

    /// The wakers of all heads: a block may make any of them give up.
    pub(super) fn head_wakers(&mut self) -> Vec<Waker> {
        let heads = self
            .queues
            .iter()
            .filter_map(|(lane, queue)| queue.head().map(|head| (lane.clone(), head.number, head.terms)));
        let heads = heads.take(MAX_LANES).collect::<Vec<_>>();
        heads.into_iter().filter_map(|(lane, number, terms)| self.waiter(number, &lane, &terms)?.waker.take()).collect()
    }

    /// Works on each bucket that a grant charged.
    pub(super) fn each(&mut self, grant: Grant, work: impl Fn(&mut Bucket, Charge)) {
        if let Some((name, charge)) = grant.lane
            && let Some(bucket) = self.lanes.get_mut(&name)
        {
            work(bucket, charge);
        }
        work(&mut self.common, grant.common);
    }

    pub(super) fn settle(&mut self, grant: Grant, quotas: &[Quota], now: Instant) {
        let of_lane = self.lanes_tell && grant.lane.is_some();
        let (own, common): (&[Quota], &[Quota]) = if of_lane { (quotas, &[]) } else { (&[], quotas) };
        if let Some((name, charge)) = grant.lane
            && let Some(bucket) = self.lanes.get_mut(&name)
        {
            bucket.settle(charge, own, now);
        }
        self.common.settle(grant.common, common, now);
    }

    pub(super) fn delayed(&mut self, grant: &Grant, delay: Duration, now: Instant) {
        if let Some((name, _)) = &grant.lane
            && let Some(bucket) = self.lanes.get_mut(name)
        {
            bucket.delayed(delay, now);
        }
        self.common.delayed(delay, now);
    }

    /// The bucket whose quota an answer of this lane tells.
    pub(super) fn told(&mut self, lane: Option<&str>) -> &mut Bucket {
        match lane.filter(|_| self.lanes_tell) {
            Some(lane) => self.lane_bucket(lane),
            None => &mut self.common,
        }
    }
}
