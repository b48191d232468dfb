"""Kept connections: what may be used again, and what is closed."""

from __future__ import annotations

import time

import pytest
from servers import hostile as acts
from servers.api import Reply

#: The transport behaves the same over both of its engines.
ENGINES = ["direct", "proxied"]


def test_calls_in_a_row_use_one_connection(client, api):
    for _ in range(20):
        client.get("/x")
    client.request("HEAD", "/x")
    api.on("/empty", Reply(204))
    client.delete("/empty")
    client.post("/x", content=b"y" * 100_000)
    assert api.accepted == 1


def test_a_stream_read_to_its_end_frees_its_connection(client, api):
    api.on("/large", Reply(200, b"a" * 500_000))
    for _ in range(3):
        with client.stream("GET", "/large") as response:
            assert len(response.read()) == 500_000
    assert api.accepted == 1


def test_a_body_that_was_left_never_meets_the_next_call(client, api):
    api.on("/large", Reply(200, b"a" * 20_000_000))
    for _ in range(3):
        with client.stream("GET", "/large") as response:
            assert next(iter(response.iter_bytes()))
        assert client.get("/x").json()["target"] == "/x"


def test_a_call_that_timed_out_never_meets_the_next_one(face, api):
    client = face.client(api.origin, retry=1)
    api.on("/slow", Reply(200, b"late", delay=0.6))
    with pytest.raises(TimeoutError):
        client.get("/slow", timeout=0.2)
    time.sleep(0.6)
    assert client.get("/x").json()["target"] == "/x"


def test_an_answer_before_the_uploads_end_keeps_nobody_waiting(face, hostile):
    def early(server, connection):
        connection.sendall(acts.length(b"enough"))
        # The rest of the upload stays in the socket's buffers.
        server.pause(20)

    server = hostile(early)
    client = face.client(server.origin, retry=1)
    begun = time.monotonic()
    assert client.post("/x", content=b"z" * (32 << 20)).text == "enough"
    assert client.post("/x", content=b"z" * (32 << 20)).text == "enough"
    assert time.monotonic() - begun < 10
    assert server.accepted == 2


def test_many_calls_at_once_leave_connections_that_are_used_again(face, api):
    client = face.client(api.origin)
    dialled = []
    for _ in range(6):
        assert all(response.status_code == 200 for response in face.all([lambda: client.raw.get("/x")] * 16))
        time.sleep(0.1)
        dialled.append(api.accepted)
    assert dialled[-1] == dialled[1]
