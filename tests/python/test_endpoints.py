"""`?endpoint=` in a source: another address of the same manager, for private links; https only, and nowhere else."""

import secrets
import select
import socket

import botsec
import pytest
from servers.leaks import everything
from servers.listen import Listener
from servers.managers import MANAGERS

#: Google's client tells of its own future on older Pythons.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Link(Listener):
    """A private link: hands bytes on to a port, TLS and all."""

    def __init__(self, port: int) -> None:
        super().__init__(None)
        self._behind = port

    def serve(self, connection, number: int) -> None:
        with socket.create_connection(("127.0.0.1", self._behind), timeout=30) as behind:
            ends = {connection: behind, behind: connection}
            while not self.stopped.is_set():
                for end in select.select(list(ends), [], [], 0.2)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


@pytest.fixture(params=MANAGERS)
def manager(request, authority, tls, make_secret, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)
    fake, kind = MANAGERS[request.param]
    with fake(authority) as server:
        yield kind(server, authority, tls, make_secret)


@pytest.fixture
def link(manager):
    with Link(manager.server.port) as server:
        yield server


def at(manager, endpoint: str) -> str:
    return f"{manager.source}{'&' if '?' in manager.source else '?'}endpoint={endpoint}"


def load(face, source, **options):
    if face.is_async:
        return face.run(botsec.secret_async(source, **options))
    return botsec.secret(source, **options).load()


def hosts(manager) -> set[str]:
    """Where the readings went, as their requests name it."""
    return {request.header("host") for request in manager.server.requests if manager.is_reading(request)}


def test_a_source_is_read_at_the_endpoint_that_it_names(face, manager, link):
    manager.put(value := "value-" + secrets.token_hex(12))
    assert manager.official() == value
    manager.server.requests.clear()
    provider = manager.provider()
    found = load(face, at(manager, link.origin), provider=provider)
    assert (found.reveal(), hosts(manager)) == (value, {link.host})
    # Percent-encoded as well, and other secrets of the provider stay where it is.
    assert load(face, at(manager, link.origin.replace(":", "%3A").replace("/", "%2F")), provider=provider).reveal()
    assert hosts(manager) == {link.host}
    assert load(face, manager.source, provider=provider).reveal() == value
    assert hosts(manager) == {link.host, manager.server.host}
    assert found.name == manager.source.partition("?")[0]


def test_secrets_at_one_endpoint_share_its_login(face, manager, link):
    manager.put("value-" + secrets.token_hex(12))
    provider = manager.provider()
    for _ in range(4):
        load(face, at(manager, link.origin), provider=provider)
    logins = sum(map(manager.is_login, manager.server.requests)) if manager.logs_in else 0
    assert manager.readings == 4 and logins <= 1


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("http://localhost:4566", botsec.InsecureUrlError),
        ("http://127.0.0.1", botsec.InsecureUrlError),
        ("ftp://internal.example.com", botsec.InsecureUrlError),
        ("pasted-secret-0123456789", ValueError),
        ("https://user:pasted-secret-0123456789@localhost", ValueError),
        ("https://localhost/x%3Fpasted=secret-0123456789", ValueError),
        ("https://", ValueError),
    ],
)
def test_what_is_no_https_endpoint_is_refused_without_being_repeated(manager, endpoint, kind):
    with pytest.raises((ValueError, botsec.BotsecError)) as caught:
        botsec.secret(at(manager, endpoint), provider=manager.provider())
    assert isinstance(caught.value, kind)
    assert "endpoint" in str(caught.value) or kind is botsec.InsecureUrlError
    said = everything(caught.value)
    assert "pasted" not in said and "4566" not in said and "internal" not in said
    assert manager.server.accepted == 0


def test_an_endpoint_needs_the_networks_of_its_provider(manager, link, tls, make_secret):
    manager.put("value-" + secrets.token_hex(12))
    manager.near = {"tls": tls}
    with pytest.raises(botsec.SecretAccessError) as caught:
        botsec.secret(at(manager, link.origin), provider=manager.provider()).load()
    assert caught.value.details["cause"] == "policy.address_blocked"
    assert (link.accepted, manager.server.accepted) == (0, 0)


def test_a_providers_own_endpoint_that_is_plain_is_named(make_secret):
    for make in (
        lambda url: botsec.Aws("eu-west-3", access_key_id="AKIDEXAMPLE", secret_access_key=make_secret(), endpoint=url),
        lambda url: botsec.Gcp("metadata", endpoint=url),
        lambda url: botsec.Vault(url, login=botsec.VaultToken(make_secret())),
        lambda url: botsec.Azure(url, credentials="metadata"),
    ):
        with pytest.raises(botsec.InsecureUrlError):
            make("http://localhost:8200")
