"""A server that always fails: how many requests 2,000 calls make of it, the first 400 and the rest.

The waits between attempts are skipped (`botsec.testing.FakeClock`), a second goes by between two calls. Prints a table.
"""

import socket
import sys
import threading
import time

from figures import table

FIRST, REST = 400, 1600


def main():
    import botsec
    from botsec.testing import LoopbackApi, Reply

    def late(_request):
        time.sleep(0.1)
        return Reply()

    rows = []
    for name, reply in {
        "503": Reply(503),
        "503, `Retry-After: 1`": Reply(503, headers={"Retry-After": "1"}),
        "429": Reply(429),
        "429, `Retry-After: 1`": Reply(429, headers={"Retry-After": "1"}),
    }.items():
        with LoopbackApi({"/": reply}) as api, api.client() as client:
            rows.append(counted(name, client, lambda _error, api=api: len(api.received)))
    with LoopbackApi({"/": late}) as api, api.client(timeout=botsec.Timeout(read=0.05)) as client:
        rows.append(counted("no answer in time", client, lambda _error: len(api.received)))
    rows += [unanswered("a connection that breaks", True), unanswered("no connection", False)]
    print(table(["what comes of each attempt", "sent for the first 400", "sent for the next 1,600", "times those calls"], rows))


def counted(name, client, seen):
    """The requests that calls made, by `seen`, which knows how many there were so far."""
    import botsec
    from botsec.testing import FakeClock

    counts = [0]
    with FakeClock() as clock:
        for calls in (FIRST, REST):
            for _ in range(calls):
                clock.advance(1)
                try:
                    client.get("/")
                except botsec.BotsecError as error:
                    last = seen(error)
            counts.append(last)
    first, rest = counts[1], counts[2] - counts[1]
    return [name, first, rest, round(rest / REST, 2)]


def unanswered(name, listens):
    """As `counted`, by the attempts that each call tells of."""
    import botsec

    attempts = 0

    def seen(error):
        nonlocal attempts
        attempts += int(error.details.get("attempts", 0))
        return attempts

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if listens:
            threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        else:
            listener.close()
        with botsec.Client(f"https://127.0.0.1:{port}", networks="loopback") as client:
            return counted(name, client, seen)


def hang_up(listener):
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


if __name__ == "__main__":
    sys.exit(main())
