"""URL templates with queries, and t-strings: the same template, the same checks, the same route."""

import logging
import string
import sys
import uuid

import botsec
import pytest
from servers.template import Interpolation, Template

SECRET = "sk-test-0123456789abcdef"
MEMBERS = "/guilds/{guild:snowflake}/members{?limit:int(1..1000),after:snowflake}"


def made(*parts) -> Template:
    """Text and interpolations in any order, as Python 3.14 arranges them: always one text more."""
    strings, interpolations = [""], []
    for part in parts:
        if isinstance(part, str):
            strings[-1] += part
        else:
            interpolations.append(part)
            strings.append("")
    return Template(tuple(strings), tuple(interpolations))


def t(source: str, **names):
    """What Python 3.14 makes of `t"<source>"`; elsewhere a stand-in of the same parts."""
    if sys.version_info >= (3, 14):
        return eval(compile(f"t{source!r}", "t", "eval"), {}, names)
    parts: list = []
    for literal, field, spec, conversion in string.Formatter().parse(source):
        parts.append(literal)
        if field is not None:
            parts.append(Interpolation(eval(field, {}, names), field, conversion, spec))
    return made(*parts)


# Queries.


def test_a_query_template_takes_its_values_from_path(client, api):
    client.get(MEMBERS, path={"guild": "80351110224678912", "limit": 5, "after": 7})
    assert api.last.target == "/guilds/80351110224678912/members?limit=5&after=7"
    client.get("/s{?q,tag,page[size]}", path={"q": "a&b=c d+é#", "tag": ["x", "y"], "page[size]": 2.5})
    assert api.last.query == [("q", "a&b=c d+é#"), ("tag", "x"), ("tag", "y"), ("page[size]", "2.5")]
    assert " " not in api.last.target and "#" not in api.last.target


def test_what_is_missing_or_none_is_left_out(client, api):
    client.get(MEMBERS, path={"guild": 1})
    assert api.last.target == "/guilds/1/members"
    client.get(MEMBERS, path={"guild": 1, "limit": None, "after": None}, params={})
    assert api.last.target == "/guilds/1/members"
    client.get(MEMBERS, path={"guild": 1, "after": []}, params={"limit": None})
    assert api.last.target == "/guilds/1/members"
    client.get("/s{?q}", path={"q": ""})
    assert api.last.target == "/s?q="
    client.get("/s", params={"q": None})
    assert api.last.target == "/s?q="
    with pytest.raises(botsec.InputError, match="`guild` is missing"):
        client.get(MEMBERS, path={"guild": None})


def test_params_beside_a_query_template_are_judged_by_it(client, api):
    client.get(MEMBERS, path={"guild": 1, "limit": 2}, params={"after": 3})
    assert api.last.target == "/guilds/1/members?limit=2&after=3"
    sent = len(api.requests)
    for path, params in (
        ({"limit": 2}, {"limit": 2}),
        ({}, {"limit": 0}),
        ({}, {"limit": True}),
        ({}, {"limit": "5 OR 1"}),
        ({}, {"before": 3}),
        ({"before": 3}, {}),
    ):
        with pytest.raises(botsec.InputError) as caught:
            client.get(MEMBERS, path={"guild": 1, **path}, params=params)
        assert "OR" not in str(caught.value) + str(caught.value.__notes__)
    assert len(api.requests) == sent


@pytest.mark.parametrize(
    "value", [0, 1001, "x", "1 ", "１", "", True, 1.0, [1, None], [[1]], {"a": 1}, object(), 10**40]
)
def test_a_query_value_that_does_not_fit_is_refused_by_name(client, api, value):
    with pytest.raises(botsec.InputError) as caught:
        client.get(MEMBERS, path={"guild": 1, "limit": value})
    assert caught.value.user_message == "`limit` must be a whole number from 1 to 1000."
    assert api.requests == []


def test_a_secret_may_be_a_parameter_without_a_type_through_params(client, api, make_secret):
    key = make_secret(SECRET, hosts=[api.host])
    client.get("/s{?key,limit:int}", params={"key": key})
    assert api.last.query == [("key", SECRET)]
    for path, params in (({}, {"limit": key}), ({"key": key}, {})):
        with pytest.raises(botsec.InputError) as caught:
            client.get("/s{?key,limit:int}", path=path, params=params)
        assert SECRET not in str(caught.value) + str(caught.value.__notes__)


@pytest.mark.parametrize(
    "url",
    ["/s{?a,a}", "/s{?a}/x", "/s{?a b}", "/s{?a:nothing}", "/s{?a", "/s?a={a}", "/{id}{?id}", "/s{?a}{?b}", "{?a}"],
)
def test_a_query_part_that_is_not_understood_is_refused(client, api, url):
    with pytest.raises(botsec.InputError):
        client.get(url, path={"a": 1, "id": 2})
    assert api.requests == []


