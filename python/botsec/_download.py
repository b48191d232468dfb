"""Writes a streamed body to a file: beside it first, in its place when it is complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from botsec import _stream
from botsec._core import Response


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


def download(response: Response, dest: "str | os.PathLike[str]") -> None:
    """Write the body of `response` to `dest`."""
    with _beside(dest) as file:
        for chunk in _stream.iter_bytes(response):
            file.write(chunk)


async def download_async(response: Response, dest: "str | os.PathLike[str]") -> None:
    """Write the body of `response` to `dest`."""
    with _beside(dest) as file:
        async for chunk in _stream.aiter_bytes(response):
            file.write(chunk)
