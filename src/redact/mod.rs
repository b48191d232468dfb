//! Keeps secrets and strangers' values out of everything that botsec prints.
//!
//! | layer | what it knows | where |
//! |---|---|---|
//! | values | every loaded secret: raw, hex, base64 at its three alignments, each behind percent, backslash or HTML escapes | [`scrub`] |
//! | shapes | tokens of known vendors, values beside names such as `password` | [`scrub_bytes_excerpt`] |
//! | places | ids and tokens in paths, values in queries, headers by name | [`route_label`], [`query_keys`], [`is_sensitive_header`] |
//!
//! The registry holds keyed hashes only, so it is no second home for secrets. All work is linear in the text.

mod excerpt;
mod filter;
mod forms;
mod registry;
mod route;
mod shapes;
mod views;

pub use excerpt::scrub_bytes_excerpt;
pub use registry::{register, register_pair, register_url, register_version, scrub};
pub use route::{RouteTable, query_keys, route_label};
pub use shapes::{is_sensitive_header, looks_like_token};

/// What stands where a secret stood.
pub const MASK: &str = "[redacted]";

#[cfg(test)]
mod tests;
