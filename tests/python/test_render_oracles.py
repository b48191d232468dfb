"""`botsec.render` read back by Telegram's own parser and by an HTML parser: a value changes no shape."""

import functools
import html
import itertools
import json
import re

import pytest
from botsec import InputError, render
from hypothesis import given, settings
from hypothesis import strategies as st

html5lib = pytest.importorskip("html5lib")

SPECIALS = "_*[]()~`>#+-=|{}.!\\&<\"' \n"
#: Every text of one and two specials, and some that were made to leave their place.
EXHAUSTIVE = ["", *SPECIALS, *map("".join, itertools.product(SPECIALS, repeat=2))]
HOSTILE = [
    "](https://evil.example)[x", "```\n*b*\n```", "`*b*`", "**>q", "||s||", "__u__", "\\", "\\\\", "a\n>b\n*c*", "</b><i>x</i>",
    "<script>alert(1)</script>", "&lt;b&gt;", "&amp;", "&#60;", "-->", "]]>", "<!--", "'\"`=", "</title><b>", "</textarea>", "a\n> b",
]  # fmt: skip
VALUES = st.text(alphabet=st.sampled_from(SPECIALS + "ab1é😀"), max_size=12) | st.text(max_size=20)


@functools.cache
def tdlib():
    tdjson = pytest.importorskip("tdjson")
    tdjson.td_execute(json.dumps({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0}).encode())
    return tdjson


def telegram(text, mode):
    """Text and entities as Telegram reads them, offsets in UTF-16 units."""
    kind = {"@type": "textParseModeHTML"} if mode == "html" else {"@type": "textParseModeMarkdown", "version": 2}
    request = {"@type": "parseTextEntities", "text": text, "parse_mode": kind}
    answer = json.loads(tdlib().td_execute(json.dumps(request).encode()))
    assert answer["@type"] != "error", (text, answer)
    entities = []
    for entity in answer["entities"]:
        kind = dict(entity["type"])
        name = kind.pop("@type").removeprefix("textEntityType")
        entities.append((entity["offset"], entity["length"], name, *kind.values()))
    return answer["text"], entities


def units(text):
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


#: Template, and what Telegram shall read: pieces of text with the entities that hold them. `None` is the value.
MARKDOWN = {
    "a {x} b": [("a ", []), (None, []), (" b", [])],
    "*{x}* b": [(None, ["Bold"]), (" b", [])],
    "_{x}_ b": [(None, ["Italic"]), (" b", [])],
    "__{x}__": [(None, ["Underline"])],
    "~{x}~ ||{x}||": [(None, ["Strikethrough"]), (" ", []), (None, ["Spoiler"])],
    "*a _{x}_*": [("a ", ["Bold"]), (None, ["Bold", "Italic"])],
    "_{x}_ __{x}__": [(None, ["Italic"]), (" ", []), (None, ["Underline"])],
    "a `{x}` b": [("a ", []), (None, ["Code"]), (" b", [])],
    "`{x}``{x}`c": [(None, ["Code"]), (None, ["Code"]), ("c", [])],
    "```py\n.{x}```c": [(".", ["PreCode"]), (None, ["PreCode"]), ("c", [])],
    "[{x}](https://e.com/) b": [(None, ["TextUrl"]), (" b", [])],
    "[a](https://e.com/q?a={x}) {x}": [("a", ["TextUrl"]), (" ", []), (None, [])],
    ">a{x}\nb": [("a", ["BlockQuote"]), (None, ["BlockQuote"]), ("\n", ["BlockQuote"]), ("b", [])],
    "*{x}*_{x}_{x}": [(None, ["Bold"]), (None, ["Italic"]), (None, [])],
}
MARKUP = {
    "a {x} b": [("a ", []), (None, []), (" b", [])],
    "<b>{x}</b> b": [(None, ["Bold"]), (" b", [])],
    "<i>{x}<u>{x}</u></i>": [(None, ["Italic"]), (None, ["Italic", "Underline"])],
    "<code>{x}</code>c": [(None, ["Code"]), ("c", [])],
    '<pre><code class="language-py">{x}</code></pre>c': [(None, ["PreCode"]), ("c", [])],
    '<a href="https://e.com/?q={x}&amp;b=1">a{x}</a>': [("a", ["TextUrl"]), (None, ["TextUrl"])],
    '<span class="tg-spoiler">{x}</span>': [(None, ["Spoiler"])],
    "<blockquote expandable>{x}</blockquote>c": [(None, ["ExpandableBlockQuote"]), ("c", [])],
}


