"""Each API's way to say when the next request may come, end to end; whose turn it is; the health of hosts."""

import asyncio
import threading
import time
import uuid

import botsec
import pytest
from botsec.testing import FakeClock
from servers.api import Reply


def speaking(face, api, dialect, **options):
    return face.client(api.origin, throttle=botsec.Throttle(dialect=dialect, **options))


def test_telegrams_wait_stands_in_the_body(face, api):
    client = speaking(face, api, "telegram")
    body = {"ok": False, "error_code": 429, "parameters": {"retry_after": 1}}
    api.on("/botX/sendMessage", Reply(429, body), Reply(200, {"ok": True}))
    assert client.post("/botX/sendMessage", json={"chat_id": 7, "text": "a"}).attempts == 2
    assert api.gaps("/botX/sendMessage")[0] >= 0.95


def test_telegrams_chats_have_a_pace_of_their_own(face, api):
    client = speaking(face, api, "telegram")
    for chat in (1, 2, 3, 1):
        client.post("/botX/sendMessage", json={"chat_id": chat})
    client.post("/botX/sendMessage", data={"chat_id": "2"})
    first, second, third, again, form = (request.at for request in api.to("/botX/sendMessage"))
    assert third - first < 0.9 <= again - first
    assert form - second >= 0.9


def test_githubs_403_is_a_refusal_for_the_pace(face, api):
    client = speaking(face, api, "github")
    at = str(int(time.time()))
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": at, "X-RateLimit-Resource": "core"}
    api.on("/user", Reply(403, {"message": "API rate limit exceeded"}, headers=spent), Reply(200, {"login": "x"}))
    assert client.get("/user").attempts == 2
    assert api.gaps("/user")[0] >= 0.9
    api.on("/private", Reply(403, {"message": "no"}))
    with pytest.raises(botsec.ForbiddenError):
        client.get("/private")
    assert len(api.to("/private")) == 1


def test_githubs_resources_do_not_hold_up_each_other(face, api):
    client = speaking(face, api, "github", max_wait=0.2)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 50)}
    api.on("/search/issues", Reply(200, {}, headers={**headers, "X-RateLimit-Resource": "search"}))
    client.get("/search/issues")
    assert client.get("/user").status_code == 200
    with pytest.raises(botsec.ThrottledError):
        client.get("/search/issues")


def test_slacks_refusal_with_status_200_is_one(face, api):
    client = speaking(face, api, "slack")
    api.on(
        "/api/chat.postMessage",
        Reply(200, {"ok": False, "error": "ratelimited"}, headers={"Retry-After": "1"}),
        Reply(200, {"ok": True}),
    )
    assert client.post("/api/chat.postMessage", json={"text": "x"}).json() == {"ok": True}
    assert api.gaps("/api/chat.postMessage")[0] >= 0.95


def test_discords_buckets_are_learned_by_channel(face, api):
    client = speaking(face, api, "discord", max_wait=0.3)
    told = {
        "X-RateLimit-Limit": "1",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset-After": "30",
        "X-RateLimit-Bucket": "abc",
    }
    for channel in (1, 2):
        api.on(f"/channels/{channel}/messages", Reply(200, {}, headers=told))
        client.post("/channels/{id:snowflake}/messages", path={"id": channel}, json={})
    with pytest.raises(botsec.ThrottledError):
        client.post("/channels/{id:snowflake}/messages", path={"id": 1}, json={})
    assert client.get("/channels/{id:snowflake}", path={"id": 1}).status_code == 200


def test_the_first_request_of_an_unknown_bucket_goes_alone(face, api):
    client = speaking(face, api, "discord").raw
    under_way, most = 0, 0
    guard = threading.Lock()

    def answer(request):
        nonlocal under_way, most
        with guard:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with guard:
            under_way -= 1
        return Reply(
            200, {}, headers={"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset-After": "0.1"}
        )

    api.on("/guilds/5/x", answer)
    results = face.all([lambda: client.get("/guilds/5/x") for _ in range(4)])
    assert [result.status_code for result in results] == [200] * 4
    starts = sorted(request.at for request in api.to("/guilds/5/x"))
    assert starts[1] - starts[0] >= 0.045
    assert most <= 2


