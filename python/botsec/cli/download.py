"""`botsec download`: a public https URL into a file, with a progress bar where a person watches."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import botsec

TIMEOUT = botsec.Timeout(total=3600, connect=10, read=30)
"""An hour for all of it; 30 s of silence end it."""


def fetch(url: str, dest: str, max_bytes: int, **options: Any) -> int:
    """Download `url` to `dest`. Returns 0, or 1 after telling on stderr what went wrong."""
    try:
        with botsec.Client.open_web(timeout=TIMEOUT, **options) as client, bar() as progress:
            client.download(url, dest, progress=progress, max_response_bytes=max_bytes)
    except (botsec.BotsecError, OSError, ValueError) as error:
        told = str(error) if not isinstance(error, OSError) else f"{dest}: {error.strerror or error}"
        print(botsec.escape.terminal(f"botsec: {told}"), file=sys.stderr)
        for note in getattr(error, "__notes__", []):
            print(botsec.escape.terminal(f"  {note}"), file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def bar() -> Iterator[Callable[[int, int | None], object] | None]:
    """A progress bar by `rich`, where that is installed and stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
    except ImportError:
        yield None
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
