"""`botsec.escape`: the same object, wrong types, surrogates, and what each context promises."""

import csv
import html
import io
import json
import sqlite3
from urllib.parse import unquote

import botsec
import pytest
from botsec import InputError, escape
from hypothesis import given
from hypothesis import strategies as st

ALL = [getattr(escape, name) for name in escape.__all__]
# A link and JSON are texts of their own kind; what is neither is refused.
FREE = [f for f in ALL if f not in (escape.link, escape.json_in_script)]
PLACES = [
    pytest.param(lambda t, f=f, where=where: f(t, where=where), id=f"{f.__name__}-{where}")
    for f in (escape.telegram, escape.discord)
    for where in ("text", "code", "link")
]


@pytest.mark.parametrize("function", FREE + PLACES)
def test_clean_text_is_the_same_object(function):
    for text in ("".join(["plain", "text"]), "x" * 5000):
        assert function(text) is text
    if function not in (escape.url_segment, escape.url_query):
        for text in ("".join(["приве", "т"]), "".join(["emoji", "\U0001f600"])):
            assert function(text) is text


def test_a_clean_link_and_clean_json_are_the_same_object():
    url, text = "".join(["https://", "example.org/"]), json.dumps({"a": [1, "b"]})
    assert escape.link(url) is url
    assert escape.json_in_script(text) is text


@pytest.mark.parametrize("function", ALL)
def test_what_is_no_str_is_a_type_error(function):
    for bad in (None, 5, b"x", ["x"], object()):
        with pytest.raises(TypeError):
            function(bad)


@pytest.mark.parametrize("function", FREE + PLACES)
def test_a_lone_surrogate_becomes_a_replacement_character(function):
    for text in ("a\ud800b", "\udfffé", "\ud83c" * 3, "<\ud800*"):
        out = function(text)
        out.encode()
        assert "\ufffd" in out or "%EF%BF%BD" in out


def test_a_subclass_of_str_is_text():
    class Name(str):
        def __str__(self):
            return "something else"

    assert escape.html(Name("a<b")) == "a&lt;b"
    name = Name("clean")
    assert escape.html(name) is name


def test_an_unknown_place_or_profile_is_refused():
    for escape_for in (escape.telegram, escape.discord):
        with pytest.raises(ValueError, match="where"):
            escape_for("x", where="nowhere")
    with pytest.raises(ValueError, match="profile"):
        escape.sanitize_html("x", profile="all")


def test_functions_know_their_names_and_their_docs():
    for name in escape.__all__:
        function = getattr(escape, name)
        assert (function.__name__, function.__module__) == (name, "botsec.escape")
        assert all(part in function.__doc__ for part in ("Args:", "Returns:", "Example:", ">>> ")), name
        assert "text" in function.__text_signature__ or name == "link"


@given(st.text(max_size=200))
def test_what_is_escaped_reads_back(text):
    assert html.unescape(escape.html(text)) == html.unescape(html.escape(text))
    assert unquote(escape.url_query(text)) == text
    assert "\n" not in escape.log(text)
    assert "\x1b" not in escape.terminal(text)
    assert json.loads(escape.json_in_script(json.dumps(text))) == text
    assert json.loads(escape.json_in_script(json.dumps(text, ensure_ascii=False))) == text


def test_a_dot_segment_and_an_empty_one_are_refused():
    for bad in ("", ".", ".."):
        with pytest.raises(InputError):
            escape.url_segment(bad)
    assert escape.url_segment("...") == "..."
    assert escape.url_segment("%2e%2e") == "%252e%252e"


def test_only_json_goes_into_a_script():
    for bad in ("alert(1)", "{'a': 1}", "NaN", "1;x", "", "[1,]", '"a'):
        with pytest.raises(InputError) as caught:
            escape.json_in_script(bad)
        assert not bad or bad not in str(caught.value)
    out = escape.json_in_script(json.dumps("</script><!-- &\u2028", ensure_ascii=False))
    assert out == '"\\u003c/script\\u003e\\u003c!-- \\u0026\\u2028"'


@pytest.mark.parametrize("ending", "\r\n\0")
def test_irc_refuses_what_ends_a_command(ending):
    with pytest.raises(InputError):
        escape.irc(f"hi{ending}QUIT")
    assert escape.irc("hi\tQUIT") == "hi\tQUIT"


