//! Who waits: a queue per lane, three classes in each, and which of the queues is free next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::ask::Priority;
use super::lanes::Id;
use super::turns::Ticket;

/// What a waiter asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// From when it counts as waiting: its arrival and its class's allowance.
    pub(super) key: Instant,
    pub(super) weight: u32,
    pub(super) priority: Priority,
    pub(super) patience: Duration,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    terms: Terms,
    waker: Option<Waker>,
}

/// A lane, by its bucket; `None` for those without one.
pub(super) type Key = Option<Id>;

/// Who is first in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) lane: Key,
    pub(super) terms: Terms,
}

/// One lane's waiters by class, each class in the order of arrival.
#[derive(Debug, Default)]
struct Queue {
    classes: [VecDeque<Waiter>; 3],
    place: Option<Place>,
}

/// Where a queue stands among the others.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Its lane is free: by the time from which its head counts as waiting, and the head's number.
    Free((Instant, u64)),
    /// By the time at which its lane is free, and then likewise.
    Later((Instant, Instant, u64)),
}

/// All queues of a line.
#[derive(Debug, Default)]
pub(super) struct Queues {
    queues: HashMap<Key, Queue>,
    /// Those whose lanes are free, in the order of their turns.
    free: BTreeMap<(Instant, u64), Key>,
    /// The others, in the order in which they will be.
    later: BTreeMap<(Instant, Instant, u64), Key>,
    waiting: usize,
}

impl Queue {
    fn class(&mut self, priority: Priority) -> Option<&mut VecDeque<Waiter>> {
        self.classes.get_mut(priority.index())
    }

    /// Who is first: of the three classes the one that counts as waiting longest.
    fn head(&self) -> Option<&Waiter> {
        self.classes.iter().filter_map(VecDeque::front).min_by_key(|waiter| (waiter.terms.key, waiter.number))
    }
}

impl Queues {
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many wait in a lane.
    pub(super) fn len(&self, lane: Key) -> usize {
        self.queues.get(&lane).map_or(0, |queue| queue.classes.iter().map(VecDeque::len).sum())
    }

    pub(super) fn is_awaited(&self, lane: Key) -> bool {
        self.queues.contains_key(&lane)
    }

    /// Puts a ticket where it belongs in its class: at the end, unless a fork emptied the line under it. False when it is there.
    pub(super) fn insert(&mut self, lane: Key, ticket: &Ticket) -> bool {
        let queue = self.queues.entry(lane).or_default();
        let Some(class) = queue.class(ticket.waiter.priority) else { return false };
        let Err(at) = class.binary_search_by_key(&ticket.number, |known| known.number) else { return false };
        class.insert(at, Waiter { number: ticket.number, terms: ticket.waiter, waker: None });
        self.waiting += 1;
        true
    }

    /// The waker of a waiter that leaves; `None` when it was not there.
    pub(super) fn remove(&mut self, lane: Key, ticket: &Ticket) -> Option<Option<Waker>> {
        let queue = self.queues.get_mut(&lane)?;
        let class = queue.class(ticket.waiter.priority)?;
        let at = class.binary_search_by_key(&ticket.number, |known| known.number).ok()?;
        let left = class.remove(at)?;
        self.waiting = self.waiting.saturating_sub(1);
        Some(left.waker)
    }

    /// The waker of a waiter.
    pub(super) fn waker(&mut self, lane: Key, number: u64, priority: Priority) -> Option<&mut Option<Waker>> {
        let class = self.queues.get_mut(&lane)?.class(priority)?;
        let at = class.binary_search_by_key(&number, |known| known.number).ok()?;
        class.get_mut(at).map(|waiter| &mut waiter.waker)
    }

    pub(super) fn head(&self, lane: Key) -> Option<Head> {
        let head = self.queues.get(&lane)?.head()?;
        Some(Head { number: head.number, lane, terms: head.terms })
    }

    /// Says when a lane is free for its head. A lane without a head is forgotten.
    pub(super) fn place(&mut self, lane: Key, free_at: Instant, now: Instant) {
        let Some(queue) = self.queues.get_mut(&lane) else { return };
        let old = queue.place.take();
        let head = queue.head().map(|head| (head.terms.key, head.number));
        queue.place =
            head.map(
                |(key, number)| {
                    if free_at > now { Place::Later((free_at, key, number)) } else { Place::Free((key, number)) }
                },
            );
        let new = queue.place;
        self.unplace(old);
        match new {
            Some(Place::Free(place)) => drop(self.free.insert(place, lane)),
            Some(Place::Later(place)) => drop(self.later.insert(place, lane)),
            None => drop(self.queues.remove(&lane)),
        }
    }

    fn unplace(&mut self, place: Option<Place>) {
        match place {
            Some(Place::Free(place)) => drop(self.free.remove(&place)),
            Some(Place::Later(place)) => drop(self.later.remove(&place)),
            None => {}
        }
    }

    /// A lane that has become free since it was placed, and is to be placed again.
    pub(super) fn due(&self, now: Instant) -> Option<Key> {
        self.later.first_key_value().filter(|((at, ..), _)| *at <= now).map(|(_, lane)| *lane)
    }

    /// The free lane whose head counts as waiting longest.
    pub(super) fn first_free(&self) -> Option<Key> {
        self.free.first_key_value().map(|(_, lane)| *lane)
    }

    /// The lane that will be free first.
    pub(super) fn first_later(&self) -> Option<Key> {
        self.later.first_key_value().map(|(_, lane)| *lane)
    }

    /// Who is first in each lane.
    pub(super) fn heads(&self) -> Vec<Head> {
        self.queues.keys().filter_map(|lane| self.head(*lane)).collect()
    }

    /// The waiters of a lane that turned out to be part of another one stand there from now on.
    pub(super) fn merge(&mut self, from: Key, to: Key) {
        let Some(old) = self.queues.remove(&from) else { return };
        self.unplace(old.place);
        let queue = self.queues.entry(to).or_default();
        for (class, joining) in queue.classes.iter_mut().zip(old.classes) {
            class.extend(joining);
            class.make_contiguous().sort_by_key(|waiter| waiter.number);
        }
    }

    /// Forgets everybody. Their wakers belong to runtimes that the child of a fork abandons, so not even their destructors may
    /// run here.
    pub(super) fn abandon(&mut self) {
        mem::forget(mem::take(self));
    }
}
