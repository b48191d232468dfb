//! Tables: which tags and attributes a platform shows, and what an attribute's value means.

use super::Platform;
use crate::encode::{MATRIX_TAGS, Tag};

/// What an attribute's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A link that a stranger may name as a whole.
    Link,
    /// A link whose beginning is the literal's.
    Tail,
    Style,
    /// Takes no values, and why.
    Closed(&'static str),
}

/// Bot API, "HTML style", and what TDLib's parser takes beside it.
const TELEGRAM: &[Tag] = &[
    ("b", &[]),
    ("strong", &[]),
    ("i", &[]),
    ("em", &[]),
    ("u", &[]),
    ("ins", &[]),
    ("s", &[]),
    ("strike", &[]),
    ("del", &[]),
    ("span", &["class"]),
    ("tg-spoiler", &[]),
    ("a", &["href"]),
    ("tg-emoji", &["emoji-id"]),
    ("tg-time", &["unix", "format"]),
    ("code", &["class"]),
    ("pre", &[]),
    ("blockquote", &["expandable"]),
];

/// The list of a platform that shows some tags only; they have to be closed in order.
fn list(platform: Platform) -> Option<&'static [Tag]> {
    match platform {
        Platform::Telegram => Some(TELEGRAM),
        Platform::Matrix => Some(MATRIX_TAGS),
        _ => None,
    }
}

/// Whether a platform reads its tags strictly.
pub(super) fn is_strict(platform: Platform) -> bool {
    list(platform).is_some()
}

/// Whether the platform shows the tag.
pub(super) fn shows(platform: Platform, tag: &str) -> bool {
    list(platform).is_none_or(|rows| rows.iter().any(|(name, _)| *name == tag))
}

/// Whether an element has no end tag.
pub(super) fn is_void(tag: &str) -> bool {
    matches!(tag, "br" | "hr" | "img")
}

/// Attributes whose values decide what runs, what is trusted or where it is sent.
const DECIDING: &[&str] = &[
    "allow",
    "as",
    "async",
    "charset",
    "crossorigin",
    "csp",
    "defer",
    "formenctype",
    "formmethod",
    "formtarget",
    "http-equiv",
    "integrity",
    "is",
    "language",
    "method",
    "nonce",
    "ping",
    "referrerpolicy",
    "rel",
    "sandbox",
    "slot",
    "target",
];

/// Attributes that hold a link by their own name; others are known by a part of it.
const LINKS: &[&str] = &[
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

/// Elements whose links load code, or move every other link.
const LOADERS: &[&str] = &["applet", "base", "embed", "frame", "iframe", "link", "object", "portal", "script"];

/// Attributes that scripts of pages (Alpine, Angular, HTMX, Stimulus, Vue) run as code, by their beginning.
const RUN: &[&str] =
    &["on", "v-", "x-", "ng-", "hx-", "_", "data-ng-", "data-hx-", "data-x-", "data-bind", "data-on", "data-action"];

/// What the value of an attribute means.
pub(super) fn kind(platform: Platform, tag: &str, attribute: &str) -> Kind {
    if let Some(rows) = list(platform) {
        let known = rows.iter().any(|(name, own)| *name == tag && own.contains(&attribute));
        return match attribute {
            _ if !known => Kind::Closed("in an attribute that the platform does not show"),
            "href" => Kind::Link,
            "src" => Kind::Tail,
            "target" => Kind::Closed("in an attribute that decides where a link opens"),
            _ => Kind::Text,
        };
    }
    if RUN.iter().any(|start| attribute.starts_with(start)) || attribute.contains(['@', ':', '.', '*', '(', '[', '#']) {
        return Kind::Closed("in an attribute that is run as code");
    }
    match attribute {
        "style" => Kind::Style,
        "srcdoc" => Kind::Closed("in `srcdoc`, a page of its own"),
        "srcset" | "imagesrcset" => Kind::Closed("in a list of links"),
        "type" if tag == "script" => Kind::Closed("in the type of a script"),
        _ if DECIDING.contains(&attribute) => Kind::Closed("in an attribute that decides what runs or what is trusted"),
        _ if LINKS.contains(&attribute)
            || ["src", "uri", "url", "href"].iter().any(|part| attribute.contains(part)) =>
        {
            if LOADERS.contains(&tag) {
                Kind::Closed("in a link that loads code or moves other links")
            } else {
                Kind::Link
            }
        }
        _ => Kind::Text,
    }
}
