"""The loopback servers say what they claim, checked with Python's own TLS and HTTP."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import zlib

import pytest
from servers.api import Api, Reply
from servers.hostile import ENDLESS, MALFORMED, OK, Hostile, bomb, closes, length, sends, stalls

#: The transport behaves the same over both of its engines.
ENGINES = ["direct", "proxied"]


def connect(server, authority) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=authority.ca_file)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 5), server_hostname="localhost")


def ask(server, authority) -> ssl.SSLSocket:
    connection = connect(server, authority)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


def everything(connection, limit: int) -> bytes:
    data = b""
    while len(data) < limit and (part := connection.recv(1 << 16)):
        data += part
    return data


@pytest.fixture
def plain(api: Api, authority):
    context = ssl.create_default_context(cafile=authority.ca_file)
    connection = http.client.HTTPSConnection("localhost", api.port, context=context, timeout=5)
    yield connection
    connection.close()


def test_the_api_keeps_the_connection_and_remembers_each_request(api: Api, plain) -> None:
    for number in range(3):
        plain.request("POST", f"/echo?n={number}", body=b"abc", headers={"X-One": "1"})
        assert plain.getresponse().read()
    assert api.accepted == 1
    assert [request.query for request in api.requests] == [[("n", "0")], [("n", "1")], [("n", "2")]]
    assert api.last.body == b"abc"
    assert api.last.header("x-one") == "1"


def test_a_stop_closes_no_socket_under_the_thread_that_reads_it(authority) -> None:
    """Its number would go to the next file, and OpenSSL, which keeps the number, would take that one's bytes."""
    numbers = []

    def reads(server: Hostile, connection) -> None:
        with contextlib.suppress(OSError):
            connection.recv(1)
        numbers.append(connection.fileno())

    server = Hostile(authority, reads).start()
    clients = [ask(server, authority) for _ in range(8)]
    assert server.wait_until(lambda: len(server.heads) == 8)
    server.stop()
    assert len(numbers) == server.finished == 8 and min(numbers) >= 0
    for client in clients:
        client.close()


def test_the_api_follows_its_script_and_repeats_the_last_reply(api: Api, plain) -> None:
    api.on("/busy", Reply(429, headers={"Retry-After": "1"}), Reply(200, {"ok": True}))
    statuses = []
    for _ in range(3):
        plain.request("GET", "/busy")
        answer = plain.getresponse()
        answer.read()
        statuses.append(answer.status)
    assert statuses == [429, 200, 200]


def test_the_api_sends_and_reads_chunks(api: Api, plain) -> None:
    api.on("/chunks", Reply(chunks=[b"one", b"two"]))
    plain.request(
        "POST", "/chunks", body=iter([b"a", b"b"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    assert plain.getresponse().read() == b"onetwo"
    assert api.last.body == b"ab"


def test_a_malformed_answer_arrives_as_written(authority) -> None:
    with Hostile(authority, sends(MALFORMED["garbage"])) as server, ask(server, authority) as connection:
        assert everything(connection, 1 << 20) == MALFORMED["garbage"]


def test_a_closing_server_sends_nothing(authority) -> None:
    with Hostile(authority, closes) as server, ask(server, authority) as connection:
        with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
            assert everything(connection, 10) == b""


def test_a_stalling_server_sends_nothing_more(authority) -> None:
    with Hostile(authority, stalls(OK)) as server, ask(server, authority) as connection:
        assert everything(connection, len(OK)) == OK
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_an_endless_body_goes_on(authority) -> None:
    with Hostile(authority, ENDLESS["body_until_close"]) as server, ask(server, authority) as connection:
        assert len(everything(connection, 4 << 20)) >= 4 << 20


def test_the_bomb_expands_a_thousandfold(authority) -> None:
    with Hostile(authority, bomb) as server, ask(server, authority) as connection:
        body = everything(connection, 200_000).partition(b"\r\n\r\n")[2]
    assert len(zlib.decompressobj(31).decompress(body)) > 500 * len(body)


def test_an_expired_certificate_is_refused_by_python_too(authority) -> None:
    server = Api(authority)
    server._context = authority.server_context("localhost", expired=True)
    with server, pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        connect(server, authority)


def test_length_counts_the_body() -> None:
    assert length(b"abc", b"X: 1") == OK + b"X: 1\r\nContent-Length: 3\r\n\r\nabc"
