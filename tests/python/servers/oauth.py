"""An OAuth 2 token endpoint that holds clients to RFC 6749: one kind of client authentication, refresh tokens used once."""

from __future__ import annotations

import base64
import binascii
import secrets
from urllib.parse import parse_qsl, unquote_plus

from .api import Api, Reply, Request
from .tls import Authority

PATH = "/oauth2/token"


class FakeOAuth(Api):
    """Answers `PATH`; what a test changes are its attributes."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority)
        self.clients: dict[str, str | None] = {}
        self.refresh_tokens: dict[str, str] = {}
        #: Access tokens that are good.
        self.issued: list[str] = []
        self.rotates = False
        #: Fields that take the place of the usual ones in an answer; `None` leaves one out.
        self.fields: dict[str, object] = {}
        self.instead: Reply | None = None

    @property
    def token_url(self) -> str:
        return self.origin + PATH

    def client(self, name: str = "bot", *, public: bool = False) -> str:
        """A client's new password."""
        password = secrets.token_urlsafe(24)
        self.clients[name] = None if public else password
        return password

    def refresh_token(self, name: str = "bot") -> str:
        token = "rt-" + secrets.token_urlsafe(24)
        self.refresh_tokens[token] = name
        return token

    def _answer(self, request: Request) -> Reply:
        if request.path != PATH:
            return super()._answer(request)
        if self.instead is not None:
            return self.instead
        kind = (request.header("content-type") or "").partition(";")[0]
        if request.method != "POST" or kind != "application/x-www-form-urlencoded":
            return refuse("invalid_request")
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            return refuse("invalid_request")
        client = self._client(request, form)
        if client is None:
            return refuse("invalid_client", 401)
        if form.get("grant_type") == "client_credentials":
            return refuse("unauthorized_client") if self.clients[client] is None else self._grant(None, client)
        if form.get("grant_type") != "refresh_token":
            return refuse("unsupported_grant_type")
        token = form.get("refresh_token", "")
        if self.refresh_tokens.get(token) != client:
            return refuse("invalid_grant", description=f"Token {token} has been expired or revoked.")
        if not self.rotates:
            return self._grant(None, client)
        del self.refresh_tokens[token]
        return self._grant(self.refresh_token(client), client)

    def _client(self, request: Request, form: dict[str, str]) -> str | None:
        kind, _, proof = (request.header("authorization") or "").partition(" ")
        if kind and "client_secret" in form:
            return None
        name, password = form.get("client_id"), form.get("client_secret")
        if kind == "Basic":
            try:
                name, _, password = base64.b64decode(proof, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
            # RFC 6749 §2.3.1: each was form-encoded before they were joined.
            name, password = unquote_plus(name), unquote_plus(password)
        if name not in self.clients:
            return None
        return name if (self.clients[name] or "") == (password or "") else None

    def _grant(self, refresh_token: str | None, client: str) -> Reply:
        token = "at-" + secrets.token_urlsafe(24)
        self.issued.append(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if refresh_token is not None:
            answer["refresh_token"] = refresh_token
        answer = {key: value for key, value in {**answer, **self.fields}.items() if value is not None}
        return Reply(
            body=answer, headers={"Cache-Control": "no-store", "Content-Type": "application/json;charset=UTF-8"}
        )


def refuse(error: str, status: int = 400, description: str = "told at length") -> Reply:
    return Reply(status, {"error": error, "error_description": description})
