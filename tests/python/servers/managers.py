"""Four secret managers behind one way of asking: the fake, its vendor's own client, and botsec's provider for it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator

import botsec
import hvac
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
from google.api_core.client_options import ClientOptions
from google.cloud import secretmanager
from google.oauth2 import service_account

from .api import Reply, Request
from .aws import REGION, Secrets, boto
from .azure import CLIENT, SECRET, TENANT, Entra
from .gcp import PROJECT, SCOPE, Google, keys
from .tls import Authority
from .vault import FakeVault


class Manager:
    """A fake with one secret. `hidden()` is what stands for the bot there, and must be seen nowhere else."""

    source: str
    #: Whether the bot logs in before it reads.
    logs_in = True

    def __init__(
        self, server, authority: Authority, tls: botsec.Tls, make_secret: Callable[..., botsec.Secret]
    ) -> None:
        self.server, self.authority, self.make_secret = server, authority, make_secret
        self.near = {"networks": "loopback", "tls": tls}

    def put(self, value: str) -> None:
        """Make this the current value."""
        raise NotImplementedError

    def official(self) -> str:
        """What the vendor's own client reads."""
        raise NotImplementedError

    def provider(self):
        raise NotImplementedError

    def hidden(self) -> list[str]:
        raise NotImplementedError

    def is_reading(self, request: Request) -> bool:
        raise NotImplementedError

    def is_login(self, request: Request) -> bool:
        raise NotImplementedError

    def secret(self, **options) -> botsec.Secret:
        return botsec.secret(self.source, provider=self.provider(), **options)

    @property
    def readings(self) -> int:
        return sum(map(self.is_reading, self.server.requests))

    @contextlib.contextmanager
    def answering(self, make: Callable[[Reply], Reply], of: Callable[[Request], bool] | None = None) -> Iterator[None]:
        """Answer readings, or what else `of` says, with what `make` makes of the right answer."""
        right, of = self.server._answer, of or self.is_reading

        def answer(request: Request):
            reply = right(request)
            # In a function, for that is called where the server holds no lock.
            final = lambda request: make(reply if isinstance(reply, Reply) else reply(request))  # noqa: E731
            return final if of(request) else reply

        self.server._answer = answer
        try:
            yield
        finally:
            self.server._answer = right


class VaultKv(Manager):
    source = "vault:kv/bot?field=key"

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.token = self.server.token()

    def put(self, value: str) -> None:
        self.server.put("kv/bot", key=value)

    def official(self) -> str:
        kv = hvac.Client(self.server.origin, token=self.token, verify=self.authority.ca_file).secrets.kv.v2
        return kv.read_secret_version("bot", mount_point="kv", raise_on_deleted_version=True)["data"]["data"]["key"]

    def provider(self):
        return botsec.Vault(self.server.origin, login=botsec.VaultToken(self.make_secret(self.token)), **self.near)

    def hidden(self) -> list[str]:
        return [self.token]

    def is_reading(self, request: Request) -> bool:
        return request.path == "/v1/kv/data/bot"

    def is_login(self, request: Request) -> bool:
        return request.path.startswith("/v1/auth/")


class VaultByRole(VaultKv):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.id = secrets.token_hex(16)
        self.server.roles["approle", "bot"] = self.id

    def provider(self):
        login = botsec.AppRoleLogin("bot", secret_id=self.make_secret(self.id))
        return botsec.Vault(self.server.origin, login=login, **self.near)

    def hidden(self) -> list[str]:
        return [self.id, *self.server.tokens]


class AwsSm(Manager):
    source = "aws-sm:bot"
    logs_in = False

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.key = self.server.key()
        self.session = "session/" + secrets.token_hex(16)
        self.server.keys[self.key[0]] = (self.key[1], self.session)

    def put(self, value: str) -> None:
        self.server.put("bot", value)

    def official(self) -> str:
        id, secret = self.key
        options = {"aws_access_key_id": id, "aws_secret_access_key": secret, "aws_session_token": self.session}
        with contextlib.closing(
            boto("secretsmanager", self.server.origin, self.authority.ca_file, **options)
        ) as client:
            return client.get_secret_value(SecretId="bot")["SecretString"]

    def provider(self):
        id, secret = self.key
        keys = {"access_key_id": id, "secret_access_key": self.make_secret(secret)}
        session = self.make_secret(self.session)
        return botsec.Aws(REGION, endpoint=self.server.origin, session_token=session, **keys, **self.near)

    def hidden(self) -> list[str]:
        return [self.key[1], self.session]

    def is_reading(self, request: Request) -> bool:
        return request.header("x-amz-target") is not None


class GcpSm(Manager):
    source = "gcp-sm:my-project/bot"

    def put(self, value: str) -> None:
        self.server.secrets.setdefault("bot", []).append(value.encode())

    def official(self) -> str:
        credentials = service_account.Credentials.from_service_account_info(self.server.key_file(), scopes=[SCOPE])
        options = ClientOptions(api_endpoint=self.server.host)
        client = secretmanager.SecretManagerServiceClient(
            credentials=credentials, transport="rest", client_options=options
        )
        with contextlib.closing(client.transport):
            name = f"projects/{PROJECT}/secrets/bot/versions/latest"
            return client.access_secret_version(name=name).payload.data.decode()

    def provider(self):
        import json

        file = self.make_secret(json.dumps(self.server.key_file()))
        return botsec.Gcp(file, endpoint=self.server.origin, hosts=[self.server.host], **self.near)

    def hidden(self) -> list[str]:
        return [*self.server.tokens, keys()[0][40:80]]

    def is_reading(self, request: Request) -> bool:
        return request.path.endswith(":access")

    def is_login(self, request: Request) -> bool:
        return request.path == "/token"


class AzureKv(Manager):
    source = "azure-kv:bot"

    def put(self, value: str) -> None:
        self.server.put("bot", value)

    def official(self) -> str:
        credential = ClientSecretCredential(
            TENANT,
            CLIENT,
            SECRET,
            authority=self.server.origin,
            disable_instance_discovery=True,
            connection_verify=self.authority.ca_file,
        )
        client = SecretClient(
            self.server.origin,
            credential,
            verify_challenge_resource=False,
            connection_verify=self.authority.ca_file,
            retry_total=0,
        )
        with credential, client:
            return client.get_secret("bot").value

    def provider(self):
        login = botsec.AzureClientSecret(TENANT, CLIENT, self.make_secret(SECRET))
        return botsec.Azure(self.server.origin, credentials=login, authority=self.server.origin, **self.near)

    def hidden(self) -> list[str]:
        return [*self.server.tokens, SECRET]

    def is_reading(self, request: Request) -> bool:
        return request.path.startswith("/secrets/") and request.header("authorization") is not None

    def is_login(self, request: Request) -> bool:
        return request.path == self.server.token_path


MANAGERS: dict[str, tuple[type, type[Manager]]] = {
    "vault": (FakeVault, VaultKv),
    "vault, by role": (FakeVault, VaultByRole),
    "aws": (Secrets, AwsSm),
    "gcp": (Google, GcpSm),
    "azure": (Entra, AzureKv),
}
