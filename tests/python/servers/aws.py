"""AWS on this machine: moto behind TLS, and a small service of our own that can refuse, lie and rotate."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials

from .api import Api, Reply, Request
from .listen import Listener, free_port
from .tls import Authority

REGION = "eu-central-1"


def boto(service: str, endpoint: str, ca_file: str | bool = True, **credentials: str):
    """The vendor's client, once only: what it is told is what the server said first."""
    config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
    # A session of its own, for the default one remembers the environment of earlier tests.
    session = boto3.Session(region_name=REGION)
    return session.client(service, endpoint_url=endpoint, verify=ca_file, config=config, **credentials)


class Moto:
    """moto's server in a process of its own; it speaks plain http."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self._process.poll() is not None:
                raise RuntimeError("moto did not start")
            time.sleep(0.1)
        raise RuntimeError("moto does not answer")

    def check_signatures(self, after: int = 0) -> None:
        """Check who asks, and their policies, from the next request on."""
        url = f"{self.endpoint}/moto-api/reset-auth"
        # A form is what urllib would call it, and moto would then find no body.
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(url, str(after).encode(), headers, method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def alone(monkeypatch, home: Path) -> Path:
    """No credentials but those of the test, below this home: neither its user's nor its machine's."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


class Front(Listener):
    """Takes TLS off and hands the bytes on, for servers that speak plain http.

    moto says `text/html` to the JSON of Secrets Manager; AWS does not.
    """

    def __init__(self, authority: Authority, port: int) -> None:
        super().__init__(authority.server_context())
        self._behind = port

    def serve(self, connection, number: int) -> None:
        with socket.create_connection(("127.0.0.1", self._behind), timeout=30) as behind:
            ends = {connection: behind, behind: connection}
            while not self.stopped.is_set():
                ready = [connection] if connection.pending() else select.select(list(ends), [], [], 0.2)[0]
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    if end is behind and data.startswith(b"HTTP/"):
                        head, gap, body = data.partition(b"\r\n\r\n")
                        if body.startswith(b"{") or not body:
                            head = re.sub(
                                rb"(?i)content-type: text/html[^\r]*", b"Content-Type: application/x-amz-json-1.1", head
                            )
                        data = head + gap + body
                    ends[end].sendall(data)


def authorization(request: Request, host: str, service: str, secret: str, token: str | None) -> str:
    """What botocore writes for the fields that were signed."""
    found = re.match(
        r"AWS4-HMAC-SHA256 Credential=(.*?)/\d{8}/(.*?)/.*SignedHeaders=(.*?),", request.header("authorization")
    )
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(found[1], secret, token), service, found[2])
    headers = {name: request.header(name) for name in found[3].split(";") if name != "host"}
    own = botocore.awsrequest.AWSRequest(
        method=request.method, url=f"https://{host}{request.target}", headers=headers, data=request.body
    )
    own.context["timestamp"] = request.header("x-amz-date")
    text = auth.string_to_sign(own, auth.canonical_request(own))
    signed = auth.signed_headers(auth.headers_to_sign(own))
    return (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(own)}, SignedHeaders={signed}, Signature={auth.signature(text, own)}"
    )


