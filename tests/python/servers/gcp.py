"""Google on one origin: Secret Manager, token endpoint, STS and IAM credentials. Tokens are checked, keys are verified."""

from __future__ import annotations

import base64
import functools
import itertools
import json
from urllib.parse import parse_qs

import google.auth.jwt
import google_crc32c
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .api import Api, Reply, Request
from .tls import Authority

EMAIL = "bot@my-project.iam.gserviceaccount.com"
OTHER = "reader@my-project.iam.gserviceaccount.com"
PROJECT = "my-project"
NUMBER = "123456789012"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
#: The scope of tokens that may do nothing but act as a service account.
ACT_SCOPE = "https://www.googleapis.com/auth/iam"
#: What Google's library writes as the audience, wherever the token endpoint is.
TOKEN_URL = "https://oauth2.googleapis.com/token"
AUDIENCE = f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/pool/providers/k8s"
SUBJECT = "subject-token-of-somebody-else"
#: Seconds: tests move botsec's clock on, not this server's.
SKEW = 600
_tokens = itertools.count(1)


@functools.cache
def keys(which: int = 0) -> tuple[str, str]:
    """A private key and its public half, as PEM; made once."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), public.decode()


class Google(Api):
    """Secrets are lists of versions; `None` is a version that was destroyed."""

    def __init__(self, authority: Authority, *names: str) -> None:
        super().__init__(authority, *names)
        self.secrets: dict[str, list[bytes | None]] = {}
        #: What a token may be, and whose it is.
        self.tokens: dict[str, str] = {}
        self.refused: set[str] = set()
        self.acts_only = {"actor"}
        self.expires_in: object = 3599
        self.location: str | None = None
        self.quota_project: str | None = None
        self.damaged = 0
        self.login = self._log_in

    # What credential files say of this server.

    def key_file(self, **changes) -> dict:
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": keys()[0],
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": f"{self.origin}/token",
            **changes,
        }

    def user_file(self, **changes) -> dict:
        return {
            "type": "authorized_user",
            "client_id": "client-of-gcloud",
            "client_secret": "client-secret-of-gcloud",
            "refresh_token": "refresh-token-of-a-person",
            "token_uri": f"{self.origin}/token",
            **changes,
        }

    def outside_file(self, source: dict, acts: bool = False) -> dict:
        file = {
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.origin}/v1/token",
            "credential_source": source,
        }
        if acts:
            file["service_account_impersonation_url"] = self.impersonation_url
        return file

    @property
    def impersonation_url(self) -> str:
        return f"{self.origin}/v1/projects/-/serviceAccounts/{OTHER}:generateAccessToken"

    @property
    def logins(self) -> list[Request]:
        return self.to("/token") + self.to("/v1/token")

    @property
    def reads(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(":access")]

    # What it answers.

    def _answer(self, request: Request):
        if request.path in self._scripts:
            return super()._answer(request)
        if request.path in ("/token", "/v1/token"):
            return self.login
        if request.path.endswith(":generateAccessToken"):
            return self._act_as
        if request.path == "/subject":
            good = request.header("x-request-token") == "request-token-of-the-runner"
            return Reply(body={"value": SUBJECT}) if good else Reply(401)
        if request.path.endswith(":access"):
            return self._access
        return Reply(404, {"error": {"code": 404, "status": "NOT_FOUND"}})

    def issue(self, who: str) -> str:
        token = f"ya29.token-{next(_tokens)}-of-{who.partition('@')[0]}"
        self.tokens[token] = who
        return token

    def _log_in(self, request: Request) -> Reply:
        form = {key: value for key, [value] in parse_qs(request.body.decode(), strict_parsing=True).items()}
        who = self._judge(request, form)
        if who is None:
            return Reply(400, {"error": "invalid_grant", "error_description": "Repeats: " + request.body.decode()})
        answer = {"access_token": self.issue(who), "expires_in": self.expires_in, "token_type": "Bearer"}
        if form["grant_type"].endswith("token-exchange"):
            answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
        return Reply(body=answer)

    def _judge(self, request: Request, form: dict) -> str | None:
        if form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            try:
                claims = google.auth.jwt.decode(
                    form["assertion"],
                    keys()[1],
                    audience=[TOKEN_URL, f"{self.origin}/token"],
                    clock_skew_in_seconds=SKEW,
                )
            except ValueError:
                return None
            return EMAIL if (claims["iss"], claims["scope"]) == (EMAIL, SCOPE) else None
        if form["grant_type"] == "refresh_token":
            known = self.user_file()
            good = all(form[key] == known[key] for key in ("client_id", "client_secret", "refresh_token"))
            return "person" if good else None
        if form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange":
            good = form["subject_token"] == SUBJECT and form["audience"] == AUDIENCE
            kinds = (form["subject_token_type"], form["requested_token_type"])
            token = "urn:ietf:params:oauth:token-type:"
            good = good and kinds == (f"{token}jwt", f"{token}access_token")
            return {SCOPE: "outsider", ACT_SCOPE: "actor"}.get(form["scope"]) if good else None
        return None

    def _whose(self, request: Request) -> str | None:
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        if token.count(".") == 2 and token not in self.tokens:
            # Google's own client signs a token by itself instead of logging in.
            try:
                return google.auth.jwt.decode(token, certs=keys()[1], clock_skew_in_seconds=SKEW)["iss"]
            except ValueError:
                return None
        return self.tokens.get(token)

    def _act_as(self, request: Request) -> Reply:
        if self._whose(request) is None:
            return Reply(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        if self._whose(request) in self.refused or request.json()["scope"] != [SCOPE]:
            return Reply(403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}})
        return Reply(body={"accessToken": self.issue(OTHER), "expireTime": "2099-01-01T00:00:00Z"})

    def _access(self, request: Request) -> Reply:
        who = self._whose(request)
        if who is None:
            return Reply(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        if who in self.refused | self.acts_only or (
            self.quota_project and request.header("x-goog-user-project") != self.quota_project
        ):
            return Reply(403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}})
        place = ["v1", "projects", PROJECT, *(["locations", self.location] if self.location else []), "secrets"]
        segments = request.segments
        name, _, version = segments[-3:]
        versions = self.secrets.get(name, [])
        version = version.removesuffix(":access")
        number = len(versions) if version == "latest" else int(version)
        if segments[:-3] != place or not 1 <= number <= len(versions):
            return Reply(404, {"error": {"code": 404, "status": "NOT_FOUND", "message": f"no {name}"}})
        value = versions[number - 1]
        if value is None:
            return Reply(400, {"error": {"code": 400, "status": "FAILED_PRECONDITION"}})
        return self.answer(name, number, value)

    def answer(self, name: str, number: int, value: bytes) -> Reply:
        sum_ = google_crc32c.value(value)
        if self.damaged:
            self.damaged -= 1
            value = value[:-1] + bytes([value[-1] ^ 1])
        payload = {"data": base64.b64encode(value).decode(), "dataCrc32c": str(sum_)}
        whole = {"name": f"projects/{NUMBER}/secrets/{name}/versions/{number}", "payload": payload}
        return Reply(body=json.dumps(whole), headers={"Content-Type": "application/json; charset=UTF-8"})
