//! A throttle without a request: for whatever else must keep a pace.

use std::sync::Arc;
use std::time::Duration;

use super::queue::{self, Entry};
use crate::clock::{self, Dice};
use crate::error::Error;
use crate::throttle::{Ask, Limit, Registry, Shared};

/// A line that hands out places.
#[derive(Debug)]
pub struct Limiter {
    line: Arc<Shared>,
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
    /// A limiter of its own, or the one that all with this `key` share.
    pub fn new(limits: &[Limit], max_wait: Duration, max_queue: usize, key: Option<&str>) -> Self {
        let line = match key {
            // No origin begins with a bar, so no client's bucket has this name.
            Some(key) => Registry::get_or_create(&format!("|{key}"), limits, max_queue, None),
            None => Arc::new(Shared::new(limits, max_queue)),
        };
        Self { line, max_wait }
    }

    /// A place at once; false when it would have to wait.
    pub fn try_acquire(&self, ask: &Ask<'_>) -> bool {
        let now = clock::now();
        // What is done with the place is not ours to see: it counts as used.
        self.line.try_acquire(ask, now).map(|grant| self.line.fail(grant, now)).is_some()
    }

    /// Joins the line, first come, first served.
    ///
    /// # Errors
    /// `ThrottledError` when the wait would be longer than allowed or too many wait already.
    pub fn join(&self, ask: &Ask<'_>) -> Result<Place, Error> {
        queue::join(&self.line, ask, self.max_wait).map(Place).map_err(named)
    }
}
