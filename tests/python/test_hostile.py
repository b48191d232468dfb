"""Whatever a server does ends in one class of the tree, in bounded time and memory."""

import asyncio
import gzip
import time
import zlib

import botsec
import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import hostile as acts
from servers.api import Reply
from servers.memory import Peak

#: The transport behaves the same over both of its engines.
ENGINES = ["direct", "proxied"]


@pytest.mark.parametrize("name", list(acts.MALFORMED))
def test_an_answer_that_is_not_http_is_a_transport_error(face, hostile, name):
    server = hostile(acts.sends(acts.MALFORMED[name]))
    client = face.client(server.origin, retry=1, timeout=5)
    with pytest.raises(botsec.TransportError) as caught:
        client.get("/x")
    assert "localhost" not in str(caught.value)


def test_no_check_turns_a_101_into_an_answer(face, hostile):
    server = hostile(acts.sends(acts.MALFORMED["switching_protocols_unasked"]))
    with pytest.raises(botsec.ProtocolError):
        face.client(server.origin, retry=1, timeout=5).get("/x", check=False)


@pytest.mark.parametrize("head", [acts.OK + b"Content-Length: 2\n\n", b"HTTP/1.1 200 OK\nContent-Length: 2\n\r\n"])
def test_a_line_of_a_head_may_end_with_lf_alone(face, hostile, head):
    """RFC 9112 §2.2 lets a recipient take it; in chunks it is refused (MALFORMED)."""
    response = face.client(hostile(acts.sends(head + b"ok")).origin, retry=1).get("/x")
    assert (response.text, list(response.headers)) == ("ok", ["content-length"])


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (acts.closes, botsec.TransportError),
        (acts.sends(acts.OK + b"Content-Length: 10\r\n\r\nabc"), botsec.ProtocolError),
        (acts.sends(acts.OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), botsec.ProtocolError),
        (
            acts.sends(acts.OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            botsec.ProtocolError,
        ),
        (acts.sends(acts.length(b"x", b"Content-Encoding: gzip")), botsec.ProtocolError),
        (acts.sends(acts.length(b"x", b"Content-Encoding: gzip, gzip")), botsec.ProtocolError),
        (acts.sends(acts.length(b"x", b"Content-Encoding: rot13")), botsec.ProtocolError),
        (acts.sends(acts.length(zlib.compress(b"x"), b"Content-Encoding: deflate")), botsec.ProtocolError),
        (
            acts.sends(acts.length(gzip.compress(gzip.compress(b"x")), *[b"Content-Encoding: gzip"] * 2)),
            botsec.ProtocolError,
        ),
        (acts.repeats(acts.OK, b"X-A: b\r\n"), botsec.ProtocolError),
        (acts.sends(acts.OK + b"X: " + b"a" * acts.MIB + b"\r\n\r\n"), botsec.ProtocolError),
        (acts.repeats(acts.OK + b"Connection: close\r\n\r\n", b"a" * acts.MIB), botsec.ResponseTooLargeError),
        (
            acts.repeats(acts.OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + b"a" * acts.MIB + b"\r\n"),
            botsec.ResponseTooLargeError,
        ),
        (acts.sends(acts.OK + b"Content-Length: 99999999999\r\n\r\n"), botsec.ResponseTooLargeError),
        (acts.bomb, botsec.ResponseTooLargeError),
    ],
)
def test_a_server_in_anger_gets_its_class(face, hostile, act, kind):
    server = hostile(act)
    peak = Peak()
    with pytest.raises(kind):
        face.client(server.origin, retry=1, timeout=20, max_response_bytes=8 * acts.MIB).get("/x")
    # Far below what was offered.
    assert peak.growth_mib < 40


@pytest.mark.parametrize("name", list(acts.ENDLESS))
def test_an_answer_without_end_costs_bounded_time_and_memory(face, hostile, name):
    server = hostile(acts.ENDLESS[name])
    client = face.client(server.origin, retry=1, timeout=5, max_response_bytes=8 * acts.MIB)
    peak, begun = Peak(), time.monotonic()
    with pytest.raises(botsec.TransportError) as caught:
        client.get("/x")
    classes = (botsec.ProtocolError, botsec.ResponseTooLargeError, botsec.RequestTimeoutError)
    # Interim answers are skipped until their sender gives up.
    assert isinstance(caught.value, classes) or name == "interim_answers"
    assert time.monotonic() - begun < 8
    assert peak.growth_mib < 40


@pytest.mark.parametrize("name", list(acts.TRUNCATED))
def test_an_answer_that_stops_early_is_an_error(face, hostile, name):
    server = hostile(acts.sends(acts.TRUNCATED[name]))
    client = face.client(server.origin, retry=1, timeout=5)
    with pytest.raises(botsec.ProtocolError):
        client.get("/x")
    with pytest.raises(botsec.ProtocolError), client.stream("GET", "/x") as response:
        response.read()


