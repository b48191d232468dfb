"""Writes a streamed body to a file: beside it first, in its place when it is complete."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from botsec import _stream
from botsec._core import Response

Progress = Callable[[int, "int | None"], object]


@contextmanager
def _beside(dest: "str | os.PathLike[str]") -> "Iterator[IO[bytes]]":
    path = os.path.abspath(os.fspath(dest))
    descriptor, temporary = tempfile.mkstemp(prefix=".botsec-", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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
