//! Links, images, definitions and tags that are written as such: what leads astray loses its brackets and keeps its label.
//!
//! One pass over the brackets. Nothing is skipped for a backslash before it: platforms differ in whether it counts.

use std::borrow::Cow;
use std::sync::Arc;

use super::edits::Edits;
use super::judge::{Allow, Verdict};
use super::tag::{self, Fate};
use super::target::{self, Place};
use super::view::View;
use super::{Findings, Kind, bare};
use crate::message::Platform;

/// How much of a label is compared with its link, at either end.
const LABEL: usize = 300;
/// Longest title behind a target.
const MAX_TITLE: usize = 512;
/// Most attributes' worth of a tag that is read.
const MAX_TAG: usize = 8_192;

/// Takes out what leads away from the list.
pub(super) fn rewrite<'t>(
    text: Cow<'t, str>,
    platform: Platform,
    allow: &Allow,
    findings: &mut Findings,
) -> Cow<'t, str> {
    let mut walk = Walk {
        text: &text,
        platform,
        allow,
        findings,
        edits: Edits::default(),
        brackets: Vec::new(),
        next_end: None,
        dropped_anchors: 0,
    };
    let mut at = 0;
    while let Some(step) = text.as_bytes().get(at..).and_then(|rest| memchr::memchr3(b'[', b']', b'<', rest)) {
        at += step;
        at = match text.as_bytes().get(at) {
            Some(b'[') => {
                walk.brackets.push(at);
                at + 1
            }
            Some(b']') => walk.bracket(at),
            _ => walk.angle(at),
        };
    }
    let edits = walk.edits;
    edits.apply(text)
}

struct Walk<'a> {
    text: &'a str,
    platform: Platform,
    allow: &'a Allow,
    findings: &'a mut Findings,
    edits: Edits,
    /// Where brackets opened.
    brackets: Vec<usize>,
    /// The next `>`, once looked for: `Some(None)` when there is none.
    next_end: Option<Option<usize>>,
    /// `<a>` tags that are gone, whose ends go too.
    dropped_anchors: usize,
}

/// A target as it stands in the text.
struct Target {
    range: std::ops::Range<usize>,
    /// Behind its own brackets.
    after: usize,
}

