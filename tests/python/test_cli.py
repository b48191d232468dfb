"""`botsec download`: the file, the bar that a person sees, and what goes wrong."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from servers.api import Reply

#: The command with loopback open, which no option of it can do.
COMMAND = """
import sys, botsec
from botsec.cli import download
made = botsec.Client.open_web
def near(**options):
    return botsec.Client(sys.argv[3], networks="loopback", tls=botsec.Tls(ca_file=sys.argv[4]),
        timeout=options["timeout"])
botsec.Client.open_web = near
sys.exit(download.fetch(sys.argv[1], sys.argv[2], int(sys.argv[5])))
"""


def run(*arguments: object, stderr=subprocess.PIPE, before: str = "") -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", before + COMMAND, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, timeout=60)


def test_a_download_is_the_file_and_says_nothing(api, authority, tmp_path):
    api.on("/file", Reply(200, b"a" * 300_000))
    ran = run("/file", tmp_path / "f", api.origin, authority.ca_file, 1 << 20)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert (tmp_path / "f").read_bytes() == b"a" * 300_000


#: An interpreter in which nobody installed `rich`.
PLAIN = "import sys; sys.modules['rich'] = None\n"


def watched(*arguments: object, before: str = "") -> tuple[int, str]:
    """The command's end, and what a person at a terminal saw of it."""
    terminal, side = pty.openpty()
    ran = run(*arguments, stderr=side, before=before)
    # So that there is something to read where nothing was shown.
    os.write(side, b"|")
    os.close(side)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    return ran.returncode, shown.removesuffix("|")


def test_a_person_sees_a_bar(api, authority, tmp_path):
    api.on("/file", Reply(200, b"a" * 3_000_000))
    ended, shown = watched("/file", tmp_path / "f", api.origin, authority.ca_file, 1 << 22)
    assert ended == 0
    assert "3.0/3.0 MB" in shown


def test_without_rich_there_is_the_file_and_no_bar(api, authority, tmp_path):
    api.on("/file", Reply(200, b"a" * 3_000_000))
    told = watched("/file", tmp_path / "f", api.origin, authority.ca_file, 1 << 22, before=PLAIN)
    assert told == (0, "")
    assert (tmp_path / "f").read_bytes() == b"a" * 3_000_000
    ended, shown = watched("/file", tmp_path / "g", api.origin, authority.ca_file, 1 << 20, before=PLAIN)
    assert ended == 1 and "larger than 1048576 bytes" in shown


@pytest.mark.parametrize(("size", "said"), [(2_000_000, "larger than 1048576 bytes"), (10, "No such file")])
def test_what_goes_wrong_is_told_and_leaves_nothing(api, authority, tmp_path, size, said):
    api.on("/file", Reply(200, b"a" * size))
    dest = tmp_path / "missing" / "f" if size == 10 else tmp_path / "f"
    ran = run("/file", dest, api.origin, authority.ca_file, 1 << 20)
    assert ran.returncode == 1
    assert said in ran.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_the_command_judges_addresses():
    command = [sys.executable, "-m", "botsec", "download", "https://127.0.0.1/x", "x"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert "policy" in ran.stderr and "Traceback" not in ran.stderr
