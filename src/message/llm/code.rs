//! Code that every renderer takes for code: blocks between fences that stand on lines of their own, and spans of one line
//! between two lone backticks.

use std::ops::Range;

/// The ranges, ascending.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut at, mut fence): (usize, Option<usize>) = (0, None);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let trimmed = line.trim_start_matches(' ');
        let is_fence = trimmed.starts_with("```") && line.len() - trimmed.len() < 4;
        match (fence, is_fence) {
            // A second run on the line makes it a span, to some.
            (None, true) if !trimmed.trim_start_matches('`').contains('`') => fence = Some(start),
            (Some(from), true) if trimmed.trim_matches(['`', ' ', '\n']).is_empty() => {
                out.push(from..at);
                fence = None;
            }
            (None, _) => {
                span(line, start, &mut out);
            }
            // Until the fence closes it may be no fence at all.
            (Some(_), _) => {}
        }
    }
    out
}

/// The spans of one line; none when a backslash or a doubled backtick lets renderers differ.
fn span(line: &str, base: usize, out: &mut Vec<Range<usize>>) {
    if line.contains('\\') || line.contains("``") {
        return;
    }
    let mut ticks = line.match_indices('`').map(|(at, _)| at);
    while let (Some(open), Some(close)) = (ticks.next(), ticks.next()) {
        out.push(base + open..base + close + 1);
    }
}
