//! Reads what a server says about time and quota. Pure: nothing waits here, malformed fields are ignored.
//!
//! Sources: RFC 9110 §10.2.3; draft-ietf-httpapi-ratelimit-headers, generations 02 to 11; the vendors' documentation.

mod duration;
mod quota;

pub use duration::{Malformed, retry_after, retry_after_of};
pub use quota::{Quota, quotas};