impl Walk<'_> {
    fn slice(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or("")
    }

    /// At `]`: returns where to go on.
    fn bracket(&mut self, at: usize) -> usize {
        let open = self.brackets.pop();
        let place = match self.text.as_bytes().get(at + 1) {
            Some(b'(') => Place::Inline,
            Some(b':') if open.is_some_and(|open| self.begins_line(open)) => Place::Definition,
            _ => return at + 1,
        };
        let target = self.target(at + 2);
        let written = self.slice(target.range.start, target.range.end);
        let image = open.filter(|open| self.text.get(..*open).is_some_and(|before| before.ends_with('!')));
        match target::judge(written, place, self.allow) {
            None => at + 1,
            Some(Verdict::Keep { host }) => {
                if let (Some(open), None, Place::Inline) = (open, image, place) {
                    self.compare(open + 1, at, &host);
                }
                target.range.end.max(at + 1)
            }
            Some(Verdict::Drop { kind, host }) => {
                let kind = if image.is_some() && kind == Kind::Link { Kind::Image } else { kind };
                let end = self.target_close(&target, place).unwrap_or(target.range.end).max(at + 2);
                match (open, place) {
                    (Some(open), Place::Inline) => {
                        self.edits.replace(image.map_or(open, |open| open - 1)..open + 1, "");
                        self.edits.note(self.text, at..end, kind, host.as_deref());
                    }
                    // Without its colon a definition is a name in brackets.
                    _ => self.edits.note(self.text, at + 1..end, kind, host.as_deref()),
                }
                self.findings.add(kind, host, 1);
                end
            }
        }
    }

    /// Whether only list and quote marks stand before `at` on its line.
    fn begins_line(&self, at: usize) -> bool {
        let before = self
            .text
            .get(at.saturating_sub(64)..at)
            .or_else(|| self.text.get(self.text.ceil_char_boundary(at.saturating_sub(64))..at));
        let line = before.unwrap_or("").rsplit('\n').next().unwrap_or("");
        line.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'\t' | b'>' | b'-' | b'*' | b'+' | b'.' | b')'))
    }

    /// Reads the target that begins behind `](` or `]:`.
    fn target(&self, from: usize) -> Target {
        let rest = self.text.get(from..).unwrap_or("");
        let start = from + rest.len() - rest.trim_start().len();
        let rest = self.text.get(start..).unwrap_or("");
        match rest.strip_prefix('<') {
            Some(inside) => {
                let end = inside.find(['<', '>', '\n']).unwrap_or(inside.len());
                let closed = inside.get(end..).is_some_and(|rest| rest.starts_with('>'));
                Target { range: start + 1..start + 1 + end, after: start + 1 + end + usize::from(closed) }
            }
            None => {
                let end = start + target_end(rest);
                Target { range: start..end, after: end }
            }
        }
    }

    /// Behind the title and the closing bracket, when both are there.
    fn target_close(&self, target: &Target, place: Place) -> Option<usize> {
        let rest = self.text.get(target.after..).unwrap_or("");
        let spaced = rest.trim_start_matches([' ', '\t', '\n']);
        let title = match spaced.chars().next() {
            Some(quote @ ('"' | '\'' | '(')) if spaced.len() < rest.len() => {
                let close = if quote == '(' { ')' } else { quote };
                let inside = spaced.get(1..spaced.ceil_char_boundary(MAX_TITLE.min(spaced.len()))).unwrap_or("");
                inside.find(close).map_or(0, |at| at + 2)
            }
            _ => 0,
        };
        let behind = spaced.get(title..).unwrap_or("");
        match place {
            Place::Inline => {
                let closing = behind.trim_start_matches([' ', '\t', '\n']);
                closing.starts_with(')').then(|| self.text.len() - closing.len() + 1)
            }
            _ => (title > 0).then(|| self.text.len() - behind.len()),
        }
    }

    /// A label that names another host than the one it leads to is replaced by the name of the latter.
    fn compare(&mut self, from: usize, to: usize, host: &Arc<str>) {
        if misleads(self.slice(from, to), host) {
            self.edits.undo_from(from);
            self.edits.replace(from..to, host.as_ref().to_owned());
            self.findings.add(Kind::Label, Some(Arc::clone(host)), 1);
        }
    }

    /// The next `>` from `at` on.
    fn end(&mut self, at: usize) -> Option<usize> {
        let known = self.next_end.filter(|end| end.is_none_or(|end| end >= at));
        let end = known.unwrap_or_else(|| self.text.get(at..).and_then(|rest| rest.find('>')).map(|end| at + end));
        self.next_end = Some(end);
        end
    }

    /// At `<`: returns where to go on.
    fn angle(&mut self, at: usize) -> usize {
        let next = self.text.get(at + 1..).and_then(|rest| rest.chars().next());
        let opens = next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?' | '@' | '#' | '\\'));
        if !opens {
            return at + 1;
        }
        let Some(end) = self.end(at) else {
            // Nothing ends it here; what is shown behind this text may.
            let name = tag::name(self.slice(at + 1, (at + 24).min(self.text.len())));
            let has_attributes =
                self.text.get(at + 1 + name.len()..).is_some_and(|rest| rest.starts_with([' ', '/', '\n', '\t']));
            if !name.is_empty() && tag::is_dangerous(name)
                || name.eq_ignore_ascii_case("a") && has_attributes
                || next.is_some_and(|c| matches!(c, '!' | '?'))
            {
                self.edits.replace(at..at + 1, "");
                self.findings.add(Kind::Html, None, 1);
            }
            return at + 1;
        };
        let inside = self.slice(at + 1, end);
        if inside.len() > MAX_TAG {
            self.edits.replace(at..at + 1, "");
            self.findings.add(Kind::Html, None, 1);
            return at + 1;
        }
        if let Some(shown) = self.mention(inside) {
            self.edits.replace(at..end + 1, shown);
            self.findings.add(Kind::Mention, None, 1);
            return end + 1;
        }
        match next {
            Some('!' | '?') => {
                self.edits.replace(at..at + 1, "");
                self.findings.add(Kind::Html, None, 1);
                at + 1
            }
            Some('@' | '#' | '\\') => at + 1,
            _ if self.platform == Platform::Discord && is_discords(inside) => end + 1,
            _ => self.link_or_tag(at, end),
        }
    }

    /// What a mention in angle brackets shows instead; `None` when it is none.
    fn mention(&self, inside: &str) -> Option<String> {
        let label = inside.split_once('|').map(|(_, label)| label).filter(|label| !label.is_empty());
        let flat = inside.len() <= 256 && !inside.contains(['<', '\n']);
        let (mark, id) = match inside.chars().next()? {
            '@' => (super::mention::INERT, inside.trim_start_matches(['@', '!', '&'])),
            '#' => ('\u{ff03}', inside.get(1..)?),
            // A comment is none, and a date may hold a link: its label is all that stays.
            '!' if !inside.starts_with("!-")
                && !inside.starts_with("![")
                && !inside.get(1..8)?.eq_ignore_ascii_case("doctype") =>
            {
                (super::mention::INERT, inside.get(1..)?.split('^').next()?)
            }
            '/' if inside
                .rsplit_once(':')
                .is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())) =>
            {
                ('/', inside.get(1..)?.split(':').next()?)
            }
            'i' if inside.starts_with("id:") => return flat.then(|| inside.get(3..).unwrap_or("").to_owned()),
            _ => return None,
        };
        let label = label.map(|label| label.trim_start_matches(['@', '#']));
        flat.then(|| format!("{mark}{}", label.unwrap_or(id)))
    }

    /// An autolink, Slack's `<url|label>`, or a tag.
    fn link_or_tag(&mut self, at: usize, end: usize) -> usize {
        let inside = self.text.get(at + 1..end).unwrap_or("");
        let nested = inside.find('<');
        let head = nested.and_then(|at| inside.get(..at)).unwrap_or(inside);
        let (url, label) = head.split_once('|').map_or((head, None), |(url, label)| (url, Some(label)));
        let is_link =
            bare::scheme(url).is_some() || bare::is_host(bare::host_of(url)) && !url.contains([' ', '\n', '=']);
        if is_link && nested.is_some() {
            // No autolink; what opens inside of it is read for itself.
            self.edits.replace(at..at + 1, "");
            self.findings.add(Kind::Html, None, 1);
            return at + 1;
        }
        if is_link {
            match target::judge(url, Place::Attribute, self.allow) {
                Some(Verdict::Drop { kind, host }) => {
                    self.edits.note(self.text, at..end + 1, kind, host.as_deref());
                    if let (Some(label), Some((_, with))) = (label, self.edits.last()) {
                        *with = format!("{label} {}", with.trim_start()).into();
                    }
                    self.findings.add(kind, host, 1);
                }
                Some(Verdict::Keep { host }) => {
                    if let Some(label) = label {
                        self.compare(end - label.len(), end, &host);
                    }
                }
                None => {}
            }
            return end + 1;
        }
        match tag::judge(inside, self.allow) {
            Fate::Stay if inside.eq_ignore_ascii_case("/a") && self.dropped_anchors > 0 => {
                self.dropped_anchors -= 1;
                self.edits.replace(at..end + 1, "");
            }
            Fate::Stay => {}
            Fate::Anchor { host } => {
                let label = self
                    .text
                    .get(end + 1..self.text.ceil_char_boundary((end + 1 + LABEL).min(self.text.len())))
                    .unwrap_or("");
                let label = label.find("</").and_then(|at| label.get(..at)).unwrap_or(label);
                if misleads(label, &host) {
                    self.dropped_anchors += 1;
                    self.edits.note(self.text, at..end + 1, Kind::Label, Some(&host));
                    self.findings.add(Kind::Label, Some(host), 1);
                }
            }
            Fate::Go { kind, host, note } => {
                self.dropped_anchors +=
                    usize::from(tag::name(inside).eq_ignore_ascii_case("a") && !inside.starts_with('/'));
                if note {
                    self.edits.note(self.text, at..end + 1, kind, host.as_deref());
                } else {
                    self.edits.replace(at..end + 1, "");
                }
                self.findings.add(kind, host, 1);
            }
        }
        end + 1
    }
}

