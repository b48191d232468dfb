"""One safe way out for every place a bot speaks: text in, text out.

Each function returns the very same object when nothing has to change. All of them take linear time. Lone surrogates
become U+FFFD. Anything but `str` is `TypeError`.

>>> from botsec import escape
>>> escape.html("<b>Tom & Jerry</b>")
'&lt;b&gt;Tom &amp; Jerry&lt;/b&gt;'
"""

from __future__ import annotations

from botsec import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

__all__ = ["discord", "html", "html_attribute", "log", "slack", "telegram", "terminal", "url_segment"]


def html(text: str) -> str:
    """Escape text for HTML content.

    Args:
        text: Untrusted text.

    Returns:
        The text with `& < > " '` as references. For attribute values use `html_attribute`.

    Example:
        >>> html("<script>")
        '&lt;script&gt;'
    """
    return _core.escape_html(text)


def html_attribute(text: str) -> str:
    """Escape text for a quoted HTML attribute value.

    Args:
        text: Untrusted text. Not for unquoted attributes, event handlers, `href`, `src` or `style`.

    Returns:
        As `html`, with backtick, `=`, tab and line ends as references too.

    Example:
        >>> html_attribute('" onload="x')
        '&quot; onload&#x3D;&quot;x'
    """
    return _core.escape_html_attribute(text)


def telegram(text: str, *, where: Literal["text", "code", "link"] = "text") -> str:
    """Escape text for Telegram's MarkdownV2.

    Args:
        text: Untrusted text.
        where: `"text"` for running text, `"code"` inside code, `"link"` inside the `(…)` of a link.

    Raises:
        ValueError: `where` is none of these.

    Example:
        >>> print(telegram("1.5 *bold*"))
        1\\.5 \\*bold\\*

    Source: Telegram Bot API, "MarkdownV2 style".
    """
    return _core.escape_telegram(text, where)


def discord(text: str, *, where: Literal["text", "link", "code"] = "text") -> str:
    """Escape text for Discord's markdown.

    Markup, masked links and mentions become inert. Send `allowed_mentions: {"parse": []}` as well: only that is sure to
    keep mentions silent.

    Args:
        text: Untrusted text.
        where: `"text"` for running text, `"link"` inside the `[…]` of a masked link, `"code"` inside code.

    Raises:
        ValueError: `where` is none of these.

    Example:
        >>> print(discord("**hi**"))
        \\*\\*hi\\*\\*
    """
    return _core.escape_discord(text, where)


def slack(text: str) -> str:
    """Escape text for Slack's mrkdwn.

    Args:
        text: Untrusted text.

    Returns:
        The text with `& < >` as entities: no mention, channel link or command can begin. Emphasis stays.

    Example:
        >>> slack("<!channel>")
        '&lt;!channel&gt;'
    """
    return _core.escape_slack(text)


def terminal(text: str) -> str:
    """Escape text for a terminal.

    Args:
        text: Untrusted text.

    Returns:
        The text with control characters other than line feed and tab, and characters that reorder or hide text, made
        visible as `\\uXXXX`.
    """
    return _core.escape_terminal(text)


def log(text: str) -> str:
    """Escape text for one line of a log (CWE-117).

    Args:
        text: Untrusted text.

    Returns:
        One line: controls, separators and invisible characters as JSON escapes, the backslash doubled.

    Example:
        >>> print(log("ok" + chr(10) + "INFO fake"))
        ok\\nINFO fake
    """
    return _core.escape_log(text)


def url_segment(text: str) -> str:
    """Encode text as exactly one segment of a URL's path (RFC 3986).

    Args:
        text: Untrusted text.

    Returns:
        Everything but unreserved characters percent-encoded; `.` and `..` lose their meaning.

    Example:
        >>> url_segment("a/b")
        'a%2Fb'
    """
    return _core.escape_url_segment(text)
