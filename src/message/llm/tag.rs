//! HTML tags: those that only mark up stay, those that fetch, run, navigate or hide do not.

use std::sync::Arc;

use super::judge::{Allow, Verdict};
use super::target::{self, Place};
use super::{Kind, bare};

/// Elements that never stay, with or without attributes: they fetch, run, submit, or change how the rest is read.
const DANGEROUS: [&str; 50] = [
    "animate",
    "applet",
    "area",
    "at",
    "audio",
    "base",
    "body",
    "button",
    "canvas",
    "dialog",
    "embed",
    "form",
    "frame",
    "frameset",
    "head",
    "html",
    "iframe",
    "image",
    "img",
    "input",
    "isindex",
    "link",
    "map",
    "marquee",
    "math",
    "meta",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "option",
    "param",
    "picture",
    "plaintext",
    "portal",
    "script",
    "select",
    "set",
    "slot",
    "source",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "track",
    "use",
    "video",
    "xml",
    "xmp",
];

/// What becomes of a tag.
pub(super) enum Fate {
    /// Markup, or a type parameter.
    Stay,
    /// `<a href="…">` to an allowed host.
    Anchor { host: Arc<str> },
    /// It goes; `note` says that its link is gone too.
    Go { kind: Kind, host: Option<Arc<str>>, note: bool },
}

/// The name of the tag whose inside this is.
pub(super) fn name(inside: &str) -> &str {
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(inside.len());
    inside.get(..end).unwrap_or("")
}

/// Whether an element never stays.
pub(super) fn is_dangerous(name: &str) -> bool {
    DANGEROUS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

/// Judges what stands between `<` and `>`.
pub(super) fn judge(inside: &str, allow: &Allow) -> Fate {
    let name = name(inside);
    let go = |kind, host, note| Fate::Go { kind, host, note };
    let rest = inside.strip_prefix('/').unwrap_or(inside).get(name.len()..).unwrap_or("");
    let rest = rest.trim_end_matches('/').trim();
    if rest.is_empty() {
        return if is_dangerous(name) { go(Kind::Html, None, false) } else { Fate::Stay };
    }
    let attributes = attributes(rest);
    let is_image = name.eq_ignore_ascii_case("img") || name.eq_ignore_ascii_case("image");
    let is_anchor = name.eq_ignore_ascii_case("a");
    let url =
        |key: &str| attributes.iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, url)| *url);
    let verdict =
        url(if is_anchor { "href" } else { "src" }).and_then(|url| target::judge(url, Place::Attribute, allow));
    // Written so that parsers may differ: it goes, and what it led to is told.
    let verdict = verdict.or_else(|| {
        let links = bare::candidates(rest).into_iter().map(|found| allow.judge(rest.get(found.range).unwrap_or("")));
        links.filter(|_| attributes.is_none()).find(|verdict| matches!(verdict, Verdict::Drop { .. }))
    });
    if let Some(Verdict::Drop { kind, host }) = verdict {
        let kind = if is_image && kind == Kind::Link { Kind::Image } else { kind };
        return go(kind, host, true);
    }
    let only = |names: &[&str]| {
        attributes
            .as_ref()
            .is_some_and(|list| list.iter().all(|(name, _)| names.iter().any(|n| n.eq_ignore_ascii_case(name))))
    };
    match verdict {
        Some(Verdict::Keep { host }) if is_anchor && only(&["href", "title"]) => Fate::Anchor { host },
        Some(Verdict::Keep { .. }) if is_image && only(&["src", "alt", "title", "width", "height"]) => Fate::Stay,
        _ if !is_dangerous(name) && only(&["class"]) && !inside.starts_with('/') => Fate::Stay,
        _ => go(Kind::Html, None, false),
    }
}

/// `name="value"` pairs; `None` for anything that parsers read differently.
fn attributes(mut rest: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.split_once('=')?;
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, after) = after.get(1..)?.split_once(quote)?;
        let spaced = after.is_empty() || after.starts_with(char::is_whitespace);
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
            || !spaced
            || value.contains(['<', '`'])
        {
            return None;
        }
        // The first of two counts for browsers, the last for others.
        if found.iter().any(|(known, _): &(&str, &str)| known.eq_ignore_ascii_case(name)) {
            return None;
        }
        found.push((name, value));
        rest = after;
    }
}