def test_a_route_fills_its_query_and_allow_judges_it(face, api):
    client = face.client(api.origin, allow=[f"GET {MEMBERS}"])
    members = client.route(f"GET {MEMBERS}")
    members(guild=1, limit=5)
    members(guild=1, limit=None)
    assert [request.target for request in api.requests] == ["/guilds/1/members?limit=5", "/guilds/1/members"]
    for wrong in ({"limit": 0}, {"params": {"limit": 0}}, {"params": {"other": 1}}):
        with pytest.raises(botsec.InputError):
            members(guild=1, **wrong)
    # A verb whose template is wider than the route is judged by the route.
    for url, path in (("/guilds/{g}/members{?limit}", {"limit": 0}), ("/guilds/{g}/members{?x}", {"x": 1})):
        with pytest.raises(botsec.RouteNotAllowedError):
            client.get(url, path={"g": 1, **path})
    client.get("/guilds/{g}/members{?limit}", path={"g": 1, "limit": 9})
    assert len(api.requests) == 3


def test_logs_show_the_path_template_alone(client, api, caplog):
    with caplog.at_level(logging.DEBUG, "botsec"):
        client.get(MEMBERS, path={"guild": 80351110224678912, "limit": 5})
    told = caplog.text
    assert "/guilds/{guild:snowflake}/members" in told
    assert "80351110224678912" not in told and "limit" not in told


def test_hostile_query_values_stay_one_parameter(client, api):
    for value in ("&a=b", "#x", "?", "%26", "\r\nX: y", "\0", "é\u202e", "=", "+", " ", "a" * 5000):
        client.get("/s{?q}", path={"q": value})
        assert api.last.query == [("q", value)]
    client.get("/s{?q}", path={"q": "\ud800"})
    assert set(api.last.query[0][1]) == {"\ufffd"}


def test_long_lists_and_values_take_linear_work(client):
    many = ["x"] * 100_000
    for path, params in (({"a": many}, [("b", "x")] * 100_000 + [("c", 1)]), ({"a": "x" * 100_000, "z": 1}, None)):
        with pytest.raises(botsec.InputError):
            client.get("/s{?a,b}", path=path, params=params)


# T-strings.


def test_a_t_string_is_its_template_with_path(face, api, caplog):
    client = face.client(api.origin, allow=["GET /users/{user_id:int}"])
    with caplog.at_level(logging.DEBUG, "botsec"):
        client.get(t("/users/{user_id:int}", user_id=42))
        client.get("/users/{user_id:int}", path={"user_id": 42})
    assert [request.target for request in api.requests] == ["/users/42"] * 2
    assert caplog.text.count("/users/{user_id:int}") == 2 and "/users/42" not in caplog.text
    with pytest.raises(botsec.RouteNotAllowedError):
        client.get(t("/admin/{user_id:int}", user_id=42))


def test_every_verb_and_stream_take_one(client, api, tmp_path):
    url = t("/f/{name}.json", name="a/b c")
    for verb in ("get", "post", "put", "patch", "delete", "head", "options"):
        getattr(client, verb)(url)
        assert api.last.segments == ["f", "a/b c.json"]
    client.request("GET", url)
    with client.stream("GET", url) as response:
        response.read()
    client.download(url, tmp_path / "x")
    assert {request.target for request in api.requests} == {"/f/a%2Fb%20c.json"}


@pytest.mark.parametrize("value", ["..", "1 OR 1=1", "", None, 1.5, True, b"1", "%2e%2e", object()])
def test_a_value_that_does_not_fit_is_refused_under_its_name(client, api, value):
    with pytest.raises(botsec.InputError, match="user_id") as caught:
        client.get(t("/users/{user_id:int}", user_id=value))
    assert "OR" not in str(caught.value) + str(caught.value.__notes__)
    assert api.requests == []


def test_a_secret_is_no_path_value(client, api, make_secret):
    with pytest.raises(botsec.InputError) as caught:
        client.get(t("/users/{key}", key=make_secret(SECRET)))
    assert SECRET not in str(caught.value) + str(caught.value.__notes__)


def test_expressions_that_are_no_names_get_one_by_position(client, api, caplog):
    user = {"id": 7}
    with caplog.at_level(logging.DEBUG, "botsec"):
        client.get(t("/u/{user['id']:int}/{arg1:int}/{arg1:int}/{arg1 + 1:int}", user=user, arg1=1))
    assert api.last.target == "/u/7/1/1/2"
    assert "/u/{arg1:int}/{arg2:int}/{arg3:int}/{arg4:int}" in caplog.text and "user" not in caplog.text
    with pytest.raises(botsec.InputError, match="`arg1` must be a whole number"):
        client.get(made("/u/", Interpolation("x", f"load({SECRET!r})", None, "int")))