def expected(pieces, value):
    """What each UTF-16 unit of the text lies in; entities next to each other are told by their kinds alone."""
    text = "".join(value if piece is None else piece for piece, _ in pieces)
    lies = [frozenset(kinds) for piece, kinds in pieces for _ in range(units(value if piece is None else piece))]
    return text, lies


def seen(text, entities):
    lies = [set() for _ in range(units(text))]
    for offset, length, name, *_ in entities:
        for at in range(offset, offset + length):
            lies[at].add(name)
    return text, [frozenset(kinds) for kinds in lies]


def agrees(show, mode, template, pieces, value):
    text, entities = telegram(show(template, x=value), mode)
    shown, lies = seen(text, entities)
    if not value:
        # Stands where nothing would join two marks; Telegram drops it from messages.
        lies = [kinds for unit, kinds in zip(shown, lies, strict=True) if unit != "\r"] if shown.isascii() else lies
        shown = shown.replace("\r", "")
    assert (shown, lies) == expected(pieces, value), (template, value)


@pytest.mark.parametrize("template", MARKDOWN)
def test_telegram_reads_the_templates_marks_and_no_others(template):
    for value in [*EXHAUSTIVE, *HOSTILE]:
        agrees(render.telegram_markdown, "markdown", template, MARKDOWN[template], value)


@pytest.mark.parametrize("template", MARKUP)
def test_telegram_reads_the_templates_tags_and_no_others(template):
    for value in [*EXHAUSTIVE, *HOSTILE]:
        agrees(render.telegram, "html", template, MARKUP[template], value)


@settings(max_examples=300, deadline=None)
@given(VALUES.filter(lambda text: "\0" not in text and "\r" not in text))
def test_telegram_reads_any_text_as_it_is(value):
    for template, pieces in MARKDOWN.items():
        agrees(render.telegram_markdown, "markdown", template, pieces, value)
    for template, pieces in MARKUP.items():
        agrees(render.telegram, "html", template, pieces, value)


@pytest.mark.parametrize("value", ["a)b", "x y", "../..", "\\", "&amp;", "#f", "%2e", "é", ")](https://evil.example"])
def test_telegram_reads_a_part_of_a_link_as_that_part(value):
    from urllib.parse import quote

    whole = f"https://e.com/p-{quote(value, safe='')}?q={quote(value, safe='')}"
    for show, mode, template in (
        (render.telegram_markdown, "markdown", "[a](https://e.com/p-{x}?q={x})"),
        (render.telegram, "html", '<a href="https://e.com/p-{x}?q={x}">a</a>'),
    ):
        assert telegram(show(template, x=value), mode) == ("a", [(0, 1, "TextUrl", whole)])


@pytest.mark.parametrize(
    "value", ["https://e.com/a)b(c", "https://e.com/?a=b&c='d'#e", "https://e.com/_a_*b*", "https://e.com/%20"]
)
def test_telegram_reads_a_whole_link_as_one(value):
    for show, mode, template in (
        (render.telegram_markdown, "markdown", "[a]({x}) b"),
        (render.telegram, "html", '<a href="{x}">a</a> b'),
    ):
        text, entities = telegram(show(template, x=value), mode)
        assert text == "a b"
        assert [entity[:3] for entity in entities] == [(0, 1, "TextUrl")]
        assert entities[0][3].startswith("https://e.com/")


# What is refused as a template is what Telegram refuses as a message.


