"""The verbs, what they send, and what comes back."""

import array
import gc
import io
import json
import logging
import mmap
import os
import pickle
import types
from datetime import timedelta

import botsec
import pytest
from servers.api import Reply

#: The transport behaves the same over both of its engines.
ENGINES = ["direct", "proxied"]

SECRET = "sk-test-0123456789abcdef"


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "options"])
def test_each_verb_sends_its_method(client, api, verb):
    assert getattr(client, verb)("/x").json()["method"] == verb.upper()


def test_head_has_no_body(client, api):
    response = client.head("/x")
    assert response.status_code == 200
    assert response.content == b""


def test_a_path_value_is_one_encoded_segment(client, api):
    client.get("/files/{name:str}/raw", path={"name": "a/b c?d"})
    assert api.last.segments == ["files", "a/b c?d", "raw"]


def test_params_are_encoded_and_lists_repeat_their_key(client, api):
    client.get("/s", params={"q": "a&b=c", "tag": ["x", "y"], "n": 5, "flag": True})
    assert api.last.query == [("q", "a&b=c"), ("tag", "x"), ("tag", "y"), ("n", "5"), ("flag", "true")]


@pytest.mark.parametrize(
    "value",
    [{"a": [1, 2.5, None, True, 'é\n"\\']}, [], "text", 0, 12345678901234567890123, {"n": {"m": [{}]}}],
)
def test_json_arrives_as_json(client, api, value):
    client.post("/x", json=value)
    assert api.last.json() == value
    assert api.last.header("content-type") == "application/json"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_without_a_form_is_a_value_error(client, api, value):
    with pytest.raises(ValueError, match="NaN"):
        client.post("/x", json=value)
    assert api.requests == []


def test_json_of_a_foreign_object_or_a_cycle_is_refused(client, api):
    loop: list = []
    loop.append(loop)
    with pytest.raises(TypeError):
        client.post("/x", json=object())
    with pytest.raises(ValueError, match="nested"):
        client.post("/x", json=loop)
    assert api.requests == []


def test_data_arrives_as_a_form(client, api):
    client.post("/x", data={"a": "1 2", "b": ["x", "&"]})
    assert api.last.body == b"a=1%202&b=x&b=%26"
    assert api.last.header("content-type") == "application/x-www-form-urlencoded"


class Buffer(bytearray):
    """As other packages derive one."""


class Bytes(bytes):
    """As other packages derive one."""


CONTENTS = [
    b"abc",
    "abc",
    bytearray(b"abc"),
    memoryview(b"abc"),
    memoryview(b"a-b-c")[::2],
    Buffer(b"abc"),
    Bytes(b"abc"),
    array.array("B", b"abc"),
]


@pytest.mark.parametrize("content", CONTENTS)
def test_content_arrives_as_it_is(client, api, content):
    client.post("/x", content=content)
    assert api.last.body == b"abc"
    assert api.last.header("content-length") == "3"
    client.post("/x", files={"f": content})
    assert b"\r\n\r\nabc\r\n" in api.last.body
    told = []
    client.post("/x", content=content, progress=lambda *seen: told.append(seen))
    assert (api.last.body, told) == (b"abc", [(3, 3)])
    client.post("/x", content=iter([content]))
    assert api.last.body == b"abc"


@pytest.mark.parametrize("content", [{"a": 1}, {b"a": b"b"}, types.MappingProxyType({"a": 1})])
@pytest.mark.parametrize("progress", [None, print])
def test_a_mapping_is_no_content(client, api, content, progress):
    with pytest.raises(TypeError, match="`data`.*`json`"):
        client.post("/x", content=content, progress=progress)
    assert api.requests == []


@pytest.mark.parametrize("content", [5, 1.5, object(), True])
def test_what_holds_no_bytes_is_no_content(client, api, content):
    with pytest.raises(TypeError, match="content"):
        client.post("/x", content=content)
    assert api.requests == []


