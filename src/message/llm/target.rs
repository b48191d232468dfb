//! The target of a link that somebody wrote as one: stricter than running text, for whatever stands there is followed.

use super::judge::{Allow, Verdict};
use super::view::View;
use super::{Kind, bare};

/// Longest target that is read; a longer one is dropped.
const MAX_TARGET: usize = 4_096;

/// Where a target may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `](…)`, where a word may also be an index of code.
    Inline,
    /// After `[name]:`, where a sentence may go on.
    Definition,
    /// An attribute, where anything is a URL.
    Attribute,
}

/// Judges a target in all its readings. `None` when it is no URL in any of them.
pub(super) fn judge(target: &str, place: Place, allow: &Allow) -> Option<Verdict> {
    if target.len() > MAX_TARGET {
        return Some(Verdict::Drop { kind: Kind::Opaque, host: None });
    }
    if target.trim().is_empty() {
        return None;
    }
    let mut kept = None;
    for view in View::all(target).iter().rev() {
        // Browsers drop tabs and line ends anywhere, and blanks at the ends.
        let text: String = view.text().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
        match reading(text.trim(), place, allow) {
            Some(drop @ Verdict::Drop { .. }) => return Some(drop),
            Some(keep) => kept = kept.or(Some(keep)),
            None => {}
        }
    }
    kept
}

fn reading(text: &str, place: Place, allow: &Allow) -> Option<Verdict> {
    let relative = || Some(Verdict::Drop { kind: Kind::Scheme, host: None });
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    if let Some(scheme) = bare::scheme(text) {
        // `note: …` and `std::vec` after a bracket are prose and code.
        let prose = place == Place::Definition && !bare::candidates(text).iter().any(|found| found.range.start == 0);
        return if prose && !scheme.is_empty() { None } else { Some(allow.judge(text)) };
    }
    if text.starts_with(['/', '\\']) {
        let doubled = text.get(1..).is_some_and(|rest| rest.starts_with(['/', '\\']));
        return if doubled { Some(allow.judge(text)) } else { relative() };
    }
    let first = text.split(['/', '\\', '?', '#', ' ']).next().unwrap_or("");
    if bare::is_host(bare::host_of(first)) || bare::is_host(first) {
        return Some(allow.judge(text));
    }
    let is_word = !text.contains(['/', '\\', '?', '%', '&', '@', ':']) && !text.starts_with('.');
    if place == Place::Definition || place == Place::Inline && is_word { None } else { relative() }
}
