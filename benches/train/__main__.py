"""What a profile-guided build of the extension is trained with: `maturin build --pgo` runs it with an instrumented wheel.

The calls that bots make most, in counts that are fixed, so that two builds see the same: requests of both faces over
HTTP/1.1 and HTTP/2, bodies, retries, secrets, new connections, and what validates and encodes text. It needs the
standard library and botsec alone. What it leaves out is built small; what must stay fast belongs in here. An argument
divides the counts: `python benches/train 100` shows in a second or two that everything still runs.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import botsec
import requests_of_bots
import scale
import texts
from botsec import _core

SERVER = Path(__file__).resolve().parent / "server.py"


def main():
    with tempfile.TemporaryDirectory(prefix="botsec-train-") as folder, serving(Path(folder)) as ports:
        requests_of_bots.run(ports, os.path.join(folder, "ca.pem"))
    texts.run()


@contextlib.contextmanager
def serving(folder):
    """The ports of a server in a process of its own, which ends with the block."""
    for name, text in zip(("ca", "chain", "key"), _core.throwaway_ca(["localhost"]), strict=True):
        (folder / f"{name}.pem").write_text(text)
    server = subprocess.Popen(
        [sys.executable, SERVER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        line = server.stdout.readline().split()
        if len(line) != 3:
            raise SystemExit("the training server did not start")
        yield dict(zip(("h1", "h2", "once"), map(int, line), strict=True))
    finally:
        # It ends when its input does.
        server.stdin.close()
        server.wait(10)
        server.stdout.close()


if __name__ == "__main__":
    print(f"training botsec {botsec.__version__}", flush=True)
    scale.divisor = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    main()