class Secrets(Api):
    """Secrets Manager, STS and the portal of IAM Identity Center, as far as readers need them.

    Signatures are recomputed by botocore. `script` holds answers that come instead of the right ones.
    """

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority)
        self.keys: dict[str, tuple[str, str | None]] = {}
        self.values: dict[str, list[dict]] = {}
        self.script: list[Reply | Callable[[Request], Reply]] = []
        self.logins: list[dict[str, str]] = []
        self.lifetime_s = 3600
        self.web_token: str | None = None
        self.sso_token: str | None = None
        self._turn = threading.Lock()
        self.on("/", self._root)
        self.on("/federation/credentials", self._portal)

    def put(self, name: str, value: str | bytes, version: str | None = None) -> str:
        """A new current version; the one before becomes the previous one."""
        with self._turn:
            versions = self.values.setdefault(name, [])
            for old in versions:
                old["stages"] = ["AWSPREVIOUS"] if "AWSCURRENT" in old["stages"] else []
            version = version or str(uuid.uuid4())
            versions.append({"id": version, "value": value, "stages": ["AWSCURRENT"]})
            return version

    def key(self, secret: str | None = None) -> tuple[str, str]:
        """A long-lived key that is known from now on."""
        id, secret = f"AKIA{uuid.uuid4().hex[:16].upper()}", secret or uuid.uuid4().hex
        self.keys[id] = (secret, None)
        return id, secret

    @contextlib.contextmanager
    def saying(self, *script: Reply | Callable[[Request], Reply]) -> Iterator[None]:
        """Answer with these, the last one repeated."""
        self.script = list(script)
        try:
            yield
        finally:
            self.script = []

    def reads(self) -> list[Request]:
        return [request for request in self.to("/") if request.header("x-amz-target")]

    def _root(self, request: Request) -> Reply:
        if request.header("x-amz-target") is None:
            return self._sts(request)
        with self._turn:
            scripted = (self.script.pop(0) if len(self.script) > 1 else self.script[0]) if self.script else None
        if scripted is not None:
            return scripted if isinstance(scripted, Reply) else scripted(request)
        if (wrong := self._unsigned(request, "secretsmanager")) is not None:
            return refusal(wrong)
        assert request.header("x-amz-target") == "secretsmanager.GetSecretValue"
        assert request.header("content-type") == "application/x-amz-json-1.1"
        asked = json.loads(request.body)
        with self._turn:
            versions = list(self.values.get(asked["SecretId"], ()))
        stage = asked.get("VersionStage") or (None if "VersionId" in asked else "AWSCURRENT")
        fitting = [
            version
            for version in versions
            if (stage is None or stage in version["stages"]) and asked.get("VersionId", version["id"]) == version["id"]
        ]
        if not fitting:
            return refusal("ResourceNotFoundException")
        found, value = fitting[0], fitting[0]["value"]
        body = {"Name": asked["SecretId"], "VersionId": found["id"], "VersionStages": found["stages"]}
        if isinstance(value, bytes):
            body["SecretBinary"] = base64.b64encode(value).decode()
        else:
            body["SecretString"] = value
        return amz(body)

    def _unsigned(self, request: Request, service: str) -> str | None:
        sent = request.header("authorization") or ""
        id = sent.partition("Credential=")[2].partition("/")[0]
        if id not in self.keys:
            return "UnrecognizedClientException"
        secret, token = self.keys[id]
        if request.header("x-amz-security-token") != token:
            return "UnrecognizedClientException"
        right = authorization(request, self.host_of(request), service, secret, token)
        return None if sent == right else "InvalidSignatureException"

    def host_of(self, request: Request) -> str:
        return request.header("host")

    def lease(self) -> dict[str, str]:
        id, secret, token = f"ASIA{uuid.uuid4().hex[:16].upper()}", uuid.uuid4().hex, uuid.uuid4().hex * 4 + "+/="
        self.keys[id] = (secret, token)
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.lifetime_s)
        return {"AccessKeyId": id, "SecretAccessKey": secret, "SessionToken": token, "Expiration": ends}

    def _sts(self, request: Request) -> Reply:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        self.logins.append(form)
        action = form["Action"]
        if action == "AssumeRole" and (wrong := self._unsigned(request, "sts")) is not None:
            return xml_refusal(wrong)
        if action == "AssumeRoleWithWebIdentity" and form["WebIdentityToken"] != self.web_token:
            return xml_refusal("InvalidIdentityToken")
        keys = self.lease()
        keys["Expiration"] = keys["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ")
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
        body = (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
            f"<Credentials>{inner}</Credentials></{action}Result></{action}Response>"
        )
        return Reply(body=body, headers={"Content-Type": "text/xml"})

    def _portal(self, request: Request) -> Reply:
        self.logins.append(dict(request.query))
        if request.header("x-amz-sso_bearer_token") != self.sso_token:
            return refusal("UnauthorizedException", 401)
        keys = self.lease()
        ends = int(keys.pop("Expiration").timestamp() * 1000)
        names = {name[0].lower() + name[1:]: value for name, value in keys.items()}
        return Reply(body={"roleCredentials": {**names, "expiration": ends}})


def amz(body: dict, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1", **headers})


def refusal(name: str, status: int = 400, message: str = "") -> Reply:
    return amz({"__type": name, "message": message}, status)


def xml_refusal(name: str, status: int = 403) -> Reply:
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{name}</Code><Message>x</Message></Error></ErrorResponse>"
    return Reply(status, body, {"Content-Type": "text/xml"})
