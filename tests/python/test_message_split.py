"""Splitting as Telegram's own parser reads it: every part parses, and together they say what the whole said."""

import json
from itertools import pairwise

import pytest
from botsec import InputError, message
from hypothesis import example, given, settings
from hypothesis import strategies as st

tdjson = pytest.importorskip("tdjson")

MODES = {
    "MarkdownV2": {"@type": "textParseModeMarkdown", "version": 2},
    "HTML": {"@type": "textParseModeHTML"},
}


def parse(text, mode):
    request = {"@type": "parseTextEntities", "text": text, "parse_mode": MODES[mode]}
    return json.loads(tdjson.td_execute(json.dumps(request).encode()))


def marked(parsed):
    """Each character that is no blank, with the kinds of entity around it."""
    units = parsed["text"].encode("utf-16-le")
    out = []
    for index in range(len(units) // 2):
        unit = units[index * 2 : index * 2 + 2]
        kinds = frozenset(
            json.dumps(entity["type"], sort_keys=True)
            for entity in parsed["entities"]
            if entity["offset"] <= index < entity["offset"] + entity["length"]
        )
        if unit.decode("utf-16-le", "replace").strip():
            out.append((unit, kinds))
    return out


def holds(text, mode):
    whole = parse(text, mode)
    assert whole["@type"] == "formattedText", whole
    parts = [p["text"] for p in message.telegram(markup=text, parse_mode=mode, max_parts=1000)]
    read = [parse(part, mode) for part in parts]
    assert all(r["@type"] == "formattedText" for r in read), [r for r in read if r["@type"] != "formattedText"]
    assert all(len(part.encode("utf-16-le")) // 2 <= 4096 for part in parts)
    assert [pair for r in read for pair in marked(r)] == marked(whole)


FILL = "word \\*x\\* \\_ 😀 e\u0301\n" * 30
WRAPS = ["*", "_", "__", "~", "||"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.permutations(range(5)), st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=6))
@example([([1, 2, 0, 3, 4], 3, 40)])
@example([([2, 1, 0, 3, 4], 3, 40)])
@example([([0, 1, 2, 3, 4], 3, 40)])
def test_markdown_that_is_cut_stays_what_it_was(blocks):
    text = ""
    for order, depth, times in blocks:
        kinds = [WRAPS[kind] for kind in order[:depth]]
        # Two underscored marks side by side need a separator, which is another test's matter.
        if any(a.endswith("_") and b.startswith("_") for a, b in pairwise(kinds)):
            continue
        opened, closed = "".join(kinds), "".join(reversed(kinds))
        text += f"{opened}x{FILL * times}x{closed} and `{'c' * 50}` [l](https://example.org/\\)) \n"
    if text and parse(text, "MarkdownV2")["@type"] == "formattedText":
        holds(text, "MarkdownV2")


def test_underscored_marks_that_meet_at_a_cut_are_kept_apart():
    holds("_a __b " + FILL * 20 + "b__ a_", "MarkdownV2")
    holds("__a _b " + FILL * 20 + "b_ a__", "MarkdownV2")
    holds("*_a __b " + FILL * 20 + "b__ a_*", "MarkdownV2")


def test_code_in_markdown_stays_code():
    holds("```python\n" + "print\\`x\\`\n" * 900 + "```", "MarkdownV2")
    holds("`" + "a \\` b " * 900 + "`", "MarkdownV2")
    holds(">quote " + "x " * 10 + "\n>more||\nend", "MarkdownV2")


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["b", "i", "u", "s", "tg-spoiler", "code", "pre"]), st.integers(1, 60)), max_size=6
    )
)
def test_html_that_is_cut_stays_what_it_was(blocks):
    text = "start "
    for tag, times in blocks:
        inner = "a &lt;b&gt; &amp; 😀 e\u0301 word " * times
        link = "" if tag in ("code", "pre") else f'<a href="https://example.org/?a=1&amp;b={times}">{inner}</a>'
        text += f"<{tag}>{inner * 3}{link}{inner}</{tag}>\n"
    holds(text, "HTML")


def test_a_link_longer_than_a_message_is_refused_and_a_shorter_one_is_not():
    link = "[{}](https://example.org)"
    with pytest.raises(InputError, match="longer than a message"):
        message.telegram(markup=link.format("x" * 5000), parse_mode="MarkdownV2")
    assert len(message.telegram(markup=link.format("x" * 3000) * 2, parse_mode="MarkdownV2")) == 2
