"""`botsec.render`: which places take values, what becomes of them, and who says no."""

import datetime
import decimal
import sys
import threading
import uuid

import botsec
import pytest
from botsec import render
from botsec.render import Safe
from servers.template import template

PLATFORMS = [name for name in render.__all__ if name != "Safe"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_template_and_a_format_string_render_alike(platform):
    show = getattr(render, platform)
    for value in ("<b>*x*_y_`z`[a](b)&\x1b", "", "plain", 42, 1.5):
        assert show(template("a ", value, " b")) == show("a {value} b", value=value)


def test_the_marks_of_markdown_are_text_in_html_and_markup_in_markdown():
    assert render.telegram("**{name}**", name="a*b<") == "**a*b&lt;**"
    assert render.telegram("<b>{name}</b>", name="a*b<") == "<b>a*b&lt;</b>"
    assert render.telegram_markdown("*{name}*", name="a*b<") == "*a\\*b<*"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings are Python 3.14's")
def test_a_real_t_string_renders():
    names = {"render": render, "name": "<x>", "price": 1.5, "inner": None}
    assert (
        eval('render.telegram(t"<b>{name}</b> {price:.2f} {name!r}")', names)
        == "<b>&lt;x&gt;</b> 1.50 &#x27;&lt;x&gt;&#x27;"
    )
    assert eval('render.html(t"<p>{t"<b>{name}</b>"}</p>")', names) == "<p><b>&lt;x&gt;</b></p>"


def test_conversion_comes_before_the_format_and_both_before_the_escape():
    assert render.html("{x!r:>8}", x="<") == "     &#x27;&lt;&#x27;"
    assert render.html(template("", ("<", "x", "r", ">8"), "")) == "     &#x27;&lt;&#x27;"
    assert render.html("{x:<^5}", x="a") == "&lt;&lt;a&lt;&lt;"
    assert render.html("{x!a}", x="é") == "&#x27;\\xe9&#x27;"
    assert render.html("{when:%H<%M}", when=datetime.time(7, 5)) == "07&lt;05"


def test_doubled_braces_are_braces():
    assert render.html("{{{x}}} {{y}}", x=1) == "{1} {y}"


@pytest.mark.parametrize(
    "text",
    ["{a.b}", "{a[0]}", "{}", "{0}", "{a", "a}", "{a!x}", "{a:{b}}", "{a b}", "{a!r.b}", "{a.__class__}", "{a!}"],
)
def test_fields_that_reach_into_values_are_refused(text):
    with pytest.raises(ValueError, match="A template holds"):
        render.html(text, a="x", b="y")


def test_a_field_needs_its_value_and_a_value_its_field():
    with pytest.raises(TypeError, match="needs a value for `b`"):
        render.html("{a}{b}", a=1)
    with pytest.raises(TypeError, match="no field `c`"):
        render.html("{a}", a=1, c=2)
    with pytest.raises(TypeError, match="keywords belong"):
        render.html(template("a"), a=1)
    assert render.html("{template}", template="own names are free") == "own names are free"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_no_template_is_a_type_error(platform):
    for wrong in (None, 5, b"x", ["a"], object(), Safe("x", "html")):
        with pytest.raises(TypeError):
            getattr(render, platform)(wrong)


def test_what_python_writes_in_one_way_is_shown():
    shown = [True, 7, -1.5, decimal.Decimal("1.20"), uuid.UUID(int=0), datetime.date(2026, 1, 2), "s"]
    assert render.html("{a}", a=10**50) == "1" + "0" * 50
    for value in shown:
        assert render.html("{a}", a=value) == str(value)


@pytest.mark.parametrize("value", [None, object(), [], {}, KeyError("x"), str, len])
def test_other_values_need_a_conversion(value):
    with pytest.raises(TypeError, match="`a`"):
        render.html("{a}", a=value)
    assert render.html("{a!s}", a=value)


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), memoryview(b"x")])
def test_bytes_are_never_shown(value):
    for text in ("{a}", "{a!r}", "{a!s:>9}", "<script>{a}</script>"):
        with pytest.raises(TypeError):
            render.html(text, a=value)


def test_secrets_are_never_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "the-value-of-the-secret")
    secret = botsec.secret("env:MY_KEY")
    for text in ("{a}", "{a!r}", "{a!s}", "{a:>99}", "<script>{a}</script>", "<script>f({b})</script>"):
        with pytest.raises(TypeError) as caught:
            render.html(text, **({"a": secret} if "{a" in text else {"b": {"k": [secret]}}))
        assert "the-value" not in str(caught.value)


def test_a_subclass_of_str_is_read_by_its_characters():
    class Odd(str):
        def __str__(self):
            return "<b>"

        def __hash__(self):
            return hash("x")

        def __eq__(self, other):
            return True

    assert render.telegram("{a}", a=Odd("<i>")) == "&lt;i&gt;"
    assert render.telegram(Odd("<i>{a}</i>"), a="&") == "<i>&amp;</i>"
    assert render.telegram(Odd("<b>{a}</b>"), a="&") == "<b>&amp;</b>"


