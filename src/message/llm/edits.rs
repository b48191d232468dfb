//! Changes to a text, gathered while it is read and made at once.

use std::borrow::Cow;
use std::ops::Range;

use super::Kind;
use super::letters::is_alphanumeric;

/// Notes that name a host; later ones do not, so that a flood of links stays short.
const MAX_NAMED: usize = 200;

/// Replacements. Where two overlap, the one that begins first stays.
#[derive(Default)]
pub(super) struct Edits {
    list: Vec<(Range<usize>, Cow<'static, str>)>,
    /// How many of `list` are in order and apart: what was found in earlier readings.
    settled: usize,
    named: usize,
}

impl Edits {
    pub(super) fn replace(&mut self, range: Range<usize>, with: impl Into<Cow<'static, str>>) {
        self.list.push((range, with.into()));
    }

    /// Says in place of a link that it is gone, and where it led.
    pub(super) fn note(&mut self, text: &str, range: Range<usize>, kind: Kind, host: Option<&str>) {
        let what = if kind == Kind::Image { "image" } else { "link" };
        self.named += 1;
        let named = host.filter(|_| self.named <= MAX_NAMED).map(|host| format!(": {}", host.replace('.', "[.]")));
        // Right behind a bracket the note would be a link's target.
        let before = text.get(..range.start).and_then(|before| before.chars().next_back());
        let tight = |c: char| c.is_whitespace() || "([{*_~|\"'<>".contains(c);
        let gap = if before.is_none_or(tight) { "" } else { " " };
        let after = text.get(range.end..).and_then(|after| after.chars().next());
        let end = if after.is_some_and(|c| is_alphanumeric(c) || c == '(') { " " } else { "" };
        self.list.push((range, format!("{gap}({what} removed{}){end}", named.unwrap_or_default()).into()));
    }

    /// The latest change.
    pub(super) fn last(&mut self) -> Option<&mut (Range<usize>, Cow<'static, str>)> {
        self.list.last_mut()
    }

    /// Takes back every change from `place` on.
    pub(super) fn undo_from(&mut self, place: usize) {
        while self.list.last().is_some_and(|(range, _)| range.start >= place) {
            self.list.pop();
        }
    }

    /// Whether an earlier reading has changed part of `range`.
    pub(super) fn covers(&self, range: &Range<usize>) -> bool {
        let settled = self.list.get(..self.settled).unwrap_or_default();
        let index = settled.partition_point(|(known, _)| known.end <= range.start);
        settled.get(index).is_some_and(|(known, _)| known.start < range.end)
    }

    /// Puts what was found in order.
    pub(super) fn settle(&mut self) {
        self.list.sort_by_key(|(range, _)| range.start);
        let mut end = 0;
        self.list.retain(|(range, _)| {
            let apart = range.start >= end;
            end = if apart { range.end } else { end };
            apart
        });
        self.settled = self.list.len();
    }

    pub(super) fn apply(mut self, text: Cow<'_, str>) -> Cow<'_, str> {
        if self.list.is_empty() {
            return text;
        }
        self.settle();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (range, with) in &self.list {
            out.push_str(text.get(at..range.start).unwrap_or(""));
            out.push_str(with);
            at = range.end;
        }
        out.push_str(text.get(at..).unwrap_or(""));
        out.into()
    }
}
