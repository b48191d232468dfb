"""Bodies that are read while they are sent: files piece by piece, multipart forms from disk, and their progress."""

import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import IO, Any

PIECE = 64 * 1024
"""Bytes read at once."""

Progress = Callable[[int, int | None], object]


def size(file: Any) -> int | None:
    """Bytes from where `file` stands to its end; None where that cannot be known."""
    if isinstance(file, io.TextIOBase):
        return None
    try:
        here = file.tell()
        try:
            whole = os.fstat(file.fileno()).st_size
        except (AttributeError, OSError):
            whole = file.seek(0, os.SEEK_END)
            file.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    left = whole - here
    # Pipes and devices say 0 and hold more.
    return left if left > 0 or file.seekable() else None


def chunks(file: Any, length: int | None) -> Iterator[bytes]:
    """Read `file` in pieces: exactly `length` bytes where it was announced."""
    left = length
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            if left:
                raise OSError(f"the file ended {left} bytes before the length that it had when the request began")
            return
        if left is not None:
            left -= len(piece)
        yield piece


def parts(pieces: Sequence[bytes | tuple[Any, int | None]]) -> Iterator[bytes]:
    """Chain the pieces of a multipart form: bytes, and files with their lengths."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from chunks(*piece)


class _Count:
    """Bytes sent so far, told to a callback."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self.sent = 0
        self.total: int | None = 0

    def expect(self, length: int | None) -> None:
        self.total = None if length is None or self.total is None else self.total + length

    def add(self, count: int) -> None:
        self.sent += count
        self._tell(self.sent, self.total)


class _Watched:
    """A file whose reads are counted."""

    def __init__(self, file: IO[bytes], count: _Count) -> None:
        self._file, self._count = file, count
        count.expect(size(file))
        self.name = getattr(file, "name", None)
        # A name that is a number (an open descriptor) is none.
        if not isinstance(self.name, str):
            del self.name

    def read(self, wanted: int = -1) -> bytes:
        piece = self._file.read(wanted)
        if piece:
            self._count.add(len(piece))
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def watched(content: Any, files: Any, progress: Progress) -> tuple[Any, Any]:
    """`content` and `files` whose bytes are counted as they are sent. What could be sent again is sent once."""
    if not callable(progress):
        raise TypeError(f"`progress` takes a callable, not {type(progress).__name__}.")
    count = _Count(progress)
    if content is not None:
        return _watched(content, count), files
    if files is None:
        return content, files
    items = files.items() if isinstance(files, Mapping) else files
    return content, [(name, _watched_part(part, count)) for name, part in items]


def _watched_part(part: Any, count: _Count) -> Any:
    if isinstance(part, tuple) and len(part) >= 2:
        return (part[0], _watched(part[1], count), *part[2:])
    return _watched(part, count)


def _watched(content: Any, count: _Count) -> Any:
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return _Watched(io.BytesIO(content), count)
    if hasattr(content, "read"):
        return _Watched(content, count)
    count.expect(None)
    if hasattr(content, "__aiter__"):
        return _counted_async(content, count)
    return _counted(content, count) if hasattr(content, "__iter__") else content


def _counted(chunks: Any, count: _Count) -> Iterator[Any]:
    for chunk in chunks:
        yield chunk
        count.add(len(chunk))


async def _counted_async(chunks: Any, count: _Count) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield chunk
        count.add(len(chunk))
