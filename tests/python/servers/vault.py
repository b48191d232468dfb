"""A Vault as far as bots need it: KV versions 1 and 2, tokens with leases, AppRole, Kubernetes and JWT logins."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from .api import Api, Reply, Request
from .tls import Authority


@dataclass
class Token:
    """A token: seconds of its lease, whether it may be renewed, and seconds until its life ends at the latest."""

    lease: int = 3600
    renewable: bool = True
    longest: int | None = None
    renewed: int = 0
    leases: list[int] = field(default_factory=list)


@dataclass
class Version:
    """One version of a secret in KV version 2."""

    data: dict
    deleted: bool = False
    destroyed: bool = False


class FakeVault(Api):
    """Answers as Vault's documentation says. What a test changes are its attributes."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority)
        self.kv2: dict[str, list[Version]] = {}
        self.kv1: dict[str, dict] = {}
        self.tokens: dict[str, Token] = {}
        self.roles: dict[tuple[str, str], str] = {}
        self.namespace: str | None = None
        self.denied: set[str] = set()
        self.may_look_up = True
        self.granted = Token()
        self.logins = 0
        #: Answers everything, or what lies below a path.
        self.instead: Reply | None = None
        self.instead_of: str = "/v1/"

    def put(self, place: str, **data) -> None:
        """A new version of `mount/path`."""
        self.kv2.setdefault(place, []).append(Version(data))

    def token(self, **options) -> str:
        """A new token."""
        name = "hvs." + secrets.token_urlsafe(18)
        self.tokens[name] = Token(**options)
        return name

    def _answer(self, request: Request) -> Reply:
        path = request.path
        if self.instead is not None and path.startswith(self.instead_of):
            return self.instead
        if (request.header("x-vault-namespace") or None) != self.namespace:
            return errors(404, "no handler for route")
        if path.startswith("/v1/auth/") and path.endswith("/login"):
            return self._login(path.removeprefix("/v1/auth/").removesuffix("/login"), request.json())
        name = request.header("x-vault-token")
        if name is None:
            return errors(400, "missing client token")
        token = self.tokens.get(name)
        if token is None:
            return errors(403, "permission denied", "invalid token")
        if path == "/v1/auth/token/renew-self" and request.method == "POST":
            return self._renew(name, token)
        if path == "/v1/auth/token/lookup-self":
            return self._look_up(name, token) if self.may_look_up else errors(403, "permission denied")
        place = path.removeprefix("/v1/")
        if place in self.denied or request.method != "GET":
            return errors(403, "1 error occurred:\n\t* permission denied\n\n")
        if place in self.kv1:
            return Reply(body={**ENVELOPE, "lease_duration": 2764800, "data": self.kv1[place]})
        return self._read(place.replace("/data/", "/", 1), dict(request.query).get("version"))

    def _login(self, mount: str, body: dict) -> Reply:
        name, proof = body.get("role_id") or body.get("role"), body.get("secret_id") or body.get("jwt")
        if name is None or self.roles.get((mount, name)) != proof:
            return errors(400, "invalid role or secret ID" if "role_id" in body else "permission denied")
        self.logins += 1
        granted = self.granted
        token = self.token(lease=granted.lease, renewable=granted.renewable, longest=granted.longest)
        return Reply(body=auth(token, granted.lease, granted.renewable))

    def _renew(self, name: str, token: Token) -> Reply:
        if not token.renewable:
            return errors(400, "lease is not renewable")
        token.renewed += 1
        lease = token.leases.pop(0) if token.leases else token.lease
        return Reply(body=auth(name, lease, True))

    def _look_up(self, name: str, token: Token) -> Reply:
        ends = None if token.lease == 0 else "2038-01-19T03:14:07.000000000Z"
        data = {
            "accessor": "8609694a-cdbc-db9b-d345-e782dbb562ed",
            "creation_time": int(time.time()),
            "creation_ttl": token.lease,
            "display_name": "token",
            "entity_id": "",
            "expire_time": ends,
            "explicit_max_ttl": 0,
            "id": name,
            "orphan": True,
            "path": "auth/token/create",
            "policies": ["default"],
            "renewable": token.renewable,
            "ttl": token.lease,
            "type": "service",
        }
        return Reply(body={**ENVELOPE, "data": data})

    def _read(self, place: str, wanted: str | None) -> Reply:
        versions = self.kv2.get(place, [])
        number = int(wanted or 0) or len(versions)
        if not 0 < number <= len(versions):
            return Reply(404, {"errors": []})
        version = versions[number - 1]
        gone = version.deleted or version.destroyed
        metadata = {
            "created_time": "2018-03-22T02:24:06.945319214Z",
            "custom_metadata": None,
            "deletion_time": "2018-03-22T02:36:43.986212308Z" if version.deleted else "",
            "destroyed": version.destroyed,
            "version": number,
        }
        data = {"data": None if gone else version.data, "metadata": metadata}
        return Reply(404 if gone else 200, {**ENVELOPE, "data": data})


#: What surrounds every answer.
ENVELOPE = {
    "request_id": "b4dcd4a2-6d2e-4b0f-9c06-36c1d1a2a2ab",
    "lease_id": "",
    "renewable": False,
    "lease_duration": 0,
    "data": None,
    "wrap_info": None,
    "warnings": None,
    "auth": None,
}


def errors(status: int, *texts: str) -> Reply:
    return Reply(status, {"errors": list(texts)})


def auth(token: str, lease: int, renewable: bool) -> dict:
    granted = {
        "client_token": token,
        "accessor": "fd6c9a00-d2dc-3b11-0be5-af7ae0e1d374",
        "policies": ["default"],
        "token_policies": ["default"],
        "metadata": {},
        "lease_duration": lease,
        "renewable": renewable,
        "entity_id": "",
        "token_type": "service",
        "orphan": True,
        "mfa_requirement": None,
        "num_uses": 0,
    }
    return {**ENVELOPE, "auth": granted}