def test_lone_surrogates_and_nul_are_harmless():
    for platform in PLATFORMS:
        getattr(render, platform)("a {x}", x="\ud800 \0").encode()
        getattr(render, platform)("a\ud800 {x}", x="").encode()


# Markup that is safe already.


def test_safe_text_stays_on_its_own_platform():
    assert render.telegram("<b>{x}</b>", x=Safe("<i>a</i>", "telegram")) == "<b><i>a</i></b>"
    for platform in PLATFORMS:
        if platform != "telegram":
            with pytest.raises(TypeError, match="safe for telegram"):
                getattr(render, platform)("{x}", x=Safe("<i>a</i>", "telegram"))


def test_safe_text_stands_in_text_only():
    for text in (
        '<a title="{x}">a</a>',
        "<title>{x}</title>",
        '<a href="{x}">a</a>',
        "<script>f({x})</script>",
        "{x!s}",
        "{x:>3}",
    ):
        with pytest.raises(TypeError, match="markup"):
            render.html(text, x=Safe("a", "html"))


def test_safe_says_whom_it_is_for_and_never_what_it_holds():
    assert "secret" not in repr(Safe("secret", "html"))
    assert Safe("a", "html").platform == "html"
    assert str(Safe("a", "html")) == "a"
    with pytest.raises(ValueError, match="platform"):
        Safe("a", "irc")
    for wrong in (None, b"a", 5, Safe("a", "html")):
        with pytest.raises(TypeError):
            Safe(wrong, "html")


def test_nested_templates_render_by_their_own_places():
    rows = template("<b>", "<1>", "</b>")
    assert render.html(template("<p>", rows, "</p>")) == "<p><b>&lt;1&gt;</b></p>"
    assert render.telegram_markdown(template("*", template("_", "a_b", "_"), "*")) == "*_a\\_b_*"
    with pytest.raises(TypeError, match="markup"):
        render.html(template('<a title="', rows, '">x</a>'))
    with pytest.raises(ValueError, match="never ends"):
        render.html(template("<p>", template("<b"), "</p>"))
    with pytest.raises(TypeError, match="conversion"):
        render.html(template("", (rows, "rows", "s", ""), ""))


def test_templates_that_hold_themselves_end():
    inner = template("a", "x", "b")
    for _ in range(40):
        inner = template("", inner, "")
    with pytest.raises(ValueError, match="nested too deeply"):
        render.html(inner)


def test_html_of_others_is_markup_for_html_alone():
    markupsafe = pytest.importorskip("markupsafe")
    bold = markupsafe.Markup("<b>x</b>")
    assert render.html("<p>{x}</p>", x=bold) == "<p><b>x</b></p>"
    assert render.telegram("{x}", x=bold) == "&lt;b&gt;x&lt;/b&gt;"
    assert render.matrix("{x}", x=bold) == "&lt;b&gt;x&lt;/b&gt;"
    with pytest.raises(TypeError, match="markup"):
        render.html('<a title="{x}">y</a>', x=bold)


# Scripts take JSON.


def test_values_in_scripts_are_json():
    data = {"a": [1, None, True, "</script><!--"], "b": 1.5}
    shown = render.html('<script type="application/json">{data}</script>', data=data)
    assert shown == (
        '<script type="application/json"> {"a":[1,null,true,"\\u003c/script\\u003e\\u003c!--"],"b":1.5} </script>'
    )
    assert render.html("<script>f({x}, 'a{y}')</script>", x="</script>'\"", y="'</script>\u2028") == (
        "<script>f( \"\\u003c/script\\u003e'\\\"\" , 'a\\u0027\\u003c\\u002fscript\\u003e\\u2028')</script>"
    )
    for wrong in (float("nan"), object(), {1: 2}):
        with pytest.raises((TypeError, ValueError)):
            render.html("<script>f({x})</script>", x=wrong)


