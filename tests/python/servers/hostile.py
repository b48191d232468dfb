"""A TLS server that misbehaves: one function per kind of misbehaviour, given the connection after the request head."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable, Iterator

import brotli

from .listen import Listener
from .tls import Authority

MIB = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"

Act = Callable[["Hostile", object], None]


class Hostile(Listener):
    """Reads each request head, then runs `act(server, connection)`; without TLS it runs `act` at once."""

    def __init__(self, authority: Authority, act: Act, *, tls: bool = True) -> None:
        super().__init__(authority.server_context() if tls else None)
        self._act = act
        self._tls = tls
        self.heads: list[bytes] = []

    def serve(self, connection, number: int) -> None:
        if self._tls:
            while head := _read_head(connection):
                self.heads.append(head)
                self._act(self, connection)
                if not getattr(self._act, "keeps_alive", False):
                    return
        else:
            self._act(self, connection)


def _read_head(connection) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            return b""
        head += part
    return head


def sends(data: bytes) -> Act:
    """Send these bytes and close."""

    def act(server: Hostile, connection) -> None:
        connection.sendall(data)
        # A TLS close, so that the client sees an end of data and not a reset.
        connection.unwrap()

    return act


def cuts(data: bytes) -> Act:
    """Send these bytes and end the connection below TLS, as anybody on the way can."""

    def act(server: Hostile, connection) -> None:
        connection.sendall(data)

    return act


def answers(data: bytes) -> Act:
    """Answer every request with these bytes, on one connection."""

    def act(server: Hostile, connection) -> None:
        connection.sendall(data)

    act.keeps_alive = True
    return act


def in_parts(*parts: bytes) -> Act:
    """Send these bytes, each in a packet of its own, and close."""

    def act(server: Hostile, connection) -> None:
        for part in parts:
            connection.sendall(part)
            server.pause(0.05)
        connection.unwrap()

    return act


def repeats(first: bytes, again: bytes, limit: int = 256 * MIB) -> Act:
    """Send `first`, then `again` until the client leaves; `limit` bytes end a client that never does."""

    def act(server: Hostile, connection) -> None:
        connection.sendall(first)
        for _ in range(max(1, limit // len(again))):
            if server.stopped.is_set():
                return
            connection.sendall(again)

    return act


def drips(data: bytes, seconds: float, rest: Iterator[bytes] | None = None) -> Act:
    """Send one byte, wait, send the next; after the last one say nothing more."""

    def act(server: Hostile, connection) -> None:
        for index in range(len(data)):
            connection.sendall(data[index : index + 1])
            server.pause(seconds)
            if server.stopped.is_set():
                return
        server.pause(60)

    return act


def stalls(data: bytes = b"") -> Act:
    """Send these bytes, then nothing, and keep the connection open."""

    def act(server: Hostile, connection) -> None:
        if data:
            connection.sendall(data)
        while connection.recv(65536):
            pass

    return act


def closes(server: Hostile, connection) -> None:
    """Close before any byte of an answer."""


def bomb(server: Hostile, connection) -> None:
    """One GiB of zeros as gzip, about one MiB on the wire, made block by block."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    connection.sendall(OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(b"")[:10])
    for _ in range(1024):
        connection.sendall(block)
    connection.unwrap()


