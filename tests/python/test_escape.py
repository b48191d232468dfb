"""`botsec.escape`: the vectors, the same object, and what other libraries read back."""

import html
import json
from pathlib import Path
from urllib.parse import unquote

import botsec
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROWS = json.loads((Path(__file__).parents[1] / "vectors" / "escape.json").read_text(encoding="utf-8"))
OURS = {
    "html": lambda t: html.unescape(botsec.escape.html(t)),
    "telegram": botsec.escape.telegram,
    "telegram.code": lambda t: botsec.escape.telegram(t, where="code"),
    "telegram.link": lambda t: botsec.escape.telegram(t, where="link"),
    "slack": botsec.escape.slack,
    "url_segment": botsec.escape.url_segment,
}
ALL = [getattr(botsec.escape, name) for name in botsec.escape.__all__]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['context']}:{row['input'][:12]!r}")
def test_every_vector_holds(row):
    assert OURS[row["context"]](row["input"]) == row["expected"]


@pytest.mark.parametrize("escape", ALL)
def test_clean_text_is_the_same_object(escape):
    text = "".join(["plain", "text"])
    assert escape(text) is text


@pytest.mark.parametrize("escape", ALL)
def test_wrong_types_and_lone_surrogates(escape):
    for bad in (None, 5, b"x"):
        with pytest.raises(TypeError):
            escape(bad)
    escape("a\ud800b").encode()


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match="where"):
        botsec.escape.telegram("x", where="nowhere")


@given(st.text(max_size=200))
def test_what_is_escaped_reads_back(text):
    assert html.unescape(botsec.escape.html(text)) == html.unescape(html.escape(text))
    assert unquote(botsec.escape.url_segment(text)) == text
    assert "\n" not in botsec.escape.log(text)
    assert "\x1b" not in botsec.escape.terminal(text)
