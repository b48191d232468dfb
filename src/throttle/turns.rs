//! What the line says to those who ask: grants, places, and why there are none.

use std::time::Duration;

use super::bucket::Charge;
use super::lanes::Id;
use super::waiters::Terms;

/// Permission to send one request.
#[derive(Debug)]
pub struct Grant {
    pub(super) common: Charge,
    pub(super) lane: Option<(Id, Charge)>,
    pub(super) probe: bool,
}

impl Grant {
    /// What became of the probe is known: the host is not to be asked once more for it.
    pub fn reported(&mut self) {
        self.probe = false;
    }
}

/// A place in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(super) number: u64,
    /// The queue that it stands in, and its class there.
    pub(super) queue: Option<Id>,
    pub(super) waiter: Terms,
}

/// What a waiter does next.
#[derive(Debug)]
pub enum Decision {
    /// It may send.
    Grant(Grant),
    /// Its turn is next, and it sleeps this long.
    Wait(Duration),
    /// Its turn is next, and an answer that is under way tells when: it will be woken, and looks by itself after so long.
    Ask(Duration),
    /// Others come first; it will be woken.
    Behind,
    /// It need not wait any longer.
    Refuse(Refusal),
}

/// Why a waiter may not join, or not stay.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many wait already.
    QueueFull,
    /// The wait would be longer than the caller accepts.
    TooLong(Duration),
    /// What the API said asks for a longer wait than the caller's patience.
    Told(Duration),
    /// No limit ever allows so heavy a request.
    TooHeavy,
    /// The host's circuit is open for so long.
    Open(Duration),
}
