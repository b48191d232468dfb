"""Processes that share one quota: fairness among those that wait and those that try, other clocks, other servers, other users."""

import contextlib
import json
import logging
import re
import socket
import subprocess
import sys
import threading
import time
import uuid

import botsec
import pytest
from servers.api import Reply
from servers.listen import free_port, knock
from servers.redis import RedisServer


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def key() -> str:
    return uuid.uuid4().hex


class Way:
    """A way to a store that takes time, and that may lead elsewhere later."""

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self.target, self.delay = port, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._closed:
                    near.close()
                    return
                try:
                    far = socket.create_connection(("127.0.0.1", self.target), 5)
                except OSError:
                    near.close()
                    continue
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                time.sleep(self.delay)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def cut(self) -> None:
        """End every connection, as a server that goes away does."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        # Woken first: a socket closed under a thread that waits on it gives its number to the next one.
        self._closed = True
        knock(self._listener)
        self._thread.join(10)
        self._listener.close()
        self.cut()


@contextlib.contextmanager
def way(*arguments, **options):
    made = Way(*arguments, **options)
    try:
        yield made
    finally:
        made.close()


WORKER = """
import json, sys, time, botsec
from botsec import _core
url, key, rate, seconds, start, mode, ahead = sys.argv[1:]
if float(ahead):
    _core.clock_advance(float(ahead))
pace = botsec.Throttle(rate, key=key, store=botsec.Redis(url), processes=4)
time.sleep(max(0, float(start) - time.time()))
end, at = time.monotonic() + float(seconds), []
while time.monotonic() < end:
    if mode == "wait":
        pace.acquire()
    elif not pace.try_acquire():
        time.sleep(0.003)
        continue
    at.append(time.time())
print(json.dumps(at))
"""


def run(url, rate, seconds, modes, ahead=None):
    """The times of the grants of a process for each mode; `ahead` is by how much its clocks are."""
    start, name = time.time() + 1.0, key()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, name, rate, str(seconds), str(start), mode, str(other)],
            stdout=subprocess.PIPE,
        )
        for mode, other in zip(modes, ahead or [0] * len(modes), strict=True)
    ]
    return [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]


def test_processes_that_only_try_do_not_starve_the_fleet(redis):
    for modes in (["try", "try"], ["try", "try", "wait"]):
        logs = run(redis.url, "50/s", 3, modes)
        assert sum(map(len, logs)) >= 0.6 * 150, [len(log) for log in logs]


def test_a_wait_that_is_too_long_takes_no_place_from_others(redis):
    name, store = key(), botsec.Redis(redis.url, on_failure="fail_closed")
    hasty = botsec.Throttle("2/s", key=name, store=store, max_wait=0.05)
    patient = botsec.Throttle("2/s", key=name, store=store)
    patient.acquire()
    begun = time.monotonic()
    for _ in range(20):
        with pytest.raises(botsec.ThrottledError) as caught:
            hasty.acquire()
        assert 0 < caught.value.retry_after <= 0.6
    patient.acquire()
    assert time.monotonic() - begun < 0.9


def test_clocks_30_s_apart_change_nothing(redis):
    logs = run(redis.url, "100/s", 3, ["wait"] * 4, ahead=[0, 30, 0, 30])
    times = sorted(at for log in logs for at in log)
    total = len(times)
    assert 0.9 * 100 <= total / (times[-1] - times[0]) <= 1.03 * 100
    assert min(map(len, logs)) >= 0.8 * total / 4, [len(log) for log in logs]


@pytest.mark.parametrize(
    ("dialect", "status", "headers", "path"),
    [
        ("github", 403, {"X-RateLimit-Remaining": "0", "Retry-After": "2"}, "/user"),
        ("slack", 429, {"Retry-After": "2"}, "/api/chat.postMessage"),
        ("generic", 429, {"Retry-After": "2"}, "/x"),
        ("generic", 503, {"Retry-After": "2"}, "/x"),
    ],
)
def test_a_refusal_in_one_lane_stops_that_lane_in_all_processes(redis, face, api, dialect, status, headers, path):
    name = key()
    pace = f"botsec.Throttle('50/s', key='{name}', dialect='{dialect}', store=botsec.Redis('{redis.url}'))"
    script = f"""
