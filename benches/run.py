"""Compare botsec with a native reqwest loop and with its peers, over loopback TLS, in interleaved rounds.

Prints markdown tables and writes `benches/results/DATE.json`. Needs nginx (Debian: nginx-light), cargo and
`benches/requirements.txt`. What cannot run is in the tables with the reason. `METHOD.md` says how it is measured, and
why so.
"""

import argparse
import datetime
import json
import os
import platform
import random
import signal
import subprocess
import sys
from pathlib import Path

import bars
import cases
import server
from figures import table

HERE = Path(__file__).resolve().parent


def main():
    arguments = parse()
    # So that an ended run ends its server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = arguments.only or cases.DEFAULT
    programs = build_native()
    report = {"machine": machine(), "rounds": arguments.rounds, "seconds": arguments.seconds, "cases": {}}
    print(table(["what", "version"], [[name, value] for name, value in report["machine"].items()]), flush=True)
    with server.Server(server.cores()[0]) as running:
        bench = cases.Bench(running, programs, arguments.rounds, arguments.seconds)
        interleave([case for name in wanted for case in [cases.TIMED.get(name)] if case], bench, report["cases"])
        for name in wanted:
            if name in cases.OTHERS:
                report["cases"][name] = cases.OTHERS[name](bench)
    for name in wanted:
        print("\n" + cases.show(name, report["cases"][name]))
    report["bars"] = bars.judge(report)
    if report["bars"]:
        print("\n" + table(["bar", "wanted", "reached", "verdict"], report["bars"]))
    print(f"\nwritten: {write(report, arguments.out, arguments.only or [])}")
    return arguments.gate and any(row[3] == "missed" for row in report["bars"])


def parse():
    names = [*cases.TIMED, *cases.OTHERS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=0.6, help="measured seconds of one cell (default 0.6)")
    parser.add_argument(
        "--only", action="append", choices=names, metavar="CASE", help=f"one of {', '.join(names)}; repeatable"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the JSON report")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a bar is missed beyond noise")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return arguments


def build_native():
    """The native programs by name, or the reason why there are none."""
    target = HERE.parent / "target" / "bench-native"
    manifest = HERE / "native" / "Cargo.toml"
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", manifest, "--target-dir", target]
    try:
        built = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return {"error": "cargo is missing"}
    if built.returncode:
        return {"error": cases.reason(built.stderr)}
    return {name: str(target / "release" / name) for name in ("native", "judge")}


def machine():
    """What the figures were taken with."""
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": f"{model}, {len(os.sched_getaffinity(0))} cores",
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        "nginx": server.version(),
        **cases.versions(),
    }


def interleave(timed, bench, into):
    """Every cell of every case once per round, in a new random order each time."""
    for case in timed:
        into[case.name] = case.report()
    cells = [(case, peer) for case in timed for peer in case.peers]
    for number in range(bench.rounds):
        for case, peer in random.sample(cells, len(cells)):
            case.add(into[case.name], peer, bench.cell(case, peer))
        print(f"round {number + 1} of {bench.rounds}", file=sys.stderr, flush=True)


def write(report, folder, only):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{'-'.join([datetime.date.today().isoformat(), *only])}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    return file


if __name__ == "__main__":
    sys.exit(main())
