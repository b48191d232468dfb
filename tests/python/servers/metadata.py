"""The metadata services of AWS at their own addresses, inside a network namespace.

Run as a program (`unshare --net`) with the name of a face: for each place where a bot may run, botocore gets credentials first,
then botsec reads a secret with them. Writes what happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
import botsec
import pyroute2
import urllib3.util.connection

from .aws import REGION, Secrets
from .tls import Authority

EC2, ECS, EKS, EKS6 = "169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"
IMDS_TOKEN, POD_TOKEN = "imds-token-0123456789", "pod-token-0123456789"  # noqa: S105
ROLES = "/latest/meta-data/iam/security-credentials/"


class Services:
    """Answers as each service does, and remembers what it was asked."""

    def __init__(self, aws: Secrets) -> None:
        self.aws = aws
        self.asked: list[str] = []
        self.broken: str | None = None
        for address in (EC2, ECS, EKS, EKS6):
            self._serve(address)

    def _serve(self, address: str) -> None:
        services = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                services.asked.append(f"{self.command} {address} {self.path}")
                status, body = services.answer(address, self.command, self.path, self.headers)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://169.254.169.254/latest/user-data")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = answer

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = True

            def server_bind(self) -> None:
                # Without the name look-up of http.server, for which there is no resolver here.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.socket.bind(self.server_address)
                self.server_name, self.server_port = address, 80

        threading.Thread(target=Server((address, 80), Handler).serve_forever, daemon=True).start()

    def answer(self, address: str, method: str, path: str, headers) -> tuple[int, bytes]:
        if self.broken == "redirect":
            return 302, b""
        if address == EC2:
            return self._ec2(method, path, headers)
        wanted = "/v2/credentials/task?id=7" if address == ECS else "/v1/credentials"
        allowed = address == ECS or headers.get("Authorization") == POD_TOKEN
        return (200, self._keys()) if path == wanted and allowed else (403, b"")

    def _ec2(self, method: str, path: str, headers) -> tuple[int, bytes]:
        if (method, path) == ("PUT", "/latest/api/token"):
            return (200, IMDS_TOKEN.encode()) if headers.get("x-aws-ec2-metadata-token-ttl-seconds") else (400, b"")
        if headers.get("x-aws-ec2-metadata-token") != IMDS_TOKEN:
            return 401, b""
        return {ROLES: (200, b"bot-role"), f"{ROLES}bot-role": (200, self._keys())}.get(path, (404, b""))

    def _keys(self) -> bytes:
        keys = self.aws.lease()
        keys["Token"] = keys.pop("SessionToken")
        keys["Expiration"] = keys["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps({"Code": "Success", "Type": "AWS-HMAC", **keys}).encode()


def places(token_file: str) -> dict[str, dict[str, str]]:
    """What the environment says in each place."""
    pod = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token_file}
    return {
        "ec2": {},
        "ecs": {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/task?id=7"},
        "eks": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{EKS}/v1/credentials", **pod},
        "eks6": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://[{EKS6}]/v1/credentials", **pod},
    }


def main() -> None:
    with pyroute2.IPRoute() as routes:
        (loopback,) = routes.link_lookup(ifname="lo")
        routes.link("set", index=loopback, state="up")
        for address in (EC2, ECS, EKS):
            routes.addr("add", index=loopback, address=address, prefixlen=32)
        routes.addr("add", index=loopback, address=EKS6, prefixlen=128, family=socket.AF_INET6)
    # It looked when it was imported, before there was a network.
    urllib3.util.connection.HAS_IPV6 = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "token").write_text(POD_TOKEN)
        os.environ["HOME"] = name
        authority = Authority(folder)
        with Secrets(authority) as aws:
            aws.put("bot", "value-of-the-secret")
            services = Services(aws)
            seen = {}
            for place, variables in places(str(folder / "token")).items():
                seen[place] = visit(variables, services, authority, sys.argv[1] == "async")
            # Nobody listens there: who asked it would get no answer.
            proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
            seen["proxy"] = visit(proxies, services, authority, sys.argv[1] == "async", official=False)
            for name in proxies:
                del os.environ[name]
            services.broken = "redirect"
            seen["redirect"] = visit({}, services, authority, sys.argv[1] == "async", official=False)
            json.dump(seen, sys.stdout)


def visit(variables: dict[str, str], services: Services, authority, is_async: bool, official: bool = True) -> dict:
    for old in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[old]
    os.environ.update(variables)
    theirs = []
    if official:
        botocore.session.Session().get_credentials().get_frozen_credentials()
        theirs, services.asked[:] = list(services.asked), []
    provider = botsec.Aws.from_env(
        region=REGION, endpoint=services.aws.origin, networks="loopback", tls=botsec.Tls(ca_file=authority.ca_file)
    )
    try:
        if is_async:
            value = asyncio.run(botsec.secret_async("aws-sm:bot", provider=provider)).reveal()
        else:
            value = botsec.secret("aws-sm:bot", provider=provider).load().reveal()
    except botsec.BotsecError as error:
        value = f"{type(error).__name__}: {error.details}"
    ours, services.asked[:] = list(services.asked), []
    return {"theirs": theirs, "ours": ours, "value": value}


if __name__ == "__main__":
    main()
