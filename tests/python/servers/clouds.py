"""Google and Azure under their own names, with their metadata service at its own address, inside a network namespace.

Run as a program in namespaces of its own (`unshare --net --mount`): writes what the vendors' clients and botsec read.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import botsec
import pyroute2

warnings.simplefilter("ignore")

from azure.identity import ManagedIdentityCredential  # noqa: E402
from azure.keyvault.secrets import SecretClient  # noqa: E402
from google.auth import compute_engine  # noqa: E402
from google.cloud import secretmanager  # noqa: E402

from .api import Api, Reply, Request  # noqa: E402
from .azure import CLIENT, TENANT, Entra  # noqa: E402
from .gcp import PROJECT, Google  # noqa: E402
from .tls import Authority  # noqa: E402

METADATA = "169.254.169.254"
REGION = "europe-west1"
#: The loopback address that each name leads to.
HOSTS = {
    "127.0.0.2": ["secretmanager.googleapis.com", f"secretmanager.{REGION}.rep.googleapis.com"],
    "127.0.0.3": ["mine.vault.azure.net", "login.microsoftonline.com"],
    METADATA: ["metadata.google.internal"],
}


class Metadata(Api):
    """The metadata services of both clouds, at the address that they share."""

    def __init__(self, authority: Authority, google: Google, entra: Entra) -> None:
        super().__init__(authority)
        self._context = None
        self.google, self.entra = google, entra
        self.refuses = False

    def _answer(self, request: Request):
        base = "/computeMetadata/v1/instance/service-accounts/default"
        query = dict(request.query)
        if request.path == "/metadata/identity/oauth2/token":
            if request.header("metadata") != "true" or query.get("client_id") not in (None, CLIENT):
                return Reply(400)
            token = self.entra.issue(query["resource"])
            return Reply(
                body={
                    "access_token": token,
                    "expires_in": "86399",
                    "expires_on": "4070908800",
                    "resource": query["resource"],
                    "token_type": "Bearer",
                }
            )
        if request.header("metadata-flavor") != "Google":
            return Reply(403)
        google = {"Metadata-Flavor": "Google"}
        if self.refuses:
            return Reply(404, headers=google)
        if request.path == f"{base}/token":
            token = self.google.issue("machine")
            return Reply(body={"access_token": token, "expires_in": 3599, "token_type": "Bearer"}, headers=google)
        if request.path in (f"{base}/", "/computeMetadata/v1/instance/service-accounts/default/"):
            return Reply(body={"email": "machine@x", "scopes": [], "aliases": ["default"]}, headers=google)
        return Reply(body="googleapis.com" if request.path.endswith("universe-domain") else "", headers=google)


def listen(server: Api, address: str, port: int) -> None:
    server._socket.close()
    server._socket = socket.create_server((address, port))
    server.port = port
    server.start()


def prepare(folder: Path) -> None:
    with pyroute2.IPRoute() as routes:
        (loopback,) = routes.link_lookup(ifname="lo")
        routes.link("set", index=loopback, state="up")
        routes.addr("add", index=loopback, address=METADATA, prefixlen=32)
    lines = [f"{address} {' '.join(names)}\n" for address, names in HOSTS.items()]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))
    (folder / "nsswitch.conf").write_text("hosts: files\n")
    for file in ("nsswitch.conf", "hosts"):
        if Path("/etc", file).exists():
            subprocess.run(["mount", "--bind", folder / file, f"/etc/{file}"], check=True)


def tell(call) -> str:
    try:
        return call()
    except botsec.BotsecError as error:
        return f"{error.code}: {error}"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        authority = Authority(folder)
        os.environ["REQUESTS_CA_BUNDLE"] = authority.ca_file
        google, entra = Google(authority, *HOSTS["127.0.0.2"]), Entra(authority, *HOSTS["127.0.0.3"])
        listen(google, "127.0.0.2", 443)
        listen(entra, "127.0.0.3", 443)
        metadata = Metadata(authority, google, entra)
        listen(metadata, METADATA, 80)
        google.secrets["api-key"] = [b"value-of-google"]
        entra.put("api-key", "value-of-azure")
        entra.resource = "https://vault.azure.net"
        entra.authorization = f"https://login.microsoftonline.com/{TENANT}"
        options = {"networks": "loopback", "tls": botsec.Tls(ca_file=authority.ca_file)}
        json.dump(
            dict(itertools.chain(of_google(google, metadata, options), of_azure(entra, metadata, authority, options))),
            sys.stdout,
        )


def of_google(google: Google, metadata: Metadata, options: dict):
    client = secretmanager.SecretManagerServiceClient(credentials=compute_engine.Credentials(), transport="rest")
    read = client.access_secret_version(name=f"projects/{PROJECT}/secrets/api-key/versions/latest")
    yield "google's client", read.payload.data.decode()
    provider = botsec.Gcp("metadata", **options)
    secrets = [botsec.secret(f"gcp-sm:{PROJECT}/api-key", provider=provider) for _ in range(5)]
    metadata.requests.clear()
    yield "google", [secret.load().reveal() for secret in secrets]
    yield "google logins", len(metadata.requests)
    google.location = REGION
    place = f"projects/{PROJECT}/locations/{REGION}/secrets/api-key"
    yield "google region", botsec.secret(f"gcp-sm:{place}", provider=botsec.Gcp.from_env(**options)).load().reveal()
    yield "google hosts", sorted({request.header("host") for request in google.reads})
    metadata.refuses = True
    yield (
        "google refused",
        tell(botsec.secret(f"gcp-sm:{PROJECT}/api-key", provider=botsec.Gcp("metadata", **options)).load),
    )


def of_azure(entra: Entra, metadata: Metadata, authority: Authority, options: dict):
    vault = "https://mine.vault.azure.net"
    with (
        ManagedIdentityCredential() as credential,
        SecretClient(vault, credential, connection_verify=authority.ca_file) as client,
    ):
        yield "azure's client", client.get_secret("api-key").value
    for name, credentials in [("azure", "metadata"), ("azure by name", botsec.AzureManagedIdentity(CLIENT))]:
        provider = botsec.Azure(vault, credentials=credentials, **options)
        yield name, botsec.secret("azure-kv:api-key", provider=provider).load().reveal()
    strange = botsec.Azure(vault, credentials=botsec.AzureManagedIdentity("unknown"), **options)
    yield "azure refused", tell(botsec.secret("azure-kv:api-key", provider=strange).load)
    metadata.requests.clear()
    entra.resource = "https://azure.net"
    yield "azure foreign", tell(botsec.secret("azure-kv:api-key", provider=provider).load)
    yield "azure foreign logins", len(metadata.requests)


if __name__ == "__main__":
    main()