def explodes(coding: bytes, first: bytes, block: bytes, blocks: int) -> Act:
    """A coded body made of one block again and again."""

    def act(server: Hostile, connection) -> None:
        connection.sendall(OK + b"Content-Encoding: " + coding + b"\r\nConnection: close\r\n\r\n" + first)
        many = block * max(1, 65536 // len(block))
        for _ in range(blocks // (len(many) // len(block)) + 1):
            if server.stopped.is_set():
                return
            connection.sendall(many)

    return act


def deflated(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)


def _brotli_blocks() -> tuple[bytes, bytes]:
    """The first block of a stream of zeros, and one that may follow any number of times."""
    packer = brotli.Compressor()
    first = packer.process(bytes(MIB)) + packer.flush()
    return first, packer.process(bytes(MIB)) + packer.flush()


#: A zstd block that stands for 128 KiB of zeros (RFC 8878 §3.1.1.2.2, RLE), and a frame's head with a 2 MiB window.
ZSTD_BLOCK = ((131_072 << 3) | 2).to_bytes(3, "little") + b"\0"
ZSTD_HEAD = b"\x28\xb5\x2f\xfd\x00\x58"
GZIP_HEAD = gzip.compress(b"")[:10]
#: Expands about 55 times: below what counts as a bomb, so the cap on bytes has to end it.
DENSE = b"".join(random.Random(7).randbytes(14) + bytes(1010) for _ in range(1024))

#: Bodies of 10 GiB: name, action.
BOMBS: dict[str, Act] = {
    "gzip": explodes(b"gzip", GZIP_HEAD, deflated(bytes(MIB)), 10 * 1024),
    "gzip_below_the_limit": explodes(b"gzip", GZIP_HEAD, deflated(DENSE), 10 * 1024),
    "zstd": explodes(b"zstd", ZSTD_HEAD, ZSTD_BLOCK, 80 * 1024),
    "brotli": explodes(b"br", *_brotli_blocks(), 10 * 1024),
    "plain": repeats(OK + b"Connection: close\r\n\r\n", b"x" * 65536, limit=10 << 30),
    "chunked": repeats(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", limit=10 << 30
    ),
}


def length(body: bytes, *headers: bytes, status: bytes = OK) -> bytes:
    """A whole answer with a right Content-Length."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return status + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


#: Answers that are not HTTP, or not one message: name, bytes.
MALFORMED: dict[str, bytes] = {
    "nothing_at_all": b"",
    "half_a_status_line": b"HTTP/1.1 20",
    "half_a_head": OK + b"Content-Type: text/pl",
    "head_without_end": OK + b"Content-Length: 0\r\n",
    "garbage": bytes(range(256)) * 8,
    "another_protocol": b"SSH-2.0-OpenSSH_9.6\r\n" * 4,
    "status_of_two_digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status_of_letters": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "version_of_the_future": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "zero_byte_in_a_header": OK + b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "header_without_colon": OK + b"no colon here\r\nContent-Length: 0\r\n\r\n",
    "folded_header": OK + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "space_before_the_colon": OK + b"X-A : b\r\nContent-Length: 0\r\n\r\n",
    "cr_alone_in_a_header": OK + b"X-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n",
    "space_in_a_header_name": OK + b"X A: b\r\nContent-Length: 0\r\n\r\n",
    "two_lengths_that_agree": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "two_lengths_in_one_field": OK + b"Content-Length: 5, 5\r\n\r\nabcde",
    "conflicting_lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "negative_length": OK + b"Content-Length: -1\r\n\r\nabc",
    "length_with_letters": OK + b"Content-Length: 5x\r\n\r\nabcde",
    "length_with_a_plus": OK + b"Content-Length: +5\r\n\r\nabcde",
    "length_beyond_64_bits": OK + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "chunk_size_of_letters": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "chunk_size_beyond_64_bits": OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "chunk_lines_that_end_with_lf": OK + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
    "chunk_without_its_end": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "switching_protocols_unasked": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
}

#: Answers that stop before their announced end.
TRUNCATED: dict[str, bytes] = {
    "length": OK + b"Content-Length: 100\r\n\r\nonly this",
    "chunked_inside_a_chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\nonly this",
    "chunked_before_the_last": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nthis\r\n",
    "gzip": length(gzip.compress(bytes(range(256)) * 64)[:-40], b"Content-Encoding: gzip"),
}

#: Answers that never end, or are far too large: name, action.
ENDLESS: dict[str, Act] = {
    "body_with_length": repeats(OK + b"Content-Length: 9999999999\r\n\r\n", b"x" * 65536),
    "body_chunked": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "body_until_close": repeats(OK + b"Connection: close\r\n\r\n", b"x" * 65536),
    "headers": repeats(OK, b"X-Flood: " + b"y" * 1000 + b"\r\n"),
    "one_header": repeats(OK + b"X-Flood: ", b"y" * 65536),
    "interim_answers": repeats(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 64, 64 * MIB),
    "status_line": repeats(b"HTTP/1.1 200 ", b"O" * 65536),
    "chunk_extension": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"e" * 65536),
    "trailers": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X-T: " + b"t" * 1000 + b"\r\n"),
    "header_of_1_mib": sends(OK + b"X-Big: " + b"z" * MIB + b"\r\nContent-Length: 0\r\n\r\n"),
    "ten_thousand_headers": sends(OK + b"".join(b"X-%d: v\r\n" % n for n in range(10_000)) + b"\r\n"),
}
