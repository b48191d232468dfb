//! One client's limits on a line: all who share the line keep to them until the client and its waiting calls are gone.

use std::sync::Arc;

use super::store::Remote;
use crate::clock;
use crate::fork::Lock;
use crate::throttle::{Limit, Shared};

/// Limits of all requests, of each lane whose name begins so, and those that a store keeps for so many processes.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) all: Vec<Limit>,
    pub(super) lanes: Vec<(&'static str, Limit)>,
    pub(super) leased: Option<(Vec<Limit>, u32)>,
}

/// Limits that a line keeps; dropped, they are released.
#[derive(Debug)]
pub(super) struct Claim {
    line: Arc<Shared>,
    limits: Limits,
}

impl Claim {
    fn new(line: Arc<Shared>, limits: Limits) -> Self {
        line.claim(&limits.all, &limits.lanes, clock::now());
        if let Some((leased, processes)) = &limits.leased {
            line.lease(leased, *processes);
        }
        Self { line, limits }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.line.release(&self.limits.all, &self.limits.lanes, clock::now());
        if let Some((leased, _)) = &self.limits.leased {
            self.line.release_lease(leased, clock::now());
        }
    }
}

/// A line, and where its limits are kept when other processes share them.
#[derive(Debug)]
pub struct Front {
    /// The line.
    pub line: Arc<Shared>,
    /// The store's part.
    pub remote: Option<Arc<Remote>>,
    claim: Lock<Option<Arc<Claim>>>,
}

impl Front {
    pub(super) fn new(line: Arc<Shared>, remote: Option<Arc<Remote>>, limits: Limits) -> Self {
        // From here on it counts what the machine sleeps.
        clock::catch_up();
        let claim = Lock::new(Some(Arc::new(Claim::new(line.clone(), limits))));
        Self { line, remote, claim }
    }

    /// Keeps the limits for whoever waits, though the client is closed meanwhile: nobody behind a closed client's limits may
    /// leave all at once.
    pub(super) fn claim(&self) -> Option<Arc<Claim>> {
        self.claim.lock().clone()
    }

    /// The client is closed: its limits end with the last of its calls that wait.
    pub(super) fn close(&self) {
        let claim = self.claim.lock().take();
        drop(claim);
    }
}
