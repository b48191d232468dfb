"""The clock and the scripted quotas that tests of bots use."""

import asyncio
import threading
import time

import botsec
import pytest
from botsec.testing import FakeClock, LoopbackApi, Quota, Reply

DIALECTS = [
    "generic",
    "anthropic",
    "aws",
    "buildkite",
    "discord",
    "github",
    "lemlist",
    "mastodon",
    "matrix",
    "notion",
    "openai",
    "reddit",
    "shopify",
    "slack",
    "stripe",
    "telegram",
    "twitch",
    "x",
]


@pytest.fixture
def clock():
    with FakeClock() as clock:
        yield clock


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("counting", ["fixed", "sliding"])
def test_every_dialect_is_understood_without_a_second_refusal(clock, dialect, counting):
    quota = Quota("5/10s", dialect=dialect, counting=counting)
    begun = time.monotonic()
    with LoopbackApi({"/x": Reply(json={"ok": True})}, quota=quota) as api:
        # Shopify's bucket leaks by a pace of its own, and some tell nothing before the first refusal: these know it themselves.
        silent = dialect in {"aws", "matrix", "shopify", "slack", "stripe", "notion", "telegram"}
        throttle = botsec.Throttle("5/10s" if silent else None, dialect=dialect)
        with api.client(throttle=throttle, retry=botsec.Retry(4)) as client:
            for _ in range(20):
                assert client.get("/x").json() == {"ok": True}
    assert quota.refused == 0
    assert clock.elapsed >= 29
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"stripe"}))
def test_every_refusal_is_waited_out(clock, dialect):
    quota = Quota("2/10s", dialect=dialect, tells=False)
    with LoopbackApi({"/x": Reply(json={"ok": True})}, quota=quota) as api:
        with api.client(throttle=botsec.Throttle(dialect=dialect), retry=botsec.Retry(2)) as client:
            for _ in range(3):
                assert client.get("/x").json() == {"ok": True}
    assert quota.refused == 1
    assert clock.elapsed >= 10


def test_the_clock_skips_the_waits_of_retries(clock, face, api):
    from servers.api import Reply as Scripted

    client = face.client(api.origin)
    api.on("/x", Scripted(429, headers={"Retry-After": "50"}), Scripted(200))
    begun = time.monotonic()
    assert client.get("/x", timeout=600).attempts == 2
    assert clock.elapsed >= 50 > 10 > time.monotonic() - begun


def test_tasks_wait_in_order_on_a_clock_that_is_skipped(clock):
    order = []

    async def work(pace, number):
        await pace.acquire_async()
        order.append(number)

    async def main():
        pace = botsec.Throttle("1/m")
        await asyncio.gather(*(work(pace, number) for number in range(5)))

    asyncio.run(main())
    assert order == list(range(5))
    assert 240 <= clock.elapsed < 300


@pytest.mark.parametrize("count", [50, 400])
def test_many_tasks_take_as_long_on_a_clock_that_is_skipped_as_on_a_real_one(clock, count):
    async def main():
        pace = botsec.Throttle("10/s")
        await asyncio.gather(*(pace.acquire_async() for _ in range(count)))

    begun = time.monotonic()
    asyncio.run(main())
    # A second or less of real time goes by as well.
    assert (count - 1) / 10 <= clock.elapsed <= (count - 1) / 10 * 1.025 + time.monotonic() - begun + 0.1


def test_many_threads_do_too(clock):
    pace = botsec.Throttle("10/s")

    def work():
        for _ in range(5):
            pace.acquire()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 3.8 <= clock.elapsed <= 6


def test_the_wall_clock_is_right_again_afterwards():
    from botsec import _core

    with FakeClock() as clock:
        clock.advance(3600)
        assert _core.clock_wall() - time.time() > 3590
    assert abs(_core.clock_wall() - time.time()) < 1
    pace = botsec.Throttle("1/m")
    assert pace.try_acquire() and not pace.try_acquire()


@pytest.mark.parametrize("options", [{"rate": "5"}, {"rate": "0/s"}, {"rate": "5/s", "dialect": "klingon"}])
def test_a_quota_that_is_not_understood_is_refused(options):
    with pytest.raises(ValueError):
        Quota(**options)
