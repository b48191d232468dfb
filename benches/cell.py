"""One measurement in a process of its own: `cell.py NAME KIND ORIGIN CA SECONDS IN_FLIGHT` prints one JSON object."""

import asyncio
import json
import os
import resource
import sys
import time

NAME, KIND, ORIGIN, CA, SECONDS, IN_FLIGHT = *sys.argv[1:5], float(sys.argv[5]), int(sys.argv[6])
URL = f"{ORIGIN}/1k"


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sync_call():
    if NAME == "botsec":
        import botsec

        client = botsec.Client(ORIGIN, networks="loopback", tls=botsec.Tls(ca_file=CA))
        return lambda: len(client.get("/1k").content)
    if NAME == "requests":
        import requests

        session = requests.Session()
        session.verify, session.trust_env = CA, False
        return lambda: len(session.get(URL).content)
    if NAME == "httpx":
        import ssl

        import httpx

        client = httpx.Client(verify=ssl.create_default_context(cafile=CA), trust_env=False)
        return lambda: len(client.get(URL).content)
    if NAME == "pyreqwest":
        from pyreqwest.client import SyncClientBuilder

        client = SyncClientBuilder().add_root_certificate_pem(open(CA, "rb").read()).build()
        return lambda: len(client.get(URL).build().send().bytes())
    if NAME == "primp":
        import primp

        client = primp.Client(ca_cert_file=CA)
        return lambda: len(client.get(URL).content)
    if NAME == "wreq":
        import pathlib

        import wreq.blocking

        client = wreq.blocking.Client(tls_verify=pathlib.Path(CA))
        return lambda: len(client.get(URL).bytes())
    if NAME == "ry":
        import ry

        pem = ry.Certificate.from_pem(open(CA, "rb").read())
        client = ry.BlockingClient(tls_certs_only=[pem])
        return lambda: len(client.get(URL).bytes())
    raise LookupError(NAME)


def async_call():
    if NAME == "botsec":
        import botsec

        client = botsec.AsyncClient(ORIGIN, networks="loopback", tls=botsec.Tls(ca_file=CA))

        async def call():
            return len((await client.get("/1k")).content)

        return call
    if NAME == "httpx":
        import ssl

        import httpx

        client = httpx.AsyncClient(verify=ssl.create_default_context(cafile=CA), trust_env=False)

        async def call():
            return len((await client.get(URL)).content)

        return call
    if NAME == "aiohttp":
        import ssl

        import aiohttp

        context = ssl.create_default_context(cafile=CA)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        session = aiohttp.ClientSession(connector=connector)

        async def call():
            async with session.get(URL) as response:
                return len(await response.read())

        return call
    if NAME == "pyreqwest":
        from pyreqwest.client import ClientBuilder

        client = ClientBuilder().add_root_certificate_pem(open(CA, "rb").read()).build()

        async def call():
            return len(await (await client.get(URL).build().send()).bytes())

        return call
    if NAME == "primp":
        import primp

        client = primp.AsyncClient(ca_cert_file=CA)

        async def call():
            return len((await client.get(URL)).content)

        return call
    if NAME == "wreq":
        import pathlib

        import wreq

        client = wreq.Client(tls_verify=pathlib.Path(CA))

        async def call():
            return len(await (await client.get(URL)).bytes())

        return call
    if NAME == "ry":
        import ry

        client = ry.Client(tls_certs_only=[ry.Certificate.from_pem(open(CA, "rb").read())])

        async def call():
            return len(await (await client.get(URL)).bytes())

        return call
    raise LookupError(NAME)


def measured(count, begun, before):
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"requests": count, "per_s": count / (time.perf_counter() - begun), "cpu_us": cpu / count * 1e6}


def run_sync():
    call = sync_call()
    end = time.perf_counter() + 0.15
    while time.perf_counter() < end:
        assert call() == 1024
    before, begun, count = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        assert call() == 1024
        count += 1
    return measured(count, begun, before)


async def run_async():
    call = async_call()

    async def work(end):
        count = 0
        while time.perf_counter() < end:
            assert await call() == 1024
            count += 1
        return count

    async def all_of(seconds):
        end = time.perf_counter() + seconds
        return sum(await asyncio.gather(*(asyncio.create_task(work(end)) for _ in range(IN_FLIGHT))))

    await all_of(0.3)
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    count = await all_of(SECONDS)
    return measured(count, begun, before)


def run_memory():
    call = sync_call()
    for _ in range(1000):
        call()
    start = resident()
    for _ in range(9000):
        call()
    return {"growth_mib": (resident() - start) / 2**20}


result = {"sync": run_sync, "async": lambda: asyncio.run(run_async()), "memory": run_memory}[KIND]()
print(json.dumps(result), flush=True)
os._exit(0)