# Links.


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com/a?b=c&d#e", "https://example.com/a?b=c&amp;d#e"),
        ("https://example.com/a'(b)", "https://example.com/a%27%28b%29"),
        ("mailto:a.b+c@example.com", "mailto:a.b+c@example.com"),
    ],
)
def test_a_whole_link_is_https_or_mail(value, shown):
    import html

    assert html.unescape(render.html('<a href="{x}">a</a>', x=value)) == html.unescape(f'<a href="{shown}">a</a>')


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "\x01javascript:x",
        "data:text/html,x", "vbscript:x", "http://example.com", "//example.com", "/a", "a", "", "https:example.com",
        "https:///example.com", "https://user@example.com", "https://good.com\\@evil.com", "https://a b", "https://",
        "mailto:", "mailto:a", "mailto:a@b?bcc=c@d", "mailto:a@b,c@d", "mailto:a@b\nc", "https://[::1]/", "tel:1", "blob:x",
        "&#106;avascript:x", "%6aavascript:x", "https://例え.com\u202e",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "place",
    [
        (render.html, '<a href="{x}">a</a>'), (render.telegram, '<a href="{x}">a</a>'), (render.matrix, "<a href='{x}'>a</a>"),
        (render.telegram_markdown, "[a]({x})"), (render.discord, "[a]({x})"), (render.discord, "<{x}>"),
        (render.slack, "<{x}|a>"), (render.html, '<form action="{x}">'), (render.html, '<img src="{x}">'),
    ],
)  # fmt: skip
def test_other_links_are_input_errors(place, value):
    show, text = place
    with pytest.raises(botsec.InputError) as caught:
        show(text, x=value)
    assert str(caught.value) == "`x` must be a whole https or mailto link."
    if len(value) > 3:
        assert value not in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("value", "fits"), [("q/z", True), ("..", False), (".", False), ("", False), ("...a", True), ("\\", True)]
)
@pytest.mark.parametrize(
    "place",
    [
        (render.html, '<a href="/x/{x}/y">a</a>'), (render.html, '<a href="/{x}/evil.example">a</a>'),
        (render.telegram, '<a href="https://example.com/{x}">a</a>'), (render.telegram_markdown, "[a](https://e.com/{x}/)"),
        (render.discord, "[a](https://e.com/{x})"), (render.slack, "<https://e.com/{x}/b|a>"), (render.discord, "https://e.com/{x}"),
        (render.html, '<a href="/x/%2e{x}">a</a>'), (render.html, '<a href="/x/.{x}/">a</a>'),
    ],
)  # fmt: skip
def test_a_segment_of_a_link_is_never_a_dot_segment_or_empty(place, value, fits):
    show, text = place
    if not fits:
        with pytest.raises(botsec.InputError, match="more than dots"):
            show(text, x=value)
    else:
        shown = show(text, x=value)
        assert "q/z" not in shown
        assert "\\" not in shown


def test_a_segment_that_has_text_takes_anything():
    assert render.html('<a href="/p-{x}.html?q={x}#{x}">a</a>', x="..") == '<a href="/p-...html?q=..#..">a</a>'
    assert "&amp;" not in render.html('<a href="/?a={x}&amp;b=1">a</a>', x="&c=2").replace("&amp;b", "")


def test_ids_are_ids():
    assert render.discord("<@{x}> <t:{t}:R>", x=42, t=1700000000) == "<@42> <t:1700000000:R>"
    assert render.slack("<@{x}>", x="U024BE7LH") == "<@U024BE7LH>"
    for value in ("&1", "everyone", "", "1>", "１"):
        with pytest.raises(botsec.InputError, match="digits"):
            render.discord("<@{x}>", x=value)
    for value in ("!here", "u1", "", "U1|x", "U1>"):
        with pytest.raises(botsec.InputError, match="capitals"):
            render.slack("<@{x}>", x=value)


# What is kept, and threads.


def test_many_templates_and_threads_do_not_disturb_each_other():
    bad = []

    def work(own):
        for turn in range(400):
            text = f"<b class='c{own}-{turn % 300}'>{{x}}</b>"
            if render.html(text, x="<") != text.replace("{x}", "&lt;"):
                bad.append(text)

    threads = [threading.Thread(target=work, args=(own,)) for own in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not bad


def test_a_template_is_wrong_every_time():
    for _ in range(3):
        with pytest.raises(ValueError, match=r"takes no value in an attribute value without quotes: `\{x\}`"):
            render.html("<a title={x}>", x="a")


def test_errors_of_templates_name_places_and_never_text():
    formatted = "hunter2"
    for text in (f"<b {formatted}", f"<!-- {formatted} {{x}} -->", f'<a href="{formatted}:{{x}}">'):
        with pytest.raises(ValueError) as caught:
            render.html(text, x=formatted)
        assert formatted not in str(caught.value)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_hundred_thousand_characters_render(platform):
    show = getattr(render, platform)
    for value in ("<" * 100_000, "&*_`[](" * 15_000, ".\n" * 50_000, "@everyone " * 10_000, "\x1b[" * 50_000):
        assert show("a {x} b", x=value)
    for part in ("a", "\n", " ", "é", "> ", "\\\\"):
        literal = part * (100_000 // len(part))
        try:
            assert show(literal + "{x}" + literal, x="v")
        except ValueError:
            assert part in ("> ", "é") or platform != "html"
    many = "a{x}" * 25_000
    assert show(many, x="v") == "av" * 25_000


def test_the_docstrings_run_and_the_names_are_sorted():
    import doctest

    assert doctest.testmod(render).failed == 0
    assert render.__all__ == sorted(render.__all__)
    assert all(hasattr(render, name) for name in render.__all__)
