"""Fifty workers before a quota of 10 requests a second: what a naive loop, two peers and botsec make of it.

Each client runs in turn against the same server in a process of its own, over loopback TLS. Prints a table and draws
`docs/throttling.svg`. Needs `benches/requirements.txt`.
"""

import argparse
import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import trustme
from figures import table
from server import free_ports

HERE = Path(__file__).resolve().parent
WORKERS, QUOTA, WINDOW_S = 50, 10, 1
TITLES = {
    "naive": "naive loop: sleep(retry_after + 2 ** retries)",
    "urllib3": "urllib3 2: Retry(respect_retry_after_header=True), 50 threads",
    "aiolimiter": "aiolimiter 1 + aiohttp: AsyncLimiter(10, 1), repeats after Retry-After",
    "botsec": 'botsec: rate="10/s"',
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500, help="requests that have to succeed (default 500)")
    parser.add_argument("--longest", type=float, default=150, help="seconds after which a client is stopped (default 150)")
    parser.add_argument("--draw", type=Path, help="file for the plot, such as docs/throttling.svg")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--target", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        return CLIENTS[arguments.client](*arguments.target, arguments.requests)
    with tempfile.TemporaryDirectory() as folder:
        found = {name: run(name, arguments.requests, Path(folder), arguments.longest) for name in TITLES}
    ideal = arguments.requests / QUOTA * WINDOW_S
    rows = []
    for name, log in found.items():
        refused = sum(not good for _, good in log)
        done = len(log) - refused
        end = [log[-1][0], log[-1][0] / ideal] if done == arguments.requests else [f"stopped at {done} answers", "more"]
        rows.append([TITLES[name], refused, len(log), *end])
    print(table(["client", "429s", "requests sent", "finish, s", "times the ideal"], rows))
    if arguments.draw:
        arguments.draw.write_text(draw(found, arguments.requests))


def run(name, requests, folder, longest):
    """Every request that the server saw within `longest` seconds: `[seconds, allowed]`."""
    with server(folder) as (origin, log):
        target = ["--client", name, "--target", origin, str(folder / "ca.pem"), "--requests", str(requests)]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([sys.executable, str(Path(__file__).resolve()), *target], check=True, timeout=longest)
        return log()