def test_a_no_from_the_server_is_believed(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.01))
    api.on("/x", Reply(503, headers={"X-Should-Retry": "false"}))
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/x")
    assert len(api.to("/x")) == 1
    assert "not to try again" in caught.value.details["retry"]


def test_a_library_above_that_repeats_is_left_alone(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.01))
    api.on("/x", Reply(503))
    with pytest.raises(botsec.StatusError):
        client.get("/x", headers={"x-stainless-retry-count": "0"})
    assert len(api.to("/x")) == 1


def test_one_key_is_made_for_all_attempts_of_a_call(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.01))
    api.on("/x", Reply(503), Reply(200))
    client.post("/x", json={}, idempotency_key=True)
    client.post("/x", json={}, idempotency_key=True)
    first, again, other = (request.header("idempotency-key") for request in api.to("/x"))
    assert first == again != other
    assert uuid.UUID(first).version == uuid.UUID(other).version == 4
    client.post("/x", json={}, idempotency_key=False)
    assert api.last.header("idempotency-key") is None


@pytest.mark.parametrize("wrong", [1, b"x", ["k"]])
def test_a_key_of_another_type_is_refused(face, api, wrong):
    with pytest.raises(TypeError):
        face.client(api.origin).post("/x", idempotency_key=wrong)
    assert not api.requests


def test_a_reply_to_a_person_goes_before_what_can_wait(face, api):
    client = face.client(api.origin, rate="10/s").raw
    client_get = client.get
    face.run(client_get("/first"))
    calls = [lambda n=n: client_get(f"/bulk{n}", priority="bulk") for n in range(4)]
    calls.append(lambda: client_get("/now", priority="interactive"))
    face.all(calls)
    order = [request.path for request in sorted(api.requests, key=lambda request: request.at)]
    # One of the bulk may have been let go before the interactive one came.
    assert order.index("/now") <= 2


def test_a_heavy_call_counts_as_several(face, api):
    client = face.client(api.origin, rate="20/s")
    client.get("/x")
    client.get("/x", weight=4)
    client.get("/x")
    one, two = api.gaps("/x")
    assert one >= 0.14
    with pytest.raises(ValueError, match="weight"):
        client.get("/x", weight=0)
    with pytest.raises(ValueError, match="weight"):
        client.get("/x", weight=21)
    with pytest.raises(ValueError, match="priority"):
        client.get("/x", priority="high")


def test_routes_can_have_limits_of_their_own(face, api):
    client = face.client(api.origin, throttle=botsec.Throttle("1/m", per="route", max_wait=0.1))
    client.get("/a/{id:int}", path={"id": 1})
    client.get("/b")
    with pytest.raises(botsec.ThrottledError):
        client.get("/a/{id:int}", path={"id": 2})


def test_a_host_that_fails_is_left_in_peace(face, api):
    client = face.client(api.origin, retry=botsec.Retry(1))
    api.on("/x", Reply(500))
    raised = []
    for _ in range(25):
        with pytest.raises(botsec.BotsecError) as caught:
            client.get("/x")
        raised.append(caught.value)
    refused = [error for error in raised if isinstance(error, botsec.ThrottledError)]
    assert len(api.to("/x")) == 20 and len(refused) == 5
    assert refused[0].code == "throttle.circuit_open" and 0 < refused[0].retry_after <= 5
    (host,) = client.raw.stats()["hosts"].values()
    assert host == {"circuit": "open", "in_flight": 0, "at_once": host["at_once"], "waiting": 0}


def test_requests_at_once_follow_what_the_host_bears(face, api):
    client = face.client(api.origin, retry=botsec.Retry(1)).raw
    api.on("/x", lambda request: Reply(429, delay=0.05))
    face.all([lambda: client.get("/x") for _ in range(10)])
    (host,) = client.stats()["hosts"].values()
    assert 1 <= host["at_once"] <= 10
    assert host["in_flight"] == 0


