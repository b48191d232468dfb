//! The functions that take a text and nothing else.

use pyo3::prelude::*;

use super::{Text, apply, export, try_apply};
use crate::encode;

macro_rules! escapers {
    ($($(#[$doc:meta])* $name:ident by $apply:ident;)*) => {
        $($(#[$doc])*
        #[pyfunction]
        fn $name<'py>(text: &Bound<'py, PyAny>) -> PyResult<Text<'py>> {
            $apply(text, encode::$name)
        })*

        pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(export(module, concat!("escape_", stringify!($name)), wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}

escapers! {
    /// Escape text for a quoted CSS string, in a style sheet or a `style` attribute.
    ///
    /// Args:
    ///     text: Untrusted text; the quotes are yours. Not for values outside quotes, nor for `url(…)`.
    ///
    /// Returns:
    ///     The text with everything that ends a string, a rule or a style element as hexadecimal escapes.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> print(css_string('a"b'))
    ///     a\22 b
    ///
    /// Source: CSS Syntax Module Level 3 §4.3.7.
    css_string by apply;
    /// Escape text for one cell of a CSV file that a spreadsheet may open.
    ///
    /// Args:
    ///     text: Untrusted text. Quotes and separators are the work of the `csv` module.
    ///
    /// Returns:
    ///     The text, with an apostrophe in front when a spreadsheet would run it as a formula (`=`, `+`, `-`, `@`, their
    ///     full-width forms, also after blanks) or when it begins with a tab or line end. Plain negative numbers stay.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> csv_cell("=SUM(A1)"), csv_cell("-1.5")
    ///     ("'=SUM(A1)", '-1.5')
    ///
    /// Source: OWASP "CSV Injection".
    csv_cell by apply;
    /// Escape text for a quoted HTML attribute value.
    ///
    /// Args:
    ///     text: Untrusted text; the quotes are yours. Not for unquoted attributes, event handlers, `href`, `src` or `style`.
    ///
    /// Returns:
    ///     As `html`, with backtick, `=`, tab and line ends as references too; other controls become U+FFFD.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> html_attribute('" onload="x')
    ///     '&quot; onload&#x3D;&quot;x'
    ///
    /// Source: WHATWG HTML §13.1.2.3.
    html_attribute by apply;
    /// Strip formatting from text for one message on IRC.
    ///
    /// Args:
    ///     text: Untrusted text of one line.
    ///
    /// Returns:
    ///     The text without colour, bold and their kin, CTCP and other control characters; tabs stay.
    ///
    /// Raises:
    ///     InputError: The text holds CR, LF or NUL, which would begin another command.
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> irc("\x0304red\x0f")
    ///     'red'
    ///
    /// Source: modern.ircdocs.horse, "Formatting".
    irc by try_apply;
    /// Escape text for a quoted JavaScript string, also in an event handler or a template literal.
    ///
    /// Args:
    ///     text: Untrusted text; the quotes are yours. Outside quotes nothing protects.
    ///
    /// Returns:
    ///     The text with quotes, `< > & / + \`, backticks, `${`, controls and U+2028/9 as escapes.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> print(js_string("</script>"))
    ///     \x3c\/script\x3e
    ///
    /// Source: ECMA-262 §12.9.4.
    js_string by apply;
    /// Make JSON safe inside a script element; its value stays the same.
    ///
    /// Args:
    ///     text: JSON, as `json.dumps` returned it.
    ///
    /// Returns:
    ///     The JSON with `< > &` and U+2028/9 as `\uXXXX`.
    ///
    /// Raises:
    ///     InputError: The text is not JSON (RFC 8259, so no `NaN`): it would be code there.
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> print(json_in_script('{"a": "</script>"}'))
    ///     {"a": "\u003c/script\u003e"}
    ///
    /// Source: RFC 8259 §7; WHATWG HTML §4.12.1.3.
    json_in_script by try_apply;
    /// Escape text for a value in an LDAP search filter.
    ///
    /// Args:
    ///     text: Untrusted text. Not for distinguished names.
    ///
    /// Returns:
    ///     The text with `\ * ( )` and NUL as hexadecimal escapes.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> print(ldap("*)(uid=*"))
    ///     \2a\29\28uid=\2a
    ///
    /// Source: RFC 4515 §3.
    ldap by apply;
    /// Escape text for one line of a log (CWE-117).
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     One line: controls, separators and invisible characters as JSON escapes, the backslash doubled.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> print(log("ok" + chr(10) + "INFO fake"))
    ///     ok\nINFO fake
    log by apply;
    /// Escape text for a `formatted_body` of Matrix.
    ///
    /// Args:
    ///     text: Untrusted text. Send `m.mentions: {}` as well: it alone decides who is notified.
    ///
    /// Returns:
    ///     The text with `& < > " '` as references.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> matrix_html("<b>")
    ///     '&lt;b&gt;'
    ///
    /// Source: Matrix client-server API v1.18, "m.room.message msgtypes".
    matrix_html by apply;
    /// Escape text for Slack's mrkdwn.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     The text with `& < >` as entities: no mention, channel link or command can begin. Emphasis stays, because Slack
    ///     has no escape for it; a `plain_text` object shows none.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> slack("<!channel>")
    ///     '&lt;!channel&gt;'
    ///
    /// Source: Slack, "Formatting message text", "Escaping text".
    slack by apply;
    /// Escape text for Slack's `markdown` block, which is not mrkdwn.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     The text with `< >` as entities. Markdown's own links and emphasis stay live.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> slack_markdown("<!here> a&b")
    ///     '&lt;!here&gt; a&b'
    slack_markdown by apply;
    /// Escape wildcards in text for `LIKE ? ESCAPE '/'`.
    ///
    /// Args:
    ///     text: Untrusted text. The result is still untrusted: bind it as a parameter, never put it into the statement.
    ///
    /// Returns:
    ///     The text with a slash before `%`, `_` and `/`.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> "%" + sql_like("50%") + "%"
    ///     '%50/%%'
    sql_like by apply;
    /// Escape text for Teams' `markdown` and `xml` formats.
    ///
    /// Args:
    ///     text: Untrusted text. `textFormat: "plain"` is the better choice: it needs no escape.
    ///
    /// Returns:
    ///     The text with `& < > " '` and markdown's characters as references. Not for Adaptive Cards.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> teams("*a*")
    ///     '&#42;a&#42;'
    ///
    /// Source: Microsoft Teams, "Format your bot messages".
    teams by apply;
    /// Escape text for Telegram's HTML, as text and as a quoted attribute value.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     The text with `& < > " '` as references that Telegram knows.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> telegram_html("<b>")
    ///     '&lt;b&gt;'
    ///
    /// Source: Telegram Bot API, "HTML style".
    telegram_html by apply;
    /// Make text safe to print on a terminal.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     The text without escape sequences (CSI, OSC, DCS and their kin); other control characters than line feed and
    ///     tab, and characters that reorder or hide text, are shown as `\uXXXX`.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> print(terminal("\x1b[31mred\x1b[0m" + chr(8)))
    ///     red\u0008
    ///
    /// Source: ECMA-48 §5.
    terminal by apply;
    /// Encode text as a key or value of a URL's query.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     Everything but unreserved characters percent-encoded; a space is `%20`, which forms read too.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> url_query("a&b=c d")
    ///     'a%26b%3Dc%20d'
    ///
    /// Source: RFC 3986 §2.3.
    url_query by apply;
    /// Encode text as exactly one segment of a URL's path.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     Everything but unreserved characters percent-encoded.
    ///
    /// Raises:
    ///     InputError: The text is empty, `.` or `..`: no encoding keeps a dot segment from climbing.
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> url_segment("a/b")
    ///     'a%2Fb'
    ///
    /// Source: RFC 3986 §3.3; WHATWG URL §4.4.
    url_segment by try_apply;
    /// Replace WhatsApp's markers in text; WhatsApp has no escape, so the text changes.
    ///
    /// Args:
    ///     text: Untrusted text.
    ///
    /// Returns:
    ///     The text with full-width forms for `* _ ~` and backticks, and for list and quote markers at the start of a line.
    ///
    /// Raises:
    ///     TypeError: `text` is not a `str`.
    ///
    /// Example:
    ///     >>> whatsapp("*a* snake_case")
    ///     '＊a＊ snake_case'
    whatsapp by apply;
}
