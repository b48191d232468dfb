//! Reads what a server says about time and quota. Pure: nothing waits here, malformed fields are ignored.
//!
//! Sources: RFC 9110 §10.2.3; draft-ietf-httpapi-ratelimit-headers, generations 02 to 11; the vendors' documentation.

mod body;
mod dialect;
mod duration;
mod lanes;
mod quota;
mod told;
mod vendor;

pub use dialect::Dialect;
pub use duration::{Malformed, retry_after, retry_after_of, rfc3339};
pub use quota::Quota;
pub use told::{Reach, Told};
