"""A server that answers a TLS 1.2 hello by hand: it picks whatever suite it is told, offered or not."""

from __future__ import annotations

import contextlib
import os

from .listen import Listener

#: Suites that OpenSSL may not be built with any more: name, number (IANA TLS Cipher Suites).
SUITES: dict[str, int] = {
    "RC4-MD5": 0x0004,
    "RC4-SHA": 0x0005,
    "ECDHE-RSA-RC4-SHA": 0xC011,
    "3DES-CBC": 0x000A,
    "ECDHE-RSA-3DES-CBC": 0xC012,
    "NULL-MD5": 0x0001,
    "NULL-SHA256": 0x003B,
    "ECDHE-RSA-NULL-SHA": 0xC010,
    "export RC4 of 40 bit": 0x0003,
    "DES-CBC": 0x0009,
    "DHE-RSA-AES128-GCM": 0x009E,
    "DHE-RSA-AES128-CBC": 0x0033,
    "DHE-RSA export of 512 bit": 0x0014,
    "anonymous DH": 0x0034,
    "static RSA AES128-GCM": 0x009C,
}
#: ECDHE-RSA-AES128-GCM-SHA256, which every client offers.
MODERN = 0xC02F

HANDSHAKE, TLS12 = 22, b"\x03\x03"


class Picks(Listener):
    """Answers each hello with one that picks `suite`, and keeps what the client says to that; "" for nothing more."""

    def __init__(self, suite: int) -> None:
        super().__init__(None)
        self._suite = suite
        self.answers: list[bytes] = []

    def serve(self, connection, number: int) -> None:
        hello = _record(connection)
        # After header, version and random: the session id, to be echoed or not; we do not.
        assert hello[:1] == b"\x01"
        body = TLS12 + os.urandom(24) + b"no-downg" + b"\x00" + self._suite.to_bytes(2, "big") + b"\x00"
        # Extended master secret (RFC 7627) and secure renegotiation (RFC 5746), which clients may demand.
        extensions = b"\x00\x17\x00\x00" + b"\xff\x01\x00\x01\x00"
        body += len(extensions).to_bytes(2, "big") + extensions
        message = b"\x02" + len(body).to_bytes(3, "big") + body
        connection.sendall(bytes([HANDSHAKE]) + TLS12 + len(message).to_bytes(2, "big") + message)
        answer = b""
        with contextlib.suppress(OSError):
            answer = connection.recv(65536)
        self.answers.append(answer)


def _record(connection) -> bytes:
    head = _exactly(connection, 5)
    return _exactly(connection, int.from_bytes(head[3:5], "big"))


def _exactly(connection, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the client left")
        data += part
    return data