import sys, time, botsec
client = botsec.Client(sys.argv[1], networks="loopback", tls=botsec.Tls(ca_file=sys.argv[2]), retry=1, throttle={pace})
client.get("{path}", check=False)
time.sleep(0.2)  # What other processes are told is on its way.
"""
    api.on(path, Reply(status, {"ok": False}, headers=headers), Reply(200, {}))
    (ca_file,) = re.findall(r'ca_file="([^"]+)"', repr(face.tls))
    subprocess.run([sys.executable, "-c", script, api.origin, ca_file], check=True, timeout=30)
    begun = time.monotonic()
    client = face.client(
        api.origin, throttle=botsec.Throttle("50/s", key=name, dialect=dialect, store=botsec.Redis(redis.url))
    )
    if dialect in ("github", "slack"):
        client.get("/search/issues" if dialect == "github" else "/api/chat.other")
        assert time.monotonic() - begun < 1, "another lane goes on"
    client.get(path)
    assert time.monotonic() - begun > 1.2


def test_the_stricter_of_two_limits_holds_with_a_store_too(redis):
    name, store = key(), botsec.Redis(redis.url)
    one = botsec.Throttle("100/s", key=name, store=store)
    two = botsec.Throttle("5/s", key=name, store=store)
    one.acquire()
    begun = time.monotonic()
    for _ in range(5):
        two.acquire()
    assert 0.75 < time.monotonic() - begun < 2


def test_a_closed_clients_limits_in_the_store_keep_nobody(redis, face, api):
    name, store = key(), botsec.Redis(redis.url)
    slow = face.client(api.origin, throttle=botsec.Throttle("1/m", key=name, store=store))
    slow.get("/x")
    slow.close()
    quick = face.client(api.origin, throttle=botsec.Throttle("20/s", key=name, store=store))
    begun = time.monotonic()
    for _ in range(3):
        quick.get("/x")
    assert time.monotonic() - begun < 2


def test_an_open_clients_limits_in_the_store_hold_for_all_who_share_its_bucket(redis, face, api):
    name, store = key(), botsec.Redis(redis.url)
    slow = face.client(api.origin, throttle=botsec.Throttle("1/m", key=name, store=store))
    slow.get("/x")
    quick = face.client(api.origin, throttle=botsec.Throttle("20/s", key=name, store=store, max_wait=5))
    with pytest.raises(botsec.ThrottledError):
        quick.get("/x")


def test_what_left_within_the_share_is_not_paid_back(own_redis):
    pace = botsec.Throttle("600/m", key=key(), store=botsec.Redis(own_redis.url), processes=1)
    pace.acquire()
    own_redis.stop()
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        pace.acquire()
    own_redis.start()
    time.sleep(0.7)
    begun = time.monotonic()
    for _ in range(4):
        pace.acquire()
    # All but the first wait 100 ms; paid back twice, the first one would wait 2 s.
    assert time.monotonic() - begun < 1.2


def test_what_left_without_a_limit_is_paid_back(own_redis):
    store = botsec.Redis(own_redis.url, on_failure="fail_open")
    pace = botsec.Throttle("10/s", key=key(), store=store, processes=1)
    pace.acquire()
    own_redis.stop()
    for _ in range(20):
        pace.acquire()
    own_redis.start()
    time.sleep(0.7)
    begun = time.monotonic()
    pace.acquire()
    pace.acquire()
    assert time.monotonic() - begun > 0.8


def test_a_replica_that_takes_over_keeps_the_pace(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    first = RedisServer(tmp_path / "first")
    second = RedisServer(tmp_path / "second")
    try:
        second.command("REPLICAOF", "127.0.0.1", str(first.port))
        wait_for(lambda: b"master_link_status:up" in second.command("INFO", "replication"))
        with way(first.port) as leads:
            store = botsec.Redis(leads.url, on_failure="fail_closed")
            pace = botsec.Throttle("3/m", key=key(), store=store, max_wait=0.1)
            pace.acquire()
            wait_for(lambda: second.command("DBSIZE") == first.command("DBSIZE") != b":0\r\n")
            first.stop()
            leads.target = second.port
            leads.cut()
            begun = time.monotonic()
            # Before it is promoted it only reads, which is as good as none.
            assert refusal(pace).code == "throttle.store_down"
            second.command("REPLICAOF", "NO", "ONE")
            wait_for(lambda: refusal(pace).code == "throttle.max_wait", 3)
            assert time.monotonic() - begun < 2.5
            # The first place was taken at the server that is gone, and its successor knows.
            assert 15 < refusal(pace).retry_after <= 20.1
    finally:
        first.stop()
        second.stop()


def refusal(pace):
    with pytest.raises(botsec.ThrottledError) as caught:
        pace.acquire()
    return caught.value


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


#: What docs/throttling.md says that the user of a store has to be allowed.
ALLOWED = ["~botsec:*", "-@all", "+@scripting", "+time", "+hget", "+hset", "+zadd", "+zcard", "+zrange", "+zscore"]
ALLOWED += ["+zrevrangebyscore", "+zremrangebyscore", "+zremrangebyrank", "+pexpire", "+pttl", "+select", "+hello"]


class TestLogin:
    @pytest.fixture
    def guarded(self, tmp_path, monkeypatch):
        word = uuid.uuid4().hex
        server = RedisServer(tmp_path, "--requirepass", word)
        for user, rights in (("bot", ALLOWED), ("guest", ["~botsec:*", "-@all", "+ping"])):
            server.command("ACL", "SETUSER", user, "on", f">{word}", *rights, password=word)
        monkeypatch.setenv("STORE_RIGHT", word)
        monkeypatch.setenv("STORE_WRONG", uuid.uuid4().hex)
        yield server
        server.stop()

    def pace(self, server, password="STORE_RIGHT", on_failure="fail_closed", **options):
        secret = None if password is None else botsec.secret(f"env:{password}")
        store = botsec.Redis(server.url, password=secret, on_failure=on_failure, **options)
        return botsec.Throttle("20/s", key=key(), store=store)

    def test_a_user_with_these_rights_alone_is_enough(self, guarded):
        pace = self.pace(guarded, username="bot")
        for _ in range(4):
            pace.acquire()
        assert not pace.try_acquire()

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"password": "STORE_WRONG"}, "login"),
            ({"password": None}, "NOAUTH"),
            ({"username": "nobody"}, "login"),
            ({"username": "guest"}, "NOPERM"),
        ],
        ids=str,
    )
    def test_a_refused_login_is_told(self, guarded, caplog, options, said):
        error = refusal(self.pace(guarded, **options))
        assert error.code == "throttle.store_down" and said in error.details["reason"]
        pace = self.pace(guarded, on_failure="local_share", **options)
        with caplog.at_level(logging.WARNING, "botsec"):
            for _ in range(3):
                pace.acquire()
        (record,) = [record for record in caplog.records if "store" in record.getMessage()]
        assert said in record.getMessage() and str(guarded.port) in record.getMessage()

    def test_a_call_tells_it_in_its_event(self, guarded, face, api, caplog):
        store = botsec.Redis(guarded.url, password=botsec.secret("env:STORE_WRONG"))
        client = face.client(api.origin, throttle=botsec.Throttle("50/s", store=store))
        with caplog.at_level(logging.INFO, "botsec"):
            client.get("/x")
            client.get("/x")
        # What happened to secrets of earlier tests is told by the next call, in records without an event.
        first, second = [record for record in caplog.records if hasattr(record, "botsec")]
        assert (first.levelname, second.levelname) == ("WARNING", "INFO")
        assert "login" in first.botsec["store"] and "store=" in first.getMessage()
        assert second.botsec["store"] is None


class TestFarStore:
    def test_a_dial_may_take_longer_than_a_question(self, redis, face, api):
        with way(redis.port, delay=0.06) as far:
            client = face.client(api.origin, throttle=botsec.Throttle("50/s", store=botsec.Redis(far.url, timeout=0.4)))
            begun = time.monotonic()
            client.get("/x")
            assert time.monotonic() - begun < 0.75
            wait_for(lambda: client.get("/x") and client.raw.stats()["hosts"].popitem()[1]["store"] == "shared", 3)

    def test_who_needs_the_store_waits_for_its_first_dial(self, redis):
        with way(redis.port, delay=0.06) as far:
            store = botsec.Redis(far.url, on_failure="fail_closed", timeout=0.4)
            botsec.Throttle("20/s", key=key(), store=store).acquire()

    def test_a_question_without_an_answer_in_time_is_decided_without(self, redis):
        with way(redis.port) as far:
            pace = botsec.Throttle("100/s", key=key(), store=botsec.Redis(far.url, timeout=0.05), processes=1)
            pace.acquire()
            far.delay = 1.0
            begun = time.monotonic()
            pace.acquire()
            assert time.monotonic() - begun < 0.2

    @pytest.mark.parametrize("timeout", [0, 0.001, 2.1, -1])
    def test_a_time_that_makes_no_sense_is_refused(self, timeout):
        with pytest.raises(ValueError, match="timeout"):
            botsec.Redis(f"redis://localhost:{free_port()}", timeout=timeout)
