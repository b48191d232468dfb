"""HTML's own parser sees one text or one attribute value in what was escaped, and listed tags only in what was sanitised."""

import html
import itertools
import json
import subprocess
import sys
import warnings

import pytest
from botsec import escape
from hypothesis import given
from hypothesis import strategies as st

html5lib = pytest.importorskip("html5lib")
markupsafe = pytest.importorskip("markupsafe")

SPECIALS = "<>&\"'`=/!-;#x \n"
SHORT = ["".join(c) for length in (1, 2, 3) for c in itertools.product(SPECIALS, repeat=length)]
# HTML itself drops or replaces these in any text.
KEPT = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
TEXT = st.text(KEPT | st.sampled_from(SPECIALS), max_size=100)


def parse(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return html5lib.parseFragment(text, container="div", treebuilder="etree", namespaceHTMLElements=False)


def is_one_text(text, escaped):
    root = parse(escaped)
    return len(root) == 0 and (root.text or "") == text


def is_one_value(text, escaped, quote):
    root = parse(f"<p title={quote}{escaped}{quote}>x</p>")
    return len(root) == 1 and root[0].attrib == {"title": text} and root[0].text == "x"


def test_every_short_text_of_specials_is_one_text_and_one_value():
    for text in SHORT:
        assert is_one_text(text, escape.html(text)), text
    for text in SHORT[:: len(SHORT) // 500]:
        for quote in "\"'":
            assert is_one_value(text, escape.html(text), quote)
            assert is_one_value(text, escape.html_attribute(text), quote)


@given(TEXT)
def test_any_text_is_one_text_and_one_value(text):
    for escaped in (escape.html(text), escape.matrix_html(text), escape.telegram_html(text), escape.teams(text)):
        assert is_one_text(text, escaped)
    for quote in "\"'":
        assert is_one_value(text, escape.html(text), quote)


@given(st.text(max_size=200))
def test_html_is_what_the_peers_print(text):
    assert html.unescape(escape.html(text)) == html.unescape(str(markupsafe.escape(text)))
    assert escape.html(text) == html.escape(text) if text.isprintable() else True


@given(TEXT)
def test_a_script_string_stays_a_string(text):
    inside = escape.js_string(text)
    assert not set(inside) & set("<>&\"'`\n\u2028\u2029")
    script = parse(f"<script>var a = '{inside}';</script>")[0]
    assert script.text == f"var a = '{inside}';"
    whole = escape.json_in_script(json.dumps(text, ensure_ascii=False))
    assert json.loads(parse(f"<script>{whole}</script>")[0].text) == text


TAGS = "a b i p div span table tr td th li ul ol img code pre script style svg math select template br hr h1 mx-reply x".split()
MARKUP = st.lists(
    st.one_of(
        st.sampled_from(TAGS).map("<{}>".format),
        st.sampled_from(TAGS).map("</{}>".format),
        st.sampled_from(
            [
                "<a href='javascript:x'>", "<a href=https://e.com onclick=x>", "<img src=https://e.com/p.png onerror=x>",
                "<img src='mxc://e.com/x'>", "<span data-mx-color='red' style=x>", "<code class='language-a b'>", "<!--",
                "-->", "<![CDATA[", "]]>", "<p title='</p><script>'>", "text", "&lt;", "<", ">", "\"", "&#106;", "<a href='java\nscript:x'>",
            ]
        ),
    ),
    max_size=30,
).map("".join)  # fmt: skip
LISTED = {
    "chat": set("a b blockquote br code del div em i li ol p pre s span strong u ul".split()),
    "matrix": set(
        "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody tr th td "
        "caption pre span img details summary".split()
    ),
}
MATRIX = {
    "span": {"data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"},
    "a": {"target", "href", "rel"},
    "img": {"width", "height", "alt", "title", "src"},
    "ol": {"start"},
    "code": {"class"},
    "div": {"data-mx-maths"},
}


@given(MARKUP)
def test_sanitised_html_holds_listed_tags_only(markup):
    for profile, listed in LISTED.items():
        out = escape.sanitize_html(markup, profile)
        for element in parse(out).iter():
            if element.tag == "DOCUMENT_FRAGMENT":
                continue
            assert element.tag in listed
            allowed = MATRIX.get(element.tag, set()) if profile == "matrix" else {"href", "rel"}
            assert set(element.attrib) <= allowed
            assert not element.attrib.get("href", "").lower().startswith("java")
            assert element.attrib.get("src", "mxc:").startswith("mxc:")


@pytest.mark.parametrize(
    ("profile", "text", "clean"),
    [
        ("chat", "plain", "plain"),
        ("chat", "a <b>b</b> & c", "a <b>b</b> &amp; c"),
        ("chat", "<a href=http://e.com>x</a>", '<a rel="noopener noreferrer">x</a>'),
        ("chat", "<a href=/x>x</a>", '<a rel="noopener noreferrer">x</a>'),
        ("chat", "<img src=https://e.com/p.png>x", "x"),
        ("matrix", "<mx-reply>quoted</mx-reply>x", "x"),
        ("matrix", "<a href='ftp://e.com/' target=_blank>x</a>", '<a href="ftp://e.com/" target="_blank" rel="noopener">x</a>'),
        ("matrix", "<a href='mxc://e.com/x'>x</a>", '<a rel="noopener">x</a>'),
        ("matrix", "<img src='mxc://e.com/x' alt=a>", '<img src="mxc://e.com/x" alt="a">'),
        ("matrix", "<span data-mx-color=red data-mx-bg-color=#00ff00>x</span>", '<span data-mx-bg-color="#00ff00">x</span>'),
        ("matrix", "<code class='a language-py language-x'>x</code>", '<code class="language-py language-x">x</code>'),
        ("matrix", "<code class=evil>x</code>", "<code>x</code>"),
        ("matrix", "<font color=red>x</font><b style=x id=y>z</b>", "x<b>z</b>"),
        ("email", "<table><tr><td colspan=2>x</td></tr></table>", '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>'),
        ("email", "<img src='cid:a@b'><img src='https://e.com/p'>", '<img src="cid:a@b"><img>'),
        ("email", "<style>p{}</style><title>t</title>x", "tx"),
    ],
)  # fmt: skip
def test_a_profile_keeps_what_it_lists(profile, text, clean):
    assert escape.sanitize_html(text, profile) == clean


def test_deep_markup_is_escaped_as_a_whole():
    for tag in ("b", "div", "svg", "table", "a", "font", "x"):
        deep = f"<{tag}>" * 101 + "x"
        assert escape.sanitize_html(deep, "matrix") == escape.html(deep)
    fine = "<blockquote>" * 100 + "x" + "</blockquote>" * 100
    assert escape.sanitize_html(fine, "matrix") == fine
    long = "<p>a<br>b</p><ul><li>c</li><li>d</ul>" * 3000
    assert escape.sanitize_html(long, "matrix").count("<li>") == 6000
    rows = "<table>" + "<tr><td>a<td>b" * 2000 + "</table>"
    assert escape.sanitize_html(rows, "email").count("<td>") == 4000


@pytest.mark.parametrize(
    "piece",
    [
        "<b id={n}><table></b></table>", "<p><b id={n}></p>", "<b id={n}><!--</b>-->", "<b id={n}><script><!--<script></script></b>--></script>",
        "<i id={n}><title></i></title>", "<svg><link/>", "<b id={n}/>", "<select><b id={n}></b>", "<math><mi></math><p>", "<html a{n}>",
        "<table><hr>", "<table>x", "<a href={n}><p>", "<font><div></font>", "<svg><b id={n}/></svg>", "<nobr><nobr>", "<object><b></object>",
    ],
)  # fmt: skip
def test_markup_that_would_keep_a_parser_busy_is_escaped(piece):
    text = "".join(piece.format(n=n) for n in range(600))
    assert escape.sanitize_html(text) == escape.html(text)
    assert escape.sanitize_html("<table>" + "<hr>" * 600) == escape.html("<table>" + "<hr>" * 600)
    for sign in ("&", "\x9d", "&amp;", "<"):
        for text in (
            sign * 60_000,
            (sign * 300 + "</x>") * 200,
            "<title>" + sign * 60_000,
            f"<b title='{sign * 60_000}'>x</b>",
        ):
            assert escape.sanitize_html(text, "email") == escape.html(text) or sign == "<"
    assert escape.sanitize_html("</p>" * 20_000) == escape.html("</p>" * 20_000)
    assert escape.sanitize_html("</p>x") == "<p></p>x"
    many = "<b " + " ".join(f"a{n}" for n in range(600)) + ">x</b>"
    assert escape.sanitize_html(many) == escape.html(many)
    assert escape.sanitize_html(piece.format(n=1) + "plain") != ""


WIDTHS = {
    "ascii": st.characters(max_codepoint=0x7F),
    "latin-1": st.characters(max_codepoint=0xFF),
    "ucs2": st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]),
    "ucs4": st.characters(exclude_categories=["Cs"]),
}


