"""Large bodies: constant memory in both directions, progress, forms from disk."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import itertools
import os
import subprocess
import sys
import time

import botsec
import pytest
from servers import hostile as acts
from servers.api import Reply
from servers.listen import free_port

MIB = 1 << 20


@pytest.fixture
def large(tmp_path):
    """A file of 3 MiB and a bit."""
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(3 * MIB + 7))
    return file


def test_a_file_is_sent_with_its_length(client, api, large):
    with large.open("rb") as file:
        file.seek(7)
        sent = client.put("/x", content=file).json()
    assert len(sent["body"]) == 3 * MIB
    assert api.last.header("content-length") == str(3 * MIB)
    assert api.last.header("transfer-encoding") is None


def test_a_pipe_is_sent_in_chunks(client, api):
    reader, writer = os.pipe()
    os.write(writer, b"from a pipe")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert client.post("/x", content=file).json()["body"] == "from a pipe"
    assert api.last.header("transfer-encoding") == "chunked"


def test_a_form_is_streamed_from_disk_and_is_the_same_form(client, api, large):
    with large.open("rb") as file:
        client.post("/x", files={"doc": ("a.bin", file, "image/png"), "note": b"hi"}, data={"k": "v"})
    seen = api.last
    assert int(seen.header("content-length")) == len(seen.body)
    boundary = seen.header("content-type").partition("boundary=")[2].encode()
    fields = seen.body.split(b"--" + boundary)
    assert len(fields) == 5 and fields[-1] == b"--\r\n"
    assert fields[1].endswith(b'name="k"\r\n\r\nv\r\n')
    assert b'filename="a.bin"\r\nContent-Type: image/png\r\n\r\n' in fields[2]
    assert fields[2].partition(b"\r\n\r\n")[2] == large.read_bytes() + b"\r\n"
    assert fields[3].partition(b"\r\n\r\n")[2] == b"hi\r\n"


def test_a_small_file_of_a_form_can_be_sent_again(face, api, tmp_path):
    file = tmp_path / "small.txt"
    file.write_bytes(b"again")
    api.on("/x", Reply(503), Reply(200))
    client = face.client(api.origin, retry=botsec.Retry(2, base=0.01))
    with file.open("rb") as opened:
        assert client.put("/x", files={"f": opened}).attempts == 2


def test_a_secret_field_beside_a_large_file_is_refused(client, api, large, make_secret):
    with large.open("rb") as file, pytest.raises(ValueError, match="Secret"):
        client.post("/x", files={"f": file}, data={"token": make_secret()})
    assert not api.requests


def test_a_file_that_shrinks_is_the_callers_error(client, large):
    class Shrinking(io.FileIO):
        def read(self, wanted=-1):
            os.truncate(large, 70_000)
            return super().read(wanted)

    with Shrinking(large) as file, pytest.raises(OSError, match="before the length"):
        client.post("/x", content=file)


def test_text_files_are_refused_in_forms(client, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("x")
    with file.open() as opened, pytest.raises(TypeError, match="binary"):
        client.post("/x", files={"f": opened})


def test_progress_of_uploads(client, api, large):
    told = []
    with large.open("rb") as file:
        client.post("/x", content=file, progress=lambda done, total: told.append((done, total)))
    size = 3 * MIB + 7
    assert told[-1] == (size, size) and [done for done, _ in told] == sorted({done for done, _ in told})
    told.clear()
    client.post("/x", content=b"z" * 100_000, progress=lambda *seen: told.append(seen))
    assert told[-1] == (100_000, 100_000)
    told.clear()
    client.post("/x", content=iter([b"ab", b"c"]), progress=lambda *seen: told.append(seen))
    assert told == [(2, None), (3, None)]
    told.clear()
    with large.open("rb") as file:
        client.post("/x", files={"a": file, "b": ("b", b"12")}, progress=lambda *seen: told.append(seen))
    assert told[-1] == (size + 2, size + 2)
    assert api.last.body.count(b"filename=") == 2
    with pytest.raises(TypeError, match="progress"):
        client.post("/x", content=b"x", progress=7)


#: Each kind of body that is watched, made of an open file of 1,000 bytes.
UPLOADS = {
    "bytes": lambda file: {"content": file.read()},
    "file": lambda file: {"content": file},
    "iterator": lambda file: {"content": iter([file.read()])},
    "form": lambda file: {"files": {"f": file.read()}},
    "file of a form": lambda file: {"files": {"f": file}},
    "named file of a form": lambda file: {"files": {"f": ("a.bin", file, "image/png")}},
}


@pytest.mark.parametrize("kind", list(UPLOADS))
def test_nothing_is_told_of_what_no_connection_took(face, api, tmp_path, kind):
    small = tmp_path / "small"
    small.write_bytes(b"x" * 1000)
    told = []
    refusing = face.client(f"https://localhost:{free_port()}", retry=1)
    with small.open("rb") as file, pytest.raises(botsec.ConnectError):
        refusing.post("/x", **UPLOADS[kind](file), progress=lambda *seen: told.append(seen))
    assert told == []
    with small.open("rb") as file:
        face.client(api.origin).post("/x", **UPLOADS[kind](file), progress=lambda *seen: told.append(seen))
    assert told == [(1000, None if kind == "iterator" else 1000)]


class Awaited:
    async def __call__(self, done, total):
        raise AssertionError("nobody awaits this")


async def awaited(done, total):
    raise AssertionError("nobody awaits this")


@pytest.mark.parametrize("progress", [awaited, Awaited(), functools.partial(awaited), 7])
def test_a_progress_that_nobody_would_await_is_refused(client, api, tmp_path, progress):
    with pytest.raises(TypeError, match="progress"):
        client.post("/x", content=b"x", progress=progress)
    with pytest.raises(TypeError, match="progress"):
        client.download("/x", tmp_path / "x", progress=progress)
    assert api.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_watched_text_file_is_refused_in_forms(client, api, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("x")
    with file.open() as opened, pytest.raises(TypeError, match="binary"):
        client.post("/x", files={"f": opened}, progress=print)
    assert api.requests == []


def generator(face, notes, body):
    """A generator of the face's kind that notes its beginning and its end, and is kept from the collector by its caller."""
    if face.is_async:

        async def chunks():
            notes.append("begun")
            try:
                for chunk in body:
                    yield chunk
            finally:
                notes.append("closed")
    else:

        def chunks():
            notes.append("begun")
            try:
                yield from body
            finally:
                notes.append("closed")

    return chunks()


