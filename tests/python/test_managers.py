"""Every manager down, slow, or lying: the right error, nothing of any secret, and the last value only where the rule allows."""

import contextlib
import itertools
import json
import logging
import secrets
import socket
import struct
import threading

import botsec
import pytest
from botsec.testing import FakeClock
from servers.api import Api, Reply
from servers.leaks import everything
from servers.listen import knock
from servers.managers import MANAGERS
from servers.tls import Authority

#: Google's client tells of its own future on older Pythons.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TEN_MEBIBYTES = 10 * 1024 * 1024


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, authority):
    """No credentials but those of the test, and the vendors' clients trust its servers."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)


@pytest.fixture(params=MANAGERS)
def manager(request, authority, tls, make_secret):
    fake, kind = MANAGERS[request.param]
    with fake(authority) as server:
        yield kind(server, authority, tls, make_secret)


@pytest.fixture
def clock():
    with FakeClock() as fake:
        yield fake


def new_value() -> str:
    return "value-" + secrets.token_hex(12)


def again(face, secret):
    """Read it now, as the face does."""
    from botsec._base import ready

    return face.run(ready(secret, again=True)) if face.is_async else secret.refresh()


def refused(face, secret, manager, caplog, *hidden, kind=botsec.SecretAccessError):
    """The error of a reading, after a look for what it must not say."""
    with caplog.at_level(logging.DEBUG, "botsec"), pytest.raises(kind) as caught:
        again(face, secret)
    said = everything(caught.value, caplog)
    assert [text for text in (*manager.hidden(), *hidden) if text in said] == []
    return caught.value


def test_a_secret_of_ten_mebibytes_is_refused_and_nothing_of_it_is_told(face, manager, caplog):
    manager.put(first := new_value())
    secret = manager.secret()
    again(face, secret)
    assert secret.reveal() == first
    part = secrets.token_hex(16)
    manager.put(huge := part * (TEN_MEBIBYTES // len(part) + 1))
    assert manager.official() == huge
    error = refused(face, secret, manager, caplog, part, first)
    assert error.details["cause"] == "transport.too_large"
    # It answered, and not with a secret: the value before it is not used any more.
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()
    # The largest that managers keep are 64 KiB.
    manager.put(largest := part * (64 * 1024 // len(part)))
    assert manager.official() == largest
    again(face, secret)
    assert secret.reveal() == largest


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-8", "application/octet-stream", ""])
def test_the_right_answer_under_another_type_is_not_believed(face, manager, caplog, kind):
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret()
    again(face, secret)

    def disguised(reply):
        return Reply(reply.status, json.dumps(reply.body) if isinstance(reply.body, dict) else reply.body, typed(kind))

    with manager.answering(disguised):
        error = refused(face, secret, manager, caplog, value)
    assert error.details["reason"] == "the answer is not JSON"
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()
    again(face, secret)
    assert secret.reveal() == value


def typed(kind):
    return {"Content-Type": kind} if kind else {"X-None": "1"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(face, manager, authority, caplog, status):
    manager.put(value := new_value())
    assert manager.official() == value
    with Api(authority) as other, Api(authority) as third:
        places = itertools.cycle([f"{other.origin}/x", f"https://127.0.0.1:{third.port}/x", f"http://{other.host}/x"])
        seen = []

        def elsewhere(reply):
            seen.append(next(places))
            return Reply(status, headers={"Location": seen[-1]})

        for of in (manager.is_reading, manager.is_login) if manager.logs_in else (manager.is_reading,):
            seen.clear()
            with manager.answering(elsewhere, of):
                for _ in range(3):
                    error = refused(face, manager.secret(), manager, caplog, value)
                    assert str(status) in str(error.details)
            assert len(set(seen)) == 3
        # Not even a connection: the token, the key, the login and the signature stayed where they belong.
        assert (other.accepted, third.accepted) == (0, 0)
    secret = manager.secret()
    again(face, secret)
    assert secret.reveal() == value


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 429, 500, 502, 503, 504])
def test_only_an_outage_leaves_the_last_value(face, manager, clock, caplog, status):
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret(ttl=100, max_stale=1000)
    again(face, secret)
    kinds = (botsec.SecretAccessError, botsec.SecretNotFoundError)
    with manager.answering(lambda reply: Reply(status, {"message": value, "value": value})):
        error = refused(face, secret, manager, caplog, value, kind=kinds)
        # A 404 of AWS's that names no exception is no word about the secret.
        is_missing = status == 404 and not manager.source.startswith("aws")
        assert isinstance(error, botsec.SecretNotFoundError) == is_missing
        if status == 429 or status >= 500:
            assert secret.reveal() == value
            clock.advance(1050)
            assert secret.reveal() == value
            clock.advance(60)
            with pytest.raises(botsec.SecretStaleError):
                secret.reveal()
        else:
            with pytest.raises(kinds):
                secret.reveal()
    clock.advance(60)
    again(face, secret)
    assert secret.reveal() == value


def test_a_manager_that_is_down_leaves_calls_the_last_value_and_no_longer(face, manager, api, clock, caplog):
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret(ttl=100, max_stale=1000)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    manager.server.stop()
    refused(face, secret, manager, caplog, value)
    for _ in range(3):
        clock.advance(300)
        client.get("/x")
    assert {request.header("authorization") for request in api.requests} == {f"Bearer {value}"}
    clock.advance(300)
    with caplog.at_level(logging.DEBUG, "botsec"), pytest.raises(botsec.SecretStaleError) as caught:
        client.get("/x")
    assert len(api.requests) == 4
    said = everything(caught.value, caplog)
    assert [text for text in (*manager.hidden(), value) if text in said] == []


def hang_up(connection):
    connection.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def listen_and_hang_up(connection):
    connection.recv(4096)
    connection.close()


@contextlib.contextmanager
def in_place_of(server, act):
    """Somebody else at the address of a server that stopped."""
    listener = socket.create_server(("127.0.0.1", server.port))
    closed = threading.Event()

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                if closed.is_set():
                    connection.close()
                    return
                with contextlib.suppress(OSError):
                    act(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        closed.set()
        knock(listener)
        thread.join(5)
        listener.close()


@pytest.mark.parametrize("act", [hang_up, reset, listen_and_hang_up])
def test_a_manager_that_hangs_up_leaves_the_last_value(face, manager, clock, caplog, act):
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret()
    again(face, secret)
    manager.server.stop()
    with in_place_of(manager.server, act):
        error = refused(face, secret, manager, caplog, value)
    assert "transport.connect" in str(error.details)
    assert secret.reveal() == value


def test_somebody_elses_certificate_is_no_outage(face, manager, clock, caplog, tmp_path):
    """Who answers at the manager's address with a certificate that does not count gets nothing, and is not waited for."""
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret()
    again(face, secret)
    manager.server.stop()
    context, got = Authority(tmp_path).server_context(), []

    def pretend(connection):
        connection.settimeout(5)
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as shaken:
            got.append(shaken.recv(4096))

    with in_place_of(manager.server, pretend):
        error = refused(face, secret, manager, caplog, value)
    assert "transport.tls" in str(error.details)
    assert not any(got)
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()