def test_a_map_of_a_file_is_sent_from_where_it_stands(client, api, tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"0123456789" * 10_000)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        client.post("/x", content=content)
        assert api.last.body == file.read_bytes()
        assert api.last.header("content-length") == "100000"
        content.seek(99_990)
        told = []
        client.post("/x", content=content, progress=lambda *seen: told.append(seen))
        assert (api.last.body, told) == (b"0123456789", [(10, 10)])
        content.seek(0)
        client.post("/x", files={"f": content})
        assert file.read_bytes() in api.last.body


def test_a_file_and_an_iterator_are_streamed(client, api):
    client.post("/x", content=io.BytesIO(b"z" * 200_000))
    assert api.last.body == b"z" * 200_000
    client.post("/x", content=iter([b"ab", b"c"]))
    assert api.last.body == b"abc"


def test_an_iterator_that_raises_raises_to_the_caller(client, api):
    def chunks():
        yield b"a"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.post("/x", content=chunks())


def test_an_iterator_may_call_botsec(face, api):
    outer, inner = face.client(api.origin), face.client(api.origin)
    if face.is_async:

        async def chunks():
            yield (await inner.raw.get("/inner")).content[:1]

    else:

        def chunks():
            yield inner.raw.get("/inner").content[:1]

    outer.post("/x", content=chunks())
    assert api.last.body == b"{"


def test_files_are_multipart_and_names_cannot_end_their_field(client, api):
    client.post("/x", files={"f": ('a"\r\n.txt', b"data", "text/plain")}, data={"k": "v"})
    assert b'name="k"\r\n\r\nv\r\n' in api.last.body
    assert b'filename="a%22%0D%0A.txt"' in api.last.body
    assert api.last.header("content-type").startswith("multipart/form-data; boundary=")


def test_two_bodies_are_a_type_error(client):
    with pytest.raises(TypeError):
        client.post("/x", json={}, content=b"")


def test_a_response_tells_what_came(client, api):
    api.on("/x", Reply(200, {"a": 1}, {"X-Request-Id": "r1", "X-Two": "a", "RateLimit": '"d";r=5;t=9'}, reason="Fine"))
    response = client.get("/x", params={"key": "value"})
    assert (response.status_code, response.reason_phrase, response.http_version) == (200, "Fine", "HTTP/1.1")
    assert response.headers["x-two"] == response.headers["X-TWO"] == "a"
    assert dict(response.headers)["x-two"] == "a"
    assert response.headers.get("missing") is None
    assert response.json() == {"a": 1} == json.loads(response.text)
    assert isinstance(response.elapsed, timedelta)
    assert response.attempts == 1
    assert response.request_id == "r1"
    assert response.rate_limit == {"limit": None, "remaining": 5, "reset_s": 9.0}
    assert response.url == f"{api.origin}/x?key"
    assert response.raise_for_status() is response


def test_a_status_outside_200_to_299_raises_unless_told_otherwise(client, api):
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/status/404")
    assert caught.value.status_code == 404
    assert caught.value.response.json() == {"status": "404"}
    assert client.get("/status/404", check=False).status_code == 404
    with pytest.raises(botsec.StatusError):
        client.get("/status/404", check=False).raise_for_status()


@pytest.mark.parametrize(("status", "kind"), [(401, botsec.AuthFailedError), (403, botsec.ForbiddenError)])
def test_some_statuses_have_their_own_class(client, status, kind):
    with pytest.raises(kind):
        client.get(f"/status/{status}")


def test_check_may_be_a_callable(client, api):
    api.on("/x", Reply(200, {"ok": False}))
    assert client.get("/x", check=lambda r: "ok" in r.json()).status_code == 200
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/x", check=lambda r: r.json()["ok"])
    assert caught.value.code == "status.check"


