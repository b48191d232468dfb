"""Secrets that change: one reader for all, an old value no longer than allowed, one more try after a 401."""

import asyncio
import contextlib
import logging
import threading
import traceback

import botsec
import pytest
from servers.api import Reply

#: A file is looked at no more than once a second; tests move the clock instead of sleeping.
SECOND = 1.1


class Vault:
    """A callable provider that counts how often it is asked."""

    def __init__(self, *values):
        self.values, self.asked = list(values), 0

    def __call__(self, source):
        self.asked += 1
        value = self.values[0] if len(self.values) == 1 else self.values.pop(0)
        if isinstance(value, BaseException):
            raise value
        return value


@pytest.fixture
def clock():
    from botsec.testing import FakeClock

    with FakeClock() as fake:
        yield fake


def bearer(vault, **options):
    return botsec.Bearer(botsec.secret("mine:place", provider=vault, **options))


def test_nothing_is_asked_before_the_first_use(face, api):
    vault = Vault("value-of-today-1")
    secret = botsec.secret("mine:place", provider=vault)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    assert (vault.asked, secret.version, secret.fingerprint) == (0, None, "")
    with pytest.raises(botsec.SecretAccessError, match="was not read yet"):
        secret.reveal()
    for _ in range(3):
        client.get("/x")
    assert (vault.asked, api.last.header("authorization")) == (1, "Bearer value-of-today-1")


def test_start_reads_and_names_what_it_cannot_read(face, api):
    gone = face.client(api.origin, auth=bearer(Vault(LookupError("value-in-a-foreign-error"))))
    with pytest.raises(botsec.SecretNotFoundError, match="`mine:place`") as caught:
        gone.start()
    assert "value-in-a-foreign-error" not in "".join(traceback.format_exception(caught.value))
    vault = Vault("value-of-today-2")
    face.client(api.origin, auth=bearer(vault)).start()
    assert vault.asked == 1


def test_an_error_during_a_call_is_generic(face, api):
    client = face.client(api.origin, auth=bearer(Vault(ConnectionError("no route"))))
    with pytest.raises(botsec.SecretAccessError) as caught:
        client.get("/x")
    assert "mine" not in str(caught.value) and "incident" in str(caught.value)
    assert api.requests == []


def test_a_value_is_read_again_when_its_time_is_over(face, api, clock):
    vault = Vault(("first-value-123", "1"), ("second-value-456", "2"))
    client = face.client(api.origin, auth=bearer(vault, ttl=100))
    client.get("/x")
    clock.advance(101)
    client.get("/x")
    assert api.last.header("authorization") == "Bearer second-value-456"


def test_an_old_value_serves_while_its_source_is_out_of_reach_and_no_longer(face, api, clock):
    vault = Vault("only-value-123", ConnectionError())
    client = face.client(api.origin, auth=bearer(vault, ttl=100, max_stale=50))
    client.get("/x")
    clock.advance(120)
    client.get("/x")
    assert api.last.header("authorization") == "Bearer only-value-123"
    clock.advance(60)
    with pytest.raises(botsec.SecretStaleError):
        client.get("/x")


def test_a_revoked_value_ends_at_once(face, api, clock):
    vault = Vault("only-value-123", LookupError())
    client = face.client(api.origin, auth=bearer(vault, ttl=100, max_stale=1000))
    client.get("/x")
    clock.advance(101)
    with pytest.raises(botsec.SecretNotFoundError):
        client.get("/x")
    assert len(api.requests) == 1


def test_a_file_that_changes_is_used_without_a_restart(face, api, clock, tmp_path):
    file = tmp_path / "key"
    file.write_text("first-value-123")
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret(f"file:{file}")))
    client.get("/x")
    file.write_text("second-value-4567")
    clock.advance(SECOND)
    client.get("/x")
    assert api.last.header("authorization") == "Bearer second-value-4567"


def test_a_mount_whose_links_are_swapped_is_followed(face, api, clock, tmp_path):
    for name, value in (("one", "first-value-123"), ("two", "second-value-456")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(value)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "key").symlink_to("..data/key")
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret(f"file:{tmp_path}/key")))
    client.get("/x")
    (tmp_path / "..tmp").symlink_to("two")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    clock.advance(SECOND)
    client.get("/x")
    assert api.last.header("authorization") == "Bearer second-value-456"


def answers(*good):
    """A route that takes these tokens alone."""

    def answer(request):
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        return Reply(body={"ok": True}) if token in good else Reply(status=401)

    return answer


