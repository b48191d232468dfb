"""HTTP/2: one connection that calls share, and peers that break its rules."""

from __future__ import annotations

import time

import botsec
import pytest
from servers import http2
from servers.http2 import Frames, Http2
from servers.memory import Peak

#: Through a proxy HTTP/1.1 alone is spoken.
ENGINES = ["direct"]

BURST = 48


@pytest.fixture
def serving(authority):
    """Start servers; stop them at the end."""
    started = []

    def serve(server):
        started.append(server.start())
        return server

    yield serve
    for server in started:
        server.stop()


def test_a_call_over_http2_is_the_same_call(face, serving, authority, monkeypatch):
    monkeypatch.setenv("BOT_KEY", "s3cret-of-the-test")
    server = serving(Http2(authority))
    client = face.client(server.origin, auth=botsec.Bearer(botsec.secret("env:BOT_KEY")))
    response = client.post("/users/{id:int}", path={"id": 7}, content=b"hello", params={"q": "a b"})
    assert response.http_version == "HTTP/2"
    seen = response.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/users/7?q=a%20b", "hello")
    assert seen["headers"][":authority"] == server.host
    assert seen["headers"]["authorization"] == "Bearer s3cret-of-the-test"
    assert "host" not in seen["headers"]


def test_calls_share_one_connection(serving, authority):
    import asyncio

    server = serving(Http2(authority))

    async def run():
        tls = botsec.Tls(ca_file=authority.ca_file)
        async with botsec.AsyncClient(server.origin, tls=tls, networks="loopback") as client:
            for _ in range(3):
                answers = await asyncio.gather(*(client.get("/x") for _ in range(BURST)))
                assert {answer.http_version for answer in answers} == {"HTTP/2"}

    asyncio.run(run())
    # Calls of the first burst dialled before the server's choice was known; they share the first connection that stood.
    assert len({request.connection for request in server.requests[BURST:]}) == 1


def test_bodies_beyond_the_windows_arrive_whole(face, serving, authority):
    body = bytes(range(256)) * 4096 * 5
    server = serving(Http2(authority, lambda server, session, stream: session.reply(stream, stream.body)))
    assert face.client(server.origin).post("/x", content=body).content == body


def test_after_goaway_the_next_call_dials(face, serving, authority):
    def answer(server, session, stream):
        session.reply(stream, b"last")
        session.leave()

    server = serving(Http2(authority, answer))
    client = face.client(server.origin, retry=1)
    assert [client.post("/x", content=b"1").text for _ in range(3)] == ["last"] * 3
    assert server.accepted == 3


@pytest.mark.parametrize("code, attempts", [(7, 2), (8, 1)], ids=["refused", "cancelled"])
def test_a_post_is_sent_again_only_when_its_stream_was_refused_unprocessed(face, serving, authority, code, attempts):
    def answer(server, session, stream):
        if len(server.requests) == 1:
            session.state.reset_stream(stream.id, error_code=code)
        else:
            session.reply(stream, b"done")

    server = serving(Http2(authority, answer))
    client = face.client(server.origin, retry=botsec.Retry(2, base=0.01))
    if attempts == 2:
        assert client.post("/x", content=b"1").text == "done"
    else:
        with pytest.raises(botsec.TransportError):
            client.post("/x", content=b"1")
    assert len(server.requests) == attempts


def test_a_call_that_was_refused_by_goaway_is_sent_again(face, serving, authority):
    def answer(server, session, stream):
        if session.number == 1:
            session.leave(last_stream=0)
        else:
            session.reply(stream, b"done")

    server = serving(Http2(authority, answer))
    assert face.client(server.origin, retry=botsec.Retry(2, base=0.01)).get("/x").text == "done"


def test_a_cancelled_call_resets_its_stream_and_keeps_the_connection(serving, authority):
    import asyncio

    def answer(server, session, stream):
        if stream.headers[":path"] != "/never":
            http2.echo(server, session, stream)

    server = serving(Http2(authority, answer))

    async def run():
        tls = botsec.Tls(ca_file=authority.ca_file)
        async with botsec.AsyncClient(server.origin, tls=tls, networks="loopback") as client:
            await client.get("/a")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get("/never"), 0.3)
            await client.get("/b")
            assert server.wait_until(lambda: server.resets)

    asyncio.run(run())
    assert server.accepted == 1


def test_a_stream_that_is_left_early_is_reset(face, serving, authority):
    server = serving(Http2(authority, lambda server, session, stream: session.reply(stream, b"x" * (8 << 20))))
    client = face.client(server.origin)
    with client.stream("GET", "/large") as response:
        assert next(response.iter_bytes())
    with client.stream("GET", "/large") as response:
        assert next(response.iter_bytes())
    assert server.wait_until(lambda: server.resets)
    assert server.accepted == 1


