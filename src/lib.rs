//! A safe way for bots to talk to APIs: the core behind the Python package `botsec`.
//!
//! Rooms stand on floors; a room uses lower floors and the rooms to its left (`tests/floors.rs` holds the plan).
//!
//! | floor | rooms |
//! |---|---|
//! | 0 words | [`clock`] · [`fork`] · [`error`] · [`url`] · [`secret`] |
//! | 1 judges | [`encode`] · [`render`] · [`redact`] · [`validate`] · [`headers`] · [`throttle`] · [`retry`] · [`sign`] |
//! | 2 | [`policy`] · [`message`] · [`observe`] |
//! | 3 | [`transport`] |
//! | 4 | [`pipeline`] |
//! | 5 | [`secrets`] · [`quota`] · [`client`] |
//! | 6 | `bindings` (feature `python`) |

pub mod clock;
pub mod error;
pub mod fork;
pub mod secret;
pub mod url;

pub mod encode;
pub mod headers;
pub mod redact;
pub mod render;
pub mod retry;
pub mod sign;
pub mod throttle;
pub mod validate;

pub mod message;
pub mod observe;
pub mod policy;

pub mod transport;

pub mod pipeline;

pub mod client;
pub mod quota;
pub mod secrets;

#[cfg(feature = "python")]
mod bindings;