@pytest.mark.parametrize("width", WIDTHS)
@given(data=st.data(), length=st.sampled_from([1, 31, 127, 128, 129, 160, 161, 1000]), at=st.integers(0, 999))
def test_long_text_of_every_width_is_escaped_alike(width, data, length, at):
    extra = "<>&\"'\ufeff" if width.startswith("ucs") else "<>&\"'"
    seed = data.draw(st.text(WIDTHS[width] | st.sampled_from(extra), min_size=1, max_size=40))
    filler = {"ascii": "a", "latin-1": "é", "ucs2": "ж", "ucs4": "😀"}[width]
    text = filler * (at % length) + seed + filler * max(0, length - len(seed) - at % length)
    expected = html.escape(text)
    out = escape.html(text)
    assert out == expected
    if expected == text:
        assert out is text
    # The same again: by now the object may hold a copy in UTF-8.
    text.encode()
    assert escape.html(text) == expected


@pytest.mark.parametrize("first", range(0, 0x20000, 0x400))
def test_letters_whose_low_byte_is_a_special_one_stay(first):
    letters = "".join(chr(code) for code in range(first, first + 0x400) if not 0xD800 <= code < 0xE000)
    for text in (letters + "<", "&" + letters, "😀<" + letters, letters):
        assert escape.html(text) == html.escape(text)
    prose = "быстрая лиса прыгает через ленивую собаку и домой " * 4
    assert escape.html(prose + "<") == prose + "&lt;"


@pytest.mark.parametrize(
    "text", ["é" * 200, "ж" * 200, "😀" * 200, "\ufeff" * 200, "\ufeffж<" * 99, "\ufeff😀<" * 99, "\xff\xfe<" * 99]
)
def test_a_byte_order_mark_is_text(text):
    assert escape.html(text) == html.escape(text)


def test_long_text_with_a_lone_surrogate_is_text_too():
    emoji = ["😀" * at + surrogate + "😀" * (199 - at) + "<" for at in (0, 31, 199) for surrogate in "\ud800\udfff"]
    for text in ("é" * 200 + "\ud800<", "😀" * 200 + "\udfff", "\ud83d\ude00" * 100, *emoji):
        out = escape.html(text)
        out.encode()
        assert "\ufffd" in out
        assert "<" not in out


def test_long_text_needs_no_arrays():
    code = "import sys; sys.modules['array'] = None; from botsec import escape; print(ascii(escape.html('😀' * 200 + '<')[198:]))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert out.stdout == ascii("😀😀&lt;") + "\n", out.stderr


def test_a_long_text_keeps_its_size():
    text = "".join(["ж" * 1000])
    before = sys.getsizeof(text)
    escape.html(text)
    assert sys.getsizeof(text) == before
