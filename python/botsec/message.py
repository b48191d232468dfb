"""Messages that are ready to be sent, and what a model wrote made fit to be shown.

`discord`, `slack`, `telegram`, `matrix`, `teams` and `whatsapp` make a list of payloads of a text, one per message, to
be passed as `json=`. Pings are off, previews are off, and the text is plain, until you ask for more. Texts that are
too long are split where the platform's limit is, in the platform's own unit, through no escape, no code and no
grapheme.

`sanitize_llm` takes out of a text what leads, fetches, hides or pings. All of them take linear time. Lone surrogates
become U+FFFD.

>>> from botsec import message
>>> message.discord("@everyone hi")[0]["allowed_mentions"]
{'parse': []}
>>> message.sanitize_llm("![x](https://evil.example/?q=key)", platform="discord").text
'x (image removed: evil[.]example)'
"""

from __future__ import annotations

from botsec import _core
from botsec._core import Finding, Sanitized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    Platform = Literal["discord", "slack", "telegram", "matrix", "teams", "whatsapp", "irc"]

__all__ = [
    "Finding",
    "Sanitized",
    "discord",
    "matrix",
    "sanitize_llm",
    "slack",
    "split",
    "teams",
    "telegram",
    "whatsapp",
]


def discord(
    text: str | None = None,
    *,
    markup: str | None = None,
    mentions: Sequence[str | int] = (),
    previews: bool = False,
    max_parts: int = 10,
) -> list[dict[str, Any]]:
    """Make payloads for Discord's "create message" that ping nobody and embed nothing.

    Args:
        text: Text from anywhere. It is escaped as `botsec.escape.discord` does, so that it shows as it is.
        markup: Text in Discord's markdown instead, sent as it is: from `botsec.escape`, or from `sanitize_llm`.
        mentions: Ids of at most 100 users who may be pinged, by `<@id>` in the text. Every other mention stays silent.
        previews: Whether Discord may fetch what the text links to. Its fetch can carry data out.
        max_parts: Messages that the text may become, 1 to 1,000.

    Returns:
        One dict per message: `content` of at most 2,000 code points, `allowed_mentions`, `flags` (`SUPPRESS_EMBEDS`,
        4).

    Raises:
        InputError: The text is empty, or takes more than `max_parts` messages.
        TypeError: An argument has the wrong type.
        ValueError: Neither or both of `text` and `markup`, or a mention that is no id.

    Example:
        >>> discord("hi")
        [{'allowed_mentions': {'parse': []}, 'content': 'hi', 'flags': 4}]

    Source: Discord, "Create Message", "Allowed Mentions Object", "Message Flags".
    """
    return _core.message_payloads(
        "discord", text, markup=markup, mentions=mentions, previews=previews, max_parts=max_parts
    )


def slack(
    text: str | None = None,
    *,
    markup: str | None = None,
    mentions: Sequence[str] = (),
    previews: bool = False,
    max_parts: int = 10,
) -> list[dict[str, Any]]:
    """Make payloads for Slack's `chat.postMessage` that ping nobody and unfurl nothing.

    Args:
        text: Text from anywhere. Its `& < >` are escaped and markup is off. With `mentions` Slack reads mrkdwn, so
            emphasis in the text shows as such.
        markup: Text in mrkdwn instead, sent as it is.
        mentions: Ids of users (`U…`, `W…`) whose `<@id>` in the text pings; every other one shows as text.
        previews: Whether Slack may fetch what the text links to.
        max_parts: Messages that the text may become, 1 to 1,000.

    Returns:
        One dict per message, to which you add `channel`: `text` of at most 4,000 UTF-16 units, beyond which Slack
        itself would cut, `mrkdwn`, `parse`, `link_names`, `unfurl_links`, `unfurl_media`.

    Raises:
        InputError: The text is empty, or takes more than `max_parts` messages.
        TypeError: An argument has the wrong type.
        ValueError: Neither or both of `text` and `markup`, or a mention that is no id.

    Example:
        >>> slack("<!channel> hi")[0]["text"]
        '&lt;!channel&gt; hi'

    Source: Slack, `chat.postMessage`.
    """
    return _core.message_payloads(
        "slack", text, markup=markup, mentions=mentions, previews=previews, max_parts=max_parts
    )


def telegram(
    text: str | None = None,
    *,
    markup: str | None = None,
    parse_mode: Literal["HTML", "MarkdownV2"] = "HTML",
    previews: bool = False,
    max_parts: int = 10,
) -> list[dict[str, Any]]:
    """Make payloads for Telegram's `sendMessage` that preview nothing.

    Args:
        text: Text from anywhere, sent without a parse mode: no character means anything. Telegram still links
            addresses, `@names` and `/commands` by itself.
        markup: Text with markup instead, sent as it is: from `botsec.render`. Elements and entities that a cut goes
            through end there and begin anew.
        parse_mode: What `markup` is: `"HTML"`, as `render.telegram` makes it, or `"MarkdownV2"`, the language of
            `escape.telegram` and `render.telegram_markdown`.
        previews: Whether Telegram may fetch what the text links to.
        max_parts: Messages that the text may become, 1 to 1,000.

    Returns:
        One dict per message, to which you add `chat_id`: `text` of at most 4,096 UTF-16 units, `link_preview_options`,
        and `parse_mode` where there is markup.

    Raises:
        InputError: The text is empty, takes more than `max_parts` messages, or holds a link longer than one.
        TypeError: An argument has the wrong type.
        ValueError: Neither or both of `text` and `markup`, or another parse mode.

    Example:
        >>> telegram("1 * 2")
        [{'link_preview_options': {'is_disabled': True}, 'text': '1 * 2'}]

    Source: Telegram Bot API, `sendMessage`, "Formatting options".
    """
    return _core.message_payloads(
        "telegram",
        text,
        markup=markup,
        mentions=(),
        previews=previews,
        max_parts=max_parts,
        parse_mode=parse_mode,
    )