def answers_early(server, connection) -> None:
    connection.sendall(acts.OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")


@pytest.mark.parametrize("is_watched", [False, True])
def test_a_body_iterator_is_closed_when_its_call_ends_early(face, hostile, is_watched):
    progress = (lambda *_: None) if is_watched else None
    early = face.client(hostile(answers_early).origin, retry=1)
    refusing = face.client(f"https://localhost:{free_port()}", retry=1)
    silent = face.client(hostile(acts.stalls()).origin, retry=1, timeout=0.3)
    unanswered = face.client(hostile(acts.stalls()).origin, retry=1, timeout=30)
    ways = {
        "answered": (early, itertools.repeat(b"x" * 1000), None),
        "refused": (refusing, itertools.repeat(b"x" * 1000), botsec.ConnectError),
        "timed out": (silent, itertools.repeat(b"x" * 1000), botsec.RequestTimeoutError),
        # Who answers early may be faster than the chunk that is none.
        "no bytes": (unanswered, iter([b"x", 5]), TypeError),
        "complete": (early, iter([b"x"]), None),
    }
    for way, (client, body, expected) in ways.items():
        notes = []
        chunks = generator(face, notes, body)
        # An early answer may also be seen as a connection that broke while the rest was sent.
        with contextlib.suppress(expected or botsec.TransportError):
            client.post("/x", content=chunks, progress=progress)
            assert expected is None, way
        # A connection may be refused before the first chunk was asked for.
        assert notes == ["begun", "closed"] or (way == "refused" and notes == []), way


def test_the_deadline_holds_while_a_body_never_ends(face, hostile):
    client = face.client(hostile(acts.stalls()).origin, retry=1, timeout=0.3)
    begun = time.monotonic()
    with pytest.raises(botsec.RequestTimeoutError):
        client.post("/x", content=itertools.repeat(b"x" * 1000))
    assert time.monotonic() - begun < 5


def test_a_body_iterator_that_was_never_asked_can_be_sent_later(face, api):
    client = face.client(api.origin, allow=["POST /x"])
    notes = []
    chunks = generator(face, notes, [b"ab", b"c"])
    with pytest.raises(botsec.RouteNotAllowedError):
        client.post("/y", content=chunks)
    assert notes == []
    client.post("/x", content=chunks)
    assert (api.last.body, notes) == (b"abc", ["begun", "closed"])


def test_an_exception_while_an_iterator_closes_is_told_and_hides_nothing(face, hostile, monkeypatch):
    class Chunks:
        def __iter__(self):
            return self

        def __next__(self):
            return b"x" * 1000

        def close(self):
            raise KeyError("mine")

    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: told.append(raised.exc_value))
    if face.is_async:
        face.loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    client = face.client(hostile(acts.stalls()).origin, retry=1, timeout=0.3)
    with pytest.raises(botsec.RequestTimeoutError):
        client.post("/x", content=Chunks())
    assert [type(error) for error in told] == [KeyError]


def test_a_cancelled_call_closes_its_body(authority, hostile):
    server = hostile(acts.stalls())
    closed = []

    async def chunks():
        try:
            while True:
                yield b"x" * 1000
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def run():
        options = {"tls": botsec.Tls(ca_file=authority.ca_file), "networks": "loopback", "retry": 1}
        async with botsec.AsyncClient(server.origin, **options) as client:
            body = chunks()
            call = asyncio.create_task(client.post("/x", content=body))
            while not server.heads:
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert closed == [True]

    asyncio.run(run())


