"""The cases: what each measures, with which clients, where they are pinned, and how its table looks."""

import dataclasses
import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import peers
import server
from figures import median, ratio, spread, table

CELL = Path(__file__).resolve().parent / "cell.py"
# Seconds after which a cell is given up, whatever it measures.
CELL_LIMIT = 60
# Interpreters started per import row.
IMPORT_STARTS = 9
# Odd, so that the median is one of them.
MEMORY_RUNS = 3
IMPORT_PROBE = """
import sys, time
begun = time.perf_counter()
{statement}
took = (time.perf_counter() - begun) * 1e3
pages = int(open("/proc/self/statm").read().split()[1])
import os
print(took, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
"""


@dataclass(frozen=True)
class Case:
    """One table of timed cells."""

    name: str
    title: str
    kind: str
    figure: str
    split: bool
    path: str = "/1k"
    port: str = "h1"
    in_flight: int = 1

    @property
    def peers(self):
        own = peers.DO[self.kind]
        # Objects of Python have no native counterpart.
        native = [] if self.kind == "json" else ["native"]
        left = {"pycurl"} if self.kind == "threads" else set()
        return ["botsec", *native, *(name for name in own if name not in left | {"botsec"})]

    @property
    def more_is_better(self):
        return self.figure == "per_s"

    def report(self):
        return {"figure": self.figure, "more_is_better": self.more_is_better, "rows": {}}

    def add(self, report, peer, result):
        """Files one cell's result; a failed round leaves a gap, so that rounds stay aligned."""
        row = report["rows"].setdefault(peer, {"rounds": [], "cpu_us": [], "errors": []})
        row["rounds"].append(result.get(self.figure))
        row["cpu_us"].append(result.get("cpu_us"))
        if "p99_ms" in result:
            row.setdefault("p99_ms", []).append(result["p99_ms"])
        if "error" in result and result["error"] not in row["errors"]:
            row["errors"].append(result["error"])


class Bench:
    """Runs cells: each in a process of its own, on the core that its case asks for."""

    def __init__(self, running, programs, rounds, seconds):
        self.server, self.programs, self.rounds, self.seconds = running, programs, rounds, seconds
        self.gone = {}

    def cell(self, case, peer):
        """One measurement, or `{"error": why}`. What is not installed is not tried again."""
        if peer in self.gone:
            return self.gone[peer]
        core = server.cores()[1 if case.split else 0]
        target = self.server.target(case.path, port=case.port)
        if peer == "native":
            result = self.native(
                "native", case.kind, target.url, target.ca, target.length, self.seconds, case.in_flight, core=core
            )
        else:
            result = self.python(case.kind, peer, target, case.in_flight, core)
        if "error" in result and "No module named" in result["error"]:
            self.gone[peer] = result
        return result

    def python(self, kind, peer, target, in_flight, core):
        fields = json.dumps(dataclasses.asdict(target))
        return measure([sys.executable, CELL, kind, peer, fields, self.seconds, in_flight, core])

    def native(self, program, *arguments, core):
        """A native program pinned to a core."""
        if "error" in self.programs:
            return {"error": self.programs["error"]}
        return measure(["taskset", "-c", core, self.programs[program], *arguments])


def measure(command):
    """The JSON object that a process prints, or `{"error": why}`."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=CELL_LIMIT)
    except subprocess.TimeoutExpired:
        return {"error": f"gave no figure in {CELL_LIMIT} s"}
    if done.returncode or not done.stdout.strip():
        return {"error": reason(done.stderr) or f"ended with {done.returncode}"}
    return json.loads(done.stdout)


def reason(stderr):
    """The line that says why: Python's last, the compiler's first error."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    first = next((line for line in lines if line.startswith("error")), None)
    return (first or (lines[-1] if lines else "no output"))[:120]


def imports(_bench):
    """What an import costs over a bare interpreter: medians of fresh processes, interleaved, files cached."""
    statements = {"bare": "pass"} | {name: f"import {module}" for name, module in peers.IMPORTS.items()}
    found, errors = {name: [] for name in statements}, {}
    # Byte code is cached by the first start, as after any installation.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    for start in range(IMPORT_STARTS + 1):
        for name, statement in statements.items():
            code = IMPORT_PROBE.format(statement=statement)
            command = [sys.executable, "-I", "-c", code]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=CELL_LIMIT)
            if done.returncode:
                errors[name] = reason(done.stderr)
            elif start:
                found[name].append([float(number) for number in done.stdout.split()])
    bare = [median(column) for column in zip(*found.pop("bare"), strict=True)]
    rows = {}
    for name, starts in found.items():
        if name in errors:
            rows[name] = {"error": errors[name]}
            continue
        ms, mib = (median(column) - floor for column, floor in zip(zip(*starts, strict=True), bare, strict=True))
        rows[name] = {"ms": round(ms, 2), "mib": round(mib, 2)}
    return {"rows": rows}


