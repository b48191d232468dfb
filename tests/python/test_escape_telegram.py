"""Telegram's own parser (TDLib) reads back what was escaped, and finds nothing else."""

import itertools
import json

import pytest
from botsec import escape
from hypothesis import given
from hypothesis import strategies as st

tdjson = pytest.importorskip("tdjson")

# Everything MarkdownV2 and HTML know, and a quote.
SPECIALS = '_*[]()~`>#+-=|{}.!\\&<"'
SHORT = ["".join(c) for length in (1, 2, 3) for c in itertools.product(SPECIALS, repeat=length)]
# Telegram cuts NUL off and takes no surrogates.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(SPECIALS + "\n\t"), min_size=1, max_size=80
)
MARKDOWN = {"@type": "textParseModeMarkdown", "version": 2}
HTML = {"@type": "textParseModeHTML"}


def ask(**request):
    return json.loads(tdjson.td_execute(json.dumps(request).encode()))


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    ask(**{"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})


def parse(text, mode):
    """The text as people see it, and its entities as `(offset, length, type, url)`."""
    read = ask(**{"@type": "parseTextEntities", "text": text, "parse_mode": mode})
    assert read["@type"] == "formattedText", read
    entities = [(e["offset"], e["length"], e["type"]["@type"], e["type"].get("url")) for e in read["entities"]]
    return read["text"], entities


def units(text):
    return len(text.encode("utf-16-le")) // 2


def is_text(text):
    return parse(escape.telegram(text), MARKDOWN) == (text, []) == parse(escape.telegram_html(text), HTML)


def is_bold(text):
    seen = (text, [(0, units(text), "textEntityTypeBold", None)])
    return parse(f"*{escape.telegram(text)}*", MARKDOWN) == seen == parse(f"<b>{escape.telegram_html(text)}</b>", HTML)


def is_code(text):
    code = escape.telegram(text, where="code")
    seen = (text, [(0, units(text), "textEntityTypeCode", None)])
    return parse(f"`{code}`", MARKDOWN) == seen == parse(f"<code>{escape.telegram_html(text)}</code>", HTML)


def is_block(text):
    code = escape.telegram(text, where="code")
    return parse(f"```\n{code}\n```", MARKDOWN)[1][0][2] == "textEntityTypePre" and parse(
        f"a```\n{code}```b", MARKDOWN
    ) == (f"a{text}b", [(1, units(text), "textEntityTypePre", None)])


def is_link(text):
    seen = ("x", [(0, 1, "textEntityTypeTextUrl", f"http://e.com/{text}")])
    quoted = escape.telegram_html(text)
    return (
        parse(f"[x](http://e.com/{escape.telegram(text, where='link')})", MARKDOWN)
        == seen
        == parse(f'<a href="http://e.com/{quoted}">x</a>', HTML)
        == parse(f"<a href='http://e.com/{quoted}'>x</a>", HTML)
    )


@pytest.mark.parametrize("reads", [is_text, is_bold, is_code, is_block, is_link])
def test_every_short_text_of_specials_reads_back(reads):
    wrong = [text for text in SHORT if not reads(text)]
    assert not wrong, wrong[:20]


@given(TEXT)
def test_any_text_reads_back(text):
    assert is_text(text)
    if text.strip() == text and "\n" not in text:
        assert is_bold(text)
        assert is_code(text)
        assert is_block(text)


#: What stands in a URL as it is: Telegram's parser writes other characters its own way.
ADDRESS = st.text(
    st.sampled_from("abcXYZ019" + SPECIALS.replace("\\", "").replace("<", "").replace(">", "")), max_size=60
)


@given(ADDRESS)
def test_any_address_reads_back(text):
    assert is_link(text)


@given(TEXT, TEXT)
def test_two_texts_side_by_side_read_back(one, two):
    whole = escape.telegram(one) + escape.telegram(two)
    assert parse(whole, MARKDOWN) == (one + two, [])


def test_a_name_makes_no_link_where_a_peer_lets_it():
    name = "](http://evil.example)[x"
    text, entities = parse(f"[{escape.telegram(name)}](tg://user?id=1)", MARKDOWN)
    assert (text, [kind for _, _, kind, _ in entities]) == (name, ["textEntityTypeMentionName"])
    url = "http://ok.example/)[x](http://evil.example"
    text, entities = parse(f"[click]({escape.telegram(url, where='link')})", MARKDOWN)
    assert text == "click"
    assert [entity[2] for entity in entities] == ["textEntityTypeTextUrl"]


def test_entities_that_telegram_finds_by_itself_are_no_markup():
    # Addresses and names are found in any text; only sending with entities or previews off changes that.
    found = ask(**{"@type": "getTextEntities", "text": "http://e.com @durov"})["entities"]
    assert {entity["type"]["@type"] for entity in found} == {"textEntityTypeUrl", "textEntityTypeMention"}