def test_an_exception_in_progress_is_the_callers(client):
    def stop(done, total):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        client.post("/x", content=b"z" * 100_000, progress=stop)


def test_progress_of_downloads(client, api, tmp_path):
    api.on("/x", Reply(200, b"a" * 300_000))
    told = []
    client.download("/x", tmp_path / "x", progress=lambda *seen: told.append(seen))
    assert told[-1] == (300_000, 300_000)
    api.on("/y", Reply(200, chunks=[b"a" * 1000] * 5))
    told.clear()
    client.download("/y", tmp_path / "y", progress=lambda *seen: told.append(seen))
    assert told[-1] == (5000, None)


#: Run apart, so that the peak of memory is this transfer's alone.
TRANSFER = """
import asyncio, resource, sys
import botsec
origin, ca_file, face, what, argument = sys.argv[1:]
options = dict(tls=botsec.Tls(ca_file=ca_file), networks="loopback", retry=1)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def sync():
    with botsec.Client(origin, **options) as client:
        client.get("/warm", check=False)
        before = peak()
        if what == "get":
            return before, client.get("/x").status_code
        if what == "down":
            return before, client.download("/x", argument, max_response_bytes=2 << 30).status_code
        with open(argument, "rb") as file:
            body = {"content": file} if what == "up" else {"files": {"f": file}}
            return before, client.post("/x", **body).status_code

async def run():
    async with botsec.AsyncClient(origin, **options) as client:
        await client.get("/warm", check=False)
        before = peak()
        if what == "get":
            return before, (await client.get("/x")).status_code
        if what == "down":
            return before, (await client.download("/x", argument, max_response_bytes=2 << 30)).status_code
        with open(argument, "rb") as file:
            body = {"content": file} if what == "up" else {"files": {"f": file}}
            return before, (await client.post("/x", **body)).status_code

before = peak()
try:
    before, ended = sync() if face == "sync" else asyncio.run(run())
except botsec.BotsecError as error:
    ended = error.code
print(ended, peak() - before)
"""


def transfer(origin: str, authority, face: str, what: str, argument: object = "") -> tuple[str, float]:
    command = [sys.executable, "-c", TRANSFER, origin, authority.ca_file, face, what, str(argument)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=80)
    assert ran.returncode == 0, ran.stderr
    ended, growth = ran.stdout.split()
    return ended, float(growth)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", list(acts.BOMBS))
def test_10_gib_are_offered_and_little_is_taken(authority, hostile, kind, name):
    server = hostile(acts.BOMBS[name])
    ended, growth = transfer(server.origin, authority, kind, "get")
    assert ended in ("transport.expansion", "transport.too_large")
    assert growth < 40


class Sink:
    """Answers each request after reading and forgetting its body, or with 1 GiB."""

    SIZE = 1 << 30

    def __call__(self, server, connection) -> None:
        head = server.heads[-1]
        if head.startswith(b"GET /warm"):
            connection.sendall(acts.length(b"ok"))
        elif head.startswith(b"GET"):
            connection.sendall(acts.OK + b"Content-Length: %d\r\n\r\n" % self.SIZE)
            for _ in range(self.SIZE // MIB):
                connection.sendall(bytes(MIB))
        else:
            lines = {k.lower(): v for k, _, v in (line.partition(b": ") for line in head.split(b"\r\n"))}
            left = int(lines[b"content-length"]) - len(head.partition(b"\r\n\r\n")[2])
            while left > 0:
                left -= len(connection.recv(MIB))
            connection.sendall(acts.length(b"ok"))

    keeps_alive = True


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("what", ["down", "up", "form"])
def test_1_gib_passes_in_constant_memory(authority, hostile, tmp_path, kind, what):
    server = hostile(Sink())
    file = tmp_path / "gib"
    if what != "down":
        file.touch()
        os.truncate(file, Sink.SIZE)
    ended, growth = transfer(server.origin, authority, kind, what, file)
    assert ended == "200"
    assert growth < 32
    if what == "down":
        assert file.stat().st_size == Sink.SIZE
        file.unlink()


UNREAD = """
import asyncio, resource, sys
import botsec
origin, ca_file = sys.argv[1:]
# Not zeros, which take no memory.
BODY, CALLS = b"x" * (64 << 20), 24

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

async def run():
    async with botsec.AsyncClient(origin, tls=botsec.Tls(ca_file=ca_file), networks="loopback", retry=1) as client:
        async def upload():
            try:
                await client.post("/x", content=BODY, timeout=4)
            except botsec.RequestTimeoutError:
                return 1
        calls = [asyncio.create_task(upload()) for _ in range(CALLS)]
        before = peak()
        print(sum(await asyncio.gather(*calls)), peak() - before)

asyncio.run(run())
"""


def test_uploads_that_nobody_reads_hold_little(authority, hostile):
    server = hostile(lambda server, _: server.pause(60))
    command = [sys.executable, "-c", UNREAD, server.origin, authority.ca_file]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    ended, held = ran.stdout.split()
    assert ended == "24"
    assert float(held) < 24
