"""What strangers type and what chats show: validators, escapers, messages, models' answers."""

from botsec import escape, message, render, validate
from botsec.errors import InputError
from scale import share

SHORT = [
    "plain text, twenty b",
    "a < b & c > d \"q\" 'x'",
    "*bold* _it_ [l](https://example.com/a?b=c) `code` ||s|| <@12> #x",
    "naïve café <b>",
    "Привет, мир & <b>",
    "smile 😀 & more 😀",
    "tab\there\nline\x1b[31mred\x1b[0m \u202eevil\u200b",
]
TEXTS = [*SHORT, *(text * 12 for text in SHORT), "x" * 1024, "<b>&amp;</b> *x* " * 60, "()[]{}*_~`>#+-=|.!\\" * 20]
LONG = ["x" * 1024, "plain text <&>" * 73, *(text * 40 for text in SHORT[3:6])]
MARKUP = (
    "<p onclick=x>Hello <b>you</b> <script>alert(1)</script><a href='javascript:x'>y</a> <ul><li>x<li>y</ul>"
    "<img src=https://example.com/a.png><table><tr><td>1 &lt; 2</table><!-- note --><i><u>nested</i></u> text "
)
ANSWER = (
    "Hello, see https://example.com/a?k=v and [label](http://evil.test/x) ![i](https://x.test/y.png) mail a@b.example "
    "`code` **bold** <a href='https://example.com'>example.com</a>\n```py\nprint(1)\n```\n- one\n- https://bücher.example/ü\n"
)
OPTIONS = {
    "telegram": [{}, {"where": "code"}, {"where": "link"}],
    "discord": [{}, {"where": "code"}, {"where": "link"}],
    "link": [{"allow_hosts": ["example.com"]}],
    "sanitize_html": [{"profile": "chat"}, {"profile": "matrix"}, {"profile": "email"}],
}
PLATFORMS = ("discord", "slack", "telegram", "matrix", "teams")

FIELDS = {
    "id": validate.Int(1, 10**6),
    "page": validate.Int(1, 100),
    "ratio": validate.Float(0, 1),
    "name": validate.Str(1, 50),
    "text": validate.Text(max=200),
    "slug": validate.Slug(),
    "mail": validate.Email(),
    "key": validate.Uuid(),
    "day": validate.Date(),
    "kind": validate.OneOf("a", "b"),
}
GOOD = {
    "id": 5,
    "page": 2,
    "ratio": 0.5,
    "name": "some name",
    "text": "hello there",
    "slug": "a-slug",
    "mail": "someone@example.com",
    "key": "123e4567-e89b-12d3-a456-426614174000",
    "day": "2026-11-25",
    "kind": "a",
}
COUNT, MAIL, MIXED = validate.Int(1, 100), validate.Email(), validate.Record(FIELDS)
NAMES = ["id", "name", "mail", "age", "score", "uuid", "level", "title", "points", "day"]
WORDS = validate.Record({name: (validate.Str(1, 64), COUNT)[at % 2] for at, name in enumerate(NAMES)})
SAID = {name: ("some words", 42)[at % 2] for at, name in enumerate(NAMES)}
SINGLE = [
    (validate.Int(1, 100), [5, 500, "7", True]),
    (validate.Email(), ["someone@example.com", "nope", "a@b@c.example"]),
    (validate.Text(), ["hello", "Привет, мир " * 10, "smile 😀", "bad\u202e"]),
    (validate.Str(1, 20, unit="utf16"), ["hello", "😀" * 11]),
    (validate.Slug(), ["a-slug", "No Slug"]),
    (validate.Pattern("[a-z]{2,8}"), ["hello", "HELLO"]),
    (validate.HttpsUrl(), ["https://example.com/a?b=c", "https://bücher.example/", "http://example.com"]),
    (validate.Hostname(), ["api.example.com", "-bad-"]),
    (validate.IpAddress(), ["192.0.2.1", "2001:db8::1", "999.1.1.1"]),
    (validate.DateTime(), ["2026-11-25T10:00:00Z", "2026-11-25"]),
    (validate.E164(), ["+12025550123", "12"]),
    (validate.Snowflake(), ["175928847299117063", "x"]),
    (MIXED, [GOOD, {**GOOD, "id": -1}, {**GOOD, "more": 1}, {}]),
]


def run():
    escapers()
    validators()
    messages()


def escapers():
    for name in escape.__all__:
        function = getattr(escape, name)
        for options in OPTIONS.get(name, [{}]):
            texts = [MARKUP, MARKUP * 10] if name == "sanitize_html" else TEXTS
            for text in texts:
                # No text is the same object twice: one that was read before keeps what was read.
                for fresh in [text[:1] + text[1:] for _ in range(share(8))] + [text] * share(8):
                    attempt(function, fresh, **options)
    # What bots call for every text that they show.
    for text in SHORT[:5] * share(20_000):
        escape.html(text)
    for text in LONG * share(1_500):
        escape.html(text[:1] + text[1:])
    for text in SHORT[:3] * share(6_000):
        escape.url_segment(text)
        escape.telegram(text)
        escape.discord(text)


def validators():
    for validator, values in SINGLE:
        for value in values * share(80):
            attempt(validator, value)
            attempt(validator.check, value)
            validator.is_valid(value)
    # What bots ask of every command: right values, most of them numbers and words.
    for number in list(range(1, 101)) * share(600):
        COUNT(number)
        COUNT.is_valid(number)
    for _ in range(share(6_000)):
        MAIL.is_valid("someone@example.com")
        for record, values in ((MIXED, GOOD), (WORDS, SAID)):
            record(values)
            record.is_valid(values)


def messages():
    for platform in PLATFORMS:
        for text in [ANSWER, ANSWER * 20] * share(8):
            message.sanitize_llm(text, platform=platform, allow_hosts=["example.com"])
            getattr(message, platform)(text)
    for _ in range(share(500)):
        render.telegram("<b>{name}</b> wrote {text}", name="x < y", text="a & b")
        render.discord("**{name}**: {text}", name="x_y", text="a *b*")


def attempt(function, value, **options):
    try:
        function(value, **options)
    except InputError as error:
        str(error)
