"""The whole internet inside a network namespace: every address answers, and every dial is written down.

Run as a program in namespaces of its own (`unshare --net --mount`) with the name of a face: reads rows from standard input,
writes what happened.
The system's resolver asks the stub in here; the kernel takes every address for a local one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import botsec
import pyroute2
import trustme

RESOLVER = "127.0.0.53"
PORTS = (443, 22, 80, 8443)


class Names:
    """A DNS server: one answer, or one per question with the last repeated."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((RESOLVER, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, peer = self._socket.recvfrom(4096)
            with contextlib.suppress(IndexError, struct.error, UnicodeDecodeError):
                self._socket.sendto(self._answer(question), peer)

    def _answer(self, question: bytes) -> bytes:
        at, labels = 12, []
        while size := question[at]:
            labels.append(question[at + 1 : at + 1 + size].decode("ascii").lower())
            at += 1 + size
        kind = int.from_bytes(question[at + 1 : at + 3], "big")
        asked = question[12 : at + 5]
        script = self.answers.get(".".join(labels))
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        found = []
        # A and AAAA are one lookup: the script moves on with the second of them.
        for text in script[0] if script else []:
            with contextlib.suppress(OSError):
                found.append(socket.inet_pton(family or 0, text.split("%")[0]))
        if script and kind == 28 and len(script) > 1:
            script.pop(0)
        flags = 0x8180 if script else 0x8183
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0)
        records = [struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(raw)) + raw for raw in found]
        return head + asked + b"".join(records)


class World:
    """TLS servers on every address; certificates for whatever is asked."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.dialled: list[str] = []
        self.locations: list[tuple[int, str]] = []
        for port in PORTS:
            for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                listener = socket.create_server((every, port), family=family, backlog=64, dualstack_ipv6=False)
                threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            plain, _ = listener.accept()
            self.dialled.append(plain.getsockname()[0])
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _context(self, name: str) -> ssl.SSLContext:
        if name not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._ca.issue_cert(name).configure_cert(context)
            self._contexts[name] = context
        return self._contexts[name]

    def _serve(self, plain: socket.socket) -> None:
        def choose(connection, name, _):
            if name:
                connection.context = self._context(name)

        with contextlib.suppress(OSError, ValueError):
            outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._ca.issue_cert(plain.getsockname()[0]).configure_cert(outer)
            outer.sni_callback = choose
            plain.settimeout(5)
            with outer.wrap_socket(plain, server_side=True) as connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                status, location = self.locations.pop(0) if self.locations else (200, "")
                extra = f"Location: {location}\r\n" if location else ""
                connection.sendall(
                    f"HTTP/1.1 {status} x\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )


def main() -> None:
    with pyroute2.IPRoute() as routes:
        (loopback,) = routes.link_lookup(ifname="lo")
        routes.link("set", index=loopback, state="up")
        for family, every in ((socket.AF_INET, "0.0.0.0/0"), (socket.AF_INET6, "::/0")):
            routes.route("add", family=family, dst=every, oif=loopback, type="local", table=255, scope="host")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        for file in ("resolv.conf", "nsswitch.conf", "hosts"):
            if Path("/etc", file).exists():
                subprocess.run(["mount", "--bind", folder / file, f"/etc/{file}"], check=True)
        names, world = Names(), World(folder)
        tls = botsec.Tls(ca_file=world.ca_file)
        ask = ask_async if sys.argv[1:] == ["async"] else ask_sync
        json.dump([visit(row, ask, names, world, tls) for row in json.load(sys.stdin)], sys.stdout)


def ended(error: Exception) -> str:
    return error.code if isinstance(error, botsec.BotsecError) else f"{type(error).__name__}: {error}"


def ask_sync(url: str, calls: int, options: dict) -> list[int | str]:
    """How each of `calls` calls of one client ended: its status, or its error's code."""
    seen: list[int | str] = []
    with botsec.Client.open_web(**options) as client:
        for _ in range(calls):
            try:
                seen.append(client.get(url, check=False).status_code)
            except Exception as error:
                seen.append(ended(error))
    return seen


def ask_async(url: str, calls: int, options: dict) -> list[int | str]:
    async def ask() -> list[int | str]:
        seen: list[int | str] = []
        async with botsec.AsyncClient.open_web(**options) as client:
            for _ in range(calls):
                try:
                    seen.append((await client.get(url, check=False)).status_code)
                except Exception as error:
                    seen.append(ended(error))
        return seen

    return asyncio.run(ask())


def visit(row: dict, ask, names: Names, world: World, tls: botsec.Tls) -> dict:
    """Call the row's URL `calls` times, twice unless told where its answers change; each by a client of its own, or all by a `kept` one.

    `busy` answers of 503 come before the redirects and are tried again.
    """
    answers = row.get("dns_seq")
    names.answers = {name: [ips] for name, ips in row.get("dns", {}).items()}
    if answers:
        names.answers[row["url"].split("/")[2]] = [list(ips) for ips in answers]
    world.dialled.clear()
    busy = row.get("busy", 0)
    world.locations = [(503, "")] * busy
    world.locations += [(row.get("status", 302), location) for location in row.get("redirects", [])]
    options = {"tls": tls, "timeout": 5, "retry": botsec.Retry(1 + busy, base=0.001, cap=0.001)}
    calls = row.get("calls", 2 if answers else 1)
    try:
        if row.get("kept"):
            seen = ask(row["url"], calls, options)
        else:
            seen = [end for _ in range(calls) for end in ask(row["url"], 1, options)]
    except Exception as error:
        seen = [ended(error)]
    return {"ended": seen, "dialled": list(world.dialled)}


if __name__ == "__main__":
    main()
