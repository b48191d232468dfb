//! HTML and URLs.

use std::borrow::Cow;

use super::rewrite;

/// HTML text, and quoted attribute values that hold no control characters.
pub fn html(text: &str) -> Cow<'_, str> {
    html_escape::encode_quoted_attribute(text)
}

/// A quoted HTML attribute value: as [`html`], and what old parsers take for quotes or line ends as references.
pub fn html_attribute(text: &str) -> Cow<'_, str> {
    let dirty = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '`' | '=' | '\n' | '\r' | '\t') || c.is_control();
    rewrite(text, dirty, |c, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#x27;"),
        '`' => out.push_str("&#x60;"),
        '=' => out.push_str("&#x3D;"),
        '\n' => out.push_str("&#xA;"),
        '\r' => out.push_str("&#xD;"),
        '\t' => out.push_str("&#x9;"),
        // No reference stands for the other controls: HTML forbids them.
        _ => out.push('\u{fffd}'),
    })
}

fn percent(c: char, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0'));
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        out.extend(['%', digit(byte >> 4), digit(byte)]);
    }
}

fn is_reserved(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'))
}

/// One path segment: everything but RFC 3986's unreserved characters percent-encoded; a dot segment loses its meaning.
pub fn url_segment(text: &str) -> Cow<'_, str> {
    match text {
        "." => Cow::Borrowed("%2E"),
        ".." => Cow::Borrowed("%2E%2E"),
        _ => rewrite(text, is_reserved, percent),
    }
}

/// A key or value of a query or form: everything but unreserved characters percent-encoded.
pub fn url_query(text: &str) -> Cow<'_, str> {
    rewrite(text, is_reserved, percent)
}
