"""What an API's no means: whom it concerns, for how long, which error it becomes."""

import io
import time

import botsec
import pytest
from botsec.testing import FakeClock
from servers.api import Reply


def speaking(face, api, dialect, retry=None, **options):
    options = {"throttle": botsec.Throttle(dialect=dialect, **options)}
    return face.client(api.origin, **options, **({} if retry is None else {"retry": retry}))


def in_an_hour():
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)}


@pytest.fixture
def clock():
    with FakeClock() as clock:
        yield clock


COST = {
    "requestedQueryCost": 10,
    "throttleStatus": {"maximumAvailable": 1000, "currentlyAvailable": 990, "restoreRate": 50},
}


@pytest.mark.parametrize(
    ("dialect", "body", "times"),
    [
        ("shopify", {"data": {"order": {"note": "THROTTLED"}}, "extensions": {"cost": COST}}, 1),
        ("shopify", {"errors": [{"extensions": {"code": "THROTTLED"}}], "extensions": {"cost": COST}}, 2),
        ("reddit", {"json": {"errors": [], "data": {"body": "RATELIMIT lol, try again in 1 seconds"}}}, 1),
        ("reddit", {"json": {"errors": [["RATELIMIT", "Try again in 1 seconds.", "ratelimit"]]}}, 2),
        ("slack", {"ok": True, "message": {"text": "x"}, "error": "ratelimited"}, 1),
        ("slack", {"ok": False, "error": "ratelimited"}, 2),
        ("github", {"data": {"note": {"errors": [{"type": "RATE_LIMITED"}]}}}, 1),
    ],
)
def test_a_text_of_strangers_sends_no_post_twice(face, api, clock, dialect, body, times):
    client = speaking(face, api, dialect, retry=botsec.Retry(2, base=0.01))
    api.on("/x", Reply(200, body), Reply(200, {"ok": True}))
    client.post("/x", json={})
    assert len(api.to("/x")) == times


@pytest.mark.parametrize(
    ("dialect", "status", "headers", "body"),
    [
        ("generic", 429, {"Retry-After": "3600"}, {}),
        ("generic", 503, {"Retry-After": "3600"}, {}),
        ("github", 403, in_an_hour, {"message": "API rate limit exceeded"}),
        ("github", 200, in_an_hour, {"errors": [{"type": "RATE_LIMITED"}]}),
        ("slack", 200, {"Retry-After": "3600"}, {"ok": False, "error": "ratelimited"}),
        ("anthropic", 529, {"Retry-After": "3600"}, {}),
        ("aws", 400, {"x-amz-retry-after": "3600000"}, {"__type": "x#ThrottlingException"}),
    ],
)
def test_a_wait_beyond_the_cap_is_one_error_whatever_the_status(face, api, dialect, status, headers, body):
    client = speaking(face, api, dialect)
    api.on("/x", Reply(status, body, headers=headers() if callable(headers) else headers))
    with pytest.raises(botsec.RateLimitedError) as caught:
        client.get("/x")
    assert caught.value.status_code == status and 2990 < caught.value.retry_after <= 3600
    assert len(api.to("/x")) == 1


def test_an_answer_that_was_let_through_raises_the_same_error(face, api):
    api.on("/x", Reply(403, {"message": "API rate limit exceeded"}, headers=in_an_hour()))
    response = speaking(face, api, "github").get("/x", check=False)
    with pytest.raises(botsec.RateLimitedError):
        response.raise_for_status()


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (403, {"Retry-After": "3600"}, botsec.ForbiddenError),
        (401, {"Retry-After": "3600"}, botsec.AuthFailedError),
        (404, {"Retry-After": "3600"}, botsec.StatusError),
        (503, {"Retry-After": "0"}, botsec.StatusError),
    ],
)
def test_other_errors_keep_their_class(face, api, status, headers, error):
    api.on("/x", Reply(status, headers=headers))
    with pytest.raises(botsec.StatusError) as caught:
        face.client(api.origin, retry=botsec.Retry(1)).get("/x")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "told",
    [
        {"RateLimit": '"d";r=0;t=250'},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "253402300799"},
    ],
)
def test_no_window_makes_a_call_wait_beyond_the_cap(face, api, clock, told):
    client = face.client(api.origin, throttle=botsec.Throttle(max_wait=1e6))
    api.on("/x", Reply(200, headers=told))
    client.get("/x")
    with pytest.raises(botsec.RateLimitedError) as caught:
        client.get("/y")
    assert caught.value.code == "throttle.server_wait"
    assert caught.value.retry_after > 200 and clock.elapsed < 5 and not api.to("/y")
    assert caught.value.status_code is None and caught.value.response is None


@pytest.mark.parametrize(("cap", "window"), [(60, 50), (300, 250)])
def test_a_window_within_the_cap_is_waited_for(face, api, clock, cap, window):
    api.on("/x", Reply(200, headers={"RateLimit": f'"d";r=0;t={window}'}))
    client = face.client(api.origin, retry=botsec.Retry(max_retry_after=cap))
    client.get("/x")
    client.get("/y")
    assert window - 1 <= clock.elapsed < window + 5


def test_a_limit_of_our_own_is_no_word_of_the_server(face, api):
    client = face.client(api.origin, throttle=botsec.Throttle("1/h", max_wait=0.1))
    client.get("/x")
    with pytest.raises(botsec.ThrottledError) as caught:
        client.get("/x")
    assert caught.value.code == "throttle.max_wait"


