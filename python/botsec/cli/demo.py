"""`botsec demo`: a story in eleven steps on a loopback API with a throw-away certificate authority."""

import logging
import os
import secrets
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import botsec
from botsec.testing import LoopbackApi, Received, Reply

VARIABLE = "BOTSEC_DEMO_API_KEY"


class Story:
    """Prints steps and remembers whether each of them did what it says."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._bold, self._dim, self._plain = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if _is_colour(out) else ("", "", "")
        self.number = 0
        self.failed: list[int] = []

    def step(self, guide: str, title: str) -> None:
        """Begin a step; `guide` is the step of the guide that it shows."""
        self.number += 1
        self.say(f"\n{self._bold}{self.number:2}. {title}{self._plain}  {self._dim}[{guide}]{self._plain}")

    def say(self, text: str) -> None:
        """Print a line, made safe for a terminal."""
        print(text, file=self._out, flush=True)

    def show(self, label: str, value: object) -> None:
        """Print a fact."""
        lines = botsec.escape.terminal(str(value)).splitlines() or [""]
        for index, line in enumerate(lines):
            self.say(f"    {label if index == 0 else '':<10} {line}")

    def prove(self, ok: bool, claim: str) -> None:
        """Print whether a claim holds; the demo fails when one does not."""
        self.say(f"    {'ok' if ok else 'FAILED':<10} {claim}")
        if not ok:
            self.failed.append(self.number)

    @contextmanager
    def refused(self, kind: type[BaseException], claim: str) -> Iterator[None]:
        """Prove that the block raises `kind`."""
        try:
            yield
        except kind as error:
            self.show("raised", f"{type(error).__name__}: {error}")
            self.prove(True, claim)
        else:
            self.prove(False, claim)


def _is_colour(out: IO[str]) -> bool:
    return out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


class Lines(logging.Handler):
    """Keeps log lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(f"{record.levelname:<7} {record.name}  {record.getMessage()}")


def run(out: IO[str]) -> int:
    """Tell the story. Returns 0 only if every step did what it says."""
    story, log = Story(out), Lines()
    logger = logging.getLogger("botsec")
    before = logger.level, logger.propagate
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # Made for this run: no real key is needed or read.
    key = "demo-" + secrets.token_urlsafe(18)
    begun = time.monotonic()
    try:
        with LoopbackApi() as api:
            story.say(
                f"botsec {botsec.__version__}: an API at {api.url} with a throw-away CA; nothing leaves this machine."
            )
            _tell(story, api, key, log)
    finally:
        logger.removeHandler(log)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        os.environ.pop(VARIABLE, None)
    took = time.monotonic() - begun
    if story.failed:
        story.say(f"\nFAILED: steps {story.failed} did not do what they say ({took:.1f} s)")
        return 1
    story.say(f"\nAll {story.number} steps did what they say, in {took:.1f} s.")
    return 0


def _tell(story: Story, api: LoopbackApi, key: str, log: Lines) -> None:
    _keys(story, key)
    secret = botsec.secret(f"env:{VARIABLE}")
    client = api.client(
        auth=botsec.Bearer(secret),
        hosts=["169.254.169.254"],
        allow=["GET /users/{id:int}", "GET /limited", "GET /quota", "GET /away", "GET /broken"],
    )
    with client:
        for chapter in (_requests, _boundaries, _pace, _display):
            chapter(story, api, client)
        _audiences(story, api, client, log, key)
    _logs(story, log, key)


def _keys(story: Story, key: str) -> None:
    story.step("Step 1: keys from the environment", "A missing key fails at start-up, by name")
    os.environ.pop(VARIABLE, None)
    with story.refused(botsec.SecretNotFoundError, "the variable is named, nothing else is"):
        botsec.secret(f"env:{VARIABLE}")

    story.step("Step 1: keys never leak", "A loaded key does not print")
    os.environ[VARIABLE] = key
    secret = botsec.secret(f"env:{VARIABLE}")
    story.show("print", f"{secret}  {secret!r}")
    story.prove(key not in f"{secret} {secret!r} {secret:>40}", "no form of printing shows the value")


def _requests(story: Story, api: LoopbackApi, client: botsec.Client) -> None:
    api.routes["/users/42"] = Reply(json={"name": "<script>alert('XSS')</script>"})
    story.step("Step 3: validate before sending", "A hostile id is refused before any packet")
    story.show("typed", "1 OR 1=1")
    with story.refused(botsec.InputError, "the error names the field, not the value"):
        client.get("/users/{id:int}", path={"id": "1 OR 1=1"})
    story.prove(api.received == [], "the server saw nothing")

    story.step("Step 2: HTTPS with verification", "An allowed call over verified TLS")
    response = client.get("/users/{id:int}", path={"id": "42"})
    story.show("answer", f"{response.status_code} {response.reason_phrase}, {response.http_version}, {response.url}")
    story.prove(
        api.received[-1].headers.get("authorization", "").startswith("Bearer demo-"), "the key arrived in its header"
    )
    untrusting = botsec.Client(api.url, networks="loopback")
    with story.refused(botsec.TlsError, "a client that does not know the CA refuses the certificate"):
        untrusting.get("/users/{id:int}", path={"id": 42})


