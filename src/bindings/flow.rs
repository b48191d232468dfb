//! A stream that is read: its limits, and the event that is told when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::Core;
use crate::clock;
use crate::error::Error;
use crate::observe::Event;
use crate::transport::{Limits, Stream};

/// Longest life of a stream: one hour.
const LIFE: Duration = Duration::from_secs(3600);

/// What a stream needs until it ends.
pub(super) struct Flow {
    /// The body, while no reader has it; `None` where an async reader shares it.
    pub(super) stream: Option<Box<Stream>>,
    pub(super) core: Arc<Core>,
    pub(super) limits: Limits,
    event: Event,
    begun: Instant,
}

impl Flow {
    /// The life of a stream begins.
    pub(super) fn begin(stream: Option<Box<Stream>>, limits: Limits, core: Arc<Core>, event: Event) -> Self {
        let begun = clock::now();
        Self { stream, core, limits: Limits { deadline: begun + LIFE, ..limits }, event, begun }
    }

    /// The event of its end.
    pub(super) fn end(self, error: Option<&Error>) -> Event {
        let mut event = self.event;
        event.elapsed += clock::now().duration_since(self.begun);
        if let Some(error) = error {
            self.core.setup.stats.fail();
            event.code = Some(error.code().as_str());
            event.incident = error.incident().map(str::to_owned);
        }
        event
    }
}
