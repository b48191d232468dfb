"""Writes a streamed body to a file: beside it first, in its place when it is complete."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from botsec import _stream
from botsec._core import Response

Progress = Callable[[int, "int | None"], object]


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""How the file beside is opened: what exists already, another's file or link, is refused."""


@contextmanager
def _beside(dest: "str | os.PathLike[str]") -> "Iterator[IO[bytes]]":
    path = os.path.abspath(os.fspath(dest))
    temporary = os.path.join(os.path.dirname(path), f".botsec-{os.urandom(8).hex()}")
    old = _mode(path)
    descriptor = os.open(temporary, _NEW, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old is not None:
                os.chmod(temporary, old)
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int | None:
    """Who may do what with the file that is replaced. A new one gets what the umask leaves, as from `open`."""
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        return None


def _told(response: Response, progress: "Progress | None") -> "Callable[[int], object]":
    if progress is None:
        return lambda _: None
    length = response.headers.get("content-length")
    # A coded body's length is that of the coded bytes.
    known = length is not None and length.isdecimal() and "content-encoding" not in response.headers
    total = int(length) if known and length is not None else None
    written = 0

    def tell(count: int) -> None:
        nonlocal written
        written += count
        progress(written, total)

    return tell


def check(progress: "Progress | None") -> None:
    """Refuse a `progress` that could not be told, before anything is sent."""
    if progress is not None:
        from botsec._upload import checked

        checked(progress)


def download(response: Response, dest: "str | os.PathLike[str]", progress: "Progress | None" = None) -> None:
    """Write the body of `response` to `dest`."""
    tell = _told(response, progress)
    with _beside(dest) as file:
        for chunk in _stream.iter_bytes(response):
            file.write(chunk)
            tell(len(chunk))


async def download_async(
    response: Response, dest: "str | os.PathLike[str]", progress: "Progress | None" = None
) -> None:
    """Write the body of `response` to `dest`."""
    tell = _told(response, progress)
    with _beside(dest) as file:
        async for chunk in _stream.aiter_bytes(response):
            file.write(chunk)
            tell(len(chunk))
