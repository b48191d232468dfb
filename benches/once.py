"""How long calls take that are too slow to be counted in batches."""

import time

from botsec import BotsecError

# A slow phase of the machine outlasts a call that is repeated at once, so the tries of one call lie a whole round apart.
ROUNDS = 4


def once(function, text):
    """CPU milliseconds of one call, the better of two: what the first takes from the system, the second finds there."""
    best = float("inf")
    for _ in range(2):
        begin = time.thread_time_ns()
        try:
            function(text)
        except (BotsecError, ValueError):
            pass
        best = min(best, (time.thread_time_ns() - begin) / 1e6)
    return best


def least(functions, sizes):
    """The least CPU milliseconds of each call, by `(name, family, size)`; `functions` are names, callables and their families."""
    functions = list(functions)
    found = {}
    for _ in range(ROUNDS):
        for name, function, families in functions:
            for family, make in families.items():
                for size in sizes:
                    key = name, family, size
                    found[key] = min(found.get(key, float("inf")), once(function, make(size)))
    return found
