"""Reading a streamed response: bytes, lines and server-sent events, sync and async."""

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from botsec._core import Response

MAX_LINE = 1024 * 1024
"""Longest line in bytes: 1 MiB. A server must not fill the memory with one line."""


class ServerSentEvent(NamedTuple):
    """One event of a `text/event-stream` (WHATWG HTML §9.2)."""

    event: str
    data: str
    id: str
    retry: int | None


class _Lines:
    """Cuts bytes into lines at LF, CR LF and CR."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip_lf = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        if self._skip_lf and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._skip_lf = chunk.endswith(b"\r") if chunk else self._skip_lf
        self._rest += chunk
        lines = self._rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = bytearray(lines.pop())
        if len(self._rest) > MAX_LINE:
            raise _too_long()
        for line in lines:
            yield line.decode("utf-8", "replace")

    def end(self) -> Iterator[str]:
        if self._rest:
            yield self._rest.decode("utf-8", "replace")


class _Events:
    """Gathers lines into events."""

    def __init__(self) -> None:
        self._event, self._data, self._id = "", list[str](), ""
        self._retry: int | None = None
        self._size = 0

    def feed(self, line: str) -> ServerSentEvent | None:
        if not line:
            event, data = self._event, self._data
            self._event, self._data, self._size = "", [], 0
            retry, self._retry = self._retry, None
            return ServerSentEvent(event or "message", "\n".join(data), self._id, retry) if data else None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        self._size += len(line)
        if self._size > MAX_LINE:
            raise _too_long()
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self._retry = int(value[:12])
        return None


def _too_long() -> Exception:
    from botsec.errors import ResponseTooLargeError

    return ResponseTooLargeError(
        "The service gave an answer that cannot be used. Please try again later.",
        code="transport.too_large",
        details={"reason": "a line or event is longer than 1 MiB"},
    )


def iter_bytes(response: Response) -> Iterator[bytes]:
    if not response.is_stream:
        if response.content:
            yield response.content
        return
    while (chunk := response.next_chunk()) is not None:
        yield chunk


def iter_lines(response: Response) -> Iterator[str]:
    lines = _Lines()
    for chunk in iter_bytes(response):
        yield from lines.feed(chunk)
    yield from lines.end()


def iter_sse(response: Response) -> Iterator[ServerSentEvent]:
    events = _Events()
    for line in iter_lines(response):
        if (event := events.feed(line)) is not None:
            yield event


async def aiter_bytes(response: Response) -> AsyncIterator[bytes]:
    from botsec._loop import bridge

    if not response.is_stream:
        if response.content:
            yield response.content
        return
    while (reading := response.start_chunk(bridge())) is not None:
        try:
            await reading.future
        except BaseException:
            reading.cancel()
            raise
        if (chunk := reading.take()) is None:
            return
        yield chunk


async def aiter_lines(response: Response) -> AsyncIterator[str]:
    lines = _Lines()
    async for chunk in aiter_bytes(response):
        for line in lines.feed(chunk):
            yield line
    for line in lines.end():
        yield line


async def aiter_sse(response: Response) -> AsyncIterator[ServerSentEvent]:
    events = _Events()
    async for line in aiter_lines(response):
        if (event := events.feed(line)) is not None:
            yield event


async def aread(response: Response) -> bytes:
    if not response.is_stream:
        return response.content
    return b"".join([chunk async for chunk in aiter_bytes(response)])
