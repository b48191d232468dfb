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
            # What `seek` returns is the position only in `io`: a `mmap` says None.
            file.seek(0, os.SEEK_END)
            whole = file.tell()
            file.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    left: int = whole - here
    # Pipes and devices say 0 and hold more.
    return left if left > 0 or not hasattr(file, "seekable") or file.seekable() else None


def chunks(file: Any, length: int | None) -> Iterator[bytes]:
    """Read `file` in pieces: exactly `length` bytes where it was announced."""
    left = length
    told = file.count.add if isinstance(file, Watched) else None
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            if left:
                raise OSError(f"the file ended {left} bytes before the length that it had when the request began")
            return
        if left is not None:
            left -= len(piece)
        yield piece
        if told is not None:
            told(len(piece))


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


class Watched:
    """A file whose pieces are counted once the connection asks for the next: by then it has taken them."""

    def __init__(self, file: IO[bytes], count: _Count) -> None:
        self._file, self.count = file, count
        count.expect(size(file))
        self.name = getattr(file, "name", None)
        # A name that is a number (an open descriptor) is none.
        if not isinstance(self.name, str):
            del self.name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def checked(progress: Progress) -> Progress:
    """Refuse what could not be called while a transfer runs."""
    if not callable(progress):
        raise TypeError(f"`progress` takes a callable, not {type(progress).__name__}.")
    # Imported with the first transfer that is watched.
    import inspect

    if inspect.iscoroutinefunction(progress) or inspect.iscoroutinefunction(type(progress).__call__):
        raise TypeError("`progress` takes a function, not an async one: nobody awaits it.")
    return progress


def watched(content: Any, files: Any, progress: Progress) -> tuple[Any, Any]:
    """`content` and `files` whose bytes are counted as they are sent. What could be sent again is sent once."""
    count = _Count(checked(progress))
    if content is not None:
        return _watched(content, count), files
    if files is None:
        return content, files
    items = files.items() if isinstance(files, Mapping) else files
    return content, [(name, _watched_part(part, count)) for name, part in items]


def _watched_part(part: Any, count: _Count) -> Any:
    if isinstance(part, tuple) and len(part) >= 2:
        return (part[0], _watched_file(part[1], count), *part[2:])
    return _watched_file(part, count)


def _watched_file(content: Any, count: _Count) -> Any:
    # A text file is left as it is, for it is refused.
    return content if isinstance(content, io.TextIOBase) else _watched(content, count)


def _watched(content: Any, count: _Count) -> Any:
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, io.TextIOBase):
        content = chunks(content, None)
    if hasattr(content, "read"):
        return Watched(content, count)
    if isinstance(content, Mapping):
        return content
    try:
        return Watched(io.BytesIO(content if isinstance(content, bytes) else memoryview(content).tobytes()), count)
    except TypeError:
        count.expect(None)
    if hasattr(content, "__aiter__"):
        return _counted_async(aiter(content), count)
    return _counted(iter(content), count) if hasattr(content, "__iter__") else content


def _counted(chunks: Iterator[Any], count: _Count) -> Iterator[Any]:
    try:
        for chunk in chunks:
            yield chunk
            count.add(len(chunk))
    finally:
        if (close := getattr(chunks, "close", None)) is not None:
            close()


async def _counted_async(chunks: AsyncIterator[Any], count: _Count) -> AsyncIterator[Any]:
    try:
        async for chunk in chunks:
            yield chunk
            count.add(len(chunk))
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()
