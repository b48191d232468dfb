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


def _visit(rows, kind):
    # Needs the right to make namespaces (root); without it the Rust vectors remain, and the scripted resolver of `transport::dial`.
    if not _namespaces():
        pytest.skip("no right to make network namespaces here")
    command = [*UNSHARE, sys.executable, "-m", "servers.namespace", kind]
    ran = subprocess.run(command, cwd=HERE, input=json.dumps(rows), capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


@pytest.fixture(scope="module", params=["sync", "async"])
def visited(rows, request):
    return _visit(rows, request.param)


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


PUBLIC, OTHER = ["93.184.215.14"], ["93.184.215.15"]
AGAIN = ["https://moves.test/again"]
#: A name that moves while one call is under way: what its answers are, what makes the call dial again, and how it ends.
MOVES = {
    "redirect to loopback": ([PUBLIC, ["127.0.0.1"]], {"redirects": AGAIN}, "policy.address_blocked", PUBLIC),
    "redirect to IPv6 loopback": ([PUBLIC, ["::1"]], {"redirects": AGAIN}, "policy.address_blocked", PUBLIC),
    "redirect to metadata": ([PUBLIC, ["169.254.169.254"]], {"redirects": AGAIN}, "policy.address_blocked", PUBLIC),
    "redirect to a mixed answer": (
        [PUBLIC, PUBLIC + ["10.0.0.1"]],
        {"redirects": AGAIN},
        "policy.address_blocked",
        PUBLIC,
    ),
    "redirect to public": ([PUBLIC, OTHER], {"redirects": AGAIN}, 200, PUBLIC + OTHER),
    "third hop to loopback": (
        [PUBLIC, OTHER, ["127.0.0.1"]],
        {"redirects": AGAIN * 2},
        "policy.address_blocked",
        PUBLIC + OTHER,
    ),
    "retry to loopback": ([PUBLIC, ["127.0.0.1"]], {"busy": 1}, "policy.address_blocked", PUBLIC),
    "retry to private": ([PUBLIC, ["10.0.0.1"]], {"busy": 1}, "policy.address_blocked", PUBLIC),
    "retry to public": ([PUBLIC, OTHER], {"busy": 1}, 200, PUBLIC + OTHER),
}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_name_that_moves_during_a_call_is_judged_where_it_is_dialled(kind):
    rows = [{"url": "https://moves.test/", "dns_seq": seq, "calls": 1, **how} for seq, how, *_ in MOVES.values()]
    seen = dict(zip(MOVES, _visit(rows, kind), strict=True))
    assert seen == {name: {"ended": [end], "dialled": dialled} for name, (*_, end, dialled) in MOVES.items()}


#: A name that moves between two calls of one client: its answers, how the calls end, and what was dialled.
LATER = {
    "to loopback": ([PUBLIC, ["127.0.0.1"]], [200, "policy.address_blocked"], PUBLIC),
    "to IPv6 loopback": ([PUBLIC, ["::1"]], [200, "policy.address_blocked"], PUBLIC),
    "to metadata": ([PUBLIC, ["169.254.169.254"]], [200, "policy.address_blocked"], PUBLIC),
    "to a mixed answer": ([PUBLIC, ["10.0.0.1"] + PUBLIC], [200, "policy.address_blocked"], PUBLIC),
    "to public": ([PUBLIC, OTHER], [200, 200], PUBLIC + OTHER),
    "away and back": (
        [PUBLIC, ["10.0.0.1"], OTHER],
        [200, "policy.address_blocked", 200],
        PUBLIC + OTHER,
    ),
}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_name_that_moves_between_two_calls_of_one_client_is_judged_at_each(kind):
    rows = [
        {"url": "https://moves.test/", "dns_seq": seq, "calls": len(ends), "kept": True}
        for seq, ends, _ in LATER.values()
    ]
    seen = dict(zip(LATER, _visit(rows, kind), strict=True))
    assert seen == {name: {"ended": ends, "dialled": dialled} for name, (_, ends, dialled) in LATER.items()}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_short_link_is_followed_over_three_hosts_each_judged_where_it_is_dialled(kind):
    names = ["short.test", "middle.test", "page.test"]
    hops = [f"https://{name}/x" for name in names[1:]]
    public = ["93.184.215.14", "2606:4700::1111", "93.184.215.15"]
    ends = dict(zip(names, public, strict=True))
    rows = [
        {
            "url": "https://short.test/s",
            "dns": {name: [to] for name, to in {**ends, **moved}.items()},
            "redirects": hops,
        }
        for moved in ({}, {"page.test": "10.0.0.1"}, {"middle.test": "169.254.169.254"}, {"short.test": "::1"})
    ]
    blocked = ["policy.address_blocked"]
    assert _visit(rows, kind) == [
        {"ended": [200], "dialled": public},
        {"ended": blocked, "dialled": public[:2]},
        {"ended": blocked, "dialled": public[:1]},
        {"ended": blocked, "dialled": []},
    ]
