//! What a model wrote, made fit for a chat: no link or image leads anywhere but where the list says, nothing is hidden,
//! nobody is pinged.
//!
//! | pass | takes care of |
//! |---|---|
//! | [`invisible`] | tags, zero-width characters, direction marks, controls |
//! | [`structure`] | inline and reference links, images, autolinks, Slack's and Discord's brackets, HTML |
//! | [`bare`] | whatever a client links by itself, in every reading of the text ([`view`]) |
//! | [`mention`] | `@everyone` and its kin |
//! | `redact` | secrets of this process |
//!
//! The passes repeat until nothing changes, so a text that went through once stays as it is. Each is linear in the text.
//! None of this tells whether a text was written by an attacker: prompt injection is not detected.

mod bare;
mod code;
mod edits;
mod invisible;
mod judge;
mod letters;
mod mention;
mod structure;
mod tag;
mod target;
mod tlds;
mod view;

pub use judge::Allow;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::Platform;
use crate::redact;
use edits::Edits;
use judge::Verdict;
use view::View;

/// Rounds after which a text that still changes is reduced to its words.
const MAX_ROUNDS: usize = 8;
/// Findings that are told apart; more are counted with those of their kind.
const MAX_FINDINGS: usize = 100;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A link to a host that is not on the list.
    Link,
    /// An image from a host that is not on the list.
    Image,
    /// A scheme other than http and https, or a target that is no absolute URL.
    Scheme,
    /// A link that reads like one to an allowed host and is none.
    Disguised,
    /// A label that names another host than its link.
    Label,
    /// An allowed URL that carries one to somebody else.
    Nested,
    /// A secret.
    Secret,
    /// An allowed URL with long or encoded data in it.
    Opaque,
    /// HTML that was taken out.
    Html,
    /// Characters that nobody sees.
    Invisible,
    /// A mention that would have pinged.
    Mention,
}

impl Kind {
    /// The name in Python.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Image => "image",
            Self::Scheme => "scheme",
            Self::Disguised => "disguised",
            Self::Label => "label",
            Self::Nested => "nested",
            Self::Secret => "secret",
            Self::Opaque => "opaque",
            Self::Html => "html",
            Self::Invisible => "invisible",
            Self::Mention => "mention",
        }
    }
}

/// One kind of thing that was found, at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The host that it led to, where one can be named without repeating data.
    pub host: Option<Arc<str>>,
    /// How often.
    pub count: usize,
}

/// A text that may be shown, and what it lost.
#[derive(Clone, Debug)]
pub struct Clean {
    /// The text.
    pub text: String,
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
}

/// Makes a model's text fit for `platform`.
pub fn sanitize(text: &str, platform: Platform, allow: &Allow) -> Clean {
    let mut findings = Findings::default();
    allow.begin();
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let next = round(&text, platform, allow, &mut findings);
        if next == text {
            return Clean { text, findings: findings.list };
        }
        text = next.into_owned();
    }
    // Built so that each round uncovers something new. Its words are all that it keeps.
    let words = |c: char| if c.is_alphanumeric() || matches!(c, ' ' | '\n' | ',') { c } else { ' ' };
    Clean {
        text: redact::scrub(&text.chars().map(words).collect::<String>()).replace(['[', ']'], " "),
        findings: findings.list,
    }
}

fn round<'t>(text: &'t str, platform: Platform, allow: &Allow, findings: &mut Findings) -> Cow<'t, str> {
    let (text, dropped) = invisible::strip(text);
    findings.add(Kind::Invisible, None, dropped);
    let text = structure::rewrite(text, platform, allow, findings);
    let text = names(text, platform, allow, findings);
    let (text, pinged) = mention::quiet(text, platform);
    findings.add(Kind::Mention, None, pinged);
    let masked = match redact::scrub(&text) {
        Cow::Borrowed(_) => return text,
        Cow::Owned(masked) => masked,
    };
    findings.add(Kind::Secret, None, 1);
    masked.into()
}

/// Takes out what a client would link by itself.
fn names<'t>(text: Cow<'t, str>, platform: Platform, allow: &Allow, findings: &mut Findings) -> Cow<'t, str> {
    let shows_code = matches!(platform, Platform::Discord | Platform::Slack | Platform::Teams | Platform::Matrix);
    let code = OnceCell::new();
    let in_code = |at: usize| {
        let code = code.get_or_init(|| if shows_code { code::ranges(&text) } else { Vec::new() });
        let index = code.partition_point(|range| range.end <= at);
        code.get(index).is_some_and(|range| range.contains(&at))
    };
    let mut edits = Edits::default();
    // The reading that undoes the most knows the link as a whole.
    for view in View::all(&text).iter().rev() {
        for candidate in bare::candidates(view.text()) {
            let written = view.text().get(candidate.range.clone()).unwrap_or("");
            let source = view.source(candidate.range.clone());
            if edits.covers(&source) {
                continue;
            }
            let verdict = match allow.judge(written) {
                Verdict::Keep { host } if candidate.runs_on => {
                    Verdict::Drop { kind: Kind::Disguised, host: Some(host) }
                }
                verdict => verdict,
            };
            let Verdict::Drop { kind, host } = verdict else { continue };
            let Some(name) = candidate.name else {
                edits.note(&text, source, kind, host.as_deref());
                findings.add(kind, host, 1);
                continue;
            };
            if !in_code(source.start) {
                for (dot, _) in view.text().get(name.clone()).unwrap_or("").match_indices('.') {
                    edits.replace(view.source(name.start + dot..name.start + dot + 1), "[.]");
                }
                findings.add(kind, host, 1);
            }
        }
        edits.settle();
    }
    edits.apply(text)
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    places: HashMap<(Kind, Option<Arc<str>>), usize>,
}

impl Findings {
    fn add(&mut self, kind: Kind, host: Option<Arc<str>>, count: usize) {
        if count == 0 {
            return;
        }
        let host = host.filter(|_| self.list.len() < MAX_FINDINGS);
        let new = self.list.len();
        let place = *self.places.entry((kind, host.clone())).or_insert(new);
        match self.list.get_mut(place) {
            Some(finding) => finding.count += count,
            None => self.list.push(Finding { kind, host, count }),
        }
    }
}

#[cfg(test)]
mod tests;