@pytest.mark.parametrize("coded", [b"", b"Content-Encoding: gzip\r\n"], ids=["plain", "gzip"])
def test_a_body_that_lasts_until_the_close_needs_the_close_of_tls(face, hostile, coded):
    body = gzip.compress(b"all of it") if coded else b"all of it"
    answer = acts.OK + coded + b"Connection: close\r\n\r\n" + body
    assert face.client(hostile(acts.sends(answer)).origin, retry=1).get("/x").text == "all of it"
    client = face.client(hostile(acts.cuts(answer)).origin, retry=1)
    with pytest.raises(botsec.ProtocolError) as caught:
        client.get("/x")
    assert caught.value.code == "transport.truncated"
    with pytest.raises(botsec.ProtocolError), client.stream("GET", "/x") as response:
        response.read()


#: Heads at the caps, 100 fields and 64 KiB, and beyond: name, header fields.
HEADS = {
    "99 fields": ([b"X-%d: v" % n for n in range(99)], True),
    "100 fields more": ([b"X-%d: v" % n for n in range(100)], False),
    "60 kB in one": ([b"X-Big: " + b"z" * 60_000], True),
    "70 kB in one": ([b"X-Big: " + b"z" * 70_000], False),
    "300 kB in one": ([b"X-Big: " + b"z" * 300_000], False),
    "70 kB in ten": ([b"X-%d: " % n + b"z" * 7000 for n in range(10)], False),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_has_100_fields_and_64_kib_at_most(face, hostile, case):
    fields, fits = HEADS[case]
    client = face.client(hostile(acts.sends(acts.length(b"ok", *fields))).origin, retry=1)
    if fits:
        assert len(client.get("/x").headers) == len(fields) + 1
    else:
        with pytest.raises(botsec.ProtocolError):
            client.get("/x")


#: Answers without a body, whatever their head says of one: name, method, head.
BODILESS = {
    "HEAD of 5 GB": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n"),
    "HEAD of an unknown coding": ("HEAD", acts.OK + b"Content-Encoding: deflate\r\nContent-Length: 20\r\n\r\n"),
    "HEAD of two codings": ("HEAD", acts.OK + b"Content-Encoding: gzip, br\r\nContent-Length: 20\r\n\r\n"),
    "HEAD of gzip": ("HEAD", acts.OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"),
    "204 of an unknown coding": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Encoding: deflate\r\n\r\n"),
    "304 of 5 GB": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000000000\r\n\r\n"),
    "304 of an unknown coding": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: deflate\r\n\r\n"),
}


@pytest.mark.parametrize("case", BODILESS)
def test_what_a_head_says_of_a_body_that_does_not_come_is_no_error(face, hostile, case):
    method, head = BODILESS[case]
    act = acts.answers(head)
    server = hostile(act)
    client = face.client(server.origin, retry=1, timeout=5)
    for _ in range(2):
        response = client.request(method, "/x", check=False)
        assert (response.status_code, response.content) == (int(head[9:12]), b"")
    assert server.accepted == 1, "the connection is used again"
    with client.stream(method, "/x", check=False) as response:
        assert response.read() == b""


@pytest.mark.parametrize(
    "coding", [b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked, chunked", b"xchunked", b""]
)
def test_a_transfer_coding_that_nobody_asked_for_is_refused(face, hostile, coding):
    body = b"2\r\nok\r\n0\r\n\r\n"
    head = acts.OK + b"Connection: close\r\nTransfer-Encoding: "
    with pytest.raises(botsec.ProtocolError):
        face.client(hostile(acts.sends(head + coding + b"\r\n\r\n" + body)).origin, retry=1).get("/x")
    for known in (b"chunked", b"Chunked "):
        server = hostile(acts.sends(head + known + b"\r\n\r\n" + body))
        assert face.client(server.origin, retry=1).get("/x").text == "ok"


def test_lengths_that_lie_reserve_no_memory(hostile, tls):
    def act(server, connection):
        honest = b"/honest" in server.heads[-1]
        # It says that it closes: no other of the calls may take the connection over.
        length = 2000 if honest else 32 * acts.MIB
        connection.sendall(acts.OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % length)
        for part in (b"a" * 1000, b"b" * 1000):
            connection.sendall(part)
            server.pause(0.05)
        connection.unwrap()

    server = hostile(act)

    async def ask(path):
        async with botsec.AsyncClient(server.origin, tls=tls, networks="loopback", retry=1, timeout=20) as client:
            return await asyncio.gather(*(client.get(path) for _ in range(32)), return_exceptions=True)

    # First what 32 connections take without a lie.
    assert {type(result) for result in asyncio.run(ask("/honest"))} == {botsec.Response}
    peak = Peak()
    assert {type(result) for result in asyncio.run(ask("/lie"))} == {botsec.ProtocolError}
    # Of 1 GiB that was announced.
    assert peak.growth_mib < 16


def test_a_body_of_the_announced_length_arrives_whole(face, hostile):
    body = bytes(range(256)) * 4 * 5000
    server = hostile(acts.in_parts(acts.OK + b"Content-Length: %d\r\n\r\n" % len(body), body[:9], body[9:]))
    assert face.client(server.origin, retry=1).get("/x").content == body


def test_what_follows_an_answer_is_never_the_next_one(face, hostile):
    injected = acts.length(b"injected") + acts.length(b"and again")

    def act(server, connection):
        connection.sendall(acts.length(b"right") + injected)

    act.keeps_alive = True
    server = hostile(act)
    client = face.client(server.origin, retry=1)
    for _ in range(5):
        try:
            assert client.get("/x").text == "right"
        except botsec.TransportError:
            # The connection with the rest on it may be refused; its rest is not an answer.
            continue


def test_an_answer_that_nobody_asked_for_is_never_used(face, hostile):
    def act(server, connection):
        connection.sendall(acts.length(b"right"))
        server.pause(0.2)
        connection.sendall(acts.length(b"unasked"))

    act.keeps_alive = True
    server = hostile(act)
    client = face.client(server.origin, retry=1)
    # What comes while a request is out is that request's answer to any client; what comes before it is not.
    for wait in (0.0, 0.4, 0.6, 0.4):
        time.sleep(wait)
        assert client.get("/x").text == "right"


@pytest.mark.parametrize("name", list(acts.BOMBS))
def test_a_bomb_in_a_redirects_body_is_left_alone(face, hostile, name):
    bomb = acts.BOMBS[name]

    class Redirecting:
        """The bomb as the body of a redirect; everything else is answered."""

        def __call__(self, server, connection):
            if b"GET /x" in server.heads[-1]:
                bomb(server, _Redirected(connection))
            else:
                connection.sendall(acts.length(b"there"))

    server = hostile(Redirecting())
    peak, begun = Peak(), time.monotonic()
    assert face.client(server.origin, retry=1).get("/x").text == "there"
    assert time.monotonic() - begun < 8
    assert peak.growth_mib < 40


class _Redirected:
    """A connection over which a 200 becomes a redirect."""

    def __init__(self, connection):
        self._connection = connection

    def sendall(self, data):
        self._connection.sendall(data.replace(acts.OK, b"HTTP/1.1 302 Found\r\nLocation: /there\r\n"))


@pytest.mark.parametrize(
    "act",
    [
        acts.stalls(),
        acts.stalls(acts.OK + b"Content-Length: 9\r\n\r\nab"),
        acts.drips(b"HTTP/1.1 200 OK\r\n" * 9, 0.1),
        acts.drips(acts.OK + b"X-Slow: " + b"a" * 900, 0.1),
        acts.drips(acts.OK + b"Content-Length: 900\r\n\r\n" + b"a" * 900, 0.1),
        acts.repeats(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", limit=1 << 40),
    ],
)
def test_the_deadline_holds(face, hostile, act):
    server = hostile(act)
    begun = time.monotonic()
    with pytest.raises(botsec.TransportError) as caught:
        face.client(server.origin).get("/x", timeout=1.0)
    assert time.monotonic() - begun < 4
    assert isinstance(caught.value, (botsec.RequestTimeoutError, botsec.ProtocolError))


def test_a_server_that_never_shakes_hands_is_a_connect_timeout(face, hostile):
    server = hostile(acts.stalls(), tls=False)
    client = face.client(server.origin, retry=1, timeout=botsec.Timeout(connect=0.5))
    with pytest.raises(botsec.RequestTimeoutError) as caught:
        client.get("/x")
    assert caught.value.code == "transport.connect_timeout"


def test_nobody_listening_is_a_connect_error(face):
    with pytest.raises(botsec.ConnectError) as caught:
        face.client("https://localhost:1", retry=1).get("/x")
    assert isinstance(caught.value, ConnectionError)


def test_invalid_utf8_is_text_with_replacements(client, api):
    api.on("/x", Reply(200, b"a\xffb"))
    assert client.get("/x").text == "a\ufffdb"


@pytest.mark.parametrize("value", ["99999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "3600"])
def test_an_absurd_retry_after_is_refused_at_once(client, api, value):
    api.on("/x", Reply(429, headers={"Retry-After": value}))
    begun = time.monotonic()
    with pytest.raises(botsec.RateLimitedError) as caught:
        client.get("/x")
    assert time.monotonic() - begun < 2
    assert caught.value.retry_after > 3000
    assert len(api.requests) == 1


@pytest.mark.parametrize("value", ["-1", "abc", "", "1e9", "NaN", "٣"])
def test_a_malformed_retry_after_is_ignored(face, api, value):
    client = face.client(api.origin, retry=botsec.Retry(2, base=0.01))
    api.on("/x", Reply(429, headers={"Retry-After": value}), Reply(200))
    assert client.get("/x").attempts == 2


def test_gzip_is_decoded_and_trailing_bytes_are_an_error(client, api):
    body = gzip.compress(b"hello " * 100)
    api.on("/x", Reply(200, body, {"Content-Encoding": "gzip"}))
    assert client.get("/x").content == b"hello " * 100
    api.on("/y", Reply(200, gzip.compress(b"a") + gzip.compress(b"b"), {"Content-Encoding": "gzip"}))
    assert client.get("/y").content == b"ab"
    api.on("/z", Reply(200, body + b"trailing", {"Content-Encoding": "gzip"}))
    with pytest.raises(botsec.ProtocolError):
        client.get("/z")
    api.on("/t", Reply(200, body[:-9], {"Content-Encoding": "gzip"}))
    with pytest.raises(botsec.ProtocolError):
        client.get("/t")


def test_brotli_is_decoded_and_what_is_cut_or_trails_is_an_error(client, api):
    body = brotli.compress(bytes(range(256)) * 4)
    api.on("/x", Reply(200, body, {"Content-Encoding": "br"}))
    assert client.get("/x").content == bytes(range(256)) * 4
    for bad in (body[:-9], body[:-1], body + b"trailing", body * 2):
        api.on("/x", Reply(200, bad, {"Content-Encoding": "br"}))
        with pytest.raises(botsec.ProtocolError) as caught:
            client.get("/x")
        assert caught.value.code == "transport.decoding"


def test_a_zstd_window_above_8_mib_is_refused(client, api):
    """RFC 8878 §3.1.1.1.2: exponents 13 and 14 above 1 KiB are 8 and 16 MiB."""
    block = ((1 << 3) | 3).to_bytes(3, "little") + b"z"
    for exponent, fits in ((13, True), (14, False)):
        frame = b"\x28\xb5\x2f\xfd\x00" + bytes([exponent << 3]) + block
        api.on("/x", Reply(200, frame, {"Content-Encoding": "zstd"}))
        if fits:
            assert client.get("/x").content == b"z"
        else:
            with pytest.raises(botsec.ProtocolError):
                client.get("/x")


def test_a_zstd_body_of_several_frames_is_one_body(client, api):
    """RFC 8878 §3: frames follow each other, skippable ones among them."""

    def frame(text: bytes, exponent: int = 0) -> bytes:
        block = ((len(text) << 3) | 1).to_bytes(3, "little") + text
        return b"\x28\xb5\x2f\xfd\x00" + bytes([exponent << 3]) + block

    skipped = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    bodies = {
        frame(b"one ") + frame(b"two"): b"one two",
        skipped + frame(b"after"): b"after",
        frame(b"be") + skipped + frame(b"tween"): b"between",
        frame(b"before") + skipped: b"before",
        skipped: b"",
    }
    for body, text in bodies.items():
        api.on("/x", Reply(200, body, {"Content-Encoding": "zstd"}))
        assert client.get("/x").content == text
    for bad in (frame(b"a") + b"rest", frame(b"a") + frame(b"b")[:-1], skipped[:-1], frame(b"a") + frame(b"b", 14)):
        api.on("/x", Reply(200, bad, {"Content-Encoding": "zstd"}))
        with pytest.raises(botsec.ProtocolError):
            client.get("/x")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300) | st.binary(max_size=200).map(lambda b: b"HTTP/1.1 200 OK\r\n" + b))
def test_random_bytes_end_in_the_tree(face, hostile, data):
    server = hostile(acts.sends(data))
    client = face.client(server.origin, retry=1, timeout=5)
    try:
        client.get("/x", check=False)
    except botsec.BotsecError:
        pass
    finally:
        client.close()
        server.stop()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(max_size=60))
def test_a_strangers_text_reaches_one_segment_or_nothing(client, api, value):
    count = len(api.requests)
    try:
        client.get("/files/{name:str}/raw", path={"name": value})
    except botsec.InputError as error:
        assert len(api.requests) == count
        assert len(value) < 6 or value not in str(error)
    else:
        assert api.last.segments == ["files", value.encode("utf-8", "replace").decode(), "raw"]
