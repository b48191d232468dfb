"""The server of every measurement: one nginx worker on one core, TLS 1.3, a throw-away certificate authority.

Port A offers HTTP/1.1 only, port B HTTP/2 too, port C closes each connection after one answer. Files: `/1k`, `/10m` and
`/100k.json` (some 100 KiB); `/sink` takes a body.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import trustme
from peers import Target

CONFIG = """
daemon off; master_process on; worker_processes 1; worker_cpu_affinity {mask}; worker_rlimit_nofile 8192;
pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; sendfile on; tcp_nodelay on;
  http2_max_concurrent_streams 256; ssl_protocols TLSv1.3; ssl_session_cache shared:bench:4m;
  ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ application/json json; }} default_type application/octet-stream;
  open_file_cache max=16 inactive=1h; open_file_cache_valid 1h;
  client_max_body_size 64m; client_body_buffer_size 2m;
  server {{ listen 127.0.0.1:{h1} ssl; root {folder}/www; location = /sink {{ return 200 "taken"; }} }}
  server {{ listen 127.0.0.1:{h2} ssl http2; root {folder}/www; }}
  server {{ listen 127.0.0.1:{once} ssl; root {folder}/www; keepalive_timeout 0; }}
}}
"""

# Debian keeps it where the PATH of a user does not look.
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
# Seconds until nginx must answer; it takes some 20 ms.
START_LIMIT = 10


class Server:
    """A running nginx. Use it as a context manager: it ends with the block, whatever happened inside."""

    def __init__(self, core):
        self.folder = Path(tempfile.mkdtemp(prefix="botsec-bench-"))
        self.folder.chmod(0o755)  # nginx drops its rights, and its worker still has to read the files
        self.ports = dict(zip(("h1", "h2", "once"), free_ports(3), strict=True))
        self.ca = str(self.folder / "ca.pem")
        self.lengths = self._write_files()
        self._write_certificates()
        config = self.folder / "nginx.conf"
        mask = format(1 << core, "b")
        config.write_text(CONFIG.format(folder=self.folder, mask=mask, **self.ports))
        self.process = subprocess.Popen(
            [NGINX, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def __enter__(self):
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def target(self, path, *, port="h1"):
        """One of the served files, on one of the ports."""
        return Target(f"https://localhost:{self.ports[port]}", path, self.lengths[path], self.ca)

    def _write_files(self):
        www = self.folder / "www"
        www.mkdir()
        dice = random.Random(1)
        rows = [
            {"id": n, "name": f"user {n}", "score": dice.random(), "tags": ["a", "b", "c"], "active": n % 2 == 0}
            for n in range(1050)
        ]
        bodies = {"/1k": b"x" * 1024, "/10m": bytes(10 * 2**20), "/100k.json": json.dumps(rows).encode()}
        for path, body in bodies.items():
            (www / path[1:]).write_bytes(body)
        return {path: len(body) for path, body in bodies.items()} | {"/sink": len("taken")}

    def _write_certificates(self):
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost")
        authority.cert_pem.write_to_path(self.ca)
        leaf.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "chain.pem").write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))

    def _wait(self):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise SystemExit(f"nginx did not start: {self.process.stderr.read().decode(errors='replace').strip()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.ports["once"])) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit("nginx did not start in time")


def free_ports(count):
    """Ports that were free a moment ago; held together while they are picked, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def version():
    """The version of the nginx that is installed; ends the run where there is none."""
    if NGINX is None:
        raise SystemExit("nginx is missing: apt-get install nginx-light")
    text = subprocess.run([NGINX, "-v"], capture_output=True, text=True).stderr
    return text.rpartition("/")[2].split()[0] if text else "unknown"


def cores():
    """The server's core, and the client's when each shall have its own (the same one on a machine with one core)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]
