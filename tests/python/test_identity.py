"""A client certificate is a credential: it goes where its key may go, and nowhere else."""

from __future__ import annotations

import botsec
import pytest
from servers import chains
from servers.chains import Shape, Shown, make
from servers.proxy import ConnectProxy

#: The transport behaves the same over both of its engines.
ENGINES = ["direct", "proxied"]

CA = Shape(ca=True)
CLIENT = Shape(purpose=chains.ExtendedKeyUsageOID.CLIENT_AUTH)


@pytest.fixture(scope="module")
def root():
    return make(CA)


@pytest.fixture
def show(tmp_path, root):
    """Start a server that asks for a client certificate, and insists unless told otherwise."""
    servers = []

    def start(*, asks=True, answer=chains.OK, **settings):
        server = Shown(tmp_path, make(Shape(), root), client_ca=root, asks=asks, answer=answer, **settings).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def ca_file(tmp_path, root):
    file = tmp_path / "root.pem"
    file.write_bytes(root.pem)
    return file


@pytest.fixture
def identified(tmp_path, root, make_secret, ca_file):
    """TLS options with a client certificate whose key may go to `hosts`."""

    def options(**secret):
        mine = make(CLIENT, root)
        file = tmp_path / f"mine-{next(chains._names)}.pem"
        file.write_bytes(mine.pem)
        key = make_secret(mine.key_pem.decode(), **secret)
        return botsec.Tls(ca_file=ca_file, ca_only=True, client_cert=(file, key))

    return options


def redirect(to: Shown) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {to.origin}/there\r\ncontent-length: 0\r\n\r\n".encode()


def test_a_redirect_takes_the_certificate_to_no_other_origin(face, show, identified):
    other = show()
    own = show(answer=redirect(other), asks=False)
    assert face.client(own.origin, hosts=[other.host], tls=identified()).get("/x").status_code == 200
    assert (own.clients, other.clients) == ([True], [False])


def test_another_listed_host_sees_no_certificate_either(face, show, identified):
    own, other = show(), show()
    client = face.client(own.origin, hosts=[other.host], tls=identified())
    client.get(f"{other.origin}/x")
    client.get("/x")
    assert (own.clients, other.clients) == ([True], [False])


def test_the_certificate_goes_to_the_hosts_of_its_key(face, show, identified):
    other = show(asks=False)
    own = show(answer=redirect(other))
    both = identified(hosts=[own.host, other.host])
    assert face.client(own.origin, hosts=[other.host], tls=both).get("/x").status_code == 200
    assert (own.clients, other.clients) == ([True], [True])


def test_a_key_for_another_host_stays_at_home(face, show, identified):
    own = show()
    assert face.client(own.origin, tls=identified(hosts=["api.example.com"])).get("/x").status_code == 200
    assert own.clients == [False]


def test_without_a_base_url_the_key_says_where_it_may_go(face, show, identified):
    one, two = show(), show()
    loopback = {"localhost": ["127.0.0.0/8"]}
    with pytest.raises(TypeError, match="hosts="):
        face.client(None, hosts=[one.host], networks=loopback, tls=identified())
    listed = [one.host, two.host]
    client = face.client(None, hosts=listed, networks=loopback, tls=identified(hosts=[one.host]))
    client.get(f"{one.origin}/x")
    client.get(f"{two.origin}/x")
    assert (one.clients, two.clients) == ([True], [False])


def test_an_open_web_client_carries_no_certificate(face, identified, ca_file):
    with pytest.raises(TypeError, match="carries no credentials"):
        face.factory.open_web(tls=identified())
    face.adopt(face.factory.open_web(tls=botsec.Tls(ca_file=ca_file)))


def test_an_https_proxy_never_gets_the_apis_certificate(face, show, identified, ca_file, root, tmp_path):
    context = chains.server_context(tmp_path, make(Shape(), root), client_ca=root, asks=True)
    proxy = ConnectProxy(context)
    try:
        url = proxy.url.replace("http://127.0.0.1", "https://localhost")
        server = show()
        with pytest.raises(ValueError, match="https proxy"):
            face.client(server.origin, tls=identified(), proxy=botsec.Proxy(url))
        plain = botsec.Tls(ca_file=ca_file, ca_only=True)
        assert face.client(server.origin, tls=plain, proxy=botsec.Proxy(url)).get("/x").status_code == 200
    finally:
        proxy.close()


def test_a_store_gets_the_certificate_when_its_key_may_go_there(identified):
    url = "rediss://store.example.com:6380/0"
    with pytest.raises(ValueError, match="certificate's key may not go to the store"):
        botsec.Redis(url, tls=identified(hosts=["api.example.com"]))
    botsec.Redis(url, tls=identified(hosts=["store.example.com:6380"]))
    botsec.Redis(url, tls=identified())