def test_a_401_has_a_changed_file_read_again_and_tries_once_more(face, api, clock, tmp_path):
    file = tmp_path / "key"
    file.write_text("first-value-123")
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret(f"file:{file}")))
    api.on("/x", answers("second-value-4567"))
    with pytest.raises(botsec.AuthFailedError):
        client.get("/x")
    assert len(api.requests) == 1
    file.write_text("second-value-4567")
    clock.advance(10)
    api.on("/x", answers("first-value-123"))
    client.get("/y")
    api.requests.clear()
    file.write_text("third-value-89012")
    api.on("/x", answers("third-value-89012"))
    assert client.post("/x", json={}).status_code == 200
    assert [request.header("authorization") for request in api.requests] == [
        "Bearer second-value-4567",
        "Bearer third-value-89012",
    ]


def test_a_second_401_is_final(face, api, clock, tmp_path):
    file = tmp_path / "key"
    file.write_text("first-value-123")
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret(f"file:{file}")))
    client.get("/y")
    api.requests.clear()
    file.write_text("second-value-4567")
    api.on("/x", answers())
    with pytest.raises(botsec.AuthFailedError):
        client.get("/x")
    assert len(api.requests) == 2


def test_rotations_are_told_by_version_names(face, api, clock, caplog):
    told = []
    secret = botsec.secret("mine:place", provider=Vault(("first-value-123", "v1"), ("second-value-456", "v2")), ttl=100)
    secret.on_rotate(told.append)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    with caplog.at_level(logging.INFO, "botsec"):
        client.get("/x")
        clock.advance(101)
        client.get("/x")
    assert [(one.name, one.old, one.new) for one in told] == [("mine:place", "v1", "v2")]
    assert secret.version == "v2"
    assert "rotated from=v1 to=v2" in caplog.text and "second-value" not in caplog.text


def test_a_callback_that_raises_ends_neither_the_call_nor_the_others(api, face, clock):
    told = []
    secret = botsec.secret("mine:place", provider=Vault("first-value-123", "second-value-456"), ttl=100)
    secret.on_rotate(lambda rotation: 1 / 0)

    async def later(rotation):
        told.append(rotation)

    secret.on_rotate(later)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    clock.advance(101)
    assert client.get("/x").status_code == 200
    client.get("/x")
    assert len(told) == 1


def test_many_callers_cause_one_reading(api, authority):
    gate, asked = threading.Event(), []

    def slow(source):
        asked.append(source)
        gate.wait(5)
        return "value-of-many-1"

    secret = botsec.secret("mine:place", provider=slow)
    options = {"tls": botsec.Tls(ca_file=authority.ca_file), "networks": "loopback"}
    clients = [botsec.Client(api.origin, auth=botsec.Bearer(secret), **options) for _ in range(20)]
    threads = [threading.Thread(target=client.get, args=("/x",)) for client in clients]
    for thread in threads:
        thread.start()
    threading.Timer(0.2, gate.set).start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    assert {request.header("authorization") for request in api.requests} == {"Bearer value-of-many-1"}
    for client in clients:
        client.close()


def test_a_thousand_async_callers_cause_one_reading(api, authority):
    asked = []

    async def slow(source):
        asked.append(source)
        await asyncio.sleep(0.1)
        return "value-of-many-2"

    async def run():
        auth = botsec.Bearer(botsec.secret("mine:place", provider=slow))
        tls = botsec.Tls(ca_file=authority.ca_file)
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(botsec.AsyncClient(api.origin, auth=auth, tls=tls, networks="loopback"))
                for _ in range(4)
            ]
            await asyncio.gather(*(clients[n % 4].get("/x") for n in range(1000)))

    asyncio.run(run())
    assert len(asked) == 1 and len(api.requests) == 1000


def test_refresh_reads_at_once_and_raises_what_its_source_says():
    secret = botsec.secret("mine:place", provider=Vault("first-value-123", "second-value-456", LookupError()))
    assert secret.load().reveal() == "first-value-123"
    secret.refresh()
    assert secret.reveal() == "second-value-456"
    with pytest.raises(botsec.SecretNotFoundError, match="mine:place"):
        secret.refresh()
    with pytest.raises(botsec.SecretNotFoundError):
        secret.reveal()


def test_secret_async_reads_before_it_returns():
    async def asked(source):
        return source.upper()

    secret = asyncio.run(botsec.secret_async("mine:some/place", provider=asked))
    assert secret.reveal() == "MINE:SOME/PLACE"


@pytest.mark.parametrize("bad", [None, 3, b"bytes", ("a", 1), ""])
def test_a_callable_that_returns_no_text_is_told_so(bad):
    with pytest.raises((TypeError, botsec.SecretNotFoundError)):
        botsec.secret("mine:place", provider=lambda source: bad).load()


@pytest.mark.parametrize("source", ["env:X", "vault:kv/x", "noscheme", "mine:", "mine:a b", "mine:a//b"])
def test_a_callable_takes_only_sources_of_its_own(source):
    with pytest.raises(ValueError):
        botsec.secret(source, provider=lambda source: "x")


