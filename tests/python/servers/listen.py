"""A threaded listener: one thread per connection, a port that no earlier test used, everything closed on stop.

Each socket is closed by the thread that uses it, others only shut it down. Closed under a thread that is about to read,
its number goes to the next file or socket, and OpenSSL, which keeps the number, takes that one's bytes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

#: Seconds in which the threads of a server that stops have to end.
ENDS_WITHIN_S = 15
#: Throttle buckets are process-wide by origin, so a port never serves two tests.
_ports_taken: set[int] = set()


class Listener:
    """Accepts connections on 127.0.0.1 and gives each to `serve` in a thread of its own."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
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
        self._begin(self._accept)
        return self

    def stop(self) -> None:
        self.stopped.set()
        knock(self._socket)
        end = time.monotonic() + ENDS_WITHIN_S
        while busy := self._busy():
            if time.monotonic() > end:
                raise TimeoutError(f"{busy} serve on after the server was stopped")
            with self._lock:
                for sock in self._open:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)
            busy[0].join(0.05)
        self._socket.close()

    def _busy(self) -> list[threading.Thread]:
        with self._lock:
            return [t for t in self._threads if t.is_alive() and t is not threading.current_thread()]

    def _begin(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, name=f"listener-{self.port}", daemon=True)
        with self._lock:
            self._threads = [known for known in self._threads if known.is_alive()]
            # Started under the lock, so that none counts as ended before it began.
            thread.start()
            self._threads.append(thread)

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
            if self.stopped.is_set():
                connection.close()
                return
            with self._lock:
                self._open.add(connection)
                self.accepted += 1
                number = self.accepted
            self._begin(self._run, connection, number)

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
                for sock in (plain, connection):
                    self._open.discard(sock)
                    with contextlib.suppress(OSError):
                        sock.close()
                self.finished += 1


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


def knock(listener: socket.socket) -> None:
    """Have the thread that waits in `accept()` return: a shutdown alone wakes it on Linux, and nowhere else."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        socket.create_connection(listener.getsockname()[:2], 1).close()
