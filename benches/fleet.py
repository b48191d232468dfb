"""Four processes with one quota in Redis: rate, fairness, questions per grant, the 429s of a server with a sliding window, and
what clocks apart change and a store that fails costs.

Prints tables. Needs `redis-server` (Debian: redis-server) and `benches/requirements.txt`.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import table
from herd import server as quota_server
from server import free_ports

HERE = Path(__file__).resolve().parent
RATE = 100

ALONE = """
import json, sys, time, botsec
from botsec import _core
url, key, seconds, start, ahead = sys.argv[1:]
if float(ahead):
    _core.clock_advance(float(ahead))
pace = botsec.Throttle("100/s", key=key, store=botsec.Redis(url), processes=4)
time.sleep(max(0, float(start) - time.time()))
end, at = time.monotonic() + float(seconds), []
while time.monotonic() < end:
    pace.acquire()
    at.append(time.time())
print(json.dumps(at))
"""

MANY = """
import asyncio, json, sys, time, botsec
url, key, seconds, start, _ = sys.argv[1:]
async def main():
    pace = botsec.Throttle("100/s", key=key, store=botsec.Redis(url), processes=4)
    await asyncio.sleep(max(0, float(start) - time.time()))
    end, at = time.monotonic() + float(seconds), []
    async def work():
        while time.monotonic() < end:
            await pace.acquire_async()
            at.append(time.time())
    await asyncio.gather(*(work() for _ in range(12)))
    print(json.dumps(at))
asyncio.run(main())
"""


HERD = """
import asyncio, sys, time, botsec
url, key, origin, ca, count, start = sys.argv[1:]
async def main():
    throttle = botsec.Throttle("10/s", key=key, store=botsec.Redis(url), processes=4)
    options = {"networks": "loopback", "tls": botsec.Tls(ca_file=ca), "throttle": throttle}
    async with botsec.AsyncClient(origin, **options) as client:
        await asyncio.sleep(max(0, float(start) - time.time()))
        await asyncio.gather(*(client.get("/", timeout=600) for _ in range(int(count))))
asyncio.run(main())
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each row (default 8)")
    parser.add_argument("--requests", type=int, default=500, help="requests before the sliding window (default 500)")
    arguments = parser.parse_args()
    if shutil.which("redis-server") is None:
        print("not measured: there is no redis-server")
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        try:
            rows = [
                fleet("one caller each", ALONE, store, arguments.seconds),
                fleet("one caller each, clocks 30 s apart", ALONE, store, arguments.seconds, apart=30),
                fleet("12 tasks each", MANY, store, arguments.seconds),
            ]
            head = ["4 processes at 100/s", "% of the rate", "most in a second", "least share", "questions per grant"]
            print(table(head, rows))
            print()
            head = ["4 processes, sliding window of 10/s", "429s", "requests sent", "finish, s", "times the ideal"]
            print(table(head, [herd(store, arguments.requests)]))
            print()
            print(table(["a store that fails", ""], failures(store)))
        finally:
            store.stop()


class Store:
    def __init__(self, folder):
        (self.port,) = free_ports(1)
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def stop(self):
        self.process.kill()
        self.process.wait(10)

    def questions(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"INFO commandstats\r\n")
            text = connection.recv(1 << 16).decode()
        lines = [line for line in text.splitlines() if line.startswith(("cmdstat_evalsha:", "cmdstat_eval:"))]
        return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in lines)


def fleet(name, script, store, seconds, apart=0):
    """Four processes; the clocks of two of them are `apart` seconds ahead."""
    before = store.questions()
    arguments = [sys.executable, "-c", script, store.url, os.urandom(8).hex(), str(seconds), str(time.time() + 1)]
    ahead = [0, apart, 0, apart]
    workers = [subprocess.Popen([*arguments, str(other)], stdout=subprocess.PIPE) for other in ahead]
    logs = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    times = sorted(at for log in logs for at in log)
    rate = 100 * len(times) / (times[-1] - times[0]) / RATE
    share = min(map(len, logs)) / (len(times) / 4)
    return [name, round(rate, 1), most_in(times, 1.0), round(share, 2), round((store.questions() - before) / len(times), 3)]


def herd(store, requests):
    """What a server that allows 10 requests in any second sees of four processes that would send all theirs at once."""
    with tempfile.TemporaryDirectory() as folder, quota_server(Path(folder), "sliding") as (origin, log):
        ca, count = os.path.join(folder, "ca.pem"), str(requests // 4)
        arguments = [store.url, os.urandom(8).hex(), origin, ca, count, str(time.time() + 1.5)]
        workers = [subprocess.Popen([sys.executable, "-c", HERD, *arguments]) for _ in range(4)]
        if any([worker.wait(300) for worker in workers]):
            raise SystemExit("a process of the fleet failed")
        seen = log()
    ideal = (requests - 10) / 10
    refused = sum(not good for _, good in seen)
    return ["botsec: rate=\"10/s\", store=", refused, len(seen), seen[-1][0], round(seen[-1][0] / ideal, 2)]


def failures(store):
    import botsec

    pace = botsec.Throttle("100/s", key="failures", store=botsec.Redis(store.url), processes=4)
    pace.acquire()
    store.process.send_signal(signal.SIGSTOP)
    begun = time.perf_counter()
    pace.acquire()
    hung = time.perf_counter() - begun
    store.process.send_signal(signal.SIGCONT)
    store.stop()
    time.sleep(0.5)
    closed = botsec.Throttle("100/s", key="closed", store=botsec.Redis(store.url, on_failure="fail_closed"))
    refused(closed)
    store.start()
    begun = time.perf_counter()
    while refused(closed):
        time.sleep(0.01)
    back = time.perf_counter() - begun
    return [["hung: decided within, ms", round(hung * 1e3)], ["restarted: in use again after, s", round(back, 2)]]


def refused(pace):
    import botsec

    try:
        pace.acquire()
    except botsec.ThrottledError:
        return True
    return False


def most_in(times, window):
    """The most of these times within any stretch of `window`."""
    best, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        best = max(best, last - first + 1)
    return best


if __name__ == "__main__":
    sys.exit(main())