@pytest.mark.parametrize(
    ("bounds", "refused", "allowed"),
    [
        ({"methods": ["GET"]}, ("POST", "/users/7"), ("GET", "/users/7")),
        ({"paths": ["/users/{id:int}"]}, ("GET", "/admin"), ("GET", "/users/7")),
        ({"paths": ["/users/{id:int}"]}, ("GET", "/users/7/keys"), ("GET", "/users/7")),
    ],
)
def test_a_secret_goes_only_where_all_of_its_bounds_hold(face, api, make_secret, bounds, refused, allowed):
    client = face.client(api.origin, auth=botsec.Bearer(make_secret(**bounds)))
    with pytest.raises(botsec.PolicyError) as caught:
        client.request(*refused)
    assert caught.value.code == "secret.bounds" and api.requests == []
    assert client.request(*allowed).status_code == 200


def test_an_expired_secret_is_not_sent(face, api, make_secret):
    import datetime

    now = datetime.datetime.now(datetime.UTC)
    for expires, good in ((now - datetime.timedelta(seconds=1), False), (now + datetime.timedelta(hours=1), True)):
        client = face.client(api.origin, auth=botsec.Bearer(make_secret(expires=expires)))
        if good:
            assert client.get("/x").status_code == 200
        else:
            with pytest.raises(botsec.PolicyError) as caught:
                client.get("/x")
            assert caught.value.code == "secret.expired" and api.requests == []
    with pytest.raises(TypeError):
        make_secret(expires=datetime.datetime(2030, 1, 1))
    with pytest.raises(TypeError):
        make_secret(expires="2030-01-01")


def test_stats_say_which_secret_may_go_where(face, api, make_secret):
    secret = make_secret(hosts=["api.example.com", "*.example.org"], methods=["GET"])
    client = face.client(api.origin, auth=[botsec.Bearer(make_secret()), botsec.ApiKey(secret)])
    about = client.stats()["secrets"][secret.name]
    assert about["hosts"] == ["api.example.com", "*.example.org"] and about["methods"] == "GET"
    assert about["rotates"] is False


def test_scrub_env_removes_the_variable(monkeypatch):
    import os
    import subprocess
    import sys

    def seen_by_a_child():
        code = "import os; print('BOTSEC_TEST_SCRUBBED' in os.environ)"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()

    monkeypatch.setenv("BOTSEC_TEST_SCRUBBED", "value-to-scrub-1")
    assert botsec.secret("env:BOTSEC_TEST_SCRUBBED").reveal() == "value-to-scrub-1"
    assert seen_by_a_child() == "True"
    secret = botsec.secret("env:BOTSEC_TEST_SCRUBBED", scrub_env=True)
    assert "BOTSEC_TEST_SCRUBBED" not in os.environ and secret.reveal() == "value-to-scrub-1"
    assert seen_by_a_child() == "False"
    with pytest.raises(botsec.SecretNotFoundError):
        botsec.secret("env:BOTSEC_TEST_SCRUBBED")
    with pytest.raises(ValueError):
        botsec.secret("file:/x", scrub_env=True)


@contextlib.contextmanager
def one_in_line(api, tls, secret):
    """A client of which one call waits for its turn, with the value of now attached, while the block runs."""
    ended = []

    def call():
        try:
            ended.append(client.get("/x").status_code)
        except botsec.BotsecError as error:
            ended.append(error)

    client = botsec.Client(api.origin, auth=botsec.Bearer(secret), rate="2/s", tls=tls, networks="loopback")
    with client:
        for _ in range(2):
            client.get("/x")
        waiting = threading.Thread(target=call)
        waiting.start()
        assert api.wait_until(lambda: client.stats()["hosts"][api.host]["waiting"] == 1)
        yield ended
        waiting.join(5)


def test_a_value_that_changes_while_a_call_waits_in_line_is_the_one_that_is_sent(api, tls):
    secret = botsec.secret("mine:place", provider=Vault(("first-value-123", "1"), ("second-value-456", "2")))
    with one_in_line(api, tls, secret) as ended:
        secret.refresh()
    sent = [request.header("authorization") for request in api.requests]
    assert (ended, sent) == ([200], ["Bearer first-value-123"] * 2 + ["Bearer second-value-456"])
    assert api.gaps("/x")[-1] > 0.2


def test_a_value_that_is_revoked_while_a_call_waits_in_line_is_not_sent(api, tls):
    secret = botsec.secret("mine:place", provider=Vault("first-value-123", LookupError()))
    with one_in_line(api, tls, secret) as ended, pytest.raises(botsec.SecretNotFoundError):
        secret.refresh()
    (error,) = ended
    assert isinstance(error, botsec.SecretNotFoundError) and len(api.requests) == 2


def test_a_value_that_stays_while_a_call_waits_in_line_is_sent(api, tls):
    secret = botsec.secret("mine:place", provider=Vault("first-value-123"))
    with one_in_line(api, tls, secret) as ended:
        secret.refresh()
    assert (ended, len(api.requests)) == ([200], 3)
