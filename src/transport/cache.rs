//! Idle HTTP/1.1 connections of one origin: hyper-util's cache, and what a call holds of it.
//!
//! The cache's types have no names, so two small traits stand for them. A [`Lease`] holds a connection from the request to
//! the end of the answer's body; one that ends earlier closes it, for what follows on it would be the rest of that answer.

use std::future::{Future, Ready, poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use hyper::client::conn::http1;
use hyper_util::client::pool::cache;
use tower_service::Service;

use super::crew::Hands;
use super::lane::{Dial, NoLine};
use super::outgoing::Outgoing;
use super::seats::Seat;
use super::{Later, POOL_IDLE};
use crate::clock;

/// An HTTP/1.1 connection.
pub(super) struct Line {
    pub(super) sender: http1::SendRequest<Outgoing>,
    hands: Hands,
    since: Instant,
    reused: bool,
}

/// Where a line rests. As a service it hands the line out and takes it back; a place without one is not kept.
pub(super) struct Place(Option<Line>);

pub(super) enum Move {
    Out,
    In(Line),
}

/// The connection is closed.
#[derive(Debug)]
pub(super) struct Closed;

impl Place {
    pub(super) fn new(line: Line) -> Self {
        Self(Some(line))
    }
}

impl Service<Move> for Place {
    type Response = Option<Line>;
    type Error = Closed;
    type Future = Ready<Result<Option<Line>, Closed>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        match &mut self.0 {
            Some(line) => line.sender.poll_ready(context).map_err(|_| Closed),
            None => Poll::Ready(Err(Closed)),
        }
    }

    fn call(&mut self, order: Move) -> Self::Future {
        ready(Ok(match order {
            Move::Out => self.0.take(),
            Move::In(line) => self.0.replace(line),
        }))
    }
}

/// The cache's place for a line, whose type has no name. Dropped with a line inside, it returns to the cache.
pub(super) trait Slot: Send + Sync {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>>;
    fn take(&mut self) -> Option<Line>;
    fn put(&mut self, line: Line);
}

impl<S> Slot for S
where
    S: Service<Move, Response = Option<Line>, Error = Closed, Future = Ready<Result<Option<Line>, Closed>>>
        + Send
        + Sync,
{
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Service::poll_ready(self, context)
    }

    fn take(&mut self) -> Option<Line> {
        self.call(Move::Out).into_inner().ok().flatten()
    }

    fn put(&mut self, line: Line) {
        let _ = self.call(Move::In(line)).into_inner();
    }
}

/// The cache, whose type has no name either.
pub(super) trait Desk: Send {
    fn find(&mut self) -> Found;
    fn is_empty(&self) -> bool;
    /// Closes what rested too long; whether nothing is left.
    fn sweep(&mut self, now: Instant) -> bool;
}

pub(super) enum Found {
    Free(Box<dyn Slot>),
    Dialling(Later<Box<dyn Slot>, NoLine>),
}

struct Counter<C> {
    cache: C,
    is_empty: fn(&C) -> bool,
    retain: fn(&mut C, &mut dyn FnMut(&mut Place) -> bool),
}

impl<C> Desk for Counter<C>
where
    C: Service<(), Error = NoLine> + Send,
    C::Response: Slot + 'static,
    C::Future: Future<Output = Result<C::Response, NoLine>> + Send + Unpin + 'static,
{
    fn find(&mut self) -> Found {
        let idle = !Desk::is_empty(self);
        let mut found = self.cache.call(());
        if idle && let Poll::Ready(Ok(slot)) = Pin::new(&mut found).poll(&mut Context::from_waker(Waker::noop())) {
            return Found::Free(Box::new(slot));
        }
        Found::Dialling(Box::pin(async move { found.await.map(|slot| Box::new(slot) as Box<dyn Slot>) }))
    }

    fn is_empty(&self) -> bool {
        (self.is_empty)(&self.cache)
    }

    fn sweep(&mut self, now: Instant) -> bool {
        (self.retain)(&mut self.cache, &mut |place| place.0.as_ref().is_some_and(|line| line.is_fresh(now)));
        Desk::is_empty(self)
    }
}

pub(super) fn desk(dial: Dial) -> Box<dyn Desk> {
    fn counter<C>(
        cache: C,
        is_empty: fn(&C) -> bool,
        retain: fn(&mut C, &mut dyn FnMut(&mut Place) -> bool),
    ) -> Counter<C> {
        Counter { cache, is_empty, retain }
    }
    let cache = cache::builder().executor(dial.hands.clone()).build(dial);
    Box::new(counter(cache, |cache| cache.is_empty(), |cache, keep| cache.retain(keep)))
}

impl Line {
    pub(super) fn new(sender: http1::SendRequest<Outgoing>, hands: Hands) -> Self {
        Self { sender, hands, since: clock::now(), reused: false }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        !self.sender.is_closed() && now.saturating_duration_since(self.since) < POOL_IDLE
    }
}

/// A line while a call uses it.
pub(super) struct Lease {
    slot: Option<Box<dyn Slot>>,
    pub(super) line: Option<Line>,
    /// Given up after the line is back.
    _seat: Seat,
}

impl Lease {
    /// Takes the line, unless it rested too long.
    pub(super) fn of(mut slot: Box<dyn Slot>, seat: Seat) -> Option<Self> {
        let line = slot.take();
        let lease = Self { slot: Some(slot), line, _seat: seat };
        lease.line.as_ref().is_some_and(|line| line.is_fresh(clock::now())).then_some(lease)
    }

    pub(super) fn is_reused(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.reused)
    }

    /// Gives the line back unused.
    pub(super) fn put_back(mut self) {
        if let (Some(mut slot), Some(line)) = (self.slot.take(), self.line.take()) {
            slot.put(line);
        }
    }

    /// The answer is read to its end: the line is free once the request is written to its end as well.
    pub(super) fn release(mut self) {
        let (Some(mut slot), Some(mut line)) = (self.slot.take(), self.line.take()) else { return };
        let (closed, idle, hands) = (line.sender.is_closed(), line.sender.is_ready(), line.hands.clone());
        line.since = clock::now();
        line.reused = true;
        slot.put(line);
        if closed {
            discard(slot);
        } else if !idle {
            // A server may answer early and never read the rest of the request.
            hands.run(async move {
                let ready = poll_fn(|context| slot.poll_ready(context));
                if tokio::time::timeout(POOL_IDLE, ready).await.is_err() {
                    discard(slot);
                }
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.line = None;
        if let Some(slot) = self.slot.take() {
            discard(slot);
        }
    }
}

/// Closes a slot's line; an empty place does not return to the cache, once it was asked.
fn discard(mut slot: Box<dyn Slot>) {
    slot.take();
    let _ = slot.poll_ready(&mut Context::from_waker(Waker::noop()));
}
