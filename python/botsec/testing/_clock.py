"""A clock that tests move."""

from datetime import timedelta
from typing import Self

from botsec import _core


class FakeClock:
    """While it is open, no wait of botsec sleeps: the clock is moved on instead. A context manager.

    It drives the queue, the retries and whatever else looks at the time, in all clients of the process; time limits of
    the network stay real. One test at a time.

    >>> import botsec
    >>> with FakeClock() as clock:
    ...     pace = botsec.Throttle("1/m")
    ...     for _ in range(3):
    ...         pace.acquire()
    ...     round(clock.elapsed)
    120
    """

    def __enter__(self) -> Self:
        _core.clock_fake(True)
        self._begun = _core.clock_wall()
        return self

    def __exit__(self, *_: object) -> None:
        _core.clock_fake(False)

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was opened, skipped waits included."""
        return _core.clock_wall() - self._begun

    def advance(self, time: float | timedelta) -> None:
        """Move the clock on, in seconds."""
        _core.clock_advance(time)
