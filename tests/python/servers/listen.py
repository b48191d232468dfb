"""A threaded listener: one thread per connection, a port that no earlier test used, everything closed on stop."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

#: Throttle buckets are process-wide by origin, so a port never serves two tests.
_ports_taken: set[int] = set()


class Listener:
    """Accepts connections on 127.0.0.1 and gives each to `serve` in a thread of its own."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.stopped = threading.Event()
        self.accepted = 0
        self.finished = 0
        self._socket = _bind()
        self.port: int = self._socket.getsockname()[1]

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def serve(self, connection: socket.socket, number: int) -> None:
        raise NotImplementedError

    def start(self):
        threading.Thread(target=self._accept, name=f"listener-{self.port}", daemon=True).start()
        return self

    def stop(self) -> None:
        self.stopped.set()
        _cut(self._socket)
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _cut(connection)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def pause(self, seconds: float) -> None:
        """Wait, but not past the end of the test."""
        self.stopped.wait(seconds)

    def wait_until(self, ready, seconds: float = 5.0) -> bool:
        """Wait for a condition on the server's side; false when it does not come in time."""
        rounds = int(seconds / 0.01)
        return any(ready() or self.stopped.wait(0.01) for _ in range(rounds)) or bool(ready())

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.accepted += 1
                number = self.accepted
            threading.Thread(target=self._run, args=(connection, number), daemon=True).start()

    def _run(self, plain: socket.socket, number: int) -> None:
        connection = plain
        try:
            with contextlib.suppress(OSError, ValueError):
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is not None:
                    plain.settimeout(10)
                    connection = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                    with self._lock:
                        self._open.discard(plain)
                        self._open.add(connection)
                    connection.do_handshake()
                connection.settimeout(30)
                self.serve(connection, number)
        finally:
            with self._lock:
                self._open.discard(plain)
                self._open.discard(connection)
                self.finished += 1
            with contextlib.suppress(OSError):
                connection.close()
            with contextlib.suppress(OSError):
                plain.close()


def free_port() -> int:
    """A port that nobody listens on and no test has used."""
    listener = _bind()
    port = listener.getsockname()[1]
    listener.close()
    return port


def _bind() -> socket.socket:
    kept = []
    try:
        while True:
            listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            port = listener.getsockname()[1]
            if port not in _ports_taken:
                _ports_taken.add(port)
                return listener
            kept.append(listener)
    finally:
        for used in kept:
            used.close()


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        sock.close()
