"""A profile's `credential_process`: run when that is allowed, as botocore runs it, and never in the way of anything else."""

import datetime
import json
import os
import secrets
import sys
import time

import botsec
import pytest
from botsec.testing import FakeClock
from servers.aws import REGION, Secrets, alone, boto
from servers.leaks import everything

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs of these tests are scripts")

HEAD = f"#!{sys.executable}\nimport json, os, sys, time\n"


def new_value() -> str:
    return "value-" + secrets.token_hex(12)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    (tmp_path / ".aws").mkdir()
    return alone(monkeypatch, tmp_path)


@pytest.fixture
def aws(authority):
    with Secrets(authority) as server:
        yield server


@pytest.fixture
def reach(aws, tls):
    return {"endpoint": aws.origin, "sts_endpoint": aws.origin, "networks": "loopback", "tls": tls}


@pytest.fixture
def program(home):
    """Write a program and a profile that names it."""

    def write(body: str, arguments: str = "", profile: str = "bot") -> str:
        path = home / "print keys.py"
        path.write_text(HEAD + body)
        path.chmod(0o755)
        line = f'"{path}" {arguments}'
        with (home / ".aws" / "config").open("a") as config:
            config.write(f"[profile {profile}]\nregion = {REGION}\ncredential_process = {line}\n")
        return line

    return write


def printing(id: str, secret: str, **more) -> str:
    keys = {"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, **more}
    return f"print(json.dumps({keys!r}))\n"


def load(face, source, **options):
    if face.is_async:
        return face.run(botsec.secret_async(source, **options))
    return botsec.secret(source, **options).load()


def test_the_keys_that_it_prints_are_those_that_botocore_takes(face, aws, reach, program, authority, monkeypatch):
    id, secret = aws.key()
    token = "session/" + secrets.token_hex(16)
    aws.keys[id] = (secret, token)
    aws.put("bot", value := new_value())
    words = "assert sys.argv[1:] == ['two words', 'a\\\\b', \"it's\", '$HOME', '*'], sys.argv\n"
    program(
        words + printing(id, secret, SessionToken=token, Expiration="2099-01-01T00:00:00Z"),
        "'two words' a\\\\b \"it's\" $HOME *",
    )
    monkeypatch.setenv("AWS_PROFILE", "bot")
    client = boto("secretsmanager", aws.origin, authority.ca_file)
    assert client.get_secret_value(SecretId="bot")["SecretString"] == value
    client.close()
    for provider in (
        botsec.Aws(profile="bot", allow_process=True, **reach),
        botsec.Aws.from_env(allow_process=True, **reach),
    ):
        assert load(face, "aws-sm:bot", provider=provider).reveal() == value
        assert secret not in repr(provider)


def test_a_role_may_stand_on_it(face, aws, reach, program, home):
    id, secret = aws.key()
    aws.put("bot", value := new_value())
    program(printing(id, secret), profile="source")
    with (home / ".aws" / "config").open("a") as config:
        config.write(
            "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/bot\n"
            f"source_profile = source\nregion = {REGION}\n"
        )
    provider = botsec.Aws(profile="role", allow_process=True, **reach)
    assert load(face, "aws-sm:bot", provider=provider).reveal() == value
    assert len(aws.logins) == 1


def test_it_does_not_run_unless_that_is_allowed(face, aws, reach, program, home, monkeypatch):
    program(f"open({str(home / 'ran')!r}, 'w')\n")
    monkeypatch.setenv("AWS_PROFILE", "bot")
    for provider in (botsec.Aws(profile="bot", **reach), botsec.Aws.from_env(**reach)):
        with pytest.raises(botsec.SecretAccessError, match="`credential_process` names a program") as caught:
            load(face, "aws-sm:bot", provider=provider)
        assert "allow_process=True" in "".join(caught.value.__notes__)
    assert not (home / "ran").exists() and aws.requests == []


def test_it_runs_again_before_its_keys_end_and_once_for_all(face, aws, reach, program, home):
    id, secret = aws.key()
    aws.put("bot", new_value())
    count = home / "count"
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)
    program(f"open({str(count)!r}, 'a').write('x')\n" + printing(id, secret, Expiration=ends.isoformat()))
    provider = botsec.Aws(profile="bot", allow_process=True, **reach)
    for _ in range(5):
        found = load(face, "aws-sm:bot", provider=provider)
    assert count.read_text() == "x"
    with FakeClock() as clock:
        clock.advance(7000)
        found.refresh()
    assert count.read_text() == "xx"