/// Discord's timestamps and emoji.
fn is_discords(inside: &str) -> bool {
    let mut parts = inside.split(':');
    let (first, middle, last) = (parts.next(), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    parts.next().is_none() && matches!(first, Some("t" | "a")) && word(middle) && (last.is_empty() || word(last))
}

/// Where a target without angle brackets ends: at a blank, at a bracket that it did not open, at another construct.
fn target_end(rest: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return at,
            ')' => depth -= 1,
            '<' | '>' | '[' | ']' => return at,
            _ if c.is_whitespace() => return at,
            _ => {}
        }
    }
    rest.len()
}

/// Whether a label names a host that is not the link's.
fn misleads(label: &str, host: &str) -> bool {
    let head = label.get(..label.ceil_char_boundary(LABEL.min(label.len()))).unwrap_or("");
    let behind = label.floor_char_boundary(label.len().saturating_sub(LABEL));
    let tail = label.get(behind..).filter(|_| label.len() > LABEL);
    [Some(head), tail].into_iter().flatten().any(|part| {
        View::all(part).iter().any(|view| {
            let text = view.text().replace("[.]", ".");
            bare::candidates(&text).iter().any(|found| {
                let named = bare::host_of(text.get(found.range.clone()).unwrap_or(""));
                !named.is_empty() && !named.eq_ignore_ascii_case(host)
            })
        })
    })
}
