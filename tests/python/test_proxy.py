"""An explicit proxy: CONNECT only, TLS to the API end to end, nothing taken from the environment."""

import base64

import botsec
import pytest
from servers import hostile as acts
from servers.listen import Listener
from servers.proxy import ConnectProxy

TOKEN = "end-to-end-token-0123"


@pytest.fixture
def proxy():
    made = ConnectProxy()
    yield made
    made.close()


def test_a_call_goes_through_connect_and_stays_encrypted(face, api, proxy, make_secret):
    client = face.client(api.origin, proxy=botsec.Proxy(proxy.url), auth=botsec.Bearer(make_secret(TOKEN)))
    assert client.post("/x", json={"a": 1}).json()["method"] == "POST"
    assert api.last.header("authorization") == f"Bearer {TOKEN}"
    assert proxy.heads[0].startswith(b"CONNECT localhost:")
    assert TOKEN.encode() not in proxy.passed + proxy.heads[0]


def test_a_host_that_is_not_listed_is_refused_before_the_proxy(face, api, proxy):
    client = face.client(api.origin, proxy=botsec.Proxy(proxy.url))
    with pytest.raises(botsec.HostNotAllowedError):
        client.get("https://example.com/x")
    assert proxy.heads == []


class Agreed(Listener):
    """Notes which protocol each connection agreed on, and closes it."""

    def __init__(self, authority):
        super().__init__(authority.server_context(alpn=("h2", "http/1.1")))
        self.agreed = []

    def serve(self, connection, number):
        self.agreed.append(connection.selected_alpn_protocol())


def test_behind_a_proxy_http_1_alone_is_offered(face, proxy, authority):
    with Agreed(authority) as server:
        for options in ({}, {"proxy": botsec.Proxy(proxy.url)}):
            with pytest.raises(botsec.TransportError):
                face.client(server.origin, retry=1, **options).get("/x")
        assert server.wait_until(lambda: len(server.agreed) > 1)
    # Without the proxy the same server speaks HTTP/2.
    assert (server.agreed[0], server.agreed[-1]) == ("h2", "http/1.1")


def test_proxy_variables_of_the_environment_are_ignored(face, api, proxy, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert face.client(api.origin).get("/x").status_code == 200
    assert proxy.heads == []


def test_credentials_reach_a_plain_proxy_only_when_that_is_accepted(make_secret):
    auth = ("me", make_secret(TOKEN))
    with pytest.raises(ValueError, match="clear"):
        botsec.Proxy("http://proxy.example:3128", auth=auth)
    assert "me" not in repr(botsec.Proxy("http://proxy.example:3128", auth=auth, allow_plain_auth=True))
    for bad in ("socks5://x", "http://u:p@x", "http://x/path", "x:3128"):
        with pytest.raises(ValueError):
            botsec.Proxy(bad)


def test_credentials_for_the_proxy_reach_it_and_nobody_else(face, api, proxy, make_secret):
    options = {"auth": ("me", make_secret(TOKEN)), "allow_plain_auth": True}
    face.client(api.origin, proxy=botsec.Proxy(proxy.url, **options)).get("/x")
    sent = base64.b64encode(f"me:{TOKEN}".encode())
    assert b"Basic " + sent in proxy.heads[0] and b"proxy-authorization: " in proxy.heads[0].lower()
    assert api.last.header("proxy-authorization") is None and api.last.header("authorization") is None


@pytest.mark.parametrize(
    "url", ["http://h:99999", "http://h:0", "http://h:x", "http://:3128", "http://h:1:2", "https://[zz]:1", "http://["]
)
def test_a_proxy_url_that_leads_nowhere_is_refused_where_it_is_written(url):
    with pytest.raises(ValueError):
        botsec.Proxy(url)


@pytest.mark.parametrize("url", ["http://h:65535", "http://h", "https://[::1]:3128", "http://10.0.0.1:8080/"])
def test_a_proxy_url_with_host_and_port_is_taken(face, api, url):
    face.client(api.origin, proxy=botsec.Proxy(url))


def test_what_is_the_apis_own_in_tls_does_not_go_with_an_https_proxy(face, api, authority, tmp_path):
    from servers import chains

    root = chains.make(chains.Shape(ca=True))
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "crl.pem").write_bytes(chains.revocation_list(root))
    pins = [chains.make(chains.Shape()).pin for _ in range(2)]
    apis_own = [
        botsec.Tls(ca_file=authority.ca_file, pins=pins),
        botsec.Tls(ca_file=tmp_path / "root.pem", ca_only=True, crls=tmp_path / "crl.pem"),
    ]
    for tls in apis_own:
        with pytest.raises(ValueError, match="https proxy"):
            face.client(api.origin, tls=tls, proxy=botsec.Proxy("https://proxy.example:3128"))
        # Nothing is verified on the way to an http proxy.
        face.client(api.origin, tls=tls, proxy=botsec.Proxy("http://proxy.example:3128"))


@pytest.mark.parametrize("through", [True, False])
def test_a_get_that_found_no_answer_is_sent_once(face, hostile, proxy, through):
    server = hostile(acts.closes)
    options = {"proxy": botsec.Proxy(proxy.url)} if through else {}
    with pytest.raises(botsec.TransportError):
        face.client(server.origin, retry=1, **options).get("/x")
    assert len(server.heads) == 1