@pytest.mark.parametrize(
    "literal",
    [
        "*a",
        "a.",
        "a!",
        "[a](b",
        "`a",
        "```a",
        "_a",
        "__a_",
        "a>b",
        "||a",
        "~a",
        "(a)",
        "*_a*_",
        "+",
        "-",
        "=",
        "{{",
        "#",
        "|",
        ">*a\nb*",
    ],
)
def test_what_telegram_would_refuse_is_refused_before(literal):
    with pytest.raises(ValueError, match="template holds"):
        render.telegram_markdown(literal)
    with pytest.raises(AssertionError):
        telegram(literal.replace("{{", "{"), "markdown")


@pytest.mark.parametrize(
    "literal", ["<b>a", "<b>a</i>", "a < b", "<p>a</p>", "<br>", "<!-- a -->", "</b>", "<b", "<b><i>a</b></i>"]
)
def test_tags_that_telegram_would_refuse_are_refused_before(literal):
    with pytest.raises(ValueError, match="template holds"):
        render.telegram(literal)
    with pytest.raises(AssertionError):
        telegram(literal, "html")


@pytest.mark.parametrize(
    "literal",
    ["a\\.", "*a* _b_ __c__ ~d~ ||e||", "[a](https://b.c)", "![x](tg://emoji?id=5368324170671202286)", "`a.b*`", "```\na.b```", ">a\n>b\nc", "**>a\n>b||\nc", "_a __b___"],
)  # fmt: skip
def test_what_telegram_takes_is_taken(literal):
    assert render.telegram_markdown(literal) == literal
    telegram(literal, "markdown")


# HTML.

PAGES = {
    "text": "<p>a {x} b</p>",
    "title": "<head><title>{x}</title></head>",
    "textarea": "<textarea>.{x}</textarea>",
    "attribute": '<p title="{x}">b</p>',
    "single quotes": "<p title='a {x}'>b</p>",
    "link": '<a href="https://e.com/p-{x}?q={x}&amp;r={x}#{x}">b</a>',
    "relative": '<a href="/x-{x}/y">b</a>',
    "style": "<p style=\"font-family: 'a{x}', serif; color: red\">b</p>",
    "script": "<script>f('{x}', {x}, \"{x}\")</script>",
    "json": '<script type="application/ld+json">{{"a": {x}, "b": "{x}"}}</script>',
    "after a comment": "<!-- a > b --><p>{x}</p>",
    "after a script": "<script>a / b; `</p>`</script><p>{x}</p>",
    "after a style": "<style>p {{ color: red }}</style><p>{x}</p>",
    "after svg": "<svg><title>a</title><path d='M0'/></svg><p>{x}</p>",
}


def tree(text):
    """Tags and attribute names in order, all text, all attribute values."""
    document = html5lib.HTMLParser(namespaceHTMLElements=False).parse(text)
    names, texts, values = [], [], []
    for element in document.iter():
        names.append((element.tag if isinstance(element.tag, str) else "comment", sorted(element.attrib)))
        texts.append((element.text or "", element.tail or ""))
        values.append(sorted(element.attrib.items()))
    return names, texts, values


def shown(text):
    """A text as HTML can hold it: line ends in one form."""
    return re.sub("\r\n?", "\n", text)


@pytest.mark.parametrize("page", PAGES)
def test_no_value_changes_the_shape_of_a_page(page):
    harmless = tree(render.html(PAGES[page], x="harmless"))
    for value in [*EXHAUSTIVE, *HOSTILE]:
        assert tree(render.html(PAGES[page], x=value))[0] == harmless[0], value


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_no_text_at_all_changes_the_shape_of_a_page(value):
    for page in PAGES.values():
        assert tree(render.html(page, x=value))[0] == tree(render.html(page, x="harmless"))[0]


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_text_and_attributes_read_back(value):
    value = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef]", "", value)
    if any(ord(c) & 0xFFFE == 0xFFFE or 0xD800 <= ord(c) < 0xE000 for c in value):
        return
    assert "".join(itertools.chain(*tree(render.html("<p>{x}</p>", x=value))[1])) == shown(value)
    assert tree(render.html('<p title="{x}">b</p>', x=value))[2][-1] == [("title", value)]
    # As in every browser, the first line feed of a text area is none of its text.
    assert "".join(itertools.chain(*tree(render.html("<textarea>.{x}</textarea>", x=value))[1])) == "." + shown(value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_json_of_a_page_reads_back(value):
    page = render.html('<script type="application/json">[{x},"{x}"]</script>', x=value)
    inner = tree(page)[1]
    lossy = value.encode("utf-16-le", "replace").decode("utf-16-le")
    assert json.loads("".join(itertools.chain(*inner))) == [lossy, lossy]


def test_parts_of_links_read_back():
    from urllib.parse import parse_qs, urlsplit

    for value in [v for v in [*EXHAUSTIVE, *HOSTILE] if v]:
        ((_, link),) = tree(render.html('<a href="https://e.com/p?q={x}&amp;r=1#{x}">b</a>', x=value))[2][-1]
        parts = urlsplit(link)
        assert (parts.netloc, parts.path) == ("e.com", "/p")
        assert parse_qs(parts.query, keep_blank_values=True) == {"q": [value], "r": ["1"]}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="htps:/javscrip\\t\n.@?#&;ex %1()'\"", max_size=30))
