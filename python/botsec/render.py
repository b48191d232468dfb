"""Templates whose values are escaped for the very place where they stand.

The literal part of a template is read once, by the rules of the platform that shows it; each value is then written for
its place: text, quoted attribute, link, code, script. A place where no escape is sure is `ValueError`.

>>> from botsec import render
>>> render.telegram("<b>{name}</b>", name="<i>Tom & Jerry</i>")
'<b>&lt;i&gt;Tom &amp; Jerry&lt;/i&gt;</b>'

From Python 3.14 on write `render.telegram(t"<b>{name}</b>")`. Never pass an f-string: its values are in the text
already, and nothing can tell them from yours. The signature asks for `LiteralString`, so that a type checker sees it.

In every function:

Args:
    template: A t-string, or a literal format string with `{name}` fields, optionally with `!r`, `!s`, `!a` and a format
        (`{price:.2f}`), which come first; `{{` and `}}` are braces. Fields that reach into values (`{user.name}`,
        `{row[0]}`) are refused, as format strings could then read any attribute.
    **values: The values of a format string's fields: `str`, numbers, dates, UUIDs; t-strings and `Safe` where markup
        may stand; anything else only with a conversion or format. `Secret` and `bytes` never.

Returns:
    A plain `str`, to be sent with the parse mode that the function names.

Raises:
    ValueError: The template itself is wrong: a value in an unsafe place, a mark or tag that never ends.
    TypeError: A value is of a type that is not shown, or misses, or has no field.
    InputError: No escape makes the value fit: a link that is not https or mailto, a dot segment, an id that is none.
        The message names the field and never the value.
"""

from __future__ import annotations

from botsec import _core
from botsec._core import Safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, LiteralString, Protocol

    class Template(Protocol):
        """Python 3.14's `string.templatelib.Template`."""

        @property
        def strings(self) -> tuple[str, ...]:
            """The literal parts."""

        @property
        def interpolations(self) -> tuple[Any, ...]:
            """What stands between them."""


__all__ = ["Safe", "discord", "html", "matrix", "slack", "telegram", "telegram_markdown", "terminal"]


def html(template: LiteralString | Template, /, **values: object) -> str:
    """Render HTML for a browser or a mail.

    Values may stand in text, `<title>`, `<textarea>`, quoted attributes, links, strings of a `style` attribute, and
    strings and values of a script (as JSON). Objects with `__html__` are markup.

    Example:
        >>> html('<a href="https://example.com/{page}" title="{page}">{page}</a>', page='"a"/b')
        '<a href="https://example.com/%22a%22%2Fb" title="&quot;a&quot;/b">&quot;a&quot;/b</a>'
    """
    return _core.render("html", template, values)


def telegram(template: LiteralString | Template, /, **values: object) -> str:
    """Render Telegram's HTML: send it with `parse_mode: "HTML"`.

    Tags that Telegram does not know, and tags that are not closed in order, are `ValueError`. Asterisks mean nothing
    here: for `*bold*` there is `telegram_markdown`.

    Example:
        >>> telegram('<a href="tg://user?id={id}">{name}</a>', id=42, name="<Ann>")
        '<a href="tg://user?id=42">&lt;Ann&gt;</a>'
    """
    return _core.render("telegram", template, values)


def telegram_markdown(template: LiteralString | Template, /, **values: object) -> str:
    """Render Telegram's MarkdownV2: send it with `parse_mode: "MarkdownV2"`.

    Example:
        >>> print(telegram_markdown("*{name}* paid {sum:.2f} €", name="A*B", sum=1.5))
        *A\\*B* paid 1\\.50 €
    """
    return _core.render("telegram_markdown", template, values)


def discord(template: LiteralString | Template, /, **values: object) -> str:
    """Render Discord's markdown. Send `allowed_mentions: {"parse": []}` as well.

    Example:
        >>> print(discord("**{name}** joined", name="*A*"))
        **\\*A\\*** joined
    """
    return _core.render("discord", template, values)


def slack(template: LiteralString | Template, /, **values: object) -> str:
    """Render Slack's mrkdwn. Asterisks and underscores of a value keep their meaning: Slack has no escape for them.

    Example:
        >>> slack("<https://example.com/{page}|{title}>", page="a b", title="<!here>")
        '<https://example.com/a%20b|&lt;!here&gt;>'
    """
    return _core.render("slack", template, values)


def matrix(template: LiteralString | Template, /, **values: object) -> str:
    """Render Matrix' HTML: `formatted_body` with `format: "org.matrix.custom.html"`.

    Example:
        >>> matrix("<b>{name}</b>", name="<br>")
        '<b>&lt;br&gt;</b>'
    """
    return _core.render("matrix", template, values)


def terminal(template: LiteralString | Template, /, **values: object) -> str:
    """Render text for a terminal; the template's own escape sequences stay.

    Example:
        >>> terminal("name: {name}", name="a" + chr(27) + "[2Jb")
        'name: ab'
    """
    return _core.render("terminal", template, values)
