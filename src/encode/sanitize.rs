//! HTML from strangers, down to what a profile lists.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::markup::html;
use super::{nesting, scan};

/// What may stay in sanitised HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Emphasis, code, quotes, lists and https links.
    Chat,
    /// What the Matrix specification permits, exactly. Source: client-server API v1.18, "m.room.message msgtypes".
    Matrix,
    /// Formatted mail: tables, headings, attached images (`cid:`); never a remote image, which tells its sender who reads.
    Email,
}

/// HTML without anything that `profile` does not list: other tags go and their text stays, scripts and styles go whole.
///
/// Markup that nests deeper than 100 elements, leaves more than 100 open, or is made to keep a parser busy in another way is
/// escaped as a whole: HTML's own rules make such parsing quadratic.
pub fn sanitize_html(text: &str, profile: Profile) -> Cow<'_, str> {
    // What the parser or the serialiser would change.
    let live = |b: u8| (b | 2 == b'>') | (b == b'&') | (b == b'\r') | (b == 0) | (b == 0xc2);
    if scan::clean_prefix(text.as_bytes(), live) == text.len() {
        return Cow::Borrowed(text);
    }
    if !nesting::is_bounded(text) {
        return html(text);
    }
    let builder = match profile {
        Profile::Chat => &CHAT,
        Profile::Matrix => &MATRIX,
        Profile::Email => &EMAIL,
    };
    let clean = builder.clean(text).to_string();
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// A tag and its attributes.
pub type Tag = (&'static str, &'static [&'static str]);

fn builder(tags: &[Tag], schemes: &[&'static str], rel: &'static str) -> Builder<'static> {
    let mut builder = Builder::empty();
    let attributes: HashMap<&str, HashSet<&str>> = tags
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(tag, names)| (*tag, names.iter().copied().collect()))
        .collect();
    builder
        .tags(tags.iter().map(|(tag, _)| *tag).collect())
        .tag_attributes(attributes)
        .generic_attributes(HashSet::new())
        .clean_content_tags(["script", "style", "mx-reply"].into())
        .url_schemes(schemes.iter().copied().collect())
        .url_relative(UrlRelative::Deny)
        .link_rel(Some(rel));
    builder
}

static CHAT: LazyLock<Builder<'static>> = LazyLock::new(|| {
    const TAGS: &[Tag] = &[
        ("a", &["href"]),
        ("b", &[]),
        ("blockquote", &[]),
        ("br", &[]),
        ("code", &[]),
        ("del", &[]),
        ("div", &[]),
        ("em", &[]),
        ("i", &[]),
        ("li", &[]),
        ("ol", &[]),
        ("p", &[]),
        ("pre", &[]),
        ("s", &[]),
        ("span", &[]),
        ("strong", &[]),
        ("u", &[]),
        ("ul", &[]),
    ];
    builder(TAGS, &["https"], "noopener noreferrer")
});

/// What Matrix shows: tags and their attributes. Source: client-server API v1.18, "m.room.message msgtypes".
pub const MATRIX_TAGS: &[Tag] = &[
    ("a", &["target", "href"]),
    ("b", &[]),
    ("blockquote", &[]),
    ("br", &[]),
    ("caption", &[]),
    ("code", &["class"]),
    ("del", &[]),
    ("details", &[]),
    ("div", &["data-mx-maths"]),
    ("em", &[]),
    ("h1", &[]),
    ("h2", &[]),
    ("h3", &[]),
    ("h4", &[]),
    ("h5", &[]),
    ("h6", &[]),
    ("hr", &[]),
    ("i", &[]),
    ("img", &["width", "height", "alt", "title", "src"]),
    ("li", &[]),
    ("ol", &["start"]),
    ("p", &[]),
    ("pre", &[]),
    ("s", &[]),
    ("span", &["data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"]),
    ("strong", &[]),
    ("sub", &[]),
    ("summary", &[]),
    ("sup", &[]),
    ("table", &[]),
    ("tbody", &[]),
    ("td", &[]),
    ("th", &[]),
    ("thead", &[]),
    ("tr", &[]),
    ("u", &[]),
    ("ul", &[]),
];

static MATRIX: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = builder(MATRIX_TAGS, &["https", "http", "ftp", "mailto", "magnet", "mxc"], "noopener");
    builder.attribute_filter(|tag, name, value| match (tag, name) {
        ("img", "src") => has_scheme(value, "mxc").then_some(value.into()),
        ("a", "href") => (!has_scheme(value, "mxc")).then_some(value.into()),
        ("code", "class") => language(value),
        (_, "data-mx-color" | "data-mx-bg-color") => is_colour(value).then_some(value.into()),
        _ => Some(value.into()),
    });
    builder
});

static EMAIL: LazyLock<Builder<'static>> = LazyLock::new(|| {
    const CELL: &[&str] = &["align", "colspan", "rowspan", "valign"];
    const TAGS: &[Tag] = &[
        ("a", &["href", "title"]),
        ("abbr", &["title"]),
        ("b", &[]),
        ("blockquote", &[]),
        ("br", &[]),
        ("caption", &[]),
        ("center", &[]),
        ("code", &[]),
        ("dd", &[]),
        ("del", &[]),
        ("div", &["align"]),
        ("dl", &[]),
        ("dt", &[]),
        ("em", &[]),
        ("h1", &[]),
        ("h2", &[]),
        ("h3", &[]),
        ("h4", &[]),
        ("h5", &[]),
        ("h6", &[]),
        ("hr", &[]),
        ("i", &[]),
        ("img", &["alt", "height", "src", "title", "width"]),
        ("ins", &[]),
        ("kbd", &[]),
        ("li", &[]),
        ("ol", &["start"]),
        ("p", &["align"]),
        ("pre", &[]),
        ("q", &[]),
        ("s", &[]),
        ("samp", &[]),
        ("small", &[]),
        ("span", &[]),
        ("strong", &[]),
        ("sub", &[]),
        ("sup", &[]),
        ("table", &["align", "border", "cellpadding", "cellspacing"]),
        ("tbody", &[]),
        ("td", CELL),
        ("tfoot", &[]),
        ("th", CELL),
        ("thead", &[]),
        ("tr", &["align", "valign"]),
        ("u", &[]),
        ("ul", &[]),
        ("var", &[]),
    ];
    let mut builder = builder(TAGS, &["https", "http", "mailto", "tel", "cid"], "noopener noreferrer");
    builder.attribute_filter(|tag, name, value| match (tag, name) {
        ("img", "src") => has_scheme(value, "cid").then_some(value.into()),
        ("a", "href") => (!has_scheme(value, "cid")).then_some(value.into()),
        _ => Some(value.into()),
    });
    builder
});

fn has_scheme(value: &str, scheme: &str) -> bool {
    url::Url::parse(value).is_ok_and(|url| url.scheme() == scheme)
}

/// The classes that name a language; what is left of none is no attribute.
fn language(value: &str) -> Option<Cow<'_, str>> {
    let mut kept = value.split_ascii_whitespace().filter(|class| class.starts_with("language-"));
    let first = kept.next()?;
    let all: String = kept.fold(first.to_owned(), |all, class| all + " " + class);
    Some(if all == value { Cow::Borrowed(value) } else { Cow::Owned(all) })
}

/// `#` and six hexadecimal digits.
fn is_colour(value: &str) -> bool {
    value.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}
