"""Where secrets come from, word by word: mounts, credentials of systemd, a vendor's own library, and when they are read."""

import asyncio
import logging
import os
import secrets
import subprocess
import sys
import textwrap
import threading

import botsec
import pytest
from servers.aws import Secrets, boto
from servers.azure import CLIENT, SECRET, TENANT, Entra
from servers.gcp import SCOPE, Google
from servers.leaks import everything
from servers.managers import MANAGERS
from servers.vault import FakeVault

#: Google's client tells of its own future on older Pythons.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self")


def new_value() -> str:
    return "value-" + secrets.token_hex(12)


@pytest.fixture(params=MANAGERS)
def manager(request, authority, tls, make_secret, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)
    fake, kind = MANAGERS[request.param]
    with fake(authority) as server:
        yield kind(server, authority, tls, make_secret)


# When


def test_a_module_with_secrets_and_clients_does_no_network_input_or_output(manager, face, api):
    manager.put(new_value())
    secret = manager.secret()
    face.client(api.origin, auth=[botsec.Bearer(secret), botsec.ApiKey(manager.secret())])
    repr(secret), secret.name, secret.version, secret.fingerprint, secret.hosts
    assert (manager.server.accepted, api.accepted) == (0, 0)


@pytest.mark.parametrize("way", ["start", "context", "first use", "load"])
def test_a_managers_secret_is_read_when_it_is_needed(manager, api, tls, way):
    manager.put(value := new_value())
    assert manager.official() == value
    before, secret = manager.readings, manager.secret()
    client = botsec.Client(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback")
    if way == "start":
        client.start()
    elif way == "context":
        client.__enter__()
    elif way == "first use":
        client.get("/x")
    else:
        secret.load()
    assert (manager.readings, secret.reveal()) == (before + 1, value)
    assert len(api.requests) == (way == "first use")
    client.close()


@pytest.mark.parametrize("way", ["start", "context", "first use"])
def test_a_managers_secret_is_read_when_it_is_needed_async(manager, api, tls, way):
    manager.put(value := new_value())
    before, secret = manager.readings, manager.secret()

    async def run():
        client = botsec.AsyncClient(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback")
        if way == "start":
            await client.start()
        elif way == "context":
            await client.__aenter__()
        else:
            await client.get("/x")
        assert (manager.readings, secret.reveal()) == (before + 1, value)
        await client.aclose()

    asyncio.run(run())
    assert len(api.requests) == (way == "first use")


@pytest.mark.parametrize("callers", [1000])
def test_a_thousand_callers_of_four_clients_cause_one_reading(manager, api, tls, callers):
    manager.put(value := new_value())
    assert manager.official() == value
    before, gate = manager.readings, threading.Event()

    def held(reply):
        gate.wait(10)
        return reply

    async def run():
        auth = botsec.Bearer(manager.secret())
        clients = [botsec.AsyncClient(api.origin, auth=auth, tls=tls, networks="loopback") for _ in range(4)]
        calls = [asyncio.create_task(clients[n % 4].get("/x")) for n in range(callers)]
        while manager.readings == before:
            await asyncio.sleep(0.01)
        gate.set()
        await asyncio.gather(*calls)
        for client in clients:
            await client.aclose()

    with manager.answering(held):
        asyncio.run(run())
    assert (manager.readings, len(api.requests)) == (before + 1, callers)
    assert {request.header("authorization") for request in api.requests} == {f"Bearer {value}"}


def test_threads_that_come_together_cause_one_reading(manager, api, tls):
    manager.put(new_value())
    before, barrier = manager.readings, threading.Barrier(32)
    secret = manager.secret()

    def call():
        with botsec.Client(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback") as client:
            barrier.wait(10)
            client.get("/x")

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (manager.readings, len(api.requests)) == (before + 1, 32)


# Providers


def test_the_providers_of_the_page_are_made_as_written(tls, authority, tmp_path):
    """Where and how stand in an object; nothing is read from the environment, nothing is sent."""
    token = tmp_path / "token"
    token.write_text("made-up.service.account")
    ca = botsec.Tls(ca_file=authority.ca_file)
    login = botsec.KubernetesLogin(role="bot")
    vault = botsec.Vault("https://vault.svc:8200", networks=["private"], tls=ca, login=login)
    key = botsec.secret("vault:kv/bot?field=key", provider=vault)
    assert (key.name, key.version) == ("vault:kv/bot", None)
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": botsec.secret(f"file:{token}")}
    botsec.Aws(region="eu-central-1", endpoint="https://vpce.example.com", networks=["10.0.0.0/8"], tls=ca, **keys)
    botsec.Gcp("metadata", networks=["private"], tls=ca)
    botsec.Azure("https://mine.vault.azure.net", credentials="metadata", networks=["private"], tls=ca)


# Files


def test_a_credential_of_systemd_is_a_file(face, api, tmp_path, monkeypatch):
    """Mode 0400 in a directory of mode 0500, named by a variable (systemd.exec(5))."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "api-key").write_text(value := new_value())
    (folder / "api-key").chmod(0o400)
    folder.chmod(0o500)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    secret = botsec.secret(f"file:{os.environ['CREDENTIALS_DIRECTORY']}/api-key")
    face.client(api.origin, auth=botsec.Bearer(secret)).get("/x")
    assert api.last.header("authorization") == f"Bearer {value}"
    folder.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
@pytest.mark.parametrize(
    ("mode", "good"), [(0o400, True), (0o444, True), (0o664, True), (0o646, False), (0o666, False)]
)
def test_a_file_that_everybody_may_write_is_no_secret(tmp_path, mode, good):
    file = tmp_path / "key"
    file.write_text(value := new_value())
    file.chmod(mode)
    if good:
        assert botsec.secret(f"file:{file}").reveal() == value
        return
    with pytest.raises(botsec.SecretAccessError, match="everybody may write"):
        botsec.secret(f"file:{file}")


# Vendors' libraries as callables


def test_a_vendors_library_brings_a_secret_as_a_callable(face, api, authority, monkeypatch):
    """What boto3, hvac, azure-identity and google-auth give, is a secret like any other."""
    import hvac
    from azure.identity import ClientSecretCredential
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)
    with (
        Secrets(authority) as aws,
        FakeVault(authority) as vault,
        Entra(authority) as entra,
        Google(authority) as google,
    ):
        id, key = aws.key()
        aws.put("bot", of_aws := new_value())
        vault.put("kv/bot", key=(of_vault := new_value()))
        token = vault.token()

        def by_boto3(source):
            keys = {"aws_access_key_id": id, "aws_secret_access_key": key}
            client = boto("secretsmanager", aws.origin, authority.ca_file, **keys)
            found = client.get_secret_value(SecretId=source.partition(":")[2])
            client.close()
            return found["SecretString"], found["VersionId"]

        def by_hvac(source):
            mount, _, path = source.partition(":")[2].partition("/")
            kv = hvac.Client(vault.origin, token=token, verify=authority.ca_file).secrets.kv.v2
            found = kv.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)["data"]
            return found["data"]["key"], str(found["metadata"]["version"])

        def by_azure_identity(source):
            options = {"authority": entra.origin, "disable_instance_discovery": True}
            with ClientSecretCredential(
                TENANT, CLIENT, SECRET, connection_verify=authority.ca_file, **options
            ) as credential:
                return credential.get_token(f"https://{source.partition(':')[2]}/.default").token

        async def by_google_auth(source):
            made = service_account.Credentials.from_service_account_info(google.key_file(), scopes=[SCOPE])
            await asyncio.to_thread(made.refresh, Request())
            return made.token

        made = {
            "X-Aws": botsec.secret("boto3:bot", provider=by_boto3),
            "X-Vault": botsec.secret("hvac:kv/bot", provider=by_hvac),
            "X-Azure": botsec.secret("azure-identity:vault.example", provider=by_azure_identity),
            "X-Google": botsec.secret("google-auth:token", provider=by_google_auth),
        }
        client = face.client(api.origin, auth=[botsec.ApiKey(secret, header=name) for name, secret in made.items()])
        client.get("/x")
        client.get("/x")
        issued = next(iter(entra.tokens)), next(iter(google.tokens))
    assert [api.last.header(name) for name in made] == [of_aws, of_vault, *issued]
    assert (made["X-Vault"].version, len(entra.tokens), len(google.tokens)) == ("1", 1, 1)


def test_a_keyring_brings_a_secret_as_a_callable(face, api):
    import keyring.backend

    class Memory(keyring.backend.KeyringBackend):
        priority = 1
        held: dict = {}  # noqa: RUF012

        def get_password(self, service, username):
            return self.held.get((service, username))

        def set_password(self, service, username, password):
            self.held[service, username] = password

        def delete_password(self, service, username):
            del self.held[service, username]

    def by_keyring(source):
        return ring.get_password(*source.partition(":")[2].split("/"))

    ring = Memory()
    ring.set_password("bot", "api", first := new_value())
    secret = botsec.secret("keyring:bot/api", provider=by_keyring)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    ring.set_password("bot", "api", second := new_value())
    secret.refresh()
    client.get("/x")
    assert [request.header("authorization") for request in api.requests] == [f"Bearer {first}", f"Bearer {second}"]
    missing = botsec.secret("keyring:bot/other", provider=by_keyring)
    with pytest.raises(botsec.SecretNotFoundError):
        face.client(api.origin, auth=botsec.Bearer(missing)).get("/x")
    ring.delete_password("bot", "api")
    with pytest.raises(botsec.SecretNotFoundError):
        secret.refresh()
    with pytest.raises(botsec.SecretNotFoundError):
        client.get("/x")
    assert len(api.requests) == 2


def test_a_callable_that_brings_ten_mebibytes_is_refused(face, api, caplog):
    part = secrets.token_hex(16)
    huge = part * (10 * 1024 * 1024 // len(part))
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("mine:place", provider=lambda source: huge)))
    with caplog.at_level(logging.DEBUG, "botsec"), pytest.raises(botsec.SecretAccessError) as caught:
        client.get("/x")
    assert api.requests == [] and part not in everything(caught.value, caplog)
    assert caught.value.details["reason"] == "the value is larger than 256 KiB"
    largest = botsec.secret("mine:place", provider=lambda source: huge[: 256 * 1024])
    assert largest.load().reveal() == huge[: 256 * 1024]


# Memory


PAGES = textwrap.dedent(
    """
    import ctypes, os, resource, sys, botsec

    if sys.argv[1] == "False":
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if os.getuid() == 0:
            # Root may lock beyond its limit. Whoever changes users must ask to read its own memory again.
            os.setresuid(65534, 65534, 65534)
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    secret = botsec.secret("env:PAGED_KEY")
    value = os.environb[b"PAGED_KEY"]
    held = []
    with open("/proc/self/mem", "rb", 0) as memory:
        for line in open("/proc/self/smaps").read().splitlines():
            word = line.split()[0]
            if not word.endswith(":"):
                low, high = (int(end, 16) for end in word.split("-"))
                continue
            flags = line.split()[1:]
            # Mappings that core dumps leave out.
            if word == "VmFlags:" and {"rd", "dd"} <= set(flags) and high - low <= 65536:
                memory.seek(low)
                try:
                    found = value in memory.read(high - low)
                except OSError:
                    continue
                if found:
                    held.append("lo" in flags)
    print(secret.protection, held)
    """
)


@linux
@pytest.mark.parametrize(("locks", "said"), [(True, "locked [True]"), (False, "kept [False]")])
def test_a_value_is_kept_out_of_swap_and_dumps_and_says_so(locks, said):
    """What `protection` says is what the kernel says of the page; a limit that allows no locking is no error."""
    value = new_value()
    ran = subprocess.run(
        [sys.executable, "-c", PAGES, str(locks)],
        env={**os.environ, "PAGED_KEY": value},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == said