def test_no_whole_link_leaves_its_place(value):
    try:
        page = render.html('<a href="{x}">b</a>', x=value)
    except InputError:
        return
    ((_, link),) = tree(page)[2][-1]
    assert link.startswith(("https://", "mailto:"))
    assert html.unescape(page).count('"') == 2


# Templates that nobody thought of: whatever is taken keeps its shape.

TOKENS = (
    '{x} {x} {x} <p> </p> <a_href=" <a_href=\' " \' > < </ / = title= title=" style=" style=\' & &am p; lt; <!-- --> --!> <! <? <title>'
    " </title> </ti tle> <textarea> </textarea> <script> </script> </scr ipt> <style> </style> <svg> </svg> <svg/> <noscript> f( ) ` //"
    " /* */ \\ \\u00 \\x 'a \"b https: //e.com /p ?q= # javascript: : font:' url( ( ; <math> <br/> x on src= srcdoc=\" <table> <b % ."
).split(" ")
MARKS = (
    "{x} * _ __ ~ || | ` ``` \n ```\n [ ]( ) ](https://e.com/ https://e.com > \n> **> \\ \\* a b_ ! ![ ](tg://emoji?id= . py / ?"
).split(" ")
BREAKOUTS = [
    "",
    ">",
    "<",
    '"',
    "'",
    "/",
    " onclick=x",
    "lt;",
    "script>",
    "</script>",
    "</title>",
    "-->",
    "\n",
    "\\",
    "e",
    "27",
    "a/..",
    "=x",
]


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=5), st.lists(st.sampled_from(TOKENS), max_size=4))
def test_no_value_changes_the_shape_of_any_template_of_html(before, after):
    # A body that has begun: an empty text before it would begin it later.
    template = "<body>z" + "".join([*before, "{x}", *after]).replace("_", " ")
    try:
        harmless = tree(render.html(template, x="https://e.com"))[0]
    except ValueError:
        return
    for value in BREAKOUTS:
        try:
            page = render.html(template, x=value)
        except InputError:
            continue
        assert tree(page)[0] == harmless, (template, value)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=4), st.lists(st.sampled_from(MARKS), max_size=4))
def test_no_value_changes_the_entities_of_any_template_of_telegram(before, after):
    template = "".join([*before, "{x}", *after]).replace("b_", "b ")
    try:
        text, entities = telegram(render.telegram_markdown(template, x="Q"), "markdown")
    except ValueError:
        return
    text, lies = seen(text, entities)
    for value in [
        "",
        "_",
        "*",
        "||",
        "`",
        "```",
        "\\",
        "\n>",
        "](https://evil.example)[",
        "https://evil.example/",
        ")",
        "\n\n",
        "1",
    ]:
        try:
            shown, where = seen(*telegram(render.telegram_markdown(template, x=value), "markdown"))
        except InputError:
            continue
        pieces = [(value if c == "Q" else c, kinds) for c, kinds in zip(text, lies, strict=True)]
        left = [(c, kinds) for c, kinds in zip(shown, where, strict=True) if c != "\r"]
        assert left == [(c, kinds) for piece, kinds in pieces for c in piece], (template, value)
