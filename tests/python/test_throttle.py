"""Our own pace, the API's quota, and what is tried again."""

import time
from email.utils import formatdate

import botsec
import pytest
from servers.api import Reply


def test_a_rate_paces_requests(face, api):
    client = face.client(api.origin, rate="20/s")
    for _ in range(6):
        client.get("/x")
    assert sum(api.gaps("/x")) >= 0.95 * 5 / 20
    assert min(api.gaps("/x")) >= 0.02


def test_two_clients_share_one_bucket(face, api):
    one, two = face.client(api.origin, rate="10/s"), face.client(api.origin, rate="10/s")
    for client in (one, two, one, two):
        client.get("/x")
    assert sum(api.gaps("/x")) >= 0.27


def test_a_wait_beyond_max_wait_is_refused_at_once(face, api):
    client = face.client(api.origin, throttle=botsec.Throttle("1/m", max_wait=0.5))
    client.get("/x")
    with pytest.raises(botsec.ThrottledError) as caught:
        client.get("/x")
    assert 50 < caught.value.retry_after <= 61
    assert len(api.requests) == 1


def test_quota_headers_are_obeyed_before_the_next_429(face, api):
    client = face.client(api.origin)
    api.on("/x", Reply(200, headers={"RateLimit": '"d";r=0;t=1'}), Reply(200))
    client.get("/x")
    client.get("/x")
    assert api.gaps("/x")[0] >= 0.9


def test_old_quota_headers_are_obeyed_too(face, api):
    client = face.client(api.origin)
    headers = {"RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"}
    api.on("/x", Reply(200, headers=headers), Reply(200))
    client.get("/x")
    client.get("/x")
    assert api.gaps("/x")[0] >= 0.9


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(face, api, form):
    client = face.client(api.origin)
    value = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    api.on("/x", Reply(429, headers={"Retry-After": value}), Reply(200))
    assert client.post("/x", json={}).attempts == 2
    assert api.gaps("/x")[0] >= 0.95


def test_a_date_in_the_past_is_now(face, api):
    client = face.client(api.origin)
    api.on("/x", Reply(429, headers={"Retry-After": formatdate(time.time() - 9999, usegmt=True)}), Reply(200))
    begun = time.monotonic()
    assert client.get("/x").attempts == 2
    assert time.monotonic() - begun < 3


def test_a_503_is_repeated_for_get_and_not_for_post(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.01))
    api.on("/x", Reply(503), Reply(503), Reply(200))
    assert client.get("/x").attempts == 3
    api.on("/y", Reply(503), Reply(200))
    with pytest.raises(botsec.StatusError):
        client.post("/y", json={})
    assert len(api.to("/y")) == 1
    api.on("/z", Reply(503), Reply(200))
    assert client.post("/z", json={}, idempotency_key="k-1").attempts == 2
    assert [r.header("idempotency-key") for r in api.to("/z")] == ["k-1", "k-1"]


def test_retries_end_and_say_so(face, api):
    client = face.client(api.origin, retry=botsec.Retry(2, base=0.01))
    api.on("/x", Reply(503))
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/x")
    assert len(api.requests) == 2
    assert caught.value.details["attempts"] == "2"
    assert client.get("/x", check=False).status_code == 503


def test_an_iterator_is_sent_once(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.01))
    api.on("/x", Reply(429, headers={"Retry-After": "0"}))
    with pytest.raises(botsec.RateLimitedError):
        client.post("/x", content=iter([b"a"]))
    assert len(api.requests) == 1


def test_a_connection_that_went_stale_is_replaced_silently(face, api):
    client = face.client(api.origin, retry=1)
    api.on("/x", Reply(200, close=True))
    for _ in range(3):
        assert client.get("/x").attempts == 1


@pytest.mark.parametrize("bad", ["5", "x/s", "0/s", "-1/s", 5, [5]])
def test_a_rate_that_is_not_understood_is_refused(face, bad):
    with pytest.raises((ValueError, TypeError)):
        face.client("https://localhost", rate=bad)