@pytest.mark.parametrize("timeout", [botsec.Timeout(total=20, read=0.4), 0.4], ids=["silence", "total"])
def test_a_connection_that_went_dark_is_replaced(face, serving, authority, timeout):
    def answer(server, session, stream):
        # The first connection answers once and is never heard again.
        if session.number > 1 or len(server.requests) == 1:
            http2.echo(server, session, stream)

    server = serving(Http2(authority, answer))
    client = face.client(server.origin, retry=1)
    assert client.get("/a").status_code == 200
    with pytest.raises(botsec.RequestTimeoutError):
        client.get("/b", timeout=timeout)
    assert client.get("/c").status_code == 200
    assert server.accepted == 2


def test_a_slow_answer_ends_no_connection_that_answers_others(serving, authority):
    import asyncio

    def answer(server, session, stream):
        if stream.headers[":path"] != "/never":
            http2.echo(server, session, stream)

    server = serving(Http2(authority, answer))

    async def run():
        tls = botsec.Tls(ca_file=authority.ca_file)
        async with botsec.AsyncClient(server.origin, tls=tls, networks="loopback", retry=1) as client:
            await client.get("/a")
            never = asyncio.create_task(client.get("/never", timeout=0.5))
            while not never.done():
                await client.get("/b")
                await asyncio.sleep(0.05)
            with pytest.raises(botsec.RequestTimeoutError):
                await never
            await client.get("/c")

    asyncio.run(run())
    assert server.accepted == 1


@pytest.mark.parametrize("count, fits", [(99, True), (101, False), (1500, False)])
def test_an_answer_has_100_fields_at_most(face, serving, authority, count, fits):
    fields = [(f"x-{number}", "v") for number in range(count)]
    server = serving(Http2(authority, lambda server, session, stream: session.reply(stream, b"ok", *fields)))
    client = face.client(server.origin, retry=1)
    for _ in range(2):
        if fits:
            assert len(client.get("/x").headers) == count
        else:
            with pytest.raises(botsec.ProtocolError):
                client.get("/x")


@pytest.mark.parametrize("ended_by", ["headers", "data"])
@pytest.mark.parametrize("said", [("content-length", "5000000000"), ("content-encoding", "deflate")])
def test_head_is_answered_whatever_it_says_of_the_body(face, serving, authority, said, ended_by):
    def answer(server, session, stream):
        last = ended_by == "headers"
        session.state.send_headers(stream.id, [(":status", "200"), said], end_stream=last)
        if not last:
            session.state.end_stream(stream.id)

    client = face.client(serving(Http2(authority, answer)).origin, retry=1)
    for _ in range(2):
        response = client.head("/x")
        assert (response.headers[said[0]], response.content) == (said[1], b"")


@pytest.mark.parametrize("coding", http2.BOMBS)
def test_a_bomb_in_a_redirects_body_is_left_alone(face, serving, authority, coding):
    def answer(server, session, stream):
        if stream.headers[":path"] == "/x":
            fields = [("location", "/there"), ("content-encoding", coding)]
            session.reply(stream, http2.BOMBS[coding], *fields, status=302)
        else:
            session.reply(stream, b"there")

    server = serving(Http2(authority, answer))
    peak = Peak()
    assert face.client(server.origin, retry=1, timeout=5).get("/x").text == "there"
    assert peak.growth_mib < 40


#: What ends a peer that breaks the rules, where it is no `ProtocolError`.
LATE, LARGE = (botsec.RequestTimeoutError, "transport.timeout"), botsec.ResponseTooLargeError
ENDS = {
    "headers_without_end": LATE,
    "settings_flood": LATE,
    "ping_flood": LATE,
    "priority_flood": LATE,
    "unknown_frames": LATE,
    "window_overflow": LATE,
    "interim_answers": LATE,
    "dripping_head": LATE,
    "dripping_body": LATE,
    # Its first frame says that the request was not processed.
    "reset_flood": (botsec.TransportError, "transport.closed"),
    "endless_body": (LARGE, "transport.too_large"),
    "gzip_bomb": (LARGE, "transport.expansion"),
    "zstd_bomb": (LARGE, "transport.expansion"),
}


@pytest.mark.parametrize("name", http2.HOSTILE)
def test_a_peer_that_breaks_the_rules_ends_in_the_tree(face, serving, authority, name):
    kind, code = ENDS.get(name, (botsec.ProtocolError, "transport.protocol"))
    # Floods last longer than the call.
    server = serving(Frames(authority, http2.HOSTILE[name], limit=1 << 40))
    client = face.client(server.origin, retry=1, timeout=1.5, max_response_bytes=4 << 20)
    peak, begun = Peak(), time.monotonic()
    with pytest.raises(kind) as caught:
        client.get("/x")
    assert caught.value.code == code
    assert time.monotonic() - begun < 6
    assert peak.growth_mib < 40
