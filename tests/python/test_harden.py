"""`harden_process()`: no dumps, no debuggers of the same user, and the truth about what a platform lacks."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import botsec
import pytest

PROBE = textwrap.dedent(
    """
    import ctypes, json, os, resource, subprocess, sys, botsec

    def state():
        return [resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3)]

    resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))
    before = state()
    done = botsec.harden_process()
    again = botsec.harden_process()
    child = subprocess.run([sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[1])"],
        capture_output=True, text=True)
    pid = os.fork()
    if pid == 0:
        os._exit(ctypes.CDLL(None).prctl(3))
    forked = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([before, list(done), done == again, state(), int(child.stdout), forked]))
    """
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's prctl")
def test_a_hardened_process_is_not_dumped_nor_its_forks():
    ran = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", PROBE], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    before, done, same, after, child, forked = json.loads(ran.stdout)
    assert before == [[4096, 4096], 1]
    assert done == [True, True, []] and same
    assert after == [[0, 0], 0]
    assert (child, forked) == (0, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's prctl")
def test_a_process_that_did_not_ask_is_left_alone():
    ran = subprocess.run(
        [sys.executable, "-c", "import botsec, ctypes; print(ctypes.CDLL(None).prctl(3))"],
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == "1"


@pytest.mark.parametrize("switch", [None, False])
def test_what_a_platform_lacks_is_said_and_nothing_is_raised(monkeypatch, switch):
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr("botsec._core.forbid_dumps", lambda: switch)
    done = botsec.harden_process()
    assert (done.no_core_dumps, done.not_dumpable, len(done.lacks)) == (False, False, 2)
    assert "core files" in done.lacks[0] and "dumps and debuggers" in done.lacks[1]


def test_a_limit_that_may_not_be_set_is_said(monkeypatch):
    resource = pytest.importorskip("resource")

    def refuse(*_):
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr("botsec._core.forbid_dumps", lambda: True)
    done = botsec.harden_process()
    assert (done.no_core_dumps, done.not_dumpable) == (False, True)
    assert done.lacks == ("the limit on core files was not allowed",)


def test_the_result_cannot_be_changed():
    done = botsec.Hardening(True, True, ())
    with pytest.raises(AttributeError):
        done.no_core_dumps = False
