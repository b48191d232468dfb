"""Every address vector through the real resolver and real sockets, inside a namespace where every address answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
UNSHARE = ["unshare", "--net", "--mount"]


def _namespaces() -> bool:
    return sys.platform == "linux" and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def rows():
    return json.loads((HERE.parent / "vectors" / "ssrf.json").read_text())


@pytest.fixture(scope="module")
def visited(rows):
    # Needs the right to make namespaces (root); without it the Rust vectors and the stub resolver's rows remain.
    if not _namespaces():
        pytest.skip("no right to make network namespaces here")
    command = [*UNSHARE, sys.executable, "-m", "servers.namespace"]
    ran = subprocess.run(command, cwd=HERE, input=json.dumps(rows), capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def _public(row) -> set[str]:
    every = list(row.get("dns", {}).values()) + row.get("dns_seq", [])
    return {ip for ips in every for ip in ips if ip.startswith(("93.184.215.", "2606:4700:"))}


def test_nothing_that_must_be_blocked_is_dialled(rows, visited):
    reached = [
        (row["url"], row.get("redirects"), seen)
        for row, seen in zip(rows, visited, strict=True)
        if row["expect"] == "block" and not set(seen["dialled"]) <= _public(row)
    ]
    assert not reached


def test_what_must_be_blocked_ends_as_a_refusal(rows, visited):
    other = [
        (row["url"], row.get("redirects"), seen)
        for row, seen in zip(rows, visited, strict=True)
        # Between two calls a name may move from a public address: the first call is right, the second is refused.
        if row["expect"] == "block" and not str(seen["ended"][-1]).startswith(("policy.", "input."))
    ]
    assert not other


def test_what_is_public_is_reached(rows, visited):
    refused = [
        (row["url"], seen)
        for row, seen in zip(rows, visited, strict=True)
        if row["expect"] == "allow" and (seen["ended"] != [200] or len(seen["dialled"]) != 1)
    ]
    assert not refused
