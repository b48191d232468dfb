"""What a place in the queue costs: CPU per acquire without contention, accuracy and fairness with many waiters.

Prints tables. Rounds are interleaved and medians compared. Needs `benches/requirements.txt`. The most that leaves within a
second is counted by `native/src/bin/pace.rs`, at the moment of each grant: here a task sees its grant when the loop gets to it,
and several of a late loop at once.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
import warnings

from figures import table

# Far beyond what any loop reaches, so that nobody waits.
FAST = 999_999_999
CALLS = 50_000
ROUNDS = 9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of each accuracy row (default 4)")
    arguments = parser.parse_args()
    print(table(["uncontended acquire", "CPU µs", "times aiolimiter's"], uncontended()))
    print()
    head = ["waiters at 1000/s", "reached, % of the rate", "order broken", "max/min per waiter"]
    print(table(head, [accuracy(waiters, max(arguments.seconds, waiters / 100)) for waiters in (1, 50, 1000)]))
    print()
    print(table(["20 waiters at 10/s cancelled", "ms"], [["until the next place", cancelled()]]))


def uncontended():
    import aiolimiter
    import botsec
    from pyrate_limiter import Duration, Limiter, Rate

    limited = botsec.Throttle([f"{FAST}/s", f"{FAST}/m"])
    warnings.filterwarnings("ignore", message=".*re-used across loops")
    peer = aiolimiter.AsyncLimiter(FAST, 1)
    pyrate = Limiter(Rate(FAST, Duration.SECOND))

    def sync(call):
        def run():
            for _ in range(CALLS):
                call()

        return run

    def awaited(call):
        async def run():
            for _ in range(CALLS):
                await call()

        return lambda: asyncio.run(run())

    rows = {
        "botsec, two limits, sync": sync(limited.acquire),
        "botsec, two limits, async": awaited(limited.acquire_async),
        "aiolimiter, async": awaited(peer.acquire),
        "pyrate-limiter, sync": sync(lambda: pyrate.try_acquire("x")),
    }
    took = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name in random.sample(list(rows), len(rows)):
            begun = time.process_time_ns()
            rows[name]()
            took[name].append((time.process_time_ns() - begun) / CALLS / 1000)
    base = statistics.median(took["aiolimiter, async"])
    return [
        [name, round(statistics.median(values), 3), round(statistics.median(values) / base, 3)]
        for name, values in took.items()
    ]


def accuracy(waiters, seconds):
    """Grants of 1000/s to so many tasks: the rate, overtaken waiters, fairness."""
    import botsec

    async def run():
        throttle = botsec.Throttle("1000/s")
        begun = time.perf_counter()
        granted, order = [], []
        # What a rested throttle lets go at once belongs to whoever comes first; the test is about those who wait.
        while throttle.try_acquire():
            granted.append(time.perf_counter())
        counts = [0] * waiters
        asked = set()
        ticket = 0

        async def work(number):
            nonlocal ticket
            while time.perf_counter() < end:
                ticket += 1
                mine = ticket
                asked.add(number)
                await throttle.acquire_async()
                granted.append(time.perf_counter())
                order.append(mine)
                # Fair is who waits; before all have asked, whoever runs first takes what nobody else waits for.
                counts[number] += len(asked) == waiters

        end = time.perf_counter() + seconds
        await asyncio.gather(*(work(number) for number in range(waiters)))
        return granted, order, counts, begun

    granted, order, counts, begun = asyncio.run(run())
    span = granted[-1] - begun
    broken = sum(1 for one, two in zip(order, order[1:], strict=False) if two < one)
    fair = max(counts) / max(1, min(counts)) if waiters > 1 else 1.0
    return [waiters, round(100 * len(granted) / span / 1000, 2), broken, round(fair, 3)]


def cancelled():
    import botsec

    async def run():
        throttle = botsec.Throttle("10/s")
        await throttle.acquire_async()
        waiting = [asyncio.ensure_future(throttle.acquire_async()) for _ in range(20)]
        await asyncio.sleep(0.02)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        begun = time.perf_counter()
        await throttle.acquire_async()
        return round((time.perf_counter() - begun) * 1e3, 1)

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
