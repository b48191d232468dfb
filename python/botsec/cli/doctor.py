"""`botsec doctor`: what stands in the way of safe calls on this host, and where a client's secrets may go."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

import botsec
from botsec import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run"]

#: Variables that other clients obey and botsec does not; their values may hold passwords.
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
#: Set for the moment of the probe, with a value that is no secret.
PROBE = "BOTSEC_DOCTOR_PROBE"
#: Bytes: below this not even a dozen secrets can be locked, a page each.
FEW_LOCKED = 64 * 1024

State = Literal["ok", "note", "bad"]


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: State
    says: str


class WrongUseError(Exception):
    """What was named is no client."""


def run(named: str | None, as_json: bool, out: IO[str]) -> int:
    """Look at this host, and at the client `module:attribute` if one is named.

    Returns:
        0 when nothing is bad, 1 when something is, 2 when what is named is no client.
    """
    try:
        about = None if named is None else _about(named)
    except WrongUseError as error:
        print(botsec.escape.terminal(f"botsec doctor: {error}"), file=sys.stderr)
        return 2
    checks = list(_checks())
    if as_json:
        report = {"checks": [check._asdict() for check in checks]}
        print(json.dumps(report if about is None else {**report, "client": about}, indent=2), file=out)
    else:
        _print(checks, about, out)
    return 1 if any(check.state == "bad" for check in checks) else 0


def _checks() -> Iterator[Check]:
    system = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    yield Check("botsec", "ok", f"{botsec.__version__}, {system}")
    yield _roots()
    yield from _variables()
    yield _memory()
    yield _dumps()
    yield _clock()


def _roots() -> Check:
    try:
        # Builds what a client judges servers by; opens no connection.
        botsec.Client("https://localhost").close()
    except botsec.TlsError as error:
        return Check("trusted roots", "bad", str(error))
    try:
        import ssl

        count = ssl.create_default_context().cert_store_stats()["x509_ca"]
    except (ImportError, OSError):
        return Check("trusted roots", "ok", "the platform's store has roots")
    return Check("trusted roots", "ok", f"the platform's store has roots; Python's OpenSSL has {count} loaded")


def _variables() -> Iterator[Check]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if value := os.environ.get(name):
            there = Path(value).exists()
            says = f"{value}: roots come from there, not from the system{'' if there else '; there is no such path'}"
            yield Check(name, "note" if there else "bad", says)
    # In either case: programs disagree on it.
    found = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if found:
        yield Check(
            "proxies", "note", f'{", ".join(found)} set and ignored; pass proxy="env" or proxy=Proxy(…) to use one'
        )
    else:
        yield Check("proxies", "ok", "none in the environment")


def _memory() -> Check:
    os.environ[PROBE] = "no-secret-at-all"
    kept = botsec.secret(f"env:{PROBE}", scrub_env=True).protection
    limit = _limit("RLIMIT_MEMLOCK")
    room = "" if limit is None else f"; up to {limit // 1024} KiB" if limit >= 0 else "; without limit"
    match kept:
        case "locked" if limit is not None and 0 <= limit < FEW_LOCKED:
            return Check(
                "secrets in memory", "note", f"out of swap and dumps{room} (`ulimit -l`), a page for each secret"
            )
        case "locked":
            return Check("secrets in memory", "ok", f"out of swap and dumps{room}")
        case "kept":
            return Check("secrets in memory", "note", f"out of dumps, but not out of swap{room} (`ulimit -l`)")
        case _:
            return Check(
                "secrets in memory", "note", "wiped when freed; this platform has no pages out of swap and dumps"
            )


def _dumps() -> Check:
    limit, allowed = _limit("RLIMIT_CORE"), _core.allows_dumps()
    off = [text for text, is_off in (("no core files", limit == 0), ("not dumpable", allowed is False)) if is_off]
    if allowed is False or (allowed is None and limit == 0):
        return Check("core dumps", "ok", ", ".join(off))
    known = "no core files, but debuggers of this user may attach" if limit == 0 else "a crash may write memory to disk"
    return Check("core dumps", "note", f"{known}; botsec.harden_process() forbids what this platform lets it")


def _clock() -> Check:
    installed = Path(botsec.__file__).stat().st_mtime
    now = time.time()
    says = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    # Wheels carry 1980 where their builder asked for reproducible files.
    if now < max(installed - 86_400, 1_735_689_600):
        return Check("clock", "bad", f"{says} is before this installation: certificates will not be valid yet")
    return Check("clock", "ok", says)


def _limit(name: str) -> int | None:
    """A limit of this process; -1 for none, None where the platform has no such thing."""
    try:
        import resource

        soft = resource.getrlimit(getattr(resource, name))[0]
    except (ImportError, AttributeError, OSError):
        return None
    return -1 if soft == resource.RLIM_INFINITY else int(soft)


def _about(named: str) -> dict[str, Any]:
    module, _, attribute = named.partition(":")
    if not module or not attribute:
        raise WrongUseError("name a client as module:attribute, such as mybot:client")
    # As `python -m` does; a console script has its own folder there.
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        # Not what it says: a module's error may hold anything.
        raise WrongUseError(
            f"{named} cannot be had ({type(error).__name__}); try: python -c 'import {module}'"
        ) from None
    finally:
        sys.path.remove(os.getcwd())
    if not isinstance(found, botsec.Client | botsec.AsyncClient):
        raise WrongUseError(f"{named} is no botsec.Client and no AsyncClient")
    return {"name": named, "client": repr(found), "secrets": found.stats()["secrets"]}


def _print(checks: list[Check], about: dict[str, Any] | None, out: IO[str]) -> None:
    def say(line: str) -> None:
        print(botsec.escape.terminal(line), file=out)

    wide = max(len(check.name) for check in checks)
    for check in checks:
        say(f"{check.state:<5} {check.name:<{wide}}  {check.says}")
    if about is None:
        return
    say("")
    say(f"{about['name']}  {about['client']}")
    if not about["secrets"]:
        say("  carries no secrets of its own")
    for name, secret in about["secrets"].items():
        say(f"  {name}")
        for label, key in LINES:
            say(f"    {label:<10} {_text(key, secret.get(key))}")


def _text(key: str, value: Any) -> str:
    match value:
        case None:
            return OTHERWISE[key]
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value) or OTHERWISE[key]
        case _ if key == "expires":
            return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(value)))
        case _:
            return str(value)


#: What is shown of a secret, and what is said where there is nothing to show.
LINES = (
    ("goes to", "hosts"),
    ("methods", "methods"),
    ("paths", "paths"),
    ("expires", "expires"),
    ("version", "version"),
    ("memory", "protection"),
    ("rotates", "rotates"),
)
OTHERWISE = {
    "hosts": "nowhere",
    "methods": "any",
    "paths": "any",
    "expires": "never",
    "version": "without a name",
    "protection": "not read yet",
}
