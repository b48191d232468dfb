"""How long one call takes, for calls that are too slow to be counted in batches."""

import time

from botsec import BotsecError


def once(function, text):
    """CPU milliseconds of one call, the best of three."""
    best = float("inf")
    for _ in range(3):
        begin = time.thread_time_ns()
        try:
            function(text)
        except (BotsecError, ValueError):
            pass
        best = min(best, (time.thread_time_ns() - begin) / 1e6)
    return best
