"""The loopback server: threads, the standard library's TLS, scripted replies."""

import json as _json
import os
import shutil
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from botsec import _core
from botsec._async import AsyncClient
from botsec._sync import Client
from botsec.testing._quota import Quota, http_date


@dataclass(frozen=True)
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass
class Reply:
    """One scripted answer.

    Args:
        status: HTTP status.
        json: Body as JSON.
        text: Body as text, when `json` is None.
        headers: Header fields.
        chunks: Body in pieces, chunked; for streams.
    """

    status: int = 200
    json: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Sequence[str] | None = None

    def body(self) -> bytes:
        """The body's bytes."""
        return (_json.dumps(self.json) if self.json is not None else self.text).encode()


Script = Reply | Sequence[Reply] | Callable[[Received], Reply]


class LoopbackApi:
    """An API on `https://localhost` whose answers are scripted by path. A context manager.

    Args:
        routes: Path to a reply, to replies in order (the last repeats), or to a function of the request. Other paths
            answer 404.
        quota: How many requests the server takes, and how it tells; refusals come before the script.
    """

    def __init__(self, routes: Mapping[str, Script] | None = None, *, quota: Quota | None = None) -> None:
        self.quota = quota
        self.routes: dict[str, Script] = dict(routes or {})
        self.received: list[Received] = []
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        self._folder = tempfile.mkdtemp(prefix="botsec-")
        ca, chain, key = _core.throwaway_ca(["localhost", "127.0.0.1"])
        self.ca_file = self._write("ca.pem", ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._write("chain.pem", chain), self._write("key.pem", key))
        os.unlink(os.path.join(self._folder, "key.pem"))
        self._server = _Server(self, context)
        self.port: int = self._server.server_address[1]
        _core.forget_server(f"localhost:{self.port}")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def _write(self, name: str, text: str) -> str:
        path = os.path.join(self._folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        return path

    @property
    def url(self) -> str:
        """The base URL, `https://localhost:PORT`."""
        return f"https://localhost:{self.port}"

    def client(self, **options: Any) -> Client:
        """Return a client of this API that trusts its authority; `options` as for `botsec.Client`."""
        return Client(self.url, **self._trust(options))

    def async_client(self, **options: Any) -> AsyncClient:
        """Return an async client of this API; `options` as for `botsec.AsyncClient`."""
        return AsyncClient(self.url, **self._trust(options))

    def _trust(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"networks": "loopback", "tls": _core.Tls(ca_file=self.ca_file), **options}

    def answer(self, request: Received) -> Reply:
        """Return the scripted reply and remember the request."""
        path = request.path.partition("?")[0]
        verdict = self.quota.judge() if self.quota is not None else None
        reply = self._scripted(request, path, verdict is None or verdict.good)
        if self.quota is None or verdict is None:
            return reply
        if verdict.good:
            return replace(reply, headers={**self.quota.headers(verdict), **reply.headers})
        status, headers, body = self.quota.refusal(verdict)
        return Reply(status, json=body, headers=headers)

    def _scripted(self, request: Received, path: str, counts: bool) -> Reply:
        with self._lock:
            self.received.append(request)
            if not counts:
                return Reply()
            count = self._seen.get(path, 0)
            self._seen[path] = count + 1
            script = self.routes.get(path, Reply(404, {"error": "not found"}))
        if isinstance(script, Reply):
            return script
        if callable(script):
            return script(request)
        return script[min(count, len(script) - 1)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: LoopbackApi, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api, self.context = api, context

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake runs in the connection's own thread: a client that never speaks blocks nobody else.
        try:
            with self.context.wrap_socket(request, server_side=True) as secured:
                _Handler(secured, client_address, self)
        except OSError:
            return  # A client that refuses the certificate or leaves is an everyday event.

    def shutdown_request(self, request: Any) -> None:
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True
    wbufsize = -1

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self._chunks()
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.api.answer(Received(self.command, self.path, headers, body, time.monotonic()))
        self.send_response(reply.status)
        content = reply.body()
        if reply.json is not None:
            self.send_header("Content-Type", "application/json")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is None:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in reply.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk.encode()), chunk.encode()))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return http_date() if timestamp is None else super().date_time_string(timestamp)

    def _chunks(self) -> bytes:
        body = b""
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _handle

    def log_message(self, *_: Any) -> None:
        return