def _boundaries(story: Story, api: LoopbackApi, client: botsec.Client) -> None:
    story.step("Principle 1: least privilege", "A route outside allow=[…] is refused")
    with story.refused(botsec.RouteNotAllowedError, "DELETE is not on the list"):
        client.delete("/users/{id:int}", path={"id": 42})

    story.step("Step 2: no plain http", "http:// is refused, and there is no switch for it")
    with story.refused(botsec.InsecureUrlError, "not even as a base URL"):
        botsec.Client("http://api.example.com")

    story.step("Principle 2: defence in depth", "Cloud metadata is out of reach, by address and by redirect")
    with story.refused(botsec.AddressBlockedError, "a stranger's URL does not reach 169.254.169.254"):
        botsec.Client.open_web().get("https://169.254.169.254/latest/meta-data/")
    api.routes["/away"] = Reply(302, headers={"Location": "https://169.254.169.254/latest/meta-data/"})
    with story.refused(botsec.AddressBlockedError, "and a redirect does not either"):
        client.get("/away")


def _pace(story: Story, api: LoopbackApi, client: botsec.Client) -> None:
    def gap(path: str) -> float:
        at = [request.at for request in api.received if request.path == path]
        return at[-1] - at[-2]

    story.step("Step 4: respect the API's limits", "429 with Retry-After is obeyed, then the call succeeds")
    api.routes["/limited"] = [Reply(429, headers={"Retry-After": "1"}), Reply(json={"ok": True})]
    response = client.get("/limited")
    story.show("answer", f"{response.status_code} after {response.attempts} attempts, {gap('/limited'):.2f} s apart")
    story.prove(response.attempts == 2 and gap("/limited") >= 0.95, "the wait was no shorter than asked for")
    quota = {"RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"}
    api.routes["/quota"] = [Reply(json={}, headers=quota), Reply(json={})]
    client.get("/quota")
    client.get("/quota")
    story.show("quota", f"0 of 10 remained; the next request left {gap('/quota'):.2f} s later")
    story.prove(gap("/quota") >= 0.9, "the next 429 never happened")


def _display(story: Story, api: LoopbackApi, client: botsec.Client) -> None:
    story.step("Step 3: encode before showing", "A hostile name is text everywhere")
    name = client.get("/users/{id:int}", path={"id": 42}).json()["name"]
    story.show("from API", name)
    places: dict[str, Callable[[str], str]] = {
        "HTML": botsec.escape.html,
        "Telegram": botsec.escape.telegram,
        "Discord": botsec.escape.discord,
        "Slack": botsec.escape.slack,
    }
    for place, escape in places.items():
        story.show(place, escape(name))
    story.prove("<" not in botsec.escape.html(name) and "<" not in botsec.escape.slack(name), "no tag is left")


def _audiences(story: Story, api: LoopbackApi, client: botsec.Client, log: Lines, key: str) -> None:
    def broken(request: Received) -> Reply:
        return Reply(500, text=f"Traceback: db01 refused {request.headers.get('authorization')}")

    story.step("Step 6: generic outside, detailed inside", "One failure, two audiences")
    api.routes["/broken"] = broken
    try:
        client.get("/broken", timeout=5, check=True)
    except botsec.StatusError as error:
        inside = "".join(traceback.format_exception_only(error))
        story.show("user sees", error)
        story.show("log has", log.lines[-1])
        notes = [note for note in error.__notes__ if note.split(":")[0] in ("code", "body", "route", "attempts")]
        story.show("notes", "\n".join(notes))
        story.prove("db01" not in str(error) and "db01" in inside, "the detail is in the notes and not in str()")
        story.prove(key not in inside, "the key that the server echoed is masked")
        story.prove(str(error.incident_id) in log.lines[-1], "the incident id connects them")
    else:
        story.prove(False, "the call fails")


def _logs(story: Story, log: Lines, key: str) -> None:
    story.step("Step 5: log without secrets", "One line per call, routes instead of values")
    for line in log.lines:
        story.show("", line)
    story.prove(not any(key in line or "OR 1=1" in line for line in log.lines), "no key and no typed value in any line")