def test_check_decides_on_the_head_of_a_stream(client, api, caplog):
    caplog.set_level(logging.INFO, "botsec")
    api.on("/s", Reply(200, headers={"X-Ok": "no"}, chunks=[b"x" * 1000] * 100))
    seen = []

    def is_ok(response):
        seen.append(response.status_code)
        return response.headers["x-ok"] == "yes"

    with pytest.raises(botsec.StatusError) as caught, client.stream("GET", "/s", check=is_ok):
        raise AssertionError("the body was handed out")
    assert (caught.value.code, caught.value.response.status_code, seen) == ("status.check", 200, [200])
    assert client.stats()["failures"] == 1
    (record,) = [record for record in caplog.records if "/s" in record.getMessage()]
    assert "status.check" in record.getMessage()
    assert caught.value.incident_id in record.getMessage()
    api.on("/s", Reply(404, headers={"X-Ok": "yes"}, chunks=[b"ab", b"c"]))
    with client.stream("GET", "/s", check=is_ok) as response:
        assert (response.status_code, response.read(), seen) == (404, b"abc", [200, 404])
    assert client.stats()["failures"] == 1


def test_check_decides_before_a_download_is_written(client, api, tmp_path):
    api.on("/f", Reply(200, b"<html>sign in</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(botsec.StatusError) as caught:
        client.download("/f", tmp_path / "f", check=lambda r: r.headers["content-type"] == "application/zip")
    assert caught.value.code == "status.check"
    assert list(tmp_path.iterdir()) == []
    client.download("/f", tmp_path / "f", check=lambda r: r.headers["content-type"] == "text/html")
    assert (tmp_path / "f").read_bytes() == b"<html>sign in</html>"


def test_a_check_that_raises_ends_its_stream(client, api):
    api.on("/s", Reply(200, chunks=[b"{}"]))

    def broken(response):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), client.stream("GET", "/s", check=broken):
        raise AssertionError("the body was handed out")
    # A stream's body is not there yet.
    with pytest.raises(RuntimeError, match="stream"), client.stream("GET", "/s", check=lambda r: r.json()):
        raise AssertionError("the body was handed out")
    stats = client.stats()
    assert (stats["calls"], stats["failures"]) == (2, 2)
    assert client.get("/after").status_code == 200


def test_an_async_check_is_refused_instead_of_taken_for_a_yes(client, api, recwarn):
    async def check(response):
        return False

    with pytest.raises(TypeError, match="check"):
        client.get("/x", check=check)
    with pytest.raises(TypeError, match="check"), client.stream("GET", "/x", check=check):
        raise AssertionError("the body was handed out")
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


def test_an_error_is_generic_outside_and_full_inside(client, api, make_secret):
    secret = make_secret(SECRET)
    api.on(f"/fail/{42}", Reply(500, f"stack trace of {secret.reveal()}\x1b[2J at db01"))
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/fail/{id:int}", path={"id": 42}, params={"q": "typed-by-stranger"})
    error = caught.value
    assert str(error) == f"{error.user_message} [incident {error.incident_id}]"
    for inner in ("localhost", "fail", "db01", SECRET, "typed"):
        assert inner not in str(error)
    notes = "\n".join(error.__notes__)
    assert "db01" in notes
    assert "/fail/{id:int}" in notes
    assert error.details["host"] == api.host
    for leaked in (SECRET, "typed-by-stranger", "\x1b"):
        assert leaked not in notes


def test_an_error_survives_pickling(client):
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/status/404")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert (str(again), again.code, again.details, again.__notes__) == (
        str(caught.value),
        caught.value.code,
        caught.value.details,
        caught.value.__notes__,
    )


def test_json_that_is_none_is_a_protocol_error(client, api):
    api.on("/x", Reply(200, "<html>"))
    with pytest.raises(botsec.ProtocolError):
        client.get("/x").json()


@pytest.mark.parametrize("bad", [5, None, b"/x"])
def test_a_url_of_a_wrong_type_is_a_type_error(client, bad):
    with pytest.raises(TypeError):
        client.get(bad)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), "5", True])
def test_a_timeout_is_a_positive_number(client, bad):
    with pytest.raises((TypeError, ValueError)):
        client.get("/x", timeout=bad)


def test_a_route_is_a_callable_checked_at_the_start(client, api):
    get_user = client.route("GET /users/{id:int}")
    get_user(id=42, params={"a": "b"})
    assert api.last.target == "/users/42?a=b"
    with pytest.raises(botsec.InputError):
        client.route("GET /users/{id:nonsense}")