def test_a_spreadsheet_reads_no_formula():
    for text in (
        "=1+1",
        "+1",
        "@x",
        "-x",
        "-1+1|cmd",
        " =1",
        "\u00a0=1",
        "\t1",
        "\rx",
        "\nx",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "\ufeff=1",
        "-",
    ):
        assert escape.csv_cell(text) == "'" + text
    for text in ("1", "-1", "-1.5", "a=b", "", " x", "a\tb"):
        assert escape.csv_cell(text) is text


def test_a_csv_row_reads_back():
    out = io.StringIO()
    csv.writer(out).writerow([escape.csv_cell('=a,"b"'), escape.csv_cell("x\ny")])
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == ['\'=a,"b"', "x\ny"]


@given(st.text(alphabet="a%_/\\b", max_size=6))
def test_like_finds_the_text_itself(text):
    with sqlite3.connect(":memory:") as base:
        found = base.execute("SELECT ? LIKE ? ESCAPE '/'", (f"x{text}y", f"%{escape.sql_like(text)}%"))
        assert found.fetchone() == (1,)
        other = base.execute("SELECT ? LIKE ? ESCAPE '/'", ("zzz", escape.sql_like(text)))
        assert other.fetchone() == (0,)
    base.close()


def test_a_link_is_judged_and_canonical():
    assert escape.link("https://EXAMPLE.org") == "https://example.org/"
    assert escape.link("https://bücher.example/ä?q=ü#ö") == "https://xn--bcher-kva.example/%C3%A4?q=%C3%BC#%C3%B6"
    assert escape.link("https://e.com/a)[x](https://evil.example") == "https://e.com/a%29%5Bx%5D%28https://evil.example"
    assert escape.link("https://[2606:4700::1]/") == "https://[2606:4700::1]/"
    for bad in (
        "http://e.com",
        "javascript:alert(1)",
        "//e.com",
        "/a",
        "e.com",
        "",
        "https:e.com",
        "https:///e.com",
        "data:text/html,x",
        "https://u:p@e.com/",
        "https://e.com\\@evil.com",
        "https://e.com/\n",
        " https://e.com",
        "https://0x7f.1/",
        "https://e.com/\u202e",
        "https://ｅ.com/",
        "tg://user?id=1",
        "https://e.com:0/",
        "https://%65.com/",
        "x" * 100_000,
        "https://" + "a." * 50_000,
    ):
        with pytest.raises(InputError) as caught:
            escape.link(bad)
        assert "evil" not in str(caught.value)


def test_a_link_leads_to_listed_hosts_only():
    allowed = ["bücher.example", "*.example.org", "e.com:8443"]
    for url in (
        "https://xn--bcher-kva.example/",
        "https://BÜCHER.example/",
        "https://a.b.example.org/x",
        "https://e.com:8443/",
    ):
        assert escape.link(url, allow_hosts=allowed).startswith("https://")
    for url in (
        "https://example.org/",
        "https://evilexample.org/",
        "https://e.com/",
        "https://a.example.org.evil.com/",
        "https://a.example.org:81/",
    ):
        with pytest.raises(InputError):
            escape.link(url, allow_hosts=allowed)
    with pytest.raises(InputError):
        escape.link("https://e.com/", allow_hosts=[])
    with pytest.raises(TypeError):
        escape.link("https://e.com/", allow_hosts=[5])


def test_sequences_for_terminals_are_gone_and_what_stays_is_seen():
    for text, shown in (
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1bP+q544e\x1b\\x", "x"),
        ("\x9b2Jx\x9d0;t\x9cy", "xy"),
        ("\x1bcx\x1b(Bz", "xz"),
        ("a\bb\rc", "a\\u0008b\\rc"),
        ("a\r\nb", "a\nb"),
        ("a\tb\nc \\ d", "a\tb\nc \\ d"),
        ("\x1b]0;no end", "0;no end"),
        ("\x1b[31", "31"),
        ("\x1b[\x1b[31mx", "x"),
        ("user\u202egpj.exe\u200b", "user\\u202egpj.exe\\u200b"),
        ("\U000e0041", "\\udb40\\udc41"),
    ):
        assert escape.terminal(text) == shown, text


def test_the_module_is_reached_from_the_package():
    assert botsec.escape is escape
