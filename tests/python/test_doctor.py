"""`botsec doctor`: what it looks at, what it shows of a client's secrets, and what it never shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import botsec
import pytest

VALUE = "value-of-the-doctor-1"
#: A bot with a secret for each line of the table.
BOT = textwrap.dedent(
    """
    import os, botsec

    def bring(source):
        raise AssertionError("nothing is read")

    key = botsec.secret("env:DOCTOR_KEY", hosts=["api.example.com", "*.example.org"], methods=["GET"],
        paths=["/users/{id:int}"], expires=2_000_000_000)
    other = botsec.secret("mine:bot/key", provider=bring)
    client = botsec.Client("https://api.example.com", auth=[botsec.Bearer(key), botsec.ApiKey(other)])

    class inner:
        later = botsec.AsyncClient("https://api.example.com")
    """
)


@pytest.fixture
def doctor(tmp_path):
    (tmp_path / "mybot.py").write_text(BOT)
    (tmp_path / "broken.py").write_text(f"raise RuntimeError('{VALUE}')")

    def run(*arguments, **environment):
        inherited = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            inherited.pop(name, None)
        command = [sys.executable, "-W", "error", "-m", "botsec", "doctor", *arguments]
        ran = subprocess.run(
            command,
            cwd=tmp_path,
            env={**inherited, "DOCTOR_KEY": VALUE, **environment},
            capture_output=True,
            text=True,
        )
        assert VALUE not in ran.stdout + ran.stderr
        return ran

    return run


def checks(ran):
    return {check["name"]: check for check in json.loads(ran.stdout)["checks"]}


def test_a_host_is_looked_at_without_a_client(doctor):
    ran = doctor("--json")
    found = checks(ran)
    assert {"botsec", "trusted roots", "proxies", "secrets in memory", "core dumps", "clock"} == set(found)
    assert ran.returncode == (1 if any(check["state"] == "bad" for check in found.values()) else 0)
    assert "client" not in json.loads(ran.stdout)
    assert doctor().stdout.count("\n") == len(found)


def test_proxies_are_named_and_their_passwords_are_not(doctor):
    proxy = checks(doctor("--json", https_proxy=f"http://bot:{VALUE}@proxy.corp:3128"))["proxies"]
    assert proxy["state"] == "note" and "HTTPS_PROXY" in proxy["says"] and "proxy.corp" not in proxy["says"]
    assert checks(doctor("--json"))["proxies"]["state"] == "ok"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the platform's own store decides there")
def test_roots_from_a_variable_are_told_and_no_roots_are_bad(doctor, authority):
    told = checks(doctor("--json", SSL_CERT_FILE=authority.ca_file))
    assert told["SSL_CERT_FILE"]["state"] == "note" and told["trusted roots"]["state"] == "ok"
    ran = doctor("--json", SSL_CERT_FILE="/nowhere/at/all.pem")
    assert checks(ran)["SSL_CERT_FILE"]["state"] == "bad" and ran.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's prctl")
def test_a_hardened_process_is_seen(monkeypatch):
    code = "import botsec; botsec.harden_process(); from botsec.cli import main; raise SystemExit(main(['doctor', '--json']))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert checks(ran)["core dumps"] == {"name": "core dumps", "state": "ok", "says": "no core files, not dumpable"}


def test_a_clock_that_is_behind_is_bad(monkeypatch):
    from botsec.cli import doctor

    assert doctor._clock().state == "ok"
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    assert doctor._clock().state == "bad"


def test_a_clients_secrets_are_shown_with_where_they_may_go(doctor):
    ran = doctor("mybot:client")
    assert ran.returncode in (0, 1), ran.stderr
    assert "\x1b" not in ran.stdout
    shown = ran.stdout[ran.stdout.index("env:DOCTOR_KEY") :]
    lines = [line.split(maxsplit=2) for line in shown.splitlines()]
    assert ["goes", "to", "api.example.com, *.example.org"] in lines
    assert [["methods", "GET"], ["paths", "/users/{id:int}"]] == lines[2:4]
    assert "2033-05-18 03:33:20 UTC" in shown and "not read yet" in shown


def test_programs_get_the_same_as_json(doctor):
    about = json.loads(doctor("--json", "mybot:client").stdout)["client"]
    key = about["secrets"]["env:DOCTOR_KEY"]
    assert (about["name"], key["source"], key["rotates"]) == ("mybot:client", "env", False)
    assert key["protection"] in ("locked", "kept", "heap")
    assert [secret["protection"] for secret in about["secrets"].values()][1] is None
    assert json.loads(doctor("--json", "mybot:inner.later").stdout)["client"]["secrets"] == {}


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("mybot", "module:attribute"),
        (":client", "module:attribute"),
        ("mybot:missing", "AttributeError"),
        ("nowhere:client", "ModuleNotFoundError"),
        ("broken:client", "RuntimeError"),
        ("mybot:key", "no botsec.Client"),
        ("mybot\x1b[31m:key", "cannot be had"),
    ],
)
def test_what_is_no_client_is_wrong_use(doctor, named, says):
    ran = doctor(named)
    assert ran.returncode == 2 and says in ran.stderr and ran.stdout == ""
    assert "\x1b" not in ran.stderr and "Traceback" not in ran.stderr


def test_stats_tell_source_and_protection(face, api, make_secret):
    secret = make_secret("some-value-1234")
    about = face.client(api.origin, auth=botsec.Bearer(secret)).stats()["secrets"][secret.name]
    assert (about["source"], about["protection"]) == ("env", secret.protection)