def test_a_stream_is_read_in_pieces(client, api):
    api.on("/s", Reply(chunks=[b"ab\n", b"c", b"d\n"]))
    with client.stream("GET", "/s") as response:
        assert b"".join(response.iter_bytes()) == b"ab\ncd\n"
    with client.stream("GET", "/s") as response:
        assert list(response.iter_lines()) == ["ab", "cd"]
    with client.stream("GET", "/s") as response:
        assert response.read() == b"ab\ncd\n"


def test_a_stream_obeys_the_limits_of_its_call(client, api):
    api.on("/s", Reply(chunks=[b"x" * 1000] * 50))
    with client.stream("GET", "/s", max_response_bytes=50_000) as response:
        assert len(response.read()) == 50_000
    with (
        pytest.raises(botsec.ResponseTooLargeError),
        client.stream("GET", "/s", max_response_bytes=2000) as response,
    ):
        response.read()
    api.on("/slow", Reply(chunks=[b"x"] * 2, pause=5))
    with pytest.raises(botsec.RequestTimeoutError), client.stream("GET", "/slow", timeout=0.2) as response:
        response.read()
    assert client.raw.stats()["failures"] == 2


def test_a_connect_limit_belongs_to_the_client(face, api):
    timeout = botsec.Timeout(20, connect=4)
    assert face.client(api.origin, timeout=timeout).get("/x", timeout=timeout).status_code == 200
    with pytest.raises(ValueError, match="connect"):
        face.client(api.origin).get("/x", timeout=timeout)
    assert len(api.requests) == 1


def test_server_sent_events_are_read(client, api):
    api.on("/s", Reply(chunks=[b"event: a\ndata: 1\n", b"data: 2\n\n: note\n\nid: 7\ndata: x\n\n"]))
    with client.stream("GET", "/s") as response:
        events = list(response.iter_sse())
    assert [(e.event, e.data, e.id) for e in events] == [("a", "1\n2", ""), ("message", "x", "7")]


def test_a_stream_that_is_left_early_is_closed(client, api):
    api.on("/s", Reply(chunks=[b"x" * 1000] * 1000, pause=0.01))
    with client.stream("GET", "/s") as response:
        next(iter(response.iter_bytes()))
    assert client.get("/after").status_code == 200


def test_a_stream_that_ended_says_so(client, api):
    api.on("/s", Reply(chunks=[b"ab", b"c"]))
    with client.stream("GET", "/s") as response:
        with pytest.raises(RuntimeError, match=r"read it with read\(\)"):
            _ = response.raw.content
        assert response.read() == b"abc"
        for touch in (lambda: response.raw.content, lambda: response.raw.text, response.raw.json, response.read):
            with pytest.raises(RuntimeError, match="has ended or was closed"):
                touch()
    with client.stream("GET", "/s") as response:
        pass
    with pytest.raises(RuntimeError, match="has ended or was closed"):
        list(response.iter_bytes())


def test_a_download_takes_its_place_when_complete(client, api, tmp_path):
    api.on("/f", Reply(200, b"data" * 50_000))
    client.download("/f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"data" * 50_000
    with pytest.raises(botsec.StatusError):
        client.download("/status/404", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"data" * 50_000
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_downloaded_file_has_the_mode_that_open_would_leave(client, tmp_path):
    mask = os.umask(0o027)
    try:
        client.download("/x", tmp_path / "new")
        (tmp_path / "like").write_bytes(b"")
        for name, mode in (("private", 0o600), ("shared", 0o664)):
            (tmp_path / name).touch()
            (tmp_path / name).chmod(mode)
            client.download("/x", tmp_path / name)
    finally:
        os.umask(mask)
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    assert modes == {"new": "0o640", "like": "0o640", "private": "0o600", "shared": "0o664"}
    assert (tmp_path / "private").read_bytes()


def test_a_closed_client_refuses(client):
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.get("/x")


def test_stats_count_calls(client):
    client.get("/x")
    with pytest.raises(botsec.InputError):
        client.get("/{id:int}", path={"id": "x"})
    stats = client.raw.stats()
    assert (stats["calls"], stats["failures"], stats["refusals"]) == (2, 1, 1)