def memory(bench):
    """How much botsec's process grows over 9,000 requests after the first 1,000: the median of three processes."""
    core, target = server.cores()[1], bench.server.target("/1k")
    rows = {}
    for face, in_flight in [("sync", 1), ("async", 64)]:
        runs = [bench.python(f"memory-{face}", "botsec", target, in_flight, core) for _ in range(MEMORY_RUNS)]
        failed = next((run for run in runs if "error" in run), None)
        rows[face] = failed or sorted(runs, key=lambda run: run["growth_mib"])[MEMORY_RUNS // 2]
    return {"rows": rows}


def judge(bench):
    """CPU of the whole road against that of the transport alone, per request; client and server share a core."""
    target = bench.server.target("/1k")
    seconds = max(2.0, bench.rounds * bench.seconds)
    return {
        "rows": {
            "pipeline": bench.native("judge", target.origin, target.path, target.ca, seconds, core=server.cores()[0])
        }
    }


def versions():
    """Versions of everything that is compared."""
    names = dict.fromkeys(["botsec", *peers.SYNC, *peers.ASYNC])
    return {name: version(name) for name in names}


def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def show(name, report):
    """A case's report as markdown."""
    if name in TIMED:
        return f"### {TIMED[name].title}\n\n" + timed_table(report)
    rows = report["rows"]
    if name == "import":
        good = sorted((n for n in rows if "error" not in rows[n]), key=lambda n: rows[n]["ms"])
        lines = [[n, rows[n]["ms"], rows[n]["mib"]] for n in good]
        lines += [[n, f"not run: {rows[n]['error']}", None] for n in rows if "error" in rows[n]]
        return "### Import over bare Python\n\n" + table(["package", "ms", "MiB"], lines)
    title = {"memory": "Memory of botsec", "judge": "Judging, CPU µs per request"}[name]
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    return f"### {title}\n\n" + table(
        ["", *columns], [[n, *(row.get(key) for key in columns)] for n, row in rows.items()]
    )


def timed_table(report):
    rows, better = report["rows"], report["more_is_better"]
    ours = rows.get("botsec", {}).get("rounds", [])
    medians = {name: median(row["rounds"]) for name, row in rows.items()}
    ran = sorted((n for n in rows if medians[n] is not None), key=medians.get, reverse=better)
    waits = any("p99_ms" in row for row in rows.values())
    lines = []
    for name in ran:
        low, high = spread(rows[name]["rounds"])
        found = ratio(ours, rows[name]["rounds"], more_is_better=better) if name != "botsec" else None
        times = f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})" if found else None
        p99 = [median(rows[name].get("p99_ms", []))] if waits else []
        lines.append([name, medians[name], f"{low:,.1f} to {high:,.1f}", median(rows[name]["cpu_us"]), *p99, times])
    for name in rows:
        if rows[name]["errors"]:
            gaps = sum(value is None for value in rows[name]["rounds"])
            lines.append([name, f"{gaps} rounds failed: {rows[name]['errors'][0]}", None, None, *([None] if waits else []), None])
    unit = "req/s" if better else "CPU µs"
    p99 = ["p99 ms"] if waits else []
    return table(["client", f"{unit}, median", "range", "CPU µs", *p99, "botsec is … times as good"], lines)


TIMED = {
    case.name: case
    for case in [
        Case("sync_seq", "Sync, sequential, 1 KiB, client on the server's core", "sync", "cpu_us", split=False),
        Case("async64", "Async, 64 in flight, 1 KiB, a core each", "async", "per_s", split=True, in_flight=64),
        Case("async1", "Async, 1 in flight, 1 KiB, client on the server's core", "async", "cpu_us", split=False),
        Case("async16", "Async, 16 in flight, 1 KiB, a core each", "async", "per_s", split=True, in_flight=16),
        Case("async256", "Async, 256 in flight, 1 KiB, a core each", "async", "per_s", split=True, in_flight=256),
        Case("threads8", "Sync, 8 threads, 1 KiB, a core each", "threads", "per_s", split=True, in_flight=8),
        Case("h2_async64", "Async, 64 in flight, 1 KiB, HTTP/2", "async", "per_s", True, port="h2", in_flight=64),
        Case("json_100k", "Sync, 100 KiB JSON to objects, client on the server's core", "json", "cpu_us", False, "/100k.json"),
        Case("down_10m", "Sync, 10 MiB down, client on the server's core", "sync", "cpu_us", False, "/10m"),
        Case("up_1m", "Sync, 1 MiB up, client on the server's core", "post", "cpu_us", False, "/sink"),
        Case("connect", "Sync, a new TLS connection per request, client on the server's core", "sync", "cpu_us", False, port="once"),
        Case("new_client", "Sync, a new client and one GET, client on the server's core", "new", "cpu_us", False),
    ]
}
OTHERS = {"import": imports, "memory": memory, "judge": judge}
DEFAULT = [*TIMED, *OTHERS]
