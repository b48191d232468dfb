//! URLs: one segment, one value of a query, a whole link.

use std::borrow::Cow;

use super::table::Table;
use crate::error::{Code, Error};
use crate::url::{Origin, SafeUrl};

static PERCENT: Table = Table::percent();

const fn is_reserved(byte: u8) -> bool {
    let letter = ((byte | 32).wrapping_sub(b'a') < 26) & (byte < 0x80);
    let digit = byte.wrapping_sub(b'0') < 10;
    !(letter | digit | (byte.wrapping_sub(b'-') < 2) | (byte == b'_') | (byte == b'~'))
}

/// One path segment: everything but RFC 3986's unreserved characters percent-encoded.
///
/// # Errors
/// `InputError` for `.` and `..`, which climb even when they are percent-encoded, and for the empty text, which leaves no
/// segment.
///
/// Source: RFC 3986 §2.3, §3.3; WHATWG URL §4.4 (double-dot segments).
pub fn url_segment(text: &str) -> Result<Cow<'_, str>, Error> {
    let reason = match text {
        "" => "an empty segment",
        "." | ".." => "a dot segment",
        _ => return Ok(url_query(text)),
    };
    Err(Error::new(Code::InputPath).with("reason", reason))
}

/// A key or value of a query or form: everything but unreserved characters percent-encoded.
pub fn url_query(text: &str) -> Cow<'_, str> {
    PERCENT.apply(text, is_reserved)
}

/// A whole https link in one canonical form: A-labels, no credentials, percent-encoded so that it may stand in HTML
/// attributes (through [`super::html`]) and between the brackets of markdown.
///
/// # Errors
/// `InputError` for another scheme, for a text that two parsers may read in two ways, and for a host that `permits` refuses.
pub fn link(text: &str, permits: impl Fn(&Origin) -> bool) -> Result<String, Error> {
    let refused = |reason: &str| Error::new(Code::InputUrl).with("reason", reason.to_owned());
    let url = SafeUrl::parse(text).map_err(|error| {
        let reason = error.details().iter().find(|(key, _)| *key == "reason").map(|(_, reason)| reason.clone());
        refused(&reason.unwrap_or_default())
    })?;
    if !permits(url.origin()) {
        return Err(refused("the host is not on the list"));
    }
    let (path, query) = url.path_and_query();
    let mut out = format!("https://{}{}", url.origin().authority(), BRACKETS.apply(path, is_bracket));
    if let Some(query) = query {
        out.push('?');
        out.push_str(&BRACKETS.apply(query, is_bracket));
    }
    // A fragment is never sent, so `SafeUrl` drops it; readers follow it.
    if let Some((_, fragment)) = text.split_once('#') {
        out.push('#');
        out.push_str(&FRAGMENT.apply(fragment, is_fragment));
    }
    Ok(out)
}

/// What a path or query may hold bare, and markdown, HTML or a bare-link detector reads as its own.
static BRACKETS: Table = Table::of(&[
    (b'"', "%22"),
    (b'\'', "%27"),
    (b'(', "%28"),
    (b')', "%29"),
    (b'*', "%2A"),
    (b'<', "%3C"),
    (b'>', "%3E"),
    (b'[', "%5B"),
    (b'\\', "%5C"),
    (b']', "%5D"),
    (b'^', "%5E"),
    (b'`', "%60"),
    (b'{', "%7B"),
    (b'|', "%7C"),
    (b'}', "%7D"),
]);

const fn is_bracket(byte: u8) -> bool {
    (byte == b'"')
        | (byte.wrapping_sub(b'\'') < 4)
        | (byte | 2 == b'>')
        | (byte.wrapping_sub(b'[') < 4)
        | (byte == b'`')
        | (byte.wrapping_sub(b'{') < 3)
}

/// A fragment may hold percent escapes and the rest of RFC 3986's `pchar`, `/` and `?`; everything else is encoded.
static FRAGMENT: Table = Table::percent().keeping(b"%/?:@!$&+,;=");

const fn is_fragment(byte: u8) -> bool {
    is_reserved(byte)
        & !((byte == b'%')
            | (byte == b'/')
            | (byte == b'?')
            | (byte == b':')
            | (byte == b'@')
            | (byte == b'!')
            | (byte == b'$')
            | (byte == b'&')
            | (byte == b'+')
            | (byte == b',')
            | (byte == b';')
            | (byte == b'='))
}

#[cfg(test)]
pub(super) fn tables() -> Vec<(&'static Table, fn(u8) -> bool)> {
    vec![(&PERCENT, is_reserved), (&BRACKETS, is_bracket), (&FRAGMENT, is_fragment)]
}
