"""One measurement in a process of its own: `cell.py KIND PEER TARGET SECONDS IN_FLIGHT CORE` prints one JSON object.

KIND is `sync`, `json`, `post` or `new` (one call after the other), `threads`, `async`, `memory-sync` or `memory-async`; TARGET is a JSON object with the fields of `Target`. The
process pins itself before it imports the peer, so that every thread the peer starts stays on the same core. CPU is that
of the whole process, user and system, from the kernel's process clock: a peer's helper threads count.
"""

import asyncio
import gc
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import peers
from peers import Target

# Seconds of calls before the clock starts: connections stand, caches are warm.
WARM_UP = 0.15
# The memory case: growth over MEASURED requests after the first SETTLING, and over MEASURED more.
SETTLING, MEASURED = 1_000, 9_000


def main():
    kind, peer, target, seconds, in_flight, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    target, seconds, in_flight = Target(**json.loads(target)), float(seconds), int(in_flight)
    if kind in ("sync", "post", "new"):
        result = measure_sync(checked(peers.DO[kind][peer](target), target), seconds)
    elif kind == "json":
        result = measure_sync(peers.JSON[peer](target), seconds)
    elif kind == "threads":
        result = measure_threads(checked(peers.SYNC[peer](target), target), seconds, in_flight)
    elif kind == "async":
        result = asyncio.run(measure_async(peer, target, seconds, in_flight))
    elif kind == "memory-sync":
        result = grow_sync(checked(peers.SYNC[peer](target), target))
    else:
        result = asyncio.run(grow_async(peer, target, in_flight))
    print(json.dumps(result), flush=True)
    # Some peers hang or complain when they are torn down, which is not what is measured.
    os._exit(0)


def checked(call, target):
    """The call itself, after it has shown once that it reads the whole body."""
    length = call()
    if length != target.length:
        raise SystemExit(f"read {length} bytes of {target.length}")
    return call


def measure_sync(call, seconds):
    end = time.perf_counter() + WARM_UP
    while time.perf_counter() < end:
        call()
    count, clock = 0, time.perf_counter
    cpu, begun = time.process_time_ns(), clock()
    end = begun + seconds
    while clock() < end:
        call()
        count += 1
    return figures(count, clock() - begun, time.process_time_ns() - cpu)


def measure_threads(call, seconds, threads):
    """One client, used by all threads; what cannot be shared says so by failing."""
    clock = time.perf_counter

    def work(end):
        count = 0
        while clock() < end:
            call()
            count += 1
        return count

    def all_for(seconds):
        with ThreadPoolExecutor(threads) as pool:
            end = clock() + seconds
            return sum(pool.map(work, [end] * threads))

    all_for(2 * WARM_UP)
    cpu, begun = time.process_time_ns(), clock()
    count = all_for(seconds)
    return figures(count, clock() - begun, time.process_time_ns() - cpu)


async def measure_async(peer, target, seconds, in_flight):
    call = peers.ASYNC[peer](target)
    if await call() != target.length:
        raise SystemExit("the body was not read whole")
    clock = time.perf_counter

    waits = []

    async def work(end):
        count, begun = 0, clock()
        while begun < end:
            await call()
            ended = clock()
            waits.append(ended - begun)
            count, begun = count + 1, ended
        return count

    async def all_for(seconds):
        end = clock() + seconds
        return sum(await asyncio.gather(*(asyncio.create_task(work(end)) for _ in range(in_flight))))

    await all_for(2 * WARM_UP)
    waits.clear()
    cpu, begun = time.process_time_ns(), clock()
    count = await all_for(seconds)
    result = figures(count, clock() - begun, time.process_time_ns() - cpu)
    return result | {"p99_ms": round(sorted(waits)[len(waits) * 99 // 100] * 1e3, 3)}


def figures(count, seconds, cpu_ns):
    return {
        "requests": count,
        "seconds": round(seconds, 4),
        "per_s": round(count / seconds, 1),
        "cpu_us": round(cpu_ns / count / 1000, 3),
    }


def grow_sync(call):
    def run(count):
        for _ in range(count):
            call()

    marks = []
    for count in (SETTLING, MEASURED, MEASURED):
        run(count)
        marks.append(resident())
    return growth(*marks)


async def grow_async(peer, target, in_flight):
    call = peers.ASYNC[peer](target)

    async def run(count):
        left = iter(range(count))

        async def work():
            for _ in left:
                await call()

        await asyncio.gather(*(asyncio.create_task(work()) for _ in range(in_flight)))

    marks = []
    for count in (SETTLING, MEASURED, MEASURED):
        await run(count)
        marks.append(resident())
    return growth(*marks)


def growth(settled, end, later):
    """MiB of growth; `later_mib` is that of as many requests again, which tells a step of the allocator from a leak."""
    growth_mib, later_mib = (round(part / 2**20, 3) for part in (end - settled, later - end))
    return {"requests": MEASURED, "growth_mib": growth_mib, "later_mib": later_mib}


def resident():
    """Bytes of this process that are in memory now."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
