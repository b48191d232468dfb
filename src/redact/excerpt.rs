//! The beginning of a body as a note may have it: one line, secrets masked before anything is cut.

use std::sync::OnceLock;

use regex::Regex;

use super::{MASK, scrub};
use crate::encode;

/// Tokens of others that an error page may quote: by shape, not by value.
const SHAPES: &str = concat!(
    r"(?-u)",
    r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b",
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b",
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}\b|\bxapp-[A-Za-z0-9-]{10,}\b",
    r"|\bsk-[A-Za-z0-9_-]{20,}\b|\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}\b",
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}\b",
    r"|\b[MNO][A-Za-z0-9_-]{23,}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}\b",
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|(?i:\b(?:bearer|basic|bot)\s+[A-Za-z0-9+/._~=-]{12,})",
);

fn shapes() -> Option<&'static Regex> {
    static SHAPE: OnceLock<Option<Regex>> = OnceLock::new();
    SHAPE.get_or_init(|| Regex::new(SHAPES).ok()).as_ref()
}

/// At most `max` characters of a body, on one line, with secrets and tokens masked.
pub fn scrub_bytes_excerpt(body: &[u8], max: usize) -> String {
    // Enough to fill the excerpt after masking; a token across this edge loses its end, not its beginning, so the cut
    // comes after masking and the margin is dropped.
    const MARGIN: usize = 4096;
    let head = body.get(..body.len().min(max.saturating_mul(4) + MARGIN)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    let text = scrub(&text);
    let masked = shapes().map_or_else(|| text.to_string(), |shape| shape.replace_all(&text, MASK).into_owned());
    let line = encode::log(&masked);
    match line.char_indices().nth(max) {
        None => line.into_owned(),
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or("")),
    }
}
