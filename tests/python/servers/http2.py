"""HTTP/2 peers: one that keeps the rules, and one that sends frames by hand."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable

import h2.config
import h2.connection
import h2.events
from hpack import Encoder
from hyperframe import frame as frames

from .hostile import GZIP_HEAD, ZSTD_BLOCK, ZSTD_HEAD, deflated
from .listen import Listener
from .tls import Authority

MIB = 1 << 20
OK = [(":status", "200")]


class Http2(Listener):
    """Answers each stream with an echo, or with what `answer(server, session, stream)` sends."""

    def __init__(self, authority: Authority, answer: Callable | None = None) -> None:
        super().__init__(authority.server_context(alpn=("h2",)))
        self._answer = answer or echo
        self.guard = threading.Lock()
        self.requests: list[Stream] = []
        self.resets: list[int] = []

    def serve(self, connection, number: int) -> None:
        session = Session(connection, number)
        while data := connection.recv(65536):
            try:
                events = session.state.receive_data(data)
            except h2.exceptions.ProtocolError:
                session.flush()
                return
            for event in events:
                self._handle(session, event)
            session.flush()
            if session.over:
                return

    def _handle(self, session: Session, event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            session.streams[event.stream_id] = Stream(event.stream_id, session.number, dict(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            session.streams[event.stream_id].body += event.data
            session.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream = session.streams[event.stream_id]
            with self.guard:
                self.requests.append(stream)
            self._answer(self, session, stream)
        elif isinstance(event, h2.events.StreamReset):
            with self.guard:
                self.resets.append(event.stream_id)
            session.waiting.pop(event.stream_id, None)
        elif isinstance(event, h2.events.WindowUpdated):
            session.push_on()


class Stream:
    """One request."""

    def __init__(self, number: int, connection: int, headers: dict) -> None:
        self.id = number
        self.connection = connection
        self.headers = {_text(name): _text(value) for name, value in headers.items()}
        self.body = b""


class Session:
    """One connection's state; sends bodies as the windows allow."""

    def __init__(self, connection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.over = False
        self.streams: dict[int, Stream] = {}
        self.waiting: dict[int, bytes] = {}
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        if data := self.state.data_to_send():
            self.connection.sendall(data)

    def reply(self, stream: Stream, body: bytes, *headers: tuple[str, str], status: int = 200) -> None:
        self.state.send_headers(stream.id, [(":status", str(status)), *headers])
        self.waiting[stream.id] = body
        self.push_on()

    def push_on(self) -> None:
        for number, rest in list(self.waiting.items()):
            while rest:
                room = min(self.state.local_flow_control_window(number), self.state.max_outbound_frame_size)
                if room <= 0:
                    break
                self.state.send_data(number, rest[:room])
                rest = rest[room:]
                self.flush()
            self.waiting[number] = rest
            if not rest:
                self.state.end_stream(number)
                del self.waiting[number]

    def leave(self, *, last_stream: int | None = None) -> None:
        """Say GOAWAY, and close once it is sent."""
        self.state.close_connection(last_stream_id=last_stream)
        self.over = True


def echo(server: Http2, session: Session, stream: Stream) -> None:
    told = {"method": stream.headers[":method"], "path": stream.headers[":path"], "headers": stream.headers}
    session.reply(stream, json.dumps({**told, "body": stream.body.decode()}).encode())


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class Frames(Listener):
    """Greets as HTTP/2 demands, waits for a request, then sends what `act` yields, until the client leaves."""

    def __init__(self, authority: Authority, act: Callable, *, limit: int = 256 * MIB) -> None:
        super().__init__(authority.server_context(alpn=("h2",)))
        self._act = act
        self._limit = limit

    def serve(self, connection, number: int) -> None:
        connection.sendall(frames.SettingsFrame(0).serialize() + frames.SettingsFrame(0, flags=["ACK"]).serialize())
        seen = b""
        # The preface, then whole frames up to the first HEADERS.
        while not _asked(seen):
            part = connection.recv(65536)
            if not part:
                return
            seen += part
        sent = 0
        with contextlib.suppress(OSError):
            for data in self._act():
                if self.stopped.is_set() or sent > self._limit:
                    return
                connection.sendall(data)
                sent += len(data)
            while connection.recv(65536):
                pass


def _asked(seen: bytes) -> bool:
    rest = seen[24:]
    while len(rest) >= 9:
        if rest[3] == 1:
            return True
        rest = rest[9 + int.from_bytes(rest[:3], "big") :]
    return False


def head(*headers: tuple[str, str], flags: tuple[str, ...] = ("END_HEADERS",)) -> bytes:
    return frames.HeadersFrame(1, Encoder().encode([*OK, *headers]), flags=list(flags)).serialize()


def data(body: bytes, *, stream: int = 1, end: bool = False) -> bytes:
    return frames.DataFrame(stream, body, flags=["END_STREAM"] if end else []).serialize()


def raw(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Any frame, whatever the rules say of it."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def again(first: bytes, more: bytes) -> Callable:
    """`first`, then `more` without end, many at a time."""

    def act():
        yield first
        block = more * max(1, 65536 // len(more))
        while True:
            yield block

    return act


def once(*parts: bytes) -> Callable:
    return lambda: iter(parts)


def slowly(*parts: bytes) -> Callable:
    """These parts, twenty a second."""

    def act():
        for part in parts:
            yield part
            time.sleep(0.05)

    return act


#: Bodies of more than 50 MiB that fit into the smallest window: coding, bytes.
BOMBS: dict[str, bytes] = {
    "gzip": GZIP_HEAD + deflated(bytes(MIB)) * 56,
    "zstd": ZSTD_HEAD + ZSTD_BLOCK * 4096,
}


def bomb(coding: str) -> Callable:
    body = BOMBS[coding]
    parts = [data(body[at : at + 16_000]) for at in range(0, len(body), 16_000)]
    return once(head(("content-encoding", coding)), *parts, data(b"", end=True))


#: A field of 8 KB, as HPACK has it.
LARGE = Encoder().encode([("x-big", "z" * 8000)])


def _rising_resets():
    yield frames.RstStreamFrame(1, error_code=7).serialize()
    while True:
        yield b"".join(frames.RstStreamFrame(2 * n + 1, error_code=8).serialize() for n in range(1000))


#: Peers that break the rules or never end: name, what they send.
HOSTILE: dict[str, Callable] = {
    "continuation_without_end": again(head(flags=()), raw(9, 0, 1, Encoder().encode([("x-flood", "y" * 1000)]))),
    "continuation_of_nothing": again(head(flags=()), raw(9, 0, 1, b"")),
    "continuation_on_another_stream": once(head(flags=()), raw(9, 4, 3, b"")),
    "headers_without_end": once(head(flags=())),
    "empty_data_frames": again(head(), data(b"")),
    "padding_only": again(head(), raw(0, 8, 1, bytes([255]) + bytes(255))),
    "settings_flood": again(b"", frames.SettingsFrame(0).serialize()),
    "ping_flood": again(b"", frames.PingFrame(0, b"12345678").serialize()),
    "reset_flood": _rising_resets,
    "priority_flood": again(b"", frames.PriorityFrame(1, depends_on=0, stream_weight=1).serialize()),
    "unknown_frames": again(b"", raw(0xEE, 0, 1, b"z" * 1000)),
    "header_list_of_64_kib": once(head(flags=()), *[raw(9, 0, 1, LARGE)] * 12, raw(9, 4, 1, LARGE)),
    "bad_hpack": once(raw(1, 4, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
    "hpack_index_of_nothing": once(raw(1, 4, 1, b"\xbe")),
    "no_status": once(raw(1, 4, 1, Encoder().encode([("x", "y")]))),
    "two_statuses": once(raw(1, 4, 1, Encoder().encode([(":status", "200"), (":status", "204")]))),
    "status_of_letters": once(raw(1, 4, 1, Encoder().encode([(":status", "abc")]))),
    "upper_case_names": once(raw(1, 4, 1, Encoder().encode([(":status", "200"), ("X-Upper", "1")]))),
    "data_before_headers": once(data(b"early")),
    "data_on_stream_0": once(head(), raw(0, 0, 0, b"zero")),
    "data_on_an_idle_stream": once(head(), data(b"x", stream=99)),
    "even_stream": once(raw(1, 4, 2, Encoder().encode(OK))),
    "push_promise": once(raw(5, 4, 1, (2).to_bytes(4, "big") + Encoder().encode([(":method", "GET")]))),
    "window_overflow": once(head(), raw(8, 0, 1, (2**31 - 1).to_bytes(4, "big"))),
    "window_update_of_0": once(head(), raw(8, 0, 1, bytes(4))),
    "frame_of_16_mib": once(head(), b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"),
    "settings_of_odd_length": once(raw(4, 0, 0, b"12345")),
    "ping_of_odd_length": once(raw(6, 0, 0, b"123")),
    "window_beyond_limits": once(raw(4, 0, 0, (4).to_bytes(2, "big") + (2**31).to_bytes(4, "big"))),
    "short_body": once(head(("content-length", "100")), data(b"short", end=True)),
    "long_body": once(head(("content-length", "3")), data(b"longer", end=True)),
    "reset_in_the_body": once(head(), data(b"part"), frames.RstStreamFrame(1, error_code=2).serialize()),
    "goaway_in_the_body": once(
        head(), data(b"part"), frames.GoAwayFrame(0, last_stream_id=0, error_code=1).serialize()
    ),
    "lengths_that_agree": once(head(*[("content-length", "2")] * 2), data(b"ok", end=True)),
    "dripping_head": slowly(*[bytes([byte]) for byte in head(("x-slow", "y" * 900))]),
    "dripping_body": slowly(head(), *[data(b"a")] * 900),
    "gzip_bomb": bomb("gzip"),
    "zstd_bomb": bomb("zstd"),
    "endless_body": again(head(), data(b"x" * 16000)),
    "interim_answers": again(b"", raw(1, 4, 1, Encoder().encode([(":status", "103")]))),
    "trailers_without_end": again(head() + data(b"x"), raw(1, 4, 1, Encoder().encode([("x-trailer", "1")]))),
    "http_1_instead": once(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "garbage": once(bytes(range(256)) * 64),
}
