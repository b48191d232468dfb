//! Keeps secrets and strangers' values out of everything that botsec prints.
//!
//! Every loaded secret is registered in all forms in which it may come back: raw, percent-encoded, JSON, HTML, hex,
//! base64 at its three alignments. The registry holds keyed hashes only, so it is no second home for secrets.

mod excerpt;
mod filter;
mod forms;
mod route;

pub use excerpt::scrub_bytes_excerpt;
pub use filter::{register, register_pair, scrub};
pub use route::{query_keys, route_label};

/// What stands where a secret stood.
pub const MASK: &str = "[redacted]";

/// Whether a header's value is left out of reprs.
pub fn is_sensitive_header(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["authorization", "authenticate", "cookie", "token", "secret", "key", "password", "signature", "session"];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests;
