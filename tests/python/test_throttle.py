"""Our own pace, the API's quota, and what is tried again."""

import logging
import socket
import threading
import time
from email.utils import formatdate

import botsec
import pytest
from servers.api import Reply


def test_a_rate_paces_requests(face, api):
    client = face.client(api.origin, rate="20/s")
    for _ in range(8):
        client.get("/x")
    # After a rest a tenth of a window leaves at once, which the rest of the window makes up for.
    burst, *gaps = api.gaps("/x")
    assert burst < 0.04
    assert sum(gaps) >= 0.95 * 6 / 20
    assert min(gaps) >= 0.02


def test_of_two_limits_the_narrow_one_applies_at_first(face, api):
    client = face.client(api.origin, rate=["10/s", "5000/h"])
    begun = time.monotonic()
    for _ in range(5):
        client.get("/x")
    assert 0.35 <= time.monotonic() - begun < 0.7


def test_a_closed_client_keeps_nobody_to_its_limits(face, api):
    strict = face.client(api.origin, rate="1/m")
    strict.get("/x")
    strict.close()
    client = face.client(api.origin, rate="50/s")
    for _ in range(3):
        client.get("/x")
    assert len(api.requests) == 4


def test_an_open_client_keeps_all_who_share_its_bucket_to_its_limits(face, api):
    strict = face.client(api.origin, throttle=botsec.Throttle("1/m"))
    strict.get("/x")
    client = face.client(api.origin, throttle=botsec.Throttle("50/s", max_wait=0.1))
    with pytest.raises(botsec.ThrottledError):
        client.get("/x")
    strict.close()


def test_a_client_that_was_closed_and_made_anew_gets_no_second_quota(face, api):
    for refused in (False, True):
        client = face.client(api.origin, throttle=botsec.Throttle("1/m", max_wait=0.1))
        if refused:
            with pytest.raises(botsec.ThrottledError):
                client.get("/x")
        else:
            client.get("/x")
        client.close()


def test_a_request_that_never_left_costs_no_place(face):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = f"https://localhost:{taken.getsockname()[1]}"
        client = face.client(origin, throttle=botsec.Throttle("1/m", max_wait=0.1), retry=1)
        for _ in range(3):
            with pytest.raises(botsec.ConnectError):
                client.get("/x")


def test_a_request_without_an_answer_costs_its_place(face, api):
    client = face.client(api.origin, throttle=botsec.Throttle("1/m", max_wait=0.1), retry=1)
    api.on("/x", Reply(200, delay=1))
    with pytest.raises(botsec.RequestTimeoutError):
        client.get("/x", timeout=0.2)
    with pytest.raises(botsec.ThrottledError):
        client.get("/x")


@pytest.mark.parametrize("weight", [6, 1000])
def test_what_is_heavier_than_a_limit_is_refused_at_once(face, api, weight):
    client = face.client(api.origin, rate="5/s")
    with pytest.raises(ValueError, match="weight"):
        client.get("/x", weight=weight)
    pace = botsec.Throttle("5/s")
    for take in (pace.acquire, pace.try_acquire):
        with pytest.raises(ValueError, match="weight"):
            take(weight)
    assert pace.try_acquire(5) and not api.requests
    assert client.get("/x", weight=5).status_code == 200


def test_a_refusal_for_the_pace_leaves_the_number_at_once_alone(face, api):
    client = face.client(api.origin, retry=1).raw
    api.on("/x", Reply(429, headers={"Retry-After": "0"}))
    with pytest.raises(botsec.RateLimitedError):
        face.run(client.get("/x"))
    (host,) = client.stats()["hosts"].values()
    assert host["at_once"] == 1024


def test_a_503_alone_does_not_make_requests_go_one_by_one(face, api):
    client = face.client(api.origin, retry=1).raw
    api.on("/x", Reply(503))
    with pytest.raises(botsec.StatusError):
        face.run(client.get("/x"))
    (host,) = client.stats()["hosts"].values()
    assert 8 <= host["at_once"] < 1024


def test_the_circuit_is_told_with_each_call(face, api, caplog):
    client = face.client(api.origin, retry=1)
    api.on("/x", Reply(500))
    with caplog.at_level(logging.INFO, logger="botsec"):
        for _ in range(21):
            with pytest.raises(botsec.BotsecError):
                client.get("/x")
    told = [record.botsec["circuit"] for record in caplog.records]
    assert told == ["closed"] * 19 + ["open"] * 2
    assert "circuit=open" in caplog.records[-1].getMessage() and "circuit" not in caplog.records[0].getMessage()


def test_discords_bucket_is_kept_while_calls_are_under_way(face, api):
    client = face.client(api.origin, throttle=botsec.Throttle(dialect="discord")).raw
    guard, window = threading.Lock(), {"begun": 0.0, "count": 0, "refused": 0}

    def answer(request):
        with guard:
            now = time.monotonic()
            if now >= window["begun"] + 1:
                window.update(begun=now, count=0)
            left = window["begun"] + 1 - now
            good = window["count"] < 2
            window["count"] += good
            window["refused"] += not good
            told = {
                "X-RateLimit-Limit": "2",
                "X-RateLimit-Remaining": str(2 - window["count"]),
                "X-RateLimit-Reset-After": f"{left:.3f}",
                "X-RateLimit-Bucket": "abc",
            }
        time.sleep(0.2)
        if good:
            return Reply(200, {}, headers=told)
        return Reply(429, {"retry_after": left, "global": False}, headers={**told, "Retry-After": "1"})

    api.on("/channels/5/messages", answer)
    post = client.post
    results = face.all([lambda: post("/channels/{id:snowflake}/messages", path={"id": 5}, json={}) for _ in range(8)])
    assert [result.status_code for result in results] == [200] * 8
    assert window["refused"] == 0


def test_another_resource_of_github_holds_up_its_own_route_alone(face, api):
    client = face.client(api.origin, throttle=botsec.Throttle(dialect="github", max_wait=0.3))

    def told(left, resource):
        reset = str(int(time.time()) + 3000)
        names = ("Limit", "Remaining", "Reset", "Resource")
        return dict(zip((f"X-RateLimit-{name}" for name in names), ("5000", left, reset, resource), strict=True))

    api.on("/user", Reply(200, {}, headers=told("4999", "core")))
    api.on("/repos/o/r/dependency-graph/snapshots", Reply(201, {}, headers=told("0", "dependency_snapshots")))
    client.get("/user")
    client.post("/repos/o/r/dependency-graph/snapshots", json={})
    assert client.get("/user").status_code == 200
    with pytest.raises(botsec.RateLimitedError):
        client.post("/repos/o/r/dependency-graph/snapshots", json={})


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
