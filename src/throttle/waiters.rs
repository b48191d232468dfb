//! One lane's waiters.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::ask::Priority;

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
pub(super) struct Waiter {
    pub(super) number: u64,
    pub(super) terms: Terms,
    pub(super) waker: Option<Waker>,
}

/// One lane's waiters by class, each class in the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Queue(pub(super) [VecDeque<Waiter>; 3]);

impl Queue {
    /// Who is first: of the three classes the one that counts as waiting longest.
    pub(super) fn head(&self) -> Option<&Waiter> {
        self.0.iter().filter_map(VecDeque::front).min_by_key(|waiter| (waiter.terms.key, waiter.number))
    }

    pub(super) fn class(&mut self, terms: &Terms) -> Option<&mut VecDeque<Waiter>> {
        self.0.get_mut(terms.priority.index())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }
}
