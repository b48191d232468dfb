"""Secrets that a callable brings: asked again after a 401 and when their time is over, wherever they stand in a request."""

import asyncio
import contextlib
import traceback

import botsec
import pytest
from servers.api import Reply
from test_rotation import Vault, answers, clock

__all__ = ["clock"]

OLD, NEW = "first-value-1234", "second-value-5678"


class AsyncVault(Vault):
    """The same, awaited."""

    async def __call__(self, source):
        await asyncio.sleep(0)
        return super().__call__(source)


kinds = pytest.mark.parametrize("kind", [Vault, AsyncVault])


def sent(api):
    return [request.header("authorization").removeprefix("Bearer ") for request in api.requests]


@kinds
def test_a_401_has_the_callable_asked_again_and_tries_once_more(face, api, kind):
    vault = kind((OLD, "1"), (NEW, "2"))
    secret = botsec.secret("mine:place", provider=vault)
    told = []
    secret.on_rotate(told.append)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    api.on("/x", answers(NEW))
    assert client.post("/x", json={}).json() == {"ok": True}
    assert (vault.asked, sent(api), secret.version) == (2, [OLD, NEW], "2")
    assert [(rotation.old, rotation.new) for rotation in told] == [("1", "2")]


@kinds
def test_a_401_to_a_value_that_did_not_change_is_final(face, api, kind):
    vault = kind(OLD)
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=vault)))
    api.on("/x", answers())
    with pytest.raises(botsec.AuthFailedError):
        client.get("/x")
    assert (vault.asked, sent(api)) == (2, [OLD])


def test_a_second_401_is_final_and_no_flood(face, api):
    vault = Vault(OLD, NEW, "third-value-9012")
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=vault)))
    api.on("/x", answers())
    for _ in range(3):
        with pytest.raises(botsec.AuthFailedError):
            client.get("/x")
    assert (vault.asked, sent(api)) == (2, [OLD, NEW, NEW, NEW])


@pytest.mark.parametrize(
    "raised", [ConnectionError("value-in-a-foreign-error"), LookupError("value-in-a-foreign-error")]
)
@kinds
def test_a_callable_that_raises_leaves_the_401_as_the_answer(face, api, kind, raised):
    vault = kind(OLD, raised)
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=vault)))
    api.on("/x", answers())
    with pytest.raises(botsec.AuthFailedError) as caught:
        client.get("/x")
    assert "value-in-a-foreign-error" not in "".join(traceback.format_exception(caught.value))
    assert (vault.asked, sent(api)) == (2, [OLD])


@kinds
def test_the_proof_of_one_call_is_read_when_it_is_needed_and_after_a_401(face, api, kind):
    vault = kind(OLD, NEW)
    auth = botsec.Bearer(botsec.secret("mine:place", provider=vault))
    client = face.client(api.origin)
    api.on("/x", answers(NEW))
    assert client.get("/x", auth=auth).status_code == 200
    assert (vault.asked, sent(api)) == (2, [OLD, NEW])


@kinds
def test_a_leaf_is_read_when_it_is_needed_and_when_its_time_is_over(face, api, clock, kind):
    vault = kind(OLD, NEW)
    leaf = botsec.secret("mine:place", provider=vault, ttl=100)
    client = face.client(api.origin)
    seen = []
    for wait in (1, 50, 50):
        clock.advance(wait)
        client.post("/x", json={"key": leaf}, headers={"X-Key": leaf})
        seen.append((api.last.json()["key"], api.last.header("x-key")))
    assert seen == [(OLD, OLD), (OLD, OLD), (NEW, NEW)]
    assert vault.asked == 2


def test_a_callable_may_use_the_same_client(face, api):
    asked = []

    def login(source):
        asked.append(source)
        inner = botsec.Client(api.origin, tls=face.tls, networks="loopback")
        return inner.get("/token").json()["token"]

    tokens = iter([OLD, NEW])
    api.on("/token", lambda request: Reply(body={"token": next(tokens)}))
    api.on("/x", answers(NEW))
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=login)))
    assert client.get("/x").status_code == 200
    assert asked == ["mine:place"] * 2


@kinds
def test_many_refused_calls_cause_one_reading(face, api, kind):
    vault = kind(OLD, NEW)
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=vault)))
    client.get("/y")
    api.on("/x", answers(NEW))
    results = face.all([lambda: client.raw.get("/x") for _ in range(20)])
    assert [result.status_code for result in results] == [200] * 20
    assert vault.asked == 2


def test_a_stop_in_the_callable_is_the_callers_and_leaves_nobody_waiting(api, tls):
    class Stop(BaseException):
        pass

    vault = Vault(OLD, Stop(), NEW)
    secret = botsec.secret("mine:place", provider=vault)
    api.on("/x", answers(NEW))
    with botsec.Client(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback") as client:
        with pytest.raises(Stop):
            client.get("/x")
        secret.refresh()
        assert client.get("/x").status_code == 200


def test_a_cancelled_call_leaves_nobody_waiting_for_its_callable(api, tls):
    async def run():
        asked, held = [], asyncio.Event()

        async def login(source):
            asked.append(source)
            if len(asked) == 2:
                held.set()
                await asyncio.Event().wait()
            return OLD if len(asked) == 1 else NEW

        secret = botsec.secret("mine:place", provider=login)
        api.on("/x", answers(NEW))
        async with botsec.AsyncClient(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback") as client:
            call = asyncio.create_task(client.get("/x"))
            await held.wait()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
            await botsec.secret_async("other:place", provider=login)
            assert (await client.get("/y")).status_code == 200
            assert secret.fingerprint
            return len(asked)

    assert asyncio.run(run()) == 3


def test_an_answer_that_is_no_text_is_a_type_error_of_whoever_wrote_the_callable(face, api):
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=Vault(OLD, 7))))
    api.on("/x", answers(NEW))
    with pytest.raises(TypeError, match="returns a str"):
        client.get("/x")