@pytest.mark.parametrize("through", [True, False])
def test_a_kept_connection_that_went_stale_costs_no_call(face, hostile, proxy, through):
    def act(server, connection):
        # The second request on a connection is read and left without an answer, as of a server that was closing.
        if len(server.heads) == 2:
            connection.unwrap()
        else:
            connection.sendall(acts.length(b"ok"))

    act.keeps_alive = True
    server = hostile(act)
    options = {"proxy": botsec.Proxy(proxy.url)} if through else {}
    client = face.client(server.origin, retry=1, **options)
    assert [client.get("/x").text for _ in range(2)] == ["ok", "ok"]
    assert len(server.heads) == 3


@pytest.fixture
def environment(monkeypatch):
    """Set proxy variables; every other one is unset."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return lambda **names: [monkeypatch.setenv(name, value) for name, value in names.items()]


def test_the_environments_proxy_is_used_when_it_is_asked_for(face, api, proxy, environment):
    environment(HTTPS_PROXY=proxy.url)
    assert face.client(api.origin, proxy="env").get("/x").status_code == 200
    assert proxy.heads[0].startswith(b"CONNECT localhost:")
    # Hosts are judged as before: one that is not listed is refused before the proxy hears of it.
    with pytest.raises(botsec.HostNotAllowedError):
        face.client(api.origin, proxy="env").get("https://example.com/x")
    assert len(proxy.heads) == 1


def test_a_proxy_variable_without_a_scheme_and_all_proxy_count(face, api, proxy, environment):
    environment(ALL_PROXY=proxy.url.removeprefix("http://") + "/")
    assert face.client(api.origin, proxy="env").get("/x").status_code == 200
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("listed", ["localhost", "*", "example.com, localhost"])
def test_exceptions_are_dialled_directly_and_guarded(face, api, proxy, environment, listed):
    environment(HTTPS_PROXY=proxy.url, NO_PROXY=listed)
    assert face.client(api.origin, proxy="env").get("/x").status_code == 200
    assert proxy.heads == []
    with pytest.raises(botsec.AddressBlockedError):
        face.client(api.origin, proxy="env", networks=None).get("/x")


def test_without_a_variable_the_environment_means_no_proxy(face, api, environment):
    assert face.client(api.origin, proxy="env").get("/x").status_code == 200


def test_credentials_in_a_variable_are_a_secret(face, api, environment):
    environment(HTTPS_PROXY=f"https://me:{TOKEN}%21@127.0.0.1:1")
    client = face.client(api.origin, proxy="env", retry=1)
    with pytest.raises(botsec.TransportError) as caught:
        client.get("/x")
    assert TOKEN not in "".join([str(caught.value), repr(caught.value), *caught.value.__notes__])
    environment(HTTPS_PROXY=f"http://me:{TOKEN}@127.0.0.1:1")
    with pytest.raises(ValueError, match="clear") as plain:
        face.client(api.origin, proxy="env")
    assert TOKEN not in str(plain.value)


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "http://a b", "https://x/path"])
def test_a_variable_that_is_no_http_proxy_is_refused(face, api, environment, value):
    environment(HTTPS_PROXY=value)
    with pytest.raises(ValueError):
        face.client(api.origin, proxy="env")


def test_a_failed_connect_tells_of_a_proxy_that_is_not_used(face, environment):
    environment(HTTPS_PROXY="http://127.0.0.1:1")
    with pytest.raises(botsec.ConnectError) as caught:
        face.client("https://localhost:1", retry=1).get("/x")
    assert 'proxy="env"' in "".join(caught.value.__notes__)


def test_wrong_values_of_proxy_are_named(face, api):
    with pytest.raises(ValueError, match="env"):
        face.client(api.origin, proxy="http://127.0.0.1:1")
    with pytest.raises(TypeError, match="Proxy"):
        face.client(api.origin, proxy=7)


def test_open_web_goes_through_a_proxy_that_is_declared_to_filter(face, proxy):
    with pytest.raises(ValueError, match="hides"):
        face.factory.open_web(proxy=botsec.Proxy(proxy.url))
    filtering = botsec.Proxy(proxy.url, filters_addresses=True)
    client = face.adopt(face.factory.open_web(proxy=filtering, tls=face.tls, retry=1))
    # Literal addresses are judged before the proxy is asked; names are the proxy's to judge.
    with pytest.raises(botsec.AddressBlockedError):
        client.get("https://169.254.169.254/latest/")
    assert proxy.heads == []


def test_an_https_proxy_gets_its_credentials_inside_tls(face, api, authority, make_secret):
    inner = ConnectProxy(authority.server_context())
    try:
        url = inner.url.replace("http://127.0.0.1", "https://localhost")
        client = face.client(api.origin, proxy=botsec.Proxy(url, auth=("me", make_secret(TOKEN))))
        assert client.get("/x").status_code == 200
    finally:
        inner.close()
    sent = base64.b64encode(f"me:{TOKEN}".encode())
    assert b"Proxy-Authorization: Basic " + sent in inner.heads[0].replace(
        b"proxy-authorization: ", b"Proxy-Authorization: "
    )
    assert api.last.header("proxy-authorization") is None
