"""A key that rotates while requests run: none fails, and none carries a key after its overlap."""

import asyncio
import itertools
import secrets
import threading

import botsec
import pytest
from servers.api import Reply
from servers.managers import MANAGERS

REQUESTS, ROTATIONS, WORKERS = 1000, 20, 8


@pytest.fixture(params=["vault", "aws"])
def manager(request, authority, tls, make_secret, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fake, kind = MANAGERS[request.param]
    with fake(authority) as server:
        yield kind(server, authority, tls, make_secret)


class Traffic:
    """Counts calls, and knows which of them are on their way."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.numbers = itertools.count()
        self.running: set[int] = set()
        self.done = self.turns = 0

    def may_begin(self) -> bool:
        """Whether requests are not ahead of the rotations: every key is to be used."""
        return self.done < (self.turns + 1) * REQUESTS // (ROTATIONS + 1)

    def turn(self) -> None:
        with self.changed:
            self.turns += 1
            self.changed.notify_all()

    def begin(self) -> int:
        with self.changed:
            number = next(self.numbers)
            self.running.add(number)
            return number

    def end(self, number: int) -> None:
        with self.changed:
            self.running.discard(number)
            self.done += 1
            self.changed.notify_all()

    def wait_for(self, ready) -> None:
        with self.changed:
            assert self.changed.wait_for(ready, 60)

    def drain(self) -> None:
        """Wait until the calls that are on their way now have ended."""
        with self.changed:
            before = set(self.running)
        self.wait_for(lambda: not before & self.running)


def test_a_key_rotates_twenty_times_under_a_thousand_requests(face, manager, api):
    key = "key-" + secrets.token_hex(12)
    manager.put(key)
    assert manager.official() == key
    valid, used, refused = {key}, {}, []

    def judge(request):
        sent = request.header("authorization").removeprefix("Bearer ")
        used[sent] = used.get(sent, 0) + 1
        if sent in valid:
            return Reply(200, {})
        refused.append(sent)
        return Reply(401, {})

    api.on("/x", judge)
    secret, traffic = manager.secret(), Traffic()
    client = face.client(api.origin, auth=botsec.Bearer(secret), rate=None)
    client.get("/x")

    def rotate():
        current = key
        for turn in range(1, ROTATIONS + 1):
            traffic.wait_for(lambda turn=turn: traffic.done >= (turn * REQUESTS // (ROTATIONS + 1)) - WORKERS)
            old, current = current, "key-" + secrets.token_hex(12)
            # The overlap: both work, until whoever carries the old one has arrived.
            valid.add(current)
            manager.put(current)
            secret.refresh()
            traffic.turn()
            traffic.drain()
            valid.discard(old)

    def work():
        statuses = []
        for _ in range(REQUESTS // WORKERS):
            traffic.wait_for(traffic.may_begin)
            number = traffic.begin()
            try:
                statuses.append(client.raw.get("/x").status_code)
            finally:
                traffic.end(number)
        return statuses

    async def work_async():
        statuses = []
        for _ in range(REQUESTS // WORKERS):
            while not traffic.may_begin():
                await asyncio.sleep(0.001)
            number = traffic.begin()
            try:
                statuses.append((await client.raw.get("/x")).status_code)
            finally:
                traffic.end(number)
        return statuses

    rotator = threading.Thread(target=rotate)
    rotator.start()
    results = face.all([work_async if face.is_async else work] * WORKERS)
    rotator.join()
    failed = [(result.details, result.__notes__) for result in results if isinstance(result, BaseException)]
    assert failed == []
    assert [status for statuses in results for status in statuses] == [200] * REQUESTS
    assert refused == []
    # Every key was used, and the manager was asked once for each.
    assert (len(used), sum(used.values())) == (ROTATIONS + 1, REQUESTS + 1)
    assert manager.readings == ROTATIONS + 2
