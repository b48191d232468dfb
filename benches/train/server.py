"""`server.py FOLDER`: answers over TLS until its input ends; prints the ports of HTTP/1.1, HTTP/2, and one answer a connection.

FOLDER holds `chain.pem` and `key.pem`. It knows as much of either protocol as botsec's client needs.
"""

import asyncio
import gzip
import json
import ssl
import sys

ROWS = [
    {"id": n, "name": f"user {n}", "score": n / 7, "tags": ["a", "b", "c"], "active": n % 2 == 0} for n in range(1050)
]
BODIES = {
    "/1k": b"x" * 1024,
    "/10m": bytes(10 * 2**20),
    "/100k.json": json.dumps(ROWS).encode(),
    "/small.json": json.dumps(ROWS[:5]).encode(),
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
ACK, END_STREAM, END_HEADERS = 1, 1, 4


async def main(folder):
    ports = []
    for name, protocol in (("h1", "http/1.1"), ("h2", "h2"), ("once", "http/1.1")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/chain.pem", f"{folder}/key.pem")
        context.set_alpn_protocols([protocol])
        answer = quietly(serve_h2 if name == "h2" else serve_h1, once=name == "once")
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context, backlog=512)
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.to_thread(sys.stdin.read)


def quietly(serve, once):
    async def answer(reader, writer):
        try:
            await (serve(reader, writer) if not once else serve(reader, writer, once=True))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    return answer


async def serve_h1(reader, writer, once=False):
    failures = 0
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        await take_body(reader, fields)
        path = head[0].split(" ")[1].partition("?")[0]
        status, more, body = "200 OK", "", BODIES.get(path, b"taken")
        if path == "/limited":
            # Every other one, so that a retry succeeds.
            failures += 1
            if failures % 2:
                status, more = "429 Too Many Requests", "retry-after: 0\r\n"
        elif path == "/small.json":
            more = "x-ratelimit-limit: 90000000\r\nx-ratelimit-remaining: 89000000\r\nx-ratelimit-reset: 3600\r\n"
        elif path == "/moved":
            status, more, body = "302 Found", "location: /1k\r\n", b""
        elif path == "/missing":
            status = "404 Not Found"
        elif path == "/gzip.json":
            more, body = "content-encoding: gzip\r\n", gzip.compress(BODIES["/100k.json"], 5)
        elif path == "/events":
            more, body = "", b"".join(b'event: token\ndata: {"n": %d}\n\n' % n for n in range(100))
        if path == "/events":
            kind = "text/event-stream"
        else:
            kind = "application/json" if path.endswith(".json") else "application/octet-stream"
        close = "connection: close\r\n" if once else ""
        writer.write(
            f"HTTP/1.1 {status}\r\nserver: training\r\ndate: Wed, 25 Nov 2026 12:00:00 GMT\r\ncontent-type: {kind}\r\n"
            f'content-length: {len(body)}\r\netag: "6743a1c0-400"\r\n{more}{close}\r\n'.encode()
            + body
        )
        await writer.drain()
        if once:
            return


async def take_body(reader, fields):
    if fields.get("transfer-encoding") == "chunked":
        while (line := await reader.readline()) and int(line, 16):
            await reader.readexactly(int(line, 16) + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(fields.get("content-length", 0)))


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


async def serve_h2(reader, writer):
    """Answers each stream's headers with 1 KiB; what they say is not read."""
    await reader.readexactly(len(PREFACE))
    # 256 streams at once (3), and windows (4) that no answer fills.
    writer.write(frame(SETTINGS, 0, 0, b"\x00\x03\x00\x00\x01\x00" + b"\x00\x04\x00\x10\x00\x00"))
    # `:status: 200` from the static table, then literals without indexing: content-type (31), content-length (28).
    fields = b"\x88" + b"\x0f\x10\x0aimage/jpeg" + b"\x0f\x0d\x041024"
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3]))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9])
        if kind == SETTINGS and not flags & ACK:
            writer.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            writer.write(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            writer.write(frame(HEADERS, END_HEADERS, stream, fields) + frame(DATA, END_STREAM, stream, BODIES["/1k"]))
        await writer.drain()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
