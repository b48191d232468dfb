"""A JSON API over HTTP/1.1 keep-alive: echoes by default, follows a script per path, remembers every request."""

from __future__ import annotations

import http
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote, urlsplit

from .listen import Listener
from .tls import Authority


@dataclass
class Request:
    """One request as it stood on the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def segments(self) -> list[str]:
        return [unquote(part) for part in self.path.split("/")[1:]]

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class Reply:
    """One scripted answer. `chunks` turns on chunked coding; `pause` waits between chunks, `delay` before the head."""

    status: int = 200
    body: bytes | str | dict | list = b""
    headers: dict[str, str] | list[tuple[str, str]] = field(default_factory=dict)
    reason: str | None = None
    delay: float = 0.0
    chunks: Iterable[bytes] | None = None
    pause: float = 0.0
    close: bool = False

    def head_and_body(self) -> tuple[list[tuple[str, str]], bytes]:
        headers = list(self.headers.items()) if isinstance(self.headers, dict) else list(self.headers)
        names = {name.lower() for name, _ in headers}
        body = self.body
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            if "content-type" not in names:
                headers.append(("Content-Type", "application/json"))
        elif isinstance(body, str):
            body = body.encode()
            if "content-type" not in names:
                headers.append(("Content-Type", "text/plain; charset=utf-8"))
        return headers, body


Handler = Callable[[Request], Reply]


class Api(Listener):
    """Answers `/status/N` with N, scripted paths with their script, everything else with an echo."""

    def __init__(self, authority: Authority, *names: str) -> None:
        super().__init__(authority.server_context(*names))
        self._scripts: dict[str, list[Reply] | Handler] = {}
        self._guard = threading.Lock()
        self.requests: list[Request] = []

    def on(self, path: str, *script: Reply | Handler) -> None:
        """Answer `path` with a function, or with replies in order, the last one repeated."""
        first = script[0]
        self._scripts[path] = first if callable(first) else [r for r in script if isinstance(r, Reply)]

    def to(self, path: str) -> list[Request]:
        """The requests that reached `path`, oldest first."""
        with self._guard:
            return [request for request in self.requests if request.path == path]

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def gaps(self, path: str) -> list[float]:
        """Seconds between consecutive requests to `path`, by the server's clock."""
        at = sorted(request.at for request in self.to(path))
        return [later - earlier for earlier, later in zip(at, at[1:])]

    def serve(self, connection, number: int) -> None:
        reader = connection.makefile("rb")
        while (request := _read(reader, connection, number)) is not None:
            with self._guard:
                self.requests.append(request)
                reply = self._answer(request)
            if not isinstance(reply, Reply):
                reply = reply(request)
            if not self._send(connection, request, reply):
                return

    def _answer(self, request: Request) -> Reply | Handler:
        script = self._scripts.get(request.path)
        if callable(script):
            return script
        if script:
            return script.pop(0) if len(script) > 1 else script[0]
        if request.path.startswith("/status/"):
            return Reply(int(request.path.removeprefix("/status/")), {"status": request.path[8:]})
        return Reply(body=echo(request))

    def _send(self, connection, request: Request, reply: Reply) -> bool:
        self.pause(reply.delay)
        headers, body = reply.head_and_body()
        reason = reply.reason if reply.reason is not None else _reason(reply.status)
        bodiless = request.method == "HEAD" or reply.status in (204, 304)
        names = {name.lower() for name, _ in headers}
        if "date" not in names:
            headers.append(("Date", formatdate(usegmt=True)))
        if reply.chunks is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        elif reply.status not in (204, 304) and "content-length" not in names:
            headers.append(("Content-Length", str(len(body))))
        if reply.close:
            headers.append(("Connection", "close"))
        head = f"HTTP/1.1 {reply.status} {reason}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers) + "\r\n"
        data = head.encode("utf-8")
        if reply.chunks is None:
            connection.sendall(data if bodiless else data + body)
            return not reply.close
        connection.sendall(data)
        for chunk in () if bodiless else reply.chunks:
            connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.pause(reply.pause)
            if self.stopped.is_set():
                return False
        if not bodiless:
            connection.sendall(b"0\r\n\r\n")
        return not reply.close


def echo(request: Request) -> dict:
    """What the server saw, as JSON."""
    return {
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in request.headers],
        "body": request.body.decode("latin-1"),
    }


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"


def _read(reader, connection, number: int) -> Request | None:
    line = reader.readline(1 << 20)
    if not line.strip():
        return None
    at = time.monotonic()
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: list[tuple[str, str]] = []
    while (line := reader.readline(1 << 20)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        headers.append((name, value.strip()))
    known = {name.lower(): value for name, value in headers}
    if known.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if known.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(reader)
    else:
        body = reader.read(int(known.get("content-length", "0")))
    return Request(method, target, headers, body, at, number)


def _read_chunks(reader) -> bytes:
    parts = []
    while size := int(reader.readline(1024).split(b";")[0], 16):
        parts.append(reader.read(size))
        reader.readline(16)
    while reader.readline(1 << 16) not in (b"\r\n", b"\n", b""):
        pass
    return b"".join(parts)
