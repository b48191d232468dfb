"""After a secret was fetched, used and dropped, no whole copy of it is left in this process's memory."""

import os
import subprocess
import sys
import textwrap

import pytest
from servers.api import Reply

#: In a process of its own: pytest keeps copies of whatever it shows.
SCRIPT = textwrap.dedent(
    """
    import gc, json, os, re, sys, botsec

    origin, manager, ca, half = sys.argv[1:]
    options = {"tls": botsec.Tls(ca_file=ca), "networks": "loopback"}

    def copies(backwards):
        # The needle is held backwards, and turned round in chunks that never make a whole.
        found = 0
        with open("/proc/self/maps") as maps:
            spans = [line.split() for line in maps]
        with open("/proc/self/mem", "rb", 0) as memory:
            for span in spans:
                if "r" not in span[1] or span[-1] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                    continue
                low, high = (int(part, 16) for part in span[0].split("-"))
                found += scan(memory, low, high, backwards)
        return found

    def scan(memory, low, high, backwards):
        # Searched backwards in a reversed image, so that no forward copy comes to be.
        found, step, keep = 0, 1 << 20, len(backwards) - 1
        at = low
        while at < high:
            size = min(step, high - at)
            try:
                memory.seek(at)
                image = bytearray(memory.read(size))
            except (OSError, ValueError, OverflowError):
                return found
            image.reverse()
            found += image.count(backwards)
            image[:] = bytes(len(image))
            at += size - keep if size == step else size
        return found

    def fetched():
        # A file descriptor of the kernel's, not an argument: what Python reads of it is wiped.
        return botsec.secret(f"file:{half}")

    def use():
        secret = fetched()
        with botsec.Client(origin, auth=botsec.Bearer(secret), **options) as client:
            for _ in range(3):
                client.get("/x")
            client.post("/x", json={"key": secret})
            during = copies(needle)
        return during

    with open(half + ".backwards", "rb", 0) as file:
        needle = bytearray(64)
        needle = needle[: file.readinto(needle)]
    during = use()
    gc.collect()
    print(json.dumps({"during": during, "after": copies(needle)}))
    """
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/mem")
def test_no_copy_is_left_after_close(api, authority, tmp_path):
    value = "mem-" + os.urandom(18).hex()
    (tmp_path / "key").write_text(value)
    (tmp_path / "key.backwards").write_text(value[::-1])
    api.on("/x", lambda request: Reply(body={"ok": True}))
    arguments = [api.origin, "-", authority.ca_file, str(tmp_path / "key")]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    import json

    counted = json.loads(done.stdout)
    assert counted["during"] >= 1, "the scan finds what is there"
    assert counted["after"] == 0
    assert api.last.json() == {"key": value}
