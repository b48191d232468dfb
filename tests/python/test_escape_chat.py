"""Discord, Slack, Teams, WhatsApp and IRC: what means something to the platform is inert, and nothing else changes."""

import re

import pytest
from botsec import escape
from hypothesis import given
from hypothesis import strategies as st

ZWSP = "\u200b"
SPECIALS = "*_~`|[]()<>#@-+.:!\\1 \n&/et"
MARKUP = st.text(st.sampled_from(SPECIALS), max_size=30) | st.text(max_size=40)


def unescaped(text):
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL).replace(ZWSP, "")


def live(text):
    """What is left of an escaped text when every escaped character is gone."""
    return re.sub(r"\\[^0-9A-Za-z\s]", "\x00", text)


@given(MARKUP)
def test_discord_reads_back_what_was_escaped(text):
    assert unescaped(escape.discord(text)) == text.replace(ZWSP, "")


@given(MARKUP)
def test_nothing_that_discord_reads_is_left(text):
    left = live(escape.discord(text))
    assert not re.search(r"[*_~`|\[\\]", left)
    assert not re.search(r"<[a-z#:/]", left, re.IGNORECASE)
    assert not re.search(r"@(everyone|here|[!&]?\d)", left, re.IGNORECASE)
    assert not re.search(r"^\s*(#|-|>+(\s|$)|\+\s|\d+\.\s)", left, re.MULTILINE)


@given(MARKUP, MARKUP)
def test_two_discord_texts_side_by_side_make_nothing_either(one, two):
    left = live(escape.discord(one) + escape.discord(two))
    assert not re.search(r"[*_~`|\[\\]|<[a-z#:/]|@(everyone|here|[!&]?\d)", left, re.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[t](http://e.com)[u](http://f.com)", "\\[t](http://e.com)\\[u](http://f.com)"),
        ("<https://e.com> <:e:1> <a:e:1> <t:1:R> </x:1> <#1> <id:customize>", "\\<https://e.com> \\<:e:1> \\<a:e:1> \\<t:1:R> \\</x:1> \\<#1> \\<id:customize>"),
        ("<@1> <@!1> <@&1>", f"<@{ZWSP}1> <@{ZWSP}!1> <@{ZWSP}&1>"),
        ("@everyone @HERE a@b.com @", f"@{ZWSP}everyone @{ZWSP}HERE a@b.com @{ZWSP}"),
        ("# h\n## h\n-# s\n> q\n>>> q\n- l\n* l\n1. l\n + l", "\\# h\n\\## h\n\\-# s\n\\> q\n\\>>> q\n\\- l\n\\* l\n1\\. l\n \\+ l"),
        ("a # b > c - d 1. e", "a # b > c - d 1. e"),
        (">quote 1.5 a < b <3 (x) #", ">quote 1.5 a < b <3 (x) #"),
        ("\u2028# h\r- x\u200b# y", "\u2028\\# h\r\\- x\u200b# y"),
    ],
)  # fmt: skip
def test_discord_gets_the_fewest_backslashes(text, shown):
    assert escape.discord(text) == shown


def test_a_label_of_a_masked_link_holds_nothing_live():
    label = escape.discord("*a* ]( [x] <b> @everyone http://e.com\n`c` \\", where="link")
    assert label == f"＊a＊ ］( ［x］ ＜b> @{ZWSP}everyone http：//e.com ｀c｀ ＼"
    assert escape.discord("12:30 (x)", where="link") == "12:30 (x)"


@given(MARKUP)
def test_code_on_discord_has_no_fence(text):
    code = escape.discord(text, where="code")
    assert code.replace(ZWSP, "") == text.replace(ZWSP, "")
    assert not text or "``" not in f"`{code}`"


@given(MARKUP)
def test_slack_reads_no_control_sequence(text):
    out = escape.slack(text)
    assert not set("<>") & set(out)
    assert out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text
    assert not set("<>") & set(escape.slack_markdown(text))
    assert escape.slack_markdown("a&b <!here>") == "a&b &lt;!here&gt;"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*a* _b_ ~c~ `d`", "＊a＊ ＿b＿ ～c～ ｀d｀"),
        ("snake_case_ https://e.com/a_b", "snake_case＿ https://e.com/a_b"),
        ("- a\n> b\n1. c\n1.5 -x", "－ a\n＞ b\n1． c\n1.5 -x"),
    ],
)
def test_whatsapp_shows_twins_of_its_markers(text, shown):
    assert escape.whatsapp(text) == shown


def test_teams_shows_references_for_what_it_reads():
    assert escape.teams("<b>&'\"") == "&lt;b&gt;&amp;&#39;&quot;"
    assert escape.teams("[t](http://e.com) *b*") == "&#91;t&#93;(http://e.com) &#42;b&#42;"
    assert escape.teams("- a\n1. b\n1.5 a-b") == "&#45; a\n1&#46; b\n1.5 a-b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x0304,12red\x03", "red"),
        ("\x034,x", ",x"),
        ("\x03123", "3"),
        ("\x04FF0000,00ff00x\x04FF", "xFF"),
        ("a\x02\x0f\x11\x16\x1d\x1e\x1fb\x01\x07\x1b\x7f\x9b", "ab"),
        ("\x03\x0204x", "04x"),
    ],
)
def test_irc_keeps_the_words(text, shown):
    assert escape.irc(text) == shown


@given(st.text(st.sampled_from("\x02\x03\x04\x0f\x1f,0123abc\x01\x9b é"), max_size=20))
def test_no_control_is_left_for_irc(text):
    out = escape.irc(text)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", out)
    assert escape.irc(out) is out


@given(st.text(st.sampled_from("\x1b[]P\\\x07\x9b\x9c\x9d;0m\n\r\x08A (\u202e\x18"), max_size=20))
def test_no_control_is_left_for_a_terminal(text):
    out = escape.terminal(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out)
    assert escape.terminal(out) is out
