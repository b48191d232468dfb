"""Reading a streamed response: bytes, lines and server-sent events, sync and async."""

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from botsec._core import Response

MAX_LINE = 1024 * 1024
"""Longest line in bytes: 1 MiB. A server must not fill the memory with one line."""

MAX_DIGITS = 15
"""Most digits of a `retry` field: a `float` holds every such number of milliseconds exactly."""


class ServerSentEvent(NamedTuple):
    """One event of a `text/event-stream` (WHATWG HTML §9.2).

    `retry` is the time in milliseconds that the server set since the event before, if it set one.
    """

    event: str
    data: str
    id: str
    retry: int | None


class _Lines:
    """Cuts bytes into lines at LF, CR LF and CR. Each byte is looked at once, however it is cut into chunks."""

    def __init__(self, response: Response) -> None:
        self._overlong = response.overlong
        self._rest = bytearray()
        self._skip_lf = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return
        self._skip_lf = chunk.endswith(b"\r")
        lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        begun = lines.pop()
        for line in lines:
            if self._rest:
                line, self._rest = bytes(self._rest + line), bytearray()
            yield self._text(line)
        self._rest += begun
        if len(self._rest) > MAX_LINE:
            raise self._overlong()

    def end(self) -> Iterator[str]:
        if self._rest:
            yield self._text(self._rest)

    def _text(self, line: bytes | bytearray) -> str:
        if len(line) > MAX_LINE:
            raise self._overlong()
        return line.decode("utf-8", "replace")


class _Events:
    """Gathers lines into events."""

    def __init__(self, response: Response) -> None:
        self._overlong = response.overlong
        self._event, self._data, self._id = "", list[str](), ""
        self._retry: int | None = None
        self._size = 0
        self._begun = False

    def feed(self, line: str) -> ServerSentEvent | None:
        if not self._begun:
            # The stream is decoded as UTF-8 (WHATWG Encoding §6), which drops one byte order mark.
            self._begun, line = True, line.removeprefix("\ufeff")
        if not line:
            event, data = self._event, self._data
            self._event, self._data, self._size = "", [], 0
            if not data:
                # No event; what the block said of `id` and `retry` holds, and is told with the next one.
                return None
            retry, self._retry = self._retry, None
            return ServerSentEvent(event or "message", "\n".join(data), self._id, retry)
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._size += len(value) + 1
            if self._size > MAX_LINE:
                raise self._overlong()
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            digits = value.lstrip("0") or "0"
            # A number that no clock can hold is no time.
            self._retry = int(digits) if len(digits) <= MAX_DIGITS else self._retry
        return None


def iter_bytes(response: Response) -> Iterator[bytes]:
    if not response.is_stream:
        if response.content:
            yield response.content
        return
    while (chunk := response.next_chunk()) is not None:
        yield chunk


def iter_lines(response: Response) -> Iterator[str]:
    lines = _Lines(response)
    for chunk in iter_bytes(response):
        yield from lines.feed(chunk)
    yield from lines.end()


def iter_sse(response: Response) -> Iterator[ServerSentEvent]:
    events = _Events(response)
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
    lines = _Lines(response)
    async for chunk in aiter_bytes(response):
        for line in lines.feed(chunk):
            yield line
    for line in lines.end():
        yield line


async def aiter_sse(response: Response) -> AsyncIterator[ServerSentEvent]:
    events = _Events(response)
    async for line in aiter_lines(response):
        if (event := events.feed(line)) is not None:
            yield event


async def aread(response: Response) -> bytes:
    if not response.is_stream:
        return response.content
    return b"".join([chunk async for chunk in aiter_bytes(response)])
