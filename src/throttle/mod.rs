//! Decides how long a request waits. Pure: no I/O, no sleeping, time is an argument.
//!
//! One [`Bucket`] holds the caller's limits (GCRA, all tested before any is charged), the windows learned from the API's
//! headers, and the time until which a 429 blocks everybody. [`Shared`] puts a line in front of a common bucket and the narrower
//! ones of its lanes, which waiters on any thread or runtime may join. [`Host`] knows how many requests a host bears at once, and
//! when it is not worth to ask it. Source: ATM Forum TM 4.0 §4.4.2 (GCRA).

mod ask;
mod breaker;
mod bucket;
mod credit;
mod host;
mod invalid;
mod lanes;
mod lease;
mod limit;
mod line;
mod most;
mod outcome;
mod pace;
mod refusals;
mod registry;
mod shared;
mod turns;
mod waiters;
mod window;

pub use ask::{Ask, Lane, Priority};
pub use breaker::Circuit;
pub use bucket::{Bucket, Charge};
pub use host::{Health, Host, HostReading};
pub use invalid::Invalid;
pub use lease::{Answer, OnFailure, Places, Spare, Want};
pub use limit::Limit;
pub use refusals::Refusals;
pub use registry::Registry;
pub use shared::Shared;
pub use turns::{Decision, Grant, Refusal, Ticket};

#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod pace_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
