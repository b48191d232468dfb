"""Where a secret may be used: hosts, methods, paths and time hold together, on every hop, for plain secrets and for keys that sign."""

import datetime
import itertools
import secrets

import botsec
import pytest
from botsec.testing import FakeClock
from servers.api import Reply
from test_signing import AWS_KEY, KEY, is_signed, pem_of
from test_signing import ED25519 as ED25519_KEY


def auth_of(kind, make):
    """Every proof that carries or uses a secret."""
    return {
        "bearer": lambda: botsec.Bearer(make()),
        "basic": lambda: botsec.Basic("bot", make()),
        "header": lambda: botsec.ApiKey(make(), header="X-Api-Key"),
        "query": lambda: botsec.ApiKey(make(), query="key"),
        "path": lambda: botsec.PathToken(make(), template="/bot{token}"),
        "hmac": lambda: botsec.HmacSigner(make(KEY)),
        "http signature": lambda: botsec.HttpSignature(make(pem_of(ED25519_KEY)), algorithm="ed25519"),
        "aws": lambda: botsec.AwsSigV4("AKIDEXAMPLE", make(AWS_KEY), region="eu-central-1", service="execute-api"),
    }[kind]()


KINDS = ["bearer", "basic", "header", "query", "path", "hmac", "http signature", "aws"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_bounds_hold_together(face, api, other_api, make_secret, kind):
    """Each combination of right and wrong: only the one in which all are right is sent."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    choices = {
        "hosts": ([api.host], [other_api.host]),
        "methods": (["GET", "PUT"], ["POST"]),
        "paths": (["/users/{id:int}"], ["/users/me"]),
        "expires": (later, before),
    }
    for wrong in itertools.product([0, 1], repeat=4):
        bounds = {name: values[at] for (name, values), at in zip(choices.items(), wrong, strict=True)}
        api.requests.clear()
        client = face.client(api.origin)
        proof = auth_of(kind, lambda value="key-0123456789", bounds=bounds: make_secret(value, **bounds))
        if any(wrong):
            with pytest.raises(botsec.PolicyError) as caught:
                client.get("/users/7", auth=proof)
            assert caught.value.code in ("secret.host_not_allowed", "secret.bounds", "secret.expired")
            assert (api.requests, other_api.requests) == ([], [])
        else:
            assert client.get("/users/7", auth=proof).status_code == 200
            assert len(api.requests) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "path"])
@pytest.mark.parametrize("bounds", [{"paths": ["/a"]}, {"methods": ["POST"]}])
def test_a_redirect_out_of_the_bounds_is_not_followed_with_the_secret(face, api, make_secret, kind, bounds):
    api.on("/a", Reply(303, headers={"Location": "/b"}))
    client = face.client(api.origin, auth=auth_of(kind, lambda value="key-0123456789": make_secret(value, **bounds)))
    with pytest.raises(botsec.PolicyError):
        client.post("/a", json={})
    assert [request.path for request in api.requests] == ["/a"]
    # Without bounds it is.
    client = face.client(api.origin, auth=auth_of(kind, lambda value="key-0123456789": make_secret(value)))
    client.post("/a", json={})
    assert [request.path for request in api.requests[1:]] == ["/a", "/b"]


@pytest.mark.parametrize("ends", [True, False])
def test_a_secret_that_expires_while_the_bot_runs_is_sent_no_more(face, api, make_secret, ends):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10)
    key = make_secret(KEY, expires=at) if ends else make_secret(KEY)
    client = face.client(api.origin, auth=botsec.HmacSigner(key))
    with FakeClock() as clock:
        client.get("/x")
        clock.advance(660)
        if ends:
            with pytest.raises(botsec.PolicyError) as caught:
                client.get("/x")
            assert caught.value.code == "secret.expired"
        else:
            client.get("/x")
    assert len(api.requests) == (1 if ends else 2)


def test_a_key_that_may_read_signs_no_writing(face, api, make_secret):
    """A key with the scope of one part of an API, as its owner would cut it."""
    reader = make_secret(KEY, methods=["GET", "HEAD"], paths=["/orders/{id:int}", "/orders"])
    client = face.client(api.origin, auth=botsec.HmacSigner(reader))
    for call in (lambda: client.get("/orders/7"), lambda: client.head("/orders"), lambda: client.get("/orders")):
        call()
        assert is_signed(api.last, api.host)
    count = len(api.requests)
    for call in (
        lambda: client.post("/orders", json={}),
        lambda: client.delete("/orders/7"),
        lambda: client.get("/orders/7/items"),
        lambda: client.get("/admin"),
    ):
        with pytest.raises(botsec.PolicyError) as caught:
            call()
        assert (caught.value.code, caught.value.details["secret"]) == ("secret.bounds", reader.name)
        assert KEY not in str(caught.value) + repr(caught.value.details)
    assert len(api.requests) == count


def test_a_rotating_secret_keeps_its_bounds(face, api, other_api):
    values = iter(["first-" + secrets.token_hex(8), "second-" + secrets.token_hex(8)])
    secret = botsec.secret(
        "mine:place", provider=lambda source: next(values), hosts=[api.host], methods=["GET"], paths=["/x"]
    )
    client = face.client(api.origin, hosts=[other_api.host], auth=botsec.Bearer(secret))
    for _ in range(2):
        client.get("/x")
        with pytest.raises(botsec.PolicyError):
            client.post("/x", json={})
        with pytest.raises(botsec.PolicyError):
            client.get("/y")
        client.get(f"{other_api.origin}/x")
        if len(api.requests) == 1:
            secret.refresh()
    assert len({request.header("authorization") for request in api.requests}) == 2
    assert [request.header("authorization") for request in other_api.requests] == [None, None]
