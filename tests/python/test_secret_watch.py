"""Directories of secret files are watched: what is replaced there is read at once, without a call and without a clock."""

import subprocess
import sys
import textwrap
import threading
import time

import botsec
import pytest
from botsec.testing import FakeClock

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
#: Longer than a look takes to come by itself, so that time stands still.
SECOND = 1.1


@pytest.fixture
def clock():
    """Time moves by the test's will alone: no look comes due by itself."""
    with FakeClock() as fake:
        yield fake


@pytest.fixture
def used(api, tls, clock):
    """A secret from a file that a client uses: from its first look on, the directory is watched."""
    clients = []

    def use(path) -> botsec.Secret:
        secret = botsec.secret(f"file:{path}")
        client = botsec.Client(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback")
        clients.append(client)
        client.get("/x")
        clock.advance(SECOND)
        client.get("/x")
        return secret

    yield use
    for client in clients:
        client.close()


def comes(ready, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if ready():
            return True
        time.sleep(0.01)
    return bool(ready())


def becomes(secret, value: str) -> bool:
    """Whether it has this value in time. `fingerprint` only tells; nothing is looked at for it."""
    before = secret.fingerprint
    return comes(lambda: secret.fingerprint != before) and secret.reveal() == value


def test_a_file_that_is_written_is_read_without_a_call(used, tmp_path):
    (tmp_path / "key").write_text("first-value-123")
    secret = used(tmp_path / "key")
    (tmp_path / "key").write_text("second-value-4567")
    assert becomes(secret, "second-value-4567")


def test_a_file_that_is_replaced_is_read_without_a_call(used, tmp_path):
    (tmp_path / "key").write_text("first-value-123")
    secret = used(tmp_path / "key")
    (tmp_path / "new").write_text("second-value-4567")
    (tmp_path / "new").rename(tmp_path / "key")
    assert becomes(secret, "second-value-4567")


def test_a_mount_whose_links_are_swapped_is_read_without_a_call(used, tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / f"..{name}").mkdir()
        for key in ("key", "other"):
            (tmp_path / f"..{name}" / key).write_text(f"{key}-value-of-{name}")
    (tmp_path / "..data").symlink_to("..one")
    for key in ("key", "other"):
        (tmp_path / key).symlink_to(f"..data/{key}")
    key, other = used(tmp_path / "key"), used(tmp_path / "other")
    for name in ("two", "three"):
        (tmp_path / "..data_tmp").symlink_to(f"..{name}")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        assert becomes(key, f"key-value-of-{name}")
        assert comes(lambda name=name: other.reveal() == f"other-value-of-{name}")


def test_what_others_do_in_the_directory_is_not_read(used, tmp_path):
    (tmp_path / "key").write_text("first-value-123")
    secret = used(tmp_path / "key")
    before = secret.fingerprint
    for n in range(3000):
        (tmp_path / f"other-{n % 7}").write_text("x" * n)
    (tmp_path / "key").write_text("second-value-4567")
    assert comes(lambda: secret.fingerprint != before) and secret.reveal() == "second-value-4567"


def test_a_directory_that_is_made_anew_is_watched_again(used, api, tls, clock, tmp_path):
    folder = tmp_path / "mount"
    folder.mkdir()
    (folder / "key").write_text("first-value-123")
    secret = used(folder / "key")
    (folder / "key").unlink()
    folder.rmdir()
    folder.mkdir()
    (folder / "key").write_text("second-value-4567")
    # Nobody watched the new one: the next look finds it, and has it watched.
    with botsec.Client(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback") as client:
        clock.advance(SECOND)
        client.get("/x")
        assert api.last.header("authorization") == "Bearer second-value-4567"
        clock.advance(SECOND)
        client.get("/x")
    (folder / "key").write_text("third-value-89012")
    assert becomes(secret, "third-value-89012")


def test_a_directory_behind_a_link_is_watched_where_the_link_leads(used, api, tls, clock, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(f"first-value-of-{name}")
    (tmp_path / "current").symlink_to("one")
    secret = used(tmp_path / "current" / "key")
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "current")
    with botsec.Client(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback") as client:
        clock.advance(SECOND)
        client.get("/x")
    assert secret.reveal() == "first-value-of-two"
    (tmp_path / "two" / "key").write_text("second-value-of-two")
    assert becomes(secret, "second-value-of-two")


def test_a_value_that_went_away_for_a_moment_stays(used, tmp_path):
    (tmp_path / "key").write_text("first-value-123")
    secret = used(tmp_path / "key")
    (tmp_path / "key").write_text("")
    time.sleep(0.2)
    assert secret.reveal() == "first-value-123"
    (tmp_path / "key").write_text("second-value-4567")
    assert becomes(secret, "second-value-4567")


def test_a_relative_path_is_watched_where_it_was(used, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("first-value-123")
    secret = used("key")
    (tmp_path / "key").write_text("second-value-4567")
    assert becomes(secret, "second-value-4567")


def test_the_first_use_starts_the_thread_and_the_last_secret_ends_it(tmp_path):
    (tmp_path / "key").write_text("first-value-123")
    script = f"""
        import contextlib, os, pathlib, time, botsec

        def told(folder, ask):
            # Some of these go while others are asked.
            found = []
            for one in os.listdir(folder):
                with contextlib.suppress(OSError):
                    found.append(ask(f"{{folder}}/{{one}}"))
            return found

        def names():
            return told("/proc/self/task", lambda task: pathlib.Path(task, "comm").read_text().strip())

        def descriptors():
            return sum("inotify" in name for name in told("/proc/self/fd", os.readlink))

        def comes(runs):
            # The thread, its descriptor and the one that it waits with; or nothing of them.
            until = time.monotonic() + 5
            while time.monotonic() < until and (names().count("botsec-secrets"), descriptors()) != (runs, 2 * runs):
                time.sleep(0.01)
            assert (names().count("botsec-secrets"), descriptors()) == (runs, 2 * runs), (names(), descriptors())

        secret = botsec.secret("file:{tmp_path}/key")
        assert "botsec-secrets" not in names() and descriptors() == 0
        secret.refresh()
        comes(1)
        others = [botsec.secret("file:{tmp_path}/key") for _ in range(300)]
        for other in others:
            other.refresh()
        comes(1)
        del secret, others, other
        comes(0)
        again = botsec.secret("file:{tmp_path}/key")
        again.refresh()
        comes(1)
        before = again.fingerprint
        pathlib.Path("{tmp_path}/key").write_text("second-value-4567")
        until = time.monotonic() + 5
        while time.monotonic() < until and again.fingerprint == before:
            time.sleep(0.01)
        assert again.reveal() == "second-value-4567"
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_parent_and_child_of_a_fork_watch_for_themselves(tmp_path):
    (tmp_path / "key").write_text("first-value-123")
    script = f"""
        import contextlib, os, pathlib, time, botsec

        secret = botsec.secret("file:{tmp_path}/key")
        secret.refresh()
        child = os.fork()
        if not child:
            secret.refresh()
        before = secret.fingerprint
        if child:
            time.sleep(0.3)
            pathlib.Path("{tmp_path}/key").write_text("second-value-4567")
        until = time.monotonic() + 10
        while time.monotonic() < until and secret.fingerprint == before:
            time.sleep(0.01)
        good = secret.reveal() == "second-value-4567"
        if not child:
            os._exit(0 if good else 7)
        assert good
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_many_threads_use_and_write_at_once(tmp_path):
    paths = [tmp_path / f"key-{n}" for n in range(8)]
    for path in paths:
        path.write_text("first-value-123")
    found = [botsec.secret(f"file:{path}") for path in paths]
    barrier = threading.Barrier(len(paths))

    def use(path, secret):
        barrier.wait()
        for n in range(50):
            new = path.with_suffix(".new")
            new.write_text(f"value-number-{n:04}")
            new.rename(path)
            secret.refresh()
        path.write_text("last-value-4567")

    workers = [threading.Thread(target=use, args=pair) for pair in zip(paths, found, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert comes(lambda: all(secret.reveal() == "last-value-4567" for secret in found))