def test_retry_after_outweighs_a_window_in_the_same_refusal(face, api, clock):
    told = {"Retry-After": "1", "RateLimit": '"d";r=0;t=30'}
    api.on("/x", Reply(429, headers=told), Reply(200))
    assert face.client(api.origin).get("/x").attempts == 2
    assert 1 <= clock.elapsed < 5


def test_a_redirect_that_leaves_nothing_is_followed_after_the_wait(face, api):
    api.on("/a", Reply(301, headers={"Location": "/b", "RateLimit": '"d";r=0;t=1'}))
    api.on("/c", Reply(301, headers={"Location": "/d", "RateLimit": '"d";r=9;t=1'}))
    client = face.client(api.origin)
    client.get("/a")
    (before,), (after,) = api.to("/a"), api.to("/b")
    assert after.at - before.at >= 0.95
    time.sleep(1)
    client.get("/c")
    (before,), (after,) = api.to("/c"), api.to("/d")
    assert after.at - before.at < 0.5


def test_a_redirect_behind_a_window_beyond_the_cap_is_not_followed(face, api):
    api.on("/a", Reply(301, headers={"Location": "/b", "RateLimit": '"d";r=0;t=250'}))
    with pytest.raises(botsec.RateLimitedError):
        face.client(api.origin).get("/a")
    assert not api.to("/b")


@pytest.mark.parametrize(
    ("mode", "method", "times"),
    [
        ("all", "GET", 2),
        ("all", "POST", 2),
        ("idempotent", "GET", 2),
        ("idempotent", "PUT", 2),
        ("idempotent", "POST", 1),
        ("never", "GET", 1),
        ("never", "POST", 1),
    ],
)
def test_a_429_is_repeated_as_on_429_says(face, api, mode, method, times):
    api.on("/x", Reply(429, headers={"Retry-After": "0"}), Reply(200))
    client = face.client(api.origin, retry=botsec.Retry(2, base=0.01, on_429=mode))
    response = client.request(method, "/x", check=False)
    assert (response.attempts, len(api.to("/x"))) == (times, times)
    with pytest.raises(ValueError, match="on_429"):
        botsec.Retry(on_429="sometimes")


def test_discords_interactions_are_not_held_up_by_its_global_limit(face, api, clock):
    client = speaking(face, api, "discord")
    for number in range(60):
        client.post("/interactions/{id:int}/t/callback", path={"id": number}, json={})
    assert clock.elapsed < 0.9
    begun = clock.elapsed
    for number in range(60):
        client.get("/users/{id:int}", path={"id": number})
    assert clock.elapsed - begun > 0.9
    own = speaking(face, api, "discord", limits="10/s")
    begun = clock.elapsed
    for number in range(20):
        own.post("/interactions/{id:int}/t/callback", path={"id": number}, json={})
    assert clock.elapsed - begun > 0.9


def test_telegrams_refusal_in_one_chat_holds_up_no_other(face, api):
    client = speaking(face, api, "telegram", retry=botsec.Retry(1), max_wait=0.2)
    refused = Reply(429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 30}})
    api.on("/botX/sendMessage", refused, Reply(200, {}), refused, Reply(200, {}))

    def send(chat):
        return client.post("/botX/sendMessage", json={"chat_id": chat}).status_code

    with pytest.raises(botsec.RateLimitedError):
        send(1)
    with pytest.raises(botsec.BotsecError):
        send(1)
    assert send(2) == 200
    # A second chat at the same time: it is the bot's limit.
    with pytest.raises(botsec.RateLimitedError):
        send(3)
    with pytest.raises(botsec.ThrottledError):
        send(4)


@pytest.mark.parametrize("size", [10, 2 * 1024 * 1024])
def test_telegrams_chat_is_found_in_a_form_with_files(face, api, clock, size):
    client = speaking(face, api, "telegram")

    def send(chat):
        file = io.BytesIO(b"x" * size)
        client.post("/botX/sendDocument", data={"caption": "chat_id", "chat_id": chat}, files={"document": file})

    send("1")
    send("2")
    assert clock.elapsed < 0.5
    send("1")
    assert clock.elapsed >= 0.9


def test_telegram_says_where_a_chat_went(face, api):
    client = speaking(face, api, "telegram")
    body = {"ok": False, "error_code": 400, "parameters": {"migrate_to_chat_id": -1001234567890}}
    api.on("/botX/sendMessage", Reply(400, body))
    with pytest.raises(botsec.StatusError) as caught:
        client.post("/botX/sendMessage", json={"chat_id": -5})
    assert caught.value.details["migrate_to_chat_id"] == "-1001234567890"
    assert any("supergroup" in note for note in caught.value.__notes__)


def test_githubs_secondary_limit_is_waited_out_longer_each_time(face, api, clock):
    client = speaking(face, api, "github", retry=botsec.Retry(4, max_retry_after=300))
    refused = Reply(403, {"message": "You have exceeded a secondary rate limit."})
    api.on("/x", refused, refused, Reply(200), refused, Reply(200))
    assert client.get("/x", timeout=1000).attempts == 3
    assert 180 <= clock.elapsed < 250
    begun = clock.elapsed
    assert client.get("/x", timeout=1000).attempts == 2
    assert 60 <= clock.elapsed - begun < 90


def test_a_503_that_says_for_how_long_stops_everybody(face, api, clock):
    client = face.client(api.origin, retry=botsec.Retry(1))
    api.on("/x", Reply(503, headers={"Retry-After": "20"}), Reply(503))
    for waits in (True, False):
        begun = clock.elapsed
        with pytest.raises(botsec.StatusError):
            client.get("/x")
        client.get("/y")
        assert (clock.elapsed - begun >= 20) == waits
