//! Messages that are ready to be sent: split where the platform's limit is, with flags that ping and fetch nothing.
//!
//! [`Draft::payloads`] makes JSON of a text; [`split`] cuts in the platform's own unit and breaks no escape, no code and no
//! grapheme. [`llm::sanitize`] takes out of a model's text what leads, fetches, hides or pings. Pure, and linear in the text.

mod atoms;
mod graphemes;
pub mod llm;
mod payload;
mod platform;
pub mod split;

pub use payload::Draft;
pub use platform::{Platform, Unit};

#[cfg(test)]
mod tests;
