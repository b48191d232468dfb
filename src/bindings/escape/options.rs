//! The functions that take more than a text, and the one that most others are measured by.

use std::borrow::Cow;

use pyo3::prelude::*;

use super::super::convert::strings;
use super::super::error::{Raise, wrong_value};
use super::{Text, applied, apply, export, given, try_apply, wide};
use crate::encode::{self, Profile, Where};
use crate::policy::hosts::HostRule;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    export(module, "escape_discord", wrap_pyfunction!(discord, module)?)?;
    export(module, "escape_html", wrap_pyfunction!(html, module)?)?;
    export(module, "escape_link", wrap_pyfunction!(link, module)?)?;
    export(module, "escape_sanitize_html", wrap_pyfunction!(sanitize_html, module)?)?;
    export(module, "escape_telegram", wrap_pyfunction!(telegram, module)?)
}

fn place(name: &str) -> PyResult<Where> {
    match name {
        "text" => Ok(Where::Text),
        "code" => Ok(Where::Code),
        "link" => Ok(Where::Link),
        _ => Err(wrong_value("`where` is \"text\", \"code\" or \"link\".")),
    }
}

/// Escape text for Telegram's MarkdownV2.
///
/// Args:
///     text: Untrusted text.
///     where: `"text"` for running text, `"code"` inside code, `"link"` inside the `(…)` of a link.
///
/// Returns:
///     The text with a backslash before what MarkdownV2 reads. Bare addresses, @names and /commands are still found.
///
/// Raises:
///     ValueError: `where` is none of these.
///     TypeError: `text` is not a `str`.
///
/// Example:
///     >>> print(telegram("1.5 *bold*"))
///     1\.5 \*bold\*
///
/// Source: Telegram Bot API, "MarkdownV2 style".
#[pyfunction]
#[pyo3(signature = (text, *, r#where="text"))]
fn telegram<'py>(text: &Bound<'py, PyAny>, r#where: &str) -> PyResult<Text<'py>> {
    let place = place(r#where)?;
    apply(text, |text| encode::telegram(text, place))
}

/// Escape text for Discord's markdown.
///
/// Markup, masked links, mentions, commands, emoji and timestamps become inert. Send `allowed_mentions: {"parse": []}` as
/// well: only that is sure to keep mentions silent. Bare addresses stay links.
///
/// Args:
///     text: Untrusted text.
///     where: `"text"` for running text, `"link"` inside the `[…]` of a masked link, where full-width forms stand for what
///         has no escape, `"code"` inside code, whose fences are broken by zero-width spaces.
///
/// Returns:
///     The text with a backslash before what Discord reads, and a zero-width space after the `@` of a mention.
///
/// Raises:
///     ValueError: `where` is none of these.
///     TypeError: `text` is not a `str`.
///
/// Example:
///     >>> print(discord("**hi**"))
///     \*\*hi\*\*
///
/// Source: Discord developer documentation, "Message Formatting", "Allowed Mentions Object".
#[pyfunction]
#[pyo3(signature = (text, *, r#where="text"))]
fn discord<'py>(text: &Bound<'py, PyAny>, r#where: &str) -> PyResult<Text<'py>> {
    let place = place(r#where)?;
    apply(text, |text| encode::discord(text, place))
}

/// Escape text for HTML content and quoted attribute values.
///
/// Args:
///     text: Untrusted text. Not for unquoted attributes (there is no safe escape), `href`, `src`, `style`, event
///         handlers, scripts or style sheets: see `html_attribute`, `link`, `js_string` and `css_string`.
///
/// Returns:
///     The text with `& < > " '` as references.
///
/// Raises:
///     TypeError: `text` is not a `str`.
///
/// Example:
///     >>> html("<script>")
///     '&lt;script&gt;'
///
/// Source: WHATWG HTML §13.1.2.
#[pyfunction]
fn html<'py>(text: &Bound<'py, PyAny>) -> PyResult<Text<'py>> {
    let given = given(text)?;
    if wide::is_long(given)?
        && let Some(out) = wide::html(given)?
    {
        return Ok(out);
    }
    applied(given, encode::html)
}

/// Judge a whole link from a stranger, and write it in one safe form.
///
/// Args:
///     url: An absolute https URL.
///     allow_hosts: Hosts that the link may lead to, as in `Client(hosts=…)`: `"example.org"`, `"*.example.org"`,
///         `"example.org:8443"`. `None` allows every host. Names are compared in their canonical ASCII form.
///
/// Returns:
///     The URL with its host in ASCII, and percent-encoded so that it may stand in markdown's `(…)`; through `html` it may
///     stand in an attribute.
///
/// Raises:
///     InputError: Another scheme, credentials, blanks, control or invisible characters, a host that two parsers may read
///         in two ways, or one that is not on the list.
///     TypeError: `url` is not a `str`.
///
/// Example:
///     >>> link("https://Example.org/a(b)", allow_hosts=["example.org"])
///     'https://example.org/a%28b%29'
///
/// Source: WHATWG URL; UTS #46.
#[pyfunction]
#[pyo3(signature = (url, *, allow_hosts=None))]
fn link<'py>(url: &Bound<'py, PyAny>, allow_hosts: Option<&Bound<'py, PyAny>>) -> PyResult<Text<'py>> {
    let py = url.py();
    let rules = match allow_hosts {
        None => None,
        Some(hosts) => {
            let hosts = strings(hosts, "allow_hosts")?;
            Some(hosts.iter().map(|host| HostRule::parse(host)).collect::<Result<Vec<_>, _>>().or_raise(py)?)
        }
    };
    let permits = |origin: &_| rules.as_ref().is_none_or(|rules| rules.iter().any(|rule| rule.permits(origin)));
    try_apply(url, |text| {
        encode::link(text, permits).map(|link| if link == text { Cow::Borrowed(text) } else { link.into() })
    })
}

/// Reduce HTML from strangers to what a profile lists.
///
/// Args:
///     text: Untrusted HTML.
///     profile: `"chat"` (emphasis, code, quotes, lists, https links), `"matrix"` (the Matrix specification's list) or
///         `"email"` (formatted mail without remote images).
///
/// Returns:
///     HTML with other tags gone and their text kept; scripts and styles go whole. Markup that nests deeper than 100
///     elements, leaves more than 100 open or is otherwise made to keep parsers busy comes back escaped.
///
/// Raises:
///     ValueError: `profile` is none of these.
///     TypeError: `text` is not a `str`.
///
/// Example:
///     >>> sanitize_html("<b onclick=x>hi</b><script>y</script>")
///     '<b>hi</b>'
#[pyfunction]
#[pyo3(signature = (text, profile="chat"))]
fn sanitize_html<'py>(text: &Bound<'py, PyAny>, profile: &str) -> PyResult<Text<'py>> {
    let profile = match profile {
        "chat" => Profile::Chat,
        "matrix" => Profile::Matrix,
        "email" => Profile::Email,
        _ => return Err(wrong_value("`profile` is \"chat\", \"matrix\" or \"email\".")),
    };
    apply(text, |text| encode::sanitize_html(text, profile))
}
