"""Azure on one origin: a Key Vault that challenges, and Microsoft Entra's token endpoint. Tokens are checked."""

from __future__ import annotations

import itertools
import uuid
from urllib.parse import parse_qs

from .api import Api, Reply, Request
from .tls import Authority

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CLIENT = "0b2f5a3e-6d2c-4a53-8f5b-2b6e3b7a9c11"
SECRET = "client~secret+of/the=application"
ASSERTION = "federated-token-of-kubernetes"
_tokens = itertools.count(1)


class Entra(Api):
    """Secrets are lists of versions: a value, and attributes where there are any."""

    def __init__(self, authority: Authority, *names: str) -> None:
        super().__init__(authority, *names)
        self.secrets: dict[str, list[tuple[str, str, dict]]] = {}
        #: Tokens that were given, and for which resource.
        self.tokens: dict[str, str] = {}
        #: What the challenge says; the vault's own host unless a test says otherwise.
        self.resource: str | None = None
        self.authorization: str | None = None
        self.forbidden: str | None = None
        self.login = self._log_in

    def put(self, name: str, value: str, **attributes) -> str:
        """Add a version; returns its name."""
        version = uuid.uuid4().hex
        self.secrets.setdefault(name, []).append((version, value, {"enabled": True, **attributes}))
        return version

    @property
    def wanted(self) -> str:
        return self.resource or self.origin

    @property
    def token_path(self) -> str:
        return f"/{TENANT}/oauth2/v2.0/token"

    @property
    def logins(self) -> list[Request]:
        return self.to(self.token_path)

    @property
    def reads(self) -> list[Request]:
        """The questions for a secret that came with a token."""
        return [r for r in self.requests if r.path.startswith("/secrets/") and r.header("authorization")]

    def _answer(self, request: Request):
        if request.path in self._scripts:
            return super()._answer(request)
        if request.path == self.token_path:
            return self.login
        if request.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            base = f"{self.origin}/{TENANT}"
            return Reply(
                body={
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                }
            )
        if request.path.startswith("/secrets/"):
            return self._get
        return Reply(404, {"error": {"code": "NotFound"}})

    def issue(self, resource: str) -> str:
        token = f"eyJ.token-{next(_tokens)}.of-entra"
        self.tokens[token] = resource
        return token

    def _log_in(self, request: Request) -> Reply:
        form = {key: value for key, [value] in parse_qs(request.body.decode(), strict_parsing=True).items()}
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        by_secret = form.get("client_secret") == SECRET
        by_assertion = (form.get("client_assertion"), form.get("client_assertion_type")) == (ASSERTION, kind)
        known = form["client_id"] == CLIENT and form["grant_type"] == "client_credentials"
        if not known or not (by_secret or by_assertion):
            repeated = "AADSTS7000215: repeats " + request.body.decode()
            return Reply(401, {"error": "invalid_client", "error_codes": [7000215], "error_description": repeated})
        resource = form["scope"].split()[0].removesuffix("/.default")
        return Reply(body={"token_type": "Bearer", "expires_in": 3599, "access_token": self.issue(resource)})

    def challenge(self) -> Reply:
        authorization = self.authorization or f"{self.origin}/{TENANT}"
        header = f'Bearer authorization="{authorization}", resource="{self.wanted}"'
        return Reply(401, {"error": {"code": "Unauthorized"}}, {"WWW-Authenticate": header})

    def _get(self, request: Request) -> Reply:
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        if self.tokens.get(token) != self.wanted:
            return self.challenge()
        if self.forbidden:
            return Reply(403, {"error": {"code": "Forbidden", "innererror": {"code": self.forbidden}}})
        name, version = [*request.segments[1:], "", ""][:2]
        versions = self.secrets.get(name, [])
        found = [one for one in versions if version in ("", one[0])]
        if not found:
            return Reply(404, {"error": {"code": "SecretNotFound", "message": f"A secret with id {name}"}})
        version, value, attributes = found[-1]
        if not attributes["enabled"]:
            return Reply(403, {"error": {"code": "Forbidden", "innererror": {"code": "SecretDisabled"}}})
        return Reply(body=self.answer(name, version, value, attributes))

    def answer(self, name: str, version: str, value: str, attributes: dict) -> dict:
        return {"value": value, "id": f"{self.origin}/secrets/{name}/{version}", "attributes": attributes}
