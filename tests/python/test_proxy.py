"""An explicit proxy: CONNECT only, TLS to the API end to end, nothing taken from the environment."""

import contextlib
import socket
import threading

import botsec
import pytest

TOKEN = "end-to-end-token-0123"


class ConnectProxy:
    """A CONNECT proxy on loopback that remembers what it was asked."""

    def __init__(self):
        self.heads: list[bytes] = []
        self.passed = b""
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
                self._sockets.append(self._listener.accept()[0])
                self._start(self._serve, self._sockets[-1])

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.heads.append(head)
        host, port = head.split()[1].decode().rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        self._sockets.append(server)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        self._start(self._pipe, client, server)
        self._pipe(server, client)

    def _pipe(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passed += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        # A shutdown wakes threads that wait in accept() or recv(); a close alone does not.
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for sock in [self._listener, *self._sockets]:
            sock.close()


@pytest.fixture
def proxy():
    made = ConnectProxy()
    yield made
    made.close()


def test_a_call_goes_through_connect_and_stays_encrypted(face, api, proxy, make_secret):
    client = face.client(api.origin, proxy=botsec.Proxy(proxy.url), auth=botsec.Bearer(make_secret(TOKEN)))
    assert client.post("/x", json={"a": 1}).json()["method"] == "POST"
    assert api.last.header("authorization") == f"Bearer {TOKEN}"
    assert proxy.heads[0].startswith(b"CONNECT localhost:")
    assert TOKEN.encode() not in proxy.passed + proxy.heads[0]


def test_a_host_that_is_not_listed_is_refused_before_the_proxy(face, api, proxy):
    client = face.client(api.origin, proxy=botsec.Proxy(proxy.url))
    with pytest.raises(botsec.HostNotAllowedError):
        client.get("https://example.com/x")
    assert proxy.heads == []


def test_proxy_variables_of_the_environment_are_ignored(face, api, proxy, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert face.client(api.origin).get("/x").status_code == 200
    assert proxy.heads == []


def test_credentials_reach_a_plain_proxy_only_when_that_is_accepted(make_secret):
    auth = ("me", make_secret(TOKEN))
    with pytest.raises(ValueError, match="clear"):
        botsec.Proxy("http://proxy.example:3128", auth=auth)
    assert "me" not in repr(botsec.Proxy("http://proxy.example:3128", auth=auth, allow_plain_auth=True))
    for bad in ("socks5://x", "http://u:p@x", "http://x/path", "x:3128"):
        with pytest.raises(ValueError):
            botsec.Proxy(bad)
