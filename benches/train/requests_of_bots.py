"""Requests as bots make them, of both faces."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import botsec
from scale import share

UPLOAD = b"u" * 2**20


def run(ports, ca_file):
    """Every kind of call, most of the small ones."""
    options = {"networks": "loopback", "tls": botsec.Tls(ca_file=ca_file)}
    origins = {name: f"https://localhost:{port}" for name, port in ports.items()}
    with botsec.Client(origins["h1"], **options) as client:
        small(client)
        large(client)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: len(client.get("/1k").content), range(share(6_000))))
    with botsec.Client(origins["once"], **options) as client:
        repeat(600, lambda: client.get("/1k").content)
    for _ in range(share(300)):
        with botsec.Client(origins["h1"], **options) as client:
            len(client.get("/1k").content)
    with_secret(origins["h1"], options)
    asyncio.run(of_async(origins, options))


def small(client):
    repeat(20_000, lambda: client.get("/1k").content)
    repeat(2_000, lambda: client.get("/small.json").json())
    repeat(2_000, lambda: client.get("/users/{id:int}{?limit:int(1..100)}", path={"id": 7, "limit": 5}).text)
    repeat(2_000, lambda: client.get("/1k", params={"q": "a b", "page": 2}, headers={"x-trace": "abc"}).status_code)
    repeat(2_000, lambda: client.post("/sink", json={"text": "hello", "ids": [1, 2, 3], "ok": True}).content)
    repeat(300, lambda: client.get("/moved").content)
    repeat(5, lambda: client.get("/limited").content)
    repeat(300, lambda: client.get("/missing", check=False).status_code)


def large(client):
    repeat(300, lambda: client.get("/100k.json").json())
    repeat(100, lambda: client.get("/gzip.json").json())
    repeat(40, lambda: client.get("/10m").content)
    repeat(150, lambda: client.post("/sink", content=UPLOAD).content)
    repeat(20, lambda: client.post("/sink", files={"file": ("a.bin", UPLOAD)}).content)
    for _ in range(share(50)):
        with client.stream("GET", "/events") as answer:
            for event in answer.iter_sse():
                event.data  # noqa: B018
    with client.stream("GET", "/10m") as answer:
        for _ in answer.iter_bytes():
            pass


def with_secret(origin, options):
    key = botsec.secret("training:key", provider=lambda place: "a-value-of-no-use", hosts=["localhost"])
    with botsec.Client(origin, auth=botsec.Bearer(key), rate="100000/s", **options) as client:
        repeat(3_000, lambda: client.get("/1k").content)


async def of_async(origins, options):
    async with botsec.AsyncClient(origins["h1"], **options) as client:
        for in_flight, count in ((1, 8_000), (16, 12_000), (64, 12_000), (256, 6_000)):
            await together(in_flight, count, lambda: client.get("/1k"))
        await together(4, 400, lambda: client.post("/sink", json={"text": "hello"}))
    async with botsec.AsyncClient(origins["h2"], **options) as client:
        for in_flight, count in ((1, 1_000), (64, 12_000)):
            await together(in_flight, count, lambda: client.get("/1k"))


async def together(in_flight, count, call):
    left = iter(range(share(count)))

    async def work():
        for _ in left:
            len((await call()).content)

    await asyncio.gather(*(asyncio.create_task(work()) for _ in range(in_flight)))


def repeat(count, call):
    for _ in range(share(count)):
        call()
