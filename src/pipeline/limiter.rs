//! A throttle without a request: for whatever else must keep a pace.

use std::sync::Arc;
use std::time::Duration;

use super::claim::{Front, Limits};
use super::queue::{self, Entry};
use super::setup::ThrottleSetup;
use crate::clock::{self, Dice};
use crate::error::Error;
use crate::throttle::{Ask, Shared};

/// A line that hands out places.
#[derive(Debug)]
pub struct Limiter {
    front: Front,
    max_wait: Duration,
}

/// A place in the line; dropped, it is left.
pub struct Place(Entry);

impl Place {
    /// Waits until it is first and a limit allows it.
    ///
    /// # Errors
    /// `ThrottledError` when the wait grew longer than allowed.
    pub async fn wait(self) -> Result<(), Error> {
        let mut queued = Duration::ZERO;
        let mut permit = self.0.wait(&mut queued).await.map_err(named)?;
        permit.spend();
        Ok(())
    }
}

fn named(mut error: Error) -> Error {
    error.name_incident(&mut Dice::roll_new());
    error
}

impl Limiter {
    /// A limiter of its own, or the one that all with the same key share.
    pub fn new(setup: &ThrottleSetup) -> Self {
        let front = match &setup.key {
            // No origin begins with a bar, so no client's bucket has this name.
            Some(key) => setup.front(&format!("|{key}"), format!("|{key}"), &setup.limits, Limits::default(), None),
            None => {
                let line = Arc::new(Shared::new(&[], setup.max_queue));
                Front::new(line, None, Limits { all: setup.limits.clone(), ..Limits::default() })
            }
        };
        Self { front, max_wait: setup.max_wait }
    }

    /// Whether a store has to be asked even for a place that is free.
    pub fn is_remote(&self) -> bool {
        self.front.remote.is_some()
    }

    /// Why this process began to get along without the store; told once.
    pub fn news(&self) -> Option<String> {
        self.front.remote.as_ref()?.news()
    }

    /// A place at once; false when it would have to wait.
    pub fn try_acquire(&self, ask: &Ask<'_>) -> bool {
        // What is done with the place is not ours to see: it counts as used.
        self.front.line.take_place(ask, clock::now())
    }

    /// Whether a place of this weight ever comes.
    ///
    /// # Errors
    /// `ValueError` when no limit allows so many at once.
    pub fn weigh(&self, ask: &Ask<'_>) -> Result<(), Error> {
        if self.front.line.is_too_heavy(ask, clock::now()) { Err(queue::too_heavy()) } else { Ok(()) }
    }

    /// Joins the line, first come, first served.
    ///
    /// # Errors
    /// `ThrottledError` when the wait would be longer than allowed or too many wait already.
    pub fn join(&self, ask: &Ask<'_>) -> Result<Place, Error> {
        queue::join(&self.front, ask, self.max_wait).map(Place).map_err(named)
    }

    /// Joins the line for a place at once.
    ///
    /// # Errors
    /// As [`Limiter::join`]; the place is refused when it would have to wait.
    pub fn join_at_once(&self, ask: &Ask<'_>) -> Result<Place, Error> {
        queue::join(&self.front, ask, Duration::ZERO).map(Place).map_err(named)
    }
}