def test_a_server_that_fails_always_gets_fewer_requests_than_calls(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.001))
    api.on("/x", Reply(503))
    for _ in range(200):
        with pytest.raises(botsec.BotsecError):
            client.get("/x")
    assert len(api.to("/x")) <= 200 * 1.1


@pytest.mark.parametrize(("status", "first"), [(503, 35), (429, 100)])
def test_once_its_first_retries_are_used_a_failing_server_gets_no_more_requests_than_calls(face, api, status, first):
    client = face.client(api.origin)
    api.on("/x", Reply(status))

    def sent(calls: int) -> int:
        before = len(api.to("/x"))
        for _ in range(calls):
            clock.advance(1)
            with pytest.raises(botsec.BotsecError):
                client.get("/x")
        return len(api.to("/x")) - before

    with FakeClock() as clock:
        assert sent(100) <= 100 + first
        assert sent(300) <= 300


def test_a_retry_that_gets_no_turn_leaves_the_answer_that_came(face, api):
    client = face.client(api.origin, retry=botsec.Retry(3, base=0.001), throttle=botsec.Throttle("1/m", max_wait=0.1))
    api.on("/x", Reply(503, b"down"))
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/x")
    assert "no turn" in caught.value.details["retry"] and caught.value.details["attempts"] == "1"


class TestThrottleAlone:
    def test_it_paces_any_work(self):
        pace = botsec.Throttle("20/s")
        begun = time.monotonic()
        for _ in range(4):
            pace.acquire()
        # Two at once, after a rest.
        assert time.monotonic() - begun >= 0.09
        assert pace.try_acquire() is False

    def test_equal_keys_share_a_pace(self):
        key = str(uuid.uuid4())
        one, two = botsec.Throttle("1/m", key=key), botsec.Throttle("1/m", key=key)
        assert one.try_acquire() and not two.try_acquire()
        assert botsec.Throttle("1/m").try_acquire()

    def test_it_refuses_a_wait_beyond_its_bound(self):
        pace = botsec.Throttle("1/m", max_wait=0.1)
        pace.acquire()
        begun = time.monotonic()
        with pytest.raises(botsec.ThrottledError) as caught:
            pace.acquire()
        assert time.monotonic() - begun < 0.1 and caught.value.retry_after > 50
        with pytest.raises(botsec.ThrottledError):
            asyncio.run(_awaited(pace))

    def test_tasks_get_their_turn_in_order(self):
        async def main():
            pace = botsec.Throttle("100/s")
            order = []

            async def work(number):
                await pace.acquire_async()
                order.append(number)

            await asyncio.gather(*(work(number) for number in range(12)))
            return order

        assert asyncio.run(main()) == list(range(12))

    def test_a_cancelled_task_costs_nothing(self):
        async def main():
            pace = botsec.Throttle("10/s")
            await pace.acquire_async()
            waiting = [asyncio.ensure_future(_awaited(pace)) for _ in range(20)]
            await asyncio.sleep(0.01)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            begun = time.monotonic()
            await pace.acquire_async()
            return time.monotonic() - begun

        assert asyncio.run(main()) < 0.3

    def test_threads_and_tasks_share_one_line(self):
        pace = botsec.Throttle("50/s")
        done = []

        def thread():
            for _ in range(5):
                pace.acquire()
                done.append(time.monotonic())

        threads = [threading.Thread(target=thread) for _ in range(3)]
        for worker in threads:
            worker.start()

        async def main():
            for _ in range(5):
                await pace.acquire_async()
                done.append(time.monotonic())

        asyncio.run(main())
        for worker in threads:
            worker.join()
        assert len(done) == 20
        assert max(done) - min(done) >= 0.3

    @pytest.mark.parametrize(
        "options", [{"per": "user"}, {"dialect": "klingon"}, {"max_wait": -1}, {"limits": "5"}], ids=str
    )
    def test_wrong_options_are_refused(self, options):
        with pytest.raises(ValueError):
            botsec.Throttle(**options)


async def _awaited(pace):
    await pace.acquire_async()
