"""A call that waits, in line or for the API, goes out with the secret of then."""

import threading

import botsec
import pytest
from botsec.testing import FakeClock
from servers.api import Reply
from test_rotation import Vault

FIRST, SECOND = "first-value-123", "second-value-4567"


def auth_of(kind, secret):
    return {
        "bearer": lambda: {"auth": botsec.Bearer(secret)},
        "path": lambda: {"auth": botsec.PathToken(secret, template="/bot{token}")},
        "hmac": lambda: {"auth": botsec.HmacSigner(secret)},
        "two": lambda: {"auth": [botsec.ApiKey(secret, query="key"), botsec.Bearer(secret)]},
    }[kind]()


@pytest.fixture
def clock():
    with FakeClock() as fake:
        yield fake


@pytest.fixture(params=["file", "callable"])
def secret(request, tmp_path):
    """One that is good for seconds unless it is read again."""
    if request.param == "file":
        (tmp_path / "key").write_text(FIRST)
        return botsec.secret(f"file:{tmp_path}/key")
    return botsec.secret("mine:place", provider=Vault(FIRST), ttl=5, max_stale=5)


@pytest.mark.parametrize("kind", ["bearer", "path", "hmac", "two"])
def test_a_wait_in_line_does_not_make_a_secret_too_old(face, api, clock, secret, kind):
    client = face.client(api.origin, rate="1/m", **auth_of(kind, secret))
    for _ in range(3):
        assert client.get("/x").status_code == 200
    assert len(api.requests) == 3


@pytest.mark.parametrize("kind", ["bearer", "path", "hmac", "two"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_for_another_try_does_not_make_a_secret_too_old(face, api, clock, secret, kind, status):
    path = f"/bot{FIRST}/x" if kind == "path" else "/x"
    api.on(path, Reply(status, headers={"Retry-After": "30"}), Reply(200))
    assert face.client(api.origin, **auth_of(kind, secret)).get("/x").status_code == 200
    assert len(api.requests) == 2


@pytest.mark.parametrize("kind", ["bearer", "hmac", "two"])
def test_a_redirect_after_a_wait_has_the_secret_too(face, api, clock, secret, kind):
    def later(request):
        clock.advance(25)
        return Reply(307, headers={"Location": "/y"})

    api.on("/x", later)
    client = face.client(api.origin, **auth_of(kind, secret))
    assert client.get("/x").status_code == 200
    assert [request.path for request in api.requests] == ["/x", "/y"]
    name = "x-signature" if kind == "hmac" else "authorization"
    assert api.last.header(name) is not None


def test_leaves_are_as_new_as_the_proof(face, api, clock, tmp_path):
    (tmp_path / "key").write_text(FIRST)
    leaf = botsec.secret(f"file:{tmp_path}/key")
    client = face.client(api.origin, rate="1/m")
    for _ in range(3):
        client.post("/x", json={"key": leaf}, headers={"X-Key": leaf})
    assert [request.json()["key"] for request in api.requests] == [FIRST] * 3


def in_line(api, client, call):
    """Let `call` wait for its turn; a function that waits for its end."""
    ended = []

    def run():
        try:
            ended.append(call())
        except botsec.BotsecError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert api.wait_until(lambda: client.stats()["hosts"][api.host]["waiting"] == 1)
    return lambda: (thread.join(5), ended[0])[1]


@pytest.mark.parametrize("body", ["bytes", "iterator", "leaf"])
def test_a_body_goes_out_once_with_the_new_value(api, tls, body):
    secret = botsec.secret("mine:place", provider=Vault(FIRST, SECOND))
    auth = botsec.Bearer(secret)
    with botsec.Client(api.origin, auth=auth, rate="2/s", tls=tls, networks="loopback") as client:
        client.get("/x"), client.get("/x")
        given = {
            "bytes": lambda: {"content": b"abc"},
            "iterator": lambda: {"content": iter([b"a", b"bc"])},
            "leaf": lambda: {"json": {"key": secret}},
        }[body]()
        end = in_line(api, client, lambda: client.post("/y", **given))
        secret.refresh()
        assert end().status_code == 200
    assert api.last.header("authorization") == f"Bearer {SECOND}"
    assert api.last.body == (b'{"key":"%s"}' % SECOND.encode() if body == "leaf" else b"abc")


def test_a_leaf_that_changes_while_its_call_waits_is_the_new_one(api, tls):
    leaf = botsec.secret("mine:place", provider=Vault(FIRST, SECOND))
    other = botsec.secret("mine:other", provider=Vault("value-of-the-proof"))
    with botsec.Client(api.origin, auth=botsec.Bearer(other), rate="2/s", tls=tls, networks="loopback") as client:
        client.get("/x", headers={"X-Key": leaf}), client.get("/x")
        end = in_line(api, client, lambda: client.get("/y", headers={"X-Key": leaf}))
        leaf.refresh()
        assert end().status_code == 200
    assert api.last.header("x-key") == SECOND
