//! Typed ways in: what a stranger typed becomes exactly one path segment, one header value, one parameter, or an error
//! that names the field and never repeats the value.

pub mod field;
pub mod form;
pub mod header;
pub mod number;
mod payload;
mod request;
mod segment;
pub mod template;

pub use field::Kind;
pub use payload::{Body, Feed, FeedSlot, Feeder, Payload, Room, Tally, feed};
pub use request::{Leaf, Place, Request, Route, Target, ValidRequest};
pub use template::{Filled, Template, Value};
