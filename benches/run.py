"""Compare botsec with a native reqwest loop and with its peers, in interleaved rounds, over loopback TLS (nginx).

Writes `benches/results/DATE.json` and prints tables of medians and ratios. Needs nginx (Debian: nginx-light), cargo, and
`benches/requirements.txt`; a peer that cannot run is reported, not left out in silence.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trustme

HERE = Path(__file__).parent
PEERS = {
    "sync": ["botsec", "native", "primp", "wreq", "pyreqwest", "ry", "httpx", "requests"],
    "async": ["botsec", "native", "ry", "wreq", "pyreqwest", "aiohttp", "primp", "httpx"],
}
CONFIG = """
daemon off; worker_processes 1; worker_cpu_affinity {mask}; pid {folder}/pid; error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; sendfile on; tcp_nodelay on;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.3; root {folder}/www; }}
}}
"""


class Server:
    """One nginx worker on one core."""

    def __init__(self, folder, core):
        ca = trustme.CA()
        leaf = ca.issue_cert("localhost")
        self.ca = str(folder / "ca.pem")
        ca.cert_pem.write_to_path(self.ca)
        leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
        (folder / "chain.pem").write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        (folder / "www").mkdir()
        (folder / "www" / "1k").write_bytes(b"x" * 1024)
        os.chmod(folder, 0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, mask=format(1 << core, "b")))
        self.process = subprocess.Popen(
            ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
        )
        self.origin = f"https://localhost:{port}"
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit("nginx did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def native():
    target = HERE.parent / "target" / "bench-native"
    manifest = str(HERE / "native" / "Cargo.toml")
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--manifest-path", manifest, "--target-dir", str(target)], check=True
    )
    return str(target / "release" / "botsec-bench-native")


def cell(name, kind, server, binary, seconds, in_flight, core):
    """One measurement on one core, or why there is none."""
    if name == "native":
        import resource

        command = [binary, kind, f"{server.origin}/1k", server.ca, str(seconds), str(in_flight)]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(["taskset", "-c", str(core), *command], capture_output=True, text=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            return {"error": done.stderr.strip().splitlines()[-1][:100]}
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        count = int(done.stdout)
        return {
            "requests": count,
            "per_s": count / seconds,
            "cpu_us": cpu / count * 1e6,
            "wall": time.perf_counter() - begun,
        }
    command = [
        sys.executable,
        str(HERE / "cell.py"),
        name,
        kind,
        server.origin,
        server.ca,
        str(seconds),
        str(in_flight),
    ]
    try:
        done = subprocess.run(["taskset", "-c", str(core), *command], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return {"error": "timed out"}
    if done.returncode or not done.stdout:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1][:100]}
    return json.loads(done.stdout)


def interval(ours, theirs):
    """A 95 % bootstrap interval of the ratio of medians."""
    dice = random.Random(1)
    ratios = sorted(
        statistics.median(dice.choices(ours, k=len(ours))) / statistics.median(dice.choices(theirs, k=len(theirs)))
        for _ in range(2000)
    )
    return ratios[50], ratios[-50]


def compare(kind, figure, server, binary, arguments, core):
    results = {name: [] for name in PEERS[kind]}
    errors = {}
    for _ in range(arguments.rounds):
        for name in random.sample(PEERS[kind], len(PEERS[kind])):
            if name in errors:
                continue
            result = cell(name, kind, server, binary, arguments.seconds, 64, core)
            if "error" in result:
                errors[name] = result["error"]
            else:
                results[name].append(result[figure])
    print(f"\n| {kind} | {figure}, median | botsec's ratio to it | 95 % interval |\n|---|---|---|---|")
    medians = {name: statistics.median(values) for name, values in results.items() if values}
    for name in sorted(medians, key=medians.get, reverse=figure == "per_s"):
        ratio = medians["botsec"] / medians[name]
        low, high = interval(results["botsec"], results[name])
        print(f"| {name} | {medians[name]:,.1f} | {ratio:.2f} | {low:.2f} to {high:.2f} |")
    for name, why in errors.items():
        print(f"| {name} | not run: {why} | | |")
    return {"medians": medians, "all": results, "errors": errors}


def imports():
    """Milliseconds and MiB that an import costs over a bare interpreter."""
    code = "import sys,time,os;t=time.perf_counter();{};d=time.perf_counter()-t;print(d*1e3, int(open('/proc/self/statm').read().split()[1])*4096/2**20)"

    def best(statement):
        runs = [
            subprocess.run([sys.executable, "-I", "-c", code.format(statement)], capture_output=True, text=True)
            for _ in range(9)
        ]
        numbers = [tuple(map(float, run.stdout.split())) for run in runs if run.returncode == 0]
        return tuple(statistics.median(column) for column in zip(*numbers)) if numbers else None

    bare = best("pass")
    print("\n| import | ms over bare | MiB over bare |\n|---|---|---|")
    out = {}
    for name in ["botsec", "httpx", "requests", "aiohttp", "pyreqwest.client", "ry", "wreq", "primp"]:
        found = best(f"import {name}")
        if found is None:
            print(f"| {name} | not run | |")
            continue
        out[name] = (found[0] - bare[0], found[1] - bare[1])
        print(f"| {name} | {out[name][0]:.1f} | {out[name][1]:.1f} |")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    if shutil.which("nginx") is None:
        raise SystemExit("nginx is missing: apt-get install nginx-light")
    versions = {}
    for name in ["botsec", "httpx", "requests", "aiohttp", "pyreqwest", "ry", "wreq", "primp"]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    binary = native()
    date = datetime.date.today().isoformat()
    print(f"{date}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), core=0)
        try:
            # CPU per request: client and server share a core. Requests per second: a core each.
            report = {
                "sync": compare("sync", "cpu_us", server, binary, arguments, core=0),
                "async": compare("async", "per_s", server, binary, arguments, core=os.cpu_count() - 1),
                "import": imports(),
                "memory": cell("botsec", "memory", server, binary, 1, 1, 0),
            }
        finally:
            server.stop()
    print(f"\nmemory: {report['memory']}")
    (HERE / "results").mkdir(exist_ok=True)
    report |= {"date": date, "versions": versions}
    (HERE / "results" / f"{date}.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