def test_it_is_given_no_secret_that_botsec_knows(aws, reach, program, home, monkeypatch):
    id, secret = aws.key()
    aws.put("bot", new_value())
    monkeypatch.setenv("OTHER_KEY_OF_BOT", other := new_value())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", new_value())
    monkeypatch.setenv("NEEDED_BY_THE_PROGRAM", "plain-and-needed")
    botsec.secret("env:OTHER_KEY_OF_BOT")
    seen = home / "seen"
    program(f"open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))\n" + printing(id, secret))
    botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", allow_process=True, **reach)).load()
    given = json.loads(seen.read_text())
    assert other not in given.values() and "OTHER_KEY_OF_BOT" not in given
    assert not [name for name in given if name.startswith(("AWS_ACCESS_KEY", "AWS_SECRET", "AWS_SESSION"))]
    assert given["NEEDED_BY_THE_PROGRAM"] == "plain-and-needed" and given["HOME"] == str(home)


WRONG = [
    ("sys.exit(3)\n", "failed"),
    ("print('made-up-secret is not JSON')\n", "printed no JSON"),
    ("print(json.dumps({'Version': 2, 'AccessKeyId': 'x', 'SecretAccessKey': 'made-up-secret'}))\n", "another version"),
    ("print(json.dumps({'Version': 1, 'AccessKeyId': 'x'}))\n", "no SecretAccessKey"),
    ("print(json.dumps({'Version': 1, 'SecretAccessKey': 'made-up-secret'}))\n", "no AccessKeyId"),
    (
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'x', 'SecretAccessKey': 'made-up-secret',"
        " 'Expiration': 'soon'}))\n",
        "no time",
    ),
    ("print('made-up-secret' * 10_000)\n", "more than 64 KiB"),
    ("print(json.dumps([1]))\n", "another version"),
    ("os.close(1); os.kill(os.getpid(), 9)\n", "failed"),
]


@pytest.mark.parametrize(("body", "part"), WRONG)
def test_what_it_does_wrong_is_named_and_not_repeated(aws, reach, program, body, part):
    program("sys.stderr.write('made-up-secret')\n" + body)
    provider = botsec.Aws(profile="bot", allow_process=True, **reach)
    with pytest.raises(botsec.SecretAccessError, match=part) as caught:
        botsec.secret("aws-sm:bot", provider=provider).load()
    assert "made-up-secret" not in everything(caught.value)
    assert aws.requests == []


def test_keys_that_are_over_as_they_come_are_refused(aws, reach, program):
    program(printing("AKIDEXAMPLE", new_value(), Expiration="2001-01-01T00:00:00Z"))
    with pytest.raises(botsec.SecretAccessError, match="clock"):
        botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", allow_process=True, **reach)).load()


@pytest.mark.parametrize("line", ["", '"unclosed', "/nonexistent/program", "."])
def test_a_line_that_names_no_program_is_refused(aws, reach, home, line):
    (home / ".aws" / "config").write_text(f"[profile bot]\nregion = {REGION}\ncredential_process = {line}\n")
    with pytest.raises(botsec.SecretError, match="cannot be used"):
        botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", allow_process=True, **reach)).load()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_it_and_what_it_started_end_with_the_question(aws, reach, program, home):
    pids = home / "pids"
    program(
        "import subprocess\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{other.pid}}')\n"
        "print('x' * 70_000, flush=True)\ntime.sleep(300)\n"
    )
    start = time.monotonic()
    with pytest.raises(botsec.SecretAccessError, match="more than 64 KiB"):
        botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", allow_process=True, **reach)).load()
    assert time.monotonic() - start < 15
    until = time.monotonic() + 5
    while time.monotonic() < until and any(map(alive, pids.read_text().split())):
        time.sleep(0.02)
    assert not any(map(alive, pids.read_text().split()))


def alive(pid: str) -> bool:
    """Whether it runs; a process that nobody has waited for yet does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_allow_process_is_a_bool_and_shows_nothing(make_secret):
    with pytest.raises(TypeError):
        botsec.Aws("eu-west-3", profile="bot", allow_process="yes")
