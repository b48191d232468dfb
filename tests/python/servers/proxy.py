"""A proxy for CONNECT on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading

from .listen import knock

#: Bytes kept of what passes.
KEPT = 1 << 20


class ConnectProxy:
    """A CONNECT proxy on loopback that remembers what it was asked; `leads` takes host and port to a port on loopback."""

    def __init__(self, context=None, leads: dict[str, int] | None = None):
        self._leads = leads or {}
        self._context = context
        self.heads: list[bytes] = []
        #: Addresses that connections came from.
        self.peers: list[str] = []
        self.passed = b""
        self._closed = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                accepted, address = self._listener.accept()
                if self._closed:
                    accepted.close()
                    return
                self._sockets.append(accepted)
                self.peers.append(address[0])
                self._start(self._serve, self._sockets[-1])

    def _serve(self, client):
        if self._context is not None:
            client = self._context.wrap_socket(client, server_side=True)
            self._sockets.append(client)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.heads.append(head)
        asked = head.split()[1].decode()
        host, port = asked.rsplit(":", 1)
        to = ("127.0.0.1", self._leads[asked]) if asked in self._leads else (host, int(port))
        try:
            server = socket.create_connection(to)
        except OSError:
            client.close()
            return
        self._sockets.append(server)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        self._start(self._pipe, client, server)
        self._pipe(server, client)

    def _pipe(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if len(self.passed) < KEPT:
                    self.passed += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        # A shutdown wakes threads that wait in recv(); a close alone does not.
        self._closed = True
        knock(self._listener)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for sock in [self._listener, *self._sockets]:
            sock.close()