def matrix(
    text: str, *, markup: str | None = None, mentions: Sequence[str] = (), max_parts: int = 10
) -> list[dict[str, Any]]:
    """Make contents of `m.room.message` events that ping nobody.

    Args:
        text: Text from anywhere, sent as the plain body.
        markup: HTML beside it, sent as it is: from `botsec.escape.matrix_html` or a sanitiser. It is not split.
        mentions: Ids of users (`@name:server`) who are pinged.
        max_parts: Messages that the text may become, 1 to 1,000.

    Returns:
        One dict per message: `msgtype`, `body`, `m.mentions`; at most 40,000 bytes of JSON text, so that the event
        stays below 65,536 even encrypted.

    Raises:
        InputError: The text is empty, or takes more than `max_parts` messages, or one with `markup`.
        TypeError: An argument has the wrong type.
        ValueError: A mention that is no id.

    Example:
        >>> matrix("hi")
        [{'body': 'hi', 'm.mentions': {}, 'msgtype': 'm.text'}]

    Source: Matrix specification, "m.room.message", "User and room mentions", "Size limits".
    """
    return _core.message_payloads("matrix", text, markup=markup, mentions=mentions, previews=False, max_parts=max_parts)


def teams(text: str | None = None, *, markup: str | None = None, max_parts: int = 10) -> list[dict[str, Any]]:
    """Make activities for Microsoft Teams in plain text.

    Args:
        text: Text from anywhere, sent as `textFormat: plain`.
        markup: Text in Teams' markdown instead.
        max_parts: Messages that the text may become, 1 to 1,000.

    Returns:
        One dict per message: `type`, `text` of at most 40,000 UTF-16 units of JSON text, `textFormat`.

    Raises:
        InputError: The text is empty, or takes more than `max_parts` messages.
        TypeError: An argument has the wrong type.
        ValueError: Neither or both of `text` and `markup`.

    Example:
        >>> teams("hi")
        [{'text': 'hi', 'textFormat': 'plain', 'type': 'message'}]

    Source: Microsoft, "Format your bot messages".
    """
    return _core.message_payloads("teams", text, markup=markup, mentions=(), previews=False, max_parts=max_parts)


def whatsapp(
    text: str | None = None, *, markup: str | None = None, previews: bool = False, max_parts: int = 10
) -> list[dict[str, Any]]:
    """Make text messages for WhatsApp's Cloud API that preview nothing.

    Args:
        text: Text from anywhere. It is written as `botsec.escape.whatsapp` does: marks become their full-width twins.
        markup: Text with WhatsApp's marks instead, sent as it is.
        previews: Whether WhatsApp may fetch what the text links to.
        max_parts: Messages that the text may become, 1 to 1,000.

    Returns:
        One dict per message, to which you add `to`: a body of at most 4,096 UTF-16 units.

    Raises:
        InputError: The text is empty, or takes more than `max_parts` messages.
        TypeError: An argument has the wrong type.
        ValueError: Neither or both of `text` and `markup`.

    Example:
        >>> whatsapp("hi")[0]["text"]
        {'body': 'hi', 'preview_url': False}
    """
    return _core.message_payloads("whatsapp", text, markup=markup, mentions=(), previews=previews, max_parts=max_parts)


def split(text: str, *, platform: Platform, max_parts: int = 10) -> list[str]:
    """Split text in a platform's markup into parts that fit its limit.

    Args:
        text: Text in the platform's own markup.
        platform: `"discord"`, `"slack"`, `"telegram"` (MarkdownV2), `"matrix"`, `"teams"`, `"whatsapp"` or `"irc"` (a
            part per line, at most 400 bytes each).
        max_parts: Parts that the text may become, 1 to 1,000.

    Returns:
        The parts. A cut stands at the end of a line, else at a space, else between graphemes; blanks there are left
        out. Code that a cut goes through is closed and reopened, with its language.

    Raises:
        InputError: The text is empty, takes more than `max_parts`, or holds a link of Telegram's longer than a message.
        TypeError: An argument has the wrong type.
        ValueError: There is no such platform, or `max_parts` is out of range.

    Example:
        >>> [len(part) for part in split("word " * 500, platform="discord")]
        [1999, 500]
    """
    return _core.message_split(text, platform, max_parts)


def sanitize_llm(text: str, *, platform: Platform, allow_hosts: Sequence[str] = ()) -> Sanitized:
    """Take out of a model's text what leads, fetches, hides or pings.

    Links and images to hosts that are not listed lose their target, in every form that markdown, HTML or a client's own
    linking knows. So do links to listed hosts that carry a secret, long opaque data or another URL. It does not detect
    prompt injection, and what it leaves is still text of a stranger: it may lie.

    Args:
        text: What the model wrote. Its markdown stays.
        platform: Where it will be shown.
        allow_hosts: Hosts that links may lead to, as in `hosts=` of a client: `"docs.example.org"`, `"*.example.org"`.

    Returns:
        An object with `text` and `findings`. Sanitising `text` again changes nothing.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There is no such platform, or an entry of `allow_hosts` is no host.

    Example:
        >>> clean = sanitize_llm("See [docs](https://docs.example.org) or evil.example", platform="slack",
        ...                      allow_hosts=["docs.example.org"])
        >>> clean.text
        'See [docs](https://docs.example.org) or evil[.]example'
        >>> clean.findings
        (Finding(kind='link', host='evil.example', count=1),)
    """
    return _core.message_sanitize(text, platform, allow_hosts)
