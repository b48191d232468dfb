"""A real redis-server on a free loopback port, which tests may stop, hang and restart."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from .listen import free_port


def binary() -> str:
    """The server's path; installed when this user may, else the test is skipped (under CI it fails)."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], capture_output=True)
        subprocess.run(["apt-get", "install", "-y", "-q", "redis-server"], capture_output=True)
        found = shutil.which("redis-server")
    if found is None:
        reason = "no redis-server, and this user may not install it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class RedisServer:
    """Started in a folder of its own; nothing is written to disk."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.path = binary()
        self.options = options
        self._process: subprocess.Popen | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        socket_path = self.folder / "store.sock"
        command = [self.path, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--dir", str(self.folder), "--unixsocket", str(socket_path), "--daemonize", "no", *self.options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)
            self._process = None

    @contextlib.contextmanager
    def hung(self):
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def command(self, *parts: str, password: str | None = None) -> bytes:
        """The raw answer to one command."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            if password is not None:
                _say(connection, "AUTH", password)
            return _say(connection, *parts)

    def calls(self, name: str) -> int:
        """How often a command was called, by the server's own count."""
        for line in self.command("INFO", "commandstats").decode().splitlines():
            if line.startswith(f"cmdstat_{name}:"):
                return int(line.partition("calls=")[2].partition(",")[0])
        return 0


def _say(connection: socket.socket, *parts: str) -> bytes:
    message = f"*{len(parts)}\r\n" + "".join(f"${len(part)}\r\n{part}\r\n" for part in parts)
    connection.sendall(message.encode())
    connection.settimeout(5)
    answer = connection.recv(1 << 16)
    if answer.startswith(b"$"):
        head, _, rest = answer.partition(b"\r\n")
        length = int(head[1:])
        while len(rest) < length:
            more = connection.recv(1 << 16)
            if not more:
                break
            rest += more
        return rest
    if answer.startswith(b"*"):
        connection.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while more := connection.recv(1 << 16):
                answer += more
    return answer