def test_a_call_waits_for_a_slow_manager_no_longer_than_it_may(face, manager, api, caplog):
    manager.put(value := new_value())
    assert manager.official() == value
    gate = threading.Event()

    def slow(reply):
        gate.wait(10)
        return reply

    client = face.client(api.origin, auth=botsec.Bearer(manager.secret()))
    with manager.answering(slow):
        with caplog.at_level(logging.DEBUG, "botsec"), pytest.raises(botsec.SecretAccessError) as caught:
            client.get("/x", timeout=0.3)
        assert caught.value.details["reason"] == "its source did not answer in time"
        assert api.requests == []
        gate.set()
        # The reading went on, and its value is there for the next call.
        client.get("/x")
    assert api.last.header("authorization") == f"Bearer {value}"
    assert [text for text in (*manager.hidden(), value) if text in everything(caught.value, caplog)] == []


def test_calls_do_not_wait_for_a_slow_manager_while_a_value_serves(face, manager, api, clock, monkeypatch):
    monkeypatch.setattr("servers.gcp.SKEW", 2_000_000)
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret(ttl=1_000_000)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    before, gate = manager.readings, threading.Event()

    def slow(reply):
        gate.wait(10)
        return reply

    with manager.answering(slow):
        # Due by now, and good for another 20 s.
        clock.advance(999_980)
        manager.put(newer := new_value())
        for _ in range(3):
            client.get("/x", timeout=5)
        assert {request.header("authorization") for request in api.requests} == {f"Bearer {value}"}
        assert manager.server.wait_until(lambda: manager.readings == before + 1)
        gate.set()
        assert manager.server.wait_until(lambda: secret.reveal() == newer)
    client.get("/x")
    assert api.last.header("authorization") == f"Bearer {newer}"


def test_connections_that_carried_secrets_are_not_kept(manager):
    """The buffers of an idle connection hold what passed through it."""
    manager.put(value := new_value())
    assert manager.official() == value
    secret = manager.secret().load()
    assert manager.server.wait_until(lambda: manager.server.finished == manager.server.accepted, 10)
    before = manager.server.accepted
    secret.refresh()
    assert (secret.reveal(), manager.server.accepted) == (value, before + 1)


def test_a_file_of_ten_mebibytes_is_refused_and_ends_the_value(face, api, clock, tmp_path, caplog):
    file, part = tmp_path / "key", secrets.token_hex(16)
    file.write_text(first := new_value())
    secret = botsec.secret(f"file:{file}")
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    file.write_text(part * (TEN_MEBIBYTES // len(part)))
    clock.advance(2)
    with caplog.at_level(logging.DEBUG, "botsec"), pytest.raises(botsec.SecretAccessError) as caught:
        client.get("/x")
    assert len(api.requests) == 1
    with pytest.raises(botsec.SecretAccessError, match="larger than 64 KiB") as loaded:
        botsec.secret(f"file:{file}")
    for error in (caught.value, loaded.value):
        assert part not in everything(error, caplog) and first not in everything(error, caplog)
    file.write_text(second := new_value())
    clock.advance(60)
    client.get("/x")
    assert api.last.header("authorization") == f"Bearer {second}"
