"""Kept connections: what may be used again, and what is closed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botsec
import pytest
from botsec.testing import FakeClock
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
    for _ in range(6):
        assert all(response.status_code == 200 for response in face.all([lambda: client.raw.get("/x")] * 16))
        time.sleep(0.1)
    assert api.accepted <= 16


def test_a_crowd_is_answered_whole_and_a_slow_server_has_all_of_it_at_once(api, tls):
    # 64 requests at once wait for nobody; the next ones look for a moment whether one of them ends.
    api.on("/slow", Reply(200, delay=4))

    async def main():
        async with botsec.AsyncClient(api.origin, networks="loopback", tls=tls, retry=1) as client:
            # Each of them is with the server before the first is answered.
            answers = await asyncio.gather(*(client.get("/slow") for _ in range(100)))
            assert [answer.status_code for answer in answers] == [200] * 100
            assert api.accepted == 100
            for _ in range(3):
                answers = await asyncio.gather(*(client.get("/x") for _ in range(150)))
                assert [answer.status_code for answer in answers] == [200] * 150

    asyncio.run(main())


#: In a process of its own, where nobody else's threads are.
CLOSES = """
import asyncio, pathlib, sys, time, botsec
origin, ca_file, face = sys.argv[1:]
options = dict(tls=botsec.Tls(ca_file=ca_file), networks="loopback")

def threads():
    names = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        try:
            names.append(task.joinpath("comm").read_text().strip())
        except OSError:  # it ended since the directory was read
            continue
    return sorted(names)

async def use():
    clients = [botsec.AsyncClient(origin, **options) for _ in range(3)]
    for client in clients:
        await client.get("/x")
    for client in clients:
        await client.aclose()

def once():
    if face == "async":
        return asyncio.run(use())
    clients = [botsec.Client(origin, **options) for _ in range(3)]
    for client in clients:
        client.get("/x")
    for client in clients:
        client.close()

for _ in range(2):
    once()
    end = time.monotonic() + 5
    while len(threads()) > 1 and time.monotonic() < end:
        time.sleep(0.01)
    print(len(threads()), *threads())
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads through /proc")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_after_a_long_rest_dials_however_many_connections_went_stale(api, tls, method):
    api.on("/slow", Reply(200, delay=0.3))

    async def main():
        async with botsec.AsyncClient(api.origin, networks="loopback", tls=tls, retry=1) as client:
            await asyncio.gather(*(client.get("/slow") for _ in range(12)))
            kept = api.accepted
            assert kept >= 6
            assert (await client.request(method, "/x")).status_code == 200
            assert api.accepted == kept, "kept ones are used again"
            with FakeClock() as clock:
                clock.advance(3600)
                assert (await client.request(method, "/x")).status_code == 200
            assert api.accepted == kept + 1

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_closed_clients_leave_no_connection_and_no_thread(api, authority, kind):
    command = [sys.executable, "-c", CLOSES, api.origin, authority.ca_file, kind]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["1", "1"], ran.stdout
    assert api.accepted == 6 and api.wait_until(lambda: api.finished == 6)


def test_a_stream_outlives_the_close_of_its_client(face, api):
    api.on("/large", Reply(200, b"a" * 3_000_000))
    client = face.client(api.origin)
    with client.stream("GET", "/large") as response:
        read = len(next(response.iter_bytes()))
        client.close()
        read += sum(map(len, response.iter_bytes()))
    assert read == 3_000_000


def test_clients_come_and_go_in_many_threads(api, tls):
    """The runtime's thread ends and starts again while others use it."""

    async def once():
        async with botsec.AsyncClient(api.origin, tls=tls, networks="loopback") as client:
            return (await client.get("/x")).status_code

    def often(_):
        return [asyncio.run(once()) for _ in range(15)]

    with ThreadPoolExecutor(6) as pool:
        assert {status for statuses in pool.map(often, range(6)) for status in statuses} == {200}


def test_a_slow_reader_holds_the_server_back(face, hostile):
    sent = []

    def act(server, connection):
        connection.sendall(acts.OK + b"Content-Length: %d\r\n\r\n" % (256 << 20))
        with contextlib.suppress(OSError):
            for _ in range(256):
                connection.sendall(bytes(1 << 20))
                sent.append(1)

    server = hostile(act)
    with face.client(server.origin).stream("GET", "/x") as response:
        assert next(response.iter_bytes())
        time.sleep(1)
        # What the sockets' buffers hold, and little more.
        assert len(sent) < 24
