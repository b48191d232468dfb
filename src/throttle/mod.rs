//! Decides how long a request waits. Pure: no I/O, no sleeping, time is an argument.
//!
//! One [`Bucket`] holds the caller's limits (GCRA, all tested before any is charged), the windows learned from the API's
//! headers, and the time until which a 429 blocks everybody. [`Shared`] puts a first-come-first-served line in front of
//! it that waiters on any thread or runtime may join. Source: ATM Forum TM 4.0 §4.4.2 (GCRA).

mod bucket;
mod limit;
mod registry;
mod shared;
mod window;

pub use bucket::{Bucket, Grant};
pub use limit::Limit;
pub use registry::Registry;
pub use shared::{Decision, Refusal, Shared, Ticket};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