@contextlib.contextmanager
def server(folder, *counting):
    """The server with its authority in `folder`: its origin, and a function that reads its log."""
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    (port,) = free_ports(1)
    command = [sys.executable, HERE / "quota_server.py", port, folder / "cert.pem", folder / "key.pem", QUOTA, WINDOW_S, *counting]
    process = subprocess.Popen([str(part) for part in command])
    origin = f"https://localhost:{port}"
    context = ssl.create_default_context(cafile=folder / "ca.pem")

    def log():
        with urllib.request.urlopen(f"{origin}/log", context=context, timeout=10) as answer:
            return json.load(answer)

    try:
        wait_for(port)
        yield origin, log
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port):
    import socket

    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def share(requests):
    """How many requests each worker makes."""
    return [requests // WORKERS + (number < requests % WORKERS) for number in range(WORKERS)]


def naive(origin, ca, requests):
    import httpx

    async def work(client, count):
        for _ in range(count):
            retries = 0
            while True:
                answer = await client.get("/")
                if answer.status_code != 429:
                    break
                await asyncio.sleep(int(answer.headers.get("Retry-After", "1")) + 2**retries)
                retries += 1

    async def all_of_them():
        limits = httpx.Limits(max_connections=WORKERS)
        context = ssl.create_default_context(cafile=ca)
        async with httpx.AsyncClient(base_url=origin, verify=context, limits=limits, timeout=60) as client:
            await asyncio.gather(*(work(client, count) for count in share(requests)))

    asyncio.run(all_of_them())


def urllib3(origin, ca, requests):
    import urllib3

    retry = urllib3.Retry(total=1000, status_forcelist=[429], respect_retry_after_header=True, backoff_factor=0.5)
    pool = urllib3.PoolManager(ca_certs=ca, maxsize=WORKERS, retries=retry)

    def work(count):
        for _ in range(count):
            pool.request("GET", origin + "/")

    threads = [threading.Thread(target=work, args=(count,)) for count in share(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def aiolimiter(origin, ca, requests):
    import aiohttp
    import aiolimiter

    async def work(session, limiter, count):
        for _ in range(count):
            while True:
                async with limiter, session.get(origin + "/") as answer:
                    await answer.read()
                    if answer.status != 429:
                        break
                    wait = int(answer.headers.get("Retry-After", "1"))
                await asyncio.sleep(wait)

    async def all_of_them():
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca), limit=WORKERS)
        async with aiohttp.ClientSession(connector=connector) as session:
            limiter = aiolimiter.AsyncLimiter(QUOTA, WINDOW_S)
            await asyncio.gather(*(work(session, limiter, count) for count in share(requests)))

    asyncio.run(all_of_them())


def botsec(origin, ca, requests):
    import botsec

    async def work(client, count):
        for _ in range(count):
            await client.get("/")

    async def all_of_them():
        tls = botsec.Tls(ca_file=ca)
        throttle = botsec.Throttle(f"{QUOTA}/{WINDOW_S}s")
        async with botsec.AsyncClient(origin, tls=tls, networks="loopback", throttle=throttle) as client:
            await asyncio.gather(*(work(client, count) for count in share(requests)))

    asyncio.run(all_of_them())


CLIENTS = {"naive": naive, "urllib3": urllib3, "aiolimiter": aiolimiter, "botsec": botsec}

# Okabe and Ito's blue and vermilion, which colour-blind readers can tell apart.
ALLOWED, REFUSED, INK = "#0072B2", "#D55E00", "#333"
WIDTH, PANEL, LEFT, TOP = 760, 120, 56, 46


def draw(found, requests):
    """Requests per second as bars, one panel per client, allowed below and refused above."""
    seconds = max(int(log[-1][0]) + 1 for log in found.values())
    highest = max(
        max(count(log, seconds)[n][0] + count(log, seconds)[n][1] for n in range(seconds)) for log in found.values()
    )
    height = TOP + len(found) * (PANEL + 44) + 16
    step = (WIDTH - LEFT - 16) / seconds
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="14" fill="{INK}">Requests per second at a server that allows {QUOTA}; '
        f"{WORKERS} workers, {requests} requests</text>",
        f'<rect x="{LEFT}" y="26" width="10" height="10" fill="{ALLOWED}"/><text x="{LEFT + 15}" y="35" fill="{INK}">answered</text>',
        f'<rect x="{LEFT + 90}" y="26" width="10" height="10" fill="{REFUSED}"/>'
        f'<text x="{LEFT + 105}" y="35" fill="{INK}">refused with 429</text>',
    ]
    for place, (name, log) in enumerate(found.items()):
        base = TOP + place * (PANEL + 44) + 20 + PANEL
        refused = sum(not good for _, good in log)
        done = len(log) - refused
        end = f"{log[-1][0]:.0f} s" if done == requests else f"stopped at {done} answers"
        out.append(
            f'<text x="{LEFT}" y="{base - PANEL - 6}" fill="{INK}">{TITLES[name].replace("&", "&amp;")}: {refused} refused, {end}</text>'
        )
        for value in (0, QUOTA, highest):
            y = base - value / highest * (PANEL - 12)
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="{INK}">{value}</text>')
        for second, (good, bad) in enumerate(count(log, seconds)):
            x, low, high = LEFT + second * step, good / highest * (PANEL - 12), bad / highest * (PANEL - 12)
            out.append(
                f'<rect x="{x:.1f}" y="{base - low:.1f}" width="{step * 0.85:.1f}" height="{low:.1f}" fill="{ALLOWED}"/>'
            )
            out.append(
                f'<rect x="{x:.1f}" y="{base - low - high:.1f}" width="{step * 0.85:.1f}" height="{high:.1f}" fill="{REFUSED}"/>'
            )
    for second in range(0, seconds + 1, max(1, seconds // 8)):
        out.append(f'<text x="{LEFT + second * step:.1f}" y="{height - 12}" fill="{INK}">{second} s</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def count(log, seconds):
    """Per second: answered, refused."""
    bars = [[0, 0] for _ in range(seconds)]
    for at, good in log:
        bars[int(at)][0 if good else 1] += 1
    return bars


if __name__ == "__main__":
    sys.exit(main())