def test_an_expression_is_trimmed_and_uuids_pass(client, api):
    client.get(made("/u/", Interpolation(uuid.UUID(int=1), " user_id ", None, "uuid")))
    assert api.last.target == f"/u/{uuid.UUID(int=1)}"


@pytest.mark.parametrize("conversion", ["r", "s", "a"])
def test_conversions_are_refused(client, api, conversion):
    with pytest.raises(TypeError, match="conversion"):
        client.get(t(f"/u/{{user_id!{conversion}:int}}", user_id=1))
    assert api.requests == []


def test_a_type_that_is_a_text_from_elsewhere_cannot_write_the_template(client, api):
    for spec in ("str}/admin/{other", "str}{?q", "{", "nothing", "int(", "05d"):
        with pytest.raises(botsec.InputError):
            client.get(made("/u/", Interpolation(1, "a", None, spec), "/x"))
    assert api.requests == []


@pytest.mark.parametrize(
    "parts",
    [
        ["/u/{id}/", Interpolation(1, "a")],
        ["/u/{a}/", Interpolation(1, "a"), "/{a}"],
        ["/u/", Interpolation(1, "a"), "{?{b}"],
        ["/u{?", Interpolation("q", "a"), "}"],
        ["/u?q=", Interpolation("q", "a")],
        ["/u/", Interpolation(1, "a"), Interpolation(2, "b")],
        ["/u/../", Interpolation(1, "a")],
        [Interpolation("/u", "a")],
        ["/u" + "x" * 3000, Interpolation(1, "a")],
        [part for n in range(20_000) for part in ("/", Interpolation(n, "x.y"))],
        ["https://", Interpolation("evil.example", "a"), "/u"],
        ["//evil.example/", Interpolation(1, "a")],
    ],
)
def test_literal_text_of_a_t_string_is_held_to_the_rules_of_templates(client, api, parts):
    with pytest.raises(botsec.BotsecError):
        client.get(made(*parts))
    assert api.requests == []


def test_a_query_part_may_end_a_t_string_and_params_fill_it(client, api):
    client.get(t("/u/{a:int}{{?limit:int(1..9),q}}", a=1), params={"limit": 5, "q": None})
    assert api.last.target == "/u/1?limit=5"
    with pytest.raises(botsec.InputError, match="limit"):
        client.get(t("/u/{a:int}{{?limit:int(1..9)}}", a=1), params={"limit": 10})
    client.get(t("/u/{a:int}", a=1), params={"any": "x"})
    assert api.last.target == "/u/1?any=x"


def test_a_t_string_brings_its_own_values(client, api):
    with pytest.raises(TypeError, match="`path`"):
        client.get(t("/u/{a:int}", a=1), path={"a": 2})
    with pytest.raises(TypeError):
        client.raw.route(t("GET /u/{a:int}", a=1))
    assert api.requests == []


def test_an_open_web_client_takes_no_template(face):
    client = face.adopt(face.factory.open_web())
    with pytest.raises(TypeError, match="never a template"):
        client.get(t("https://{host}/x", host="example.com"))


class Broken:
    strings = ("", "")

    @property
    def interpolations(self):
        raise RuntimeError(SECRET)


class Uneven:
    strings = ("/a", "/b", "/c")
    interpolations = ()


class Untyped:
    strings = ("/a", 7)
    interpolations = (Interpolation(1, "a"),)


class Bare:
    strings = ("/a/", "")
    interpolations = (object(),)


@pytest.mark.parametrize(
    "url", [7, None, b"/x", Broken(), Uneven(), Untyped(), Bare(), string.Template("/x"), ["/x"], object(), Template]
)
def test_what_is_no_url_is_a_type_error(client, api, url):
    with pytest.raises(TypeError, match="`url`") as caught:
        client.get(url)
    assert SECRET not in str(caught.value) and caught.value.__context__ is None
    assert api.requests == []


def test_the_type_of_a_clients_urls_is_for_type_checkers():
    assert botsec.Client[str] is botsec.Client and botsec.AsyncClient[str] is botsec.AsyncClient


def test_a_t_string_without_fields_is_its_text(client, api):
    client.get(made("/plain"))
    assert api.last.target == "/plain"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings are Python 3.14's")
def test_pythons_own_templates_have_the_parts_of_the_stand_in():
    own, name = t("/u/{name!r:int}/x", name=1), 1
    assert own.strings == ("/u/", "/x")
    (part,) = own.interpolations
    assert (part.value, part.expression, part.conversion, part.format_spec) == (name, "name", "r", "int")
