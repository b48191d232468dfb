//! The beginning of a body as a note may have it: one line, secrets masked before anything is cut.

use super::filter::merge;
use super::registry::{mask, secret_ranges};
use super::shapes;
use crate::encode;

/// What is read beyond the excerpt and never shown: a secret that the edge of the reading cuts could not be recognised
/// there. Longer than the longest pattern in the longest escape, twice over.
const MARGIN: usize = 4096;

/// At most `max` characters of a body, on one line, with secrets and everything that looks like one masked.
pub fn scrub_bytes_excerpt(body: &[u8], max: usize) -> String {
    let head = body.get(..max.saturating_mul(4).saturating_add(MARGIN)).unwrap_or(body);
    let text = String::from_utf8_lossy(head);
    let mut ranges = secret_ranges(&text);
    ranges.extend(shapes::ranges(&text));
    let mut ranges = merge(ranges);
    let shown =
        if head.len() < body.len() { text.floor_char_boundary(text.len().saturating_sub(MARGIN)) } else { text.len() };
    ranges.retain(|range| range.start < shown);
    let shown = ranges.last().map_or(shown, |last| shown.max(last.end));
    cut(&encode::log(&mask(text.get(..shown).unwrap_or(""), &ranges)), max)
}

/// The text, or its beginning and an ellipsis: `max` characters at most.
pub(super) fn cut(text: &str, max: usize) -> String {
    let mut places = text.char_indices().map(|(place, _)| place);
    match (places.by_ref().nth(max.saturating_sub(1)), places.next()) {
        (Some(last), Some(_)) if max > 0 => format!("{}…", text.get(..last).unwrap_or("")),
        (Some(_), _) if max == 0 => String::new(),
        _ => text.to_owned(),
    }
}
