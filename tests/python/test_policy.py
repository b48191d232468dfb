"""What may be sent where."""

import contextlib

import botsec
import pytest
from servers.api import Api, Reply
from servers.proxy import ConnectProxy


@pytest.mark.parametrize("value", ["1 OR 1=1", "１２３", "1_000", " 1", True, 1.0, None, "..", "1\n"])
def test_a_value_that_is_no_int_is_refused_and_not_repeated(client, api, value):
    with pytest.raises(botsec.InputError) as caught:
        client.get("/users/{id:int}", path={"id": value})
    assert api.requests == []
    assert "OR" not in "\n".join([str(caught.value), *caught.value.__notes__])


@pytest.mark.parametrize("value", ["..", ".", "", "%2e%2e", "a\nb", "%252e%252e", "..%2fadmin", "\x00"])
def test_a_text_that_could_leave_its_segment_is_refused(client, api, value):
    with pytest.raises(botsec.InputError):
        client.get("/files/{name:str}", path={"name": value})
    assert api.requests == []


@pytest.mark.parametrize("url", ["/a?b=c", "/a b", "/a%2fb", "/../a", "/a#b", "users", "/a\r\nX: y"])
def test_literal_path_text_that_needs_encoding_is_refused(client, api, url):
    with pytest.raises(botsec.InputError):
        client.get(url)
    assert api.requests == []


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: c"}, {"X A": "b"}, {"X-A": "a\nb"}])
def test_a_header_cannot_end_its_line(client, api, headers):
    with pytest.raises(botsec.InputError):
        client.get("/x", headers=headers)
    assert api.requests == []


@pytest.mark.parametrize(
    "name", ["Authorization", "cookie", "X-Api-Key", "Proxy-Authorization", "Host", "Content-Length"]
)
def test_credentials_and_framing_are_no_plain_headers(client, api, name):
    with pytest.raises(TypeError):
        client.get("/x", headers={name: "value"})
    assert api.requests == []


def test_only_allowed_routes_are_sent(face, api):
    client = face.client(api.origin, allow=["GET /users/{id:int}", "POST /messages"])
    client.get("/users/{id:int}", path={"id": 42})
    client.post("/messages", json={})
    for call in (
        lambda: client.delete("/users/{id:int}", path={"id": 42}),
        lambda: client.head("/users/{id:int}", path={"id": 42}),
        lambda: client.get("/users/{id:str}", path={"id": "abc"}),
        lambda: client.get("/admin"),
    ):
        with pytest.raises(botsec.RouteNotAllowedError):
            call()
    assert len(api.requests) == 2


def test_a_typed_query_key_restricts_its_value(face, api):
    client = face.client(api.origin, allow=["GET /s{?q,limit:int(1..100)}"])
    assert client.get("/s", params={"q": "a b", "limit": 100}).status_code == 200
    for params in ({"limit": 101}, {"limit": "1 OR 1=1"}, {"limit": [1, 999]}, {"other": 1}):
        with pytest.raises(botsec.RouteNotAllowedError):
            client.get("/s", params=params)
    api.on("/s", Reply(302, headers={"Location": "/s?limit=999"}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.get("/s")
    assert len(api.requests) == 2


@pytest.mark.parametrize("base", ["http://localhost:1", "ftp://localhost", "HTTP://x"])
def test_a_base_url_that_is_not_https_is_refused(face, base):
    with pytest.raises(botsec.InsecureUrlError):
        face.client(base)


def test_an_http_url_is_refused(client, api):
    with pytest.raises(botsec.InsecureUrlError):
        client.get("http://localhost/x")


def test_another_host_must_be_listed(face, api, other_api):
    client = face.client(api.origin)
    with pytest.raises(botsec.HostNotAllowedError):
        client.get(f"{other_api.origin}/x")
    assert other_api.requests == []
    listed = face.client(api.origin, hosts=[other_api.host])
    assert listed.get(f"{other_api.origin}/x").status_code == 200


def test_loopback_is_not_dialled_unless_opened(face, api):
    client = face.client(api.origin, networks=None)
    with pytest.raises(botsec.AddressBlockedError):
        client.get("/x")
    literal = face.client(f"https://127.0.0.1:{api.origin.rsplit(':', 1)[1]}", networks=None)
    with pytest.raises(botsec.AddressBlockedError):
        literal.get("/x")
    assert api.requests == []


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("bücher.example", "bücher.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("BÜCHER.example", "Bücher.EXAMPLE"),
        ("bu\u0308cher.example", "b\u00fccher.example"),
    ],
)
def test_allowed_hosts_compare_in_their_ascii_form(face, authority, allowed, asked):
    name = "xn--bcher-kva.example"
    with (
        Api(authority, name) as server,
        contextlib.closing(ConnectProxy(leads={f"{name}:443": server.port})) as proxy,
    ):
        client = face.client(networks=None, hosts=[allowed], proxy=botsec.Proxy(proxy.url))
        assert client.get(f"https://{asked}/x").status_code == 200
        with pytest.raises(botsec.HostNotAllowedError):
            client.get("https://bucher.example/x")
        assert server.last.header("host") == name and len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("paypal.example", "p\u0430ypal.example"),
        ("paypal.example", "paypa1.example"),
        ("api.example.com", "api.example.com.evil.test"),
        ("api.example.com", "\u0430pi.example.com"),
        ("bücher.example", "b\u00fcch\u0435r.example"),
    ],
)
def test_a_look_alike_of_an_allowed_host_is_named_in_the_note(face, api, allowed, asked):
    client = face.client(api.origin, hosts=[allowed])
    api.on("/x", Reply(302, headers={"Location": f"https://{asked.encode('idna').decode()}/x"}))
    for call in (lambda: client.get(f"https://{asked}/x"), lambda: client.get("/x")):
        with pytest.raises(botsec.PolicyError) as caught:
            call()
        told = "\n".join(caught.value.__notes__)
        assert "looks_like" in told and allowed.encode("idna").decode() in told
        assert asked not in str(caught.value) and allowed not in str(caught.value)
    assert len(api.requests) == 1


def test_a_host_that_resembles_none_is_called_no_look_alike(face, api):
    with pytest.raises(botsec.HostNotAllowedError) as caught:
        face.client(api.origin, hosts=["paypal.example"]).get("https://other.example/x")
    assert "looks_like" not in "\n".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fd00:c1::a9fe:a9fe]/",
        "https://[fd00:a9fe:a9fe::1]/",
        "https://[fd00:100::100:200]/",
        "https://metadata.google.internal/",
    ],
)
def test_metadata_is_refused(face, url):
    with pytest.raises(botsec.AddressBlockedError):
        face.adopt(face.factory.open_web()).get(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://user@example.com/",
        "https://example.com:8443/",
    ],
)
def test_open_web_refuses_what_is_not_public_https(face, url):
    with pytest.raises((botsec.PolicyError, botsec.InputError)):
        face.adopt(face.factory.open_web()).get(url)


def test_open_web_carries_no_credentials(face, make_secret):
    client = face.adopt(face.factory.open_web())
    with pytest.raises(TypeError):
        client.get("https://example.com/", headers={"X-Key": make_secret()})
    with pytest.raises(TypeError):
        client.get("https://example.com/", auth=botsec.Bearer(make_secret()))


def test_redirects_within_the_origin_are_followed(client, api):
    api.on("/a", Reply(302, headers={"Location": "/b"}))
    assert client.get("/a").json()["target"] == "/b"


def test_a_redirect_loop_ends(client, api):
    api.on("/a", Reply(302, headers={"Location": "/a"}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.get("/a")
    assert len(api.requests) == 6


@pytest.mark.parametrize(
    "location", ["http://localhost/x", "https://example.com/", "ftp://x/", "https://u:p@localhost/", "//example.com/x"]
)
def test_a_redirect_away_is_refused(client, api, location):
    api.on("/a", Reply(302, headers={"Location": location}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.get("/a")
    assert len(api.requests) == 1


def test_a_redirect_to_metadata_is_refused(face, api):
    client = face.client(api.origin, hosts=["169.254.169.254"])
    api.on("/a", Reply(302, headers={"Location": "https://169.254.169.254/latest/meta-data"}))
    with pytest.raises(botsec.AddressBlockedError):
        client.get("/a")


def test_a_redirect_must_be_on_the_allow_list(face, api):
    client = face.client(api.origin, allow=["GET /a"])
    api.on("/a", Reply(302, headers={"Location": "/admin"}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.get("/a")
    assert len(api.requests) == 1


@pytest.mark.parametrize("location", ["/apiusers/42", "/api", "/apiv2/users/42", "/users/42"])
def test_a_redirect_beside_the_base_path_is_not_below_it(face, api, location):
    client = face.client(f"{api.origin}/api", allow=["GET /", "GET /users/{id:int}", "GET /a"])
    api.on("/api/a", Reply(302, headers={"Location": location}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.get("/a")
    assert len(api.requests) == 1
    api.on("/api/a", Reply(302, headers={"Location": "/api/users/42"}))
    assert client.get("/a").json()["target"] == "/api/users/42"


def test_a_redirect_beside_the_path_token_is_not_behind_it(face, api, make_secret):
    auth = botsec.PathToken(make_secret("123456:path-token"))
    client = face.client(api.origin, auth=auth, allow=["GET /getMe", "GET /a"])
    api.on("/bot123456:path-token/a", Reply(302, headers={"Location": "/bot123456:path-tokengetMe"}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.get("/a")
    assert len(api.requests) == 1
    api.on("/bot123456:path-token/a", Reply(302, headers={"Location": "/bot123456:path-token/getMe"}))
    assert client.get("/a").json()["target"] == "/bot123456:path-token/getMe"


CONTENT = {
    "Content-Encoding": "identity",
    "Content-Language": "en",
    "Content-Location": "/there",
    "Content-Disposition": "inline",
    "Content-Digest": "sha-256=:AAAA:",
    "Digest": "sha-256=AAAA",
    "Repr-Digest": "sha-256=:AAAA:",
    "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
    "Content-Type": "text/x-mine",
}


def test_what_tells_of_the_body_goes_with_it(client, api):
    api.on("/a", Reply(303, headers={"Location": "/b"}))
    client.put("/a", content=b"x", headers={**CONTENT, "X-Plain": "p", "Accept-Language": "de"})
    assert api.last.method == "GET"
    assert [name for name in CONTENT if api.last.header(name)] == []
    assert (api.last.header("x-plain"), api.last.header("accept-language")) == ("p", "de")
    api.on("/a", Reply(308, headers={"Location": "/b"}))
    client.put("/a", content=b"x", headers=CONTENT)
    assert {name: api.last.header(name) for name in CONTENT} == CONTENT
    assert api.last.body == b"x"


def test_303_becomes_get_and_307_keeps_the_body(client, api):
    api.on("/a", Reply(303, headers={"Location": "/b"}))
    assert client.post("/a", json={"k": 1}).json()["method"] == "GET"
    assert api.last.body == b""
    api.on("/a", Reply(307, headers={"Location": "/b"}))
    assert client.post("/a", json={"k": 1}).json()["method"] == "POST"
    assert api.last.json() == {"k": 1}


def test_no_credential_crosses_an_origin(face, api, other_api, make_secret):
    auth = [botsec.Bearer(make_secret("bearer-secret-1234")), botsec.ApiKey(make_secret("api-key-secret-5678"))]
    client = face.client(api.origin, hosts=[other_api.host], auth=auth)
    api.on("/a", Reply(302, headers={"Location": f"{other_api.origin}/b"}))
    leaf = make_secret("leaf-secret-9012")
    client.get("/a", headers={"X-Other-Key": leaf, "X-Plain": "p"})
    assert api.last.header("authorization") == "Bearer bearer-secret-1234"
    assert api.last.header("x-other-key") == "leaf-secret-9012"
    sent = str(other_api.last.headers)
    assert "secret" not in sent
    assert "X-Plain" not in sent


class Signer:
    """Signs each hop that it is asked about with a key of its own."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def sign(self, request):
        self.asked.append(request.url)
        return {"X-Signature": "signed-with-the-secret"}


#: Where a secret may stand: what the client is made with, what the call adds, and how the first origin sees it.
PLACES = {
    "query key": (lambda new: {"auth": botsec.ApiKey(new(), query="key")}, lambda new: {}, "key=the-secret"),
    "path token": (
        lambda new: {"auth": botsec.PathToken(new(), template="/bot{token}")},
        lambda new: {},
        "/botthe-secret",
    ),
    "basic": (lambda new: {"auth": botsec.Basic("me", new())}, lambda new: {}, "Basic bWU6dGhlLXNlY3JldA=="),
    "key with a prefix": (
        lambda new: {"auth": botsec.ApiKey(new(), header="X-Own", prefix="Bot ")},
        lambda new: {},
        "Bot the-secret",
    ),
    "cookie": (lambda new: {}, lambda new: {"headers": {"Cookie": new()}}, "the-secret"),
    "param": (lambda new: {}, lambda new: {"params": {"token": new()}}, "token=the-secret"),
    "call's auth": (lambda new: {}, lambda new: {"auth": botsec.Bearer(new())}, "Bearer the-secret"),
    "form": (lambda new: {}, lambda new: {"data": {"token": new()}}, "token=the-secret"),
    "json": (lambda new: {}, lambda new: {"json": {"token": new()}}, "the-secret"),
    "signer": (lambda new: {"auth": Signer()}, lambda new: {}, "signed-with-the-secret"),
}


@pytest.mark.parametrize("place", list(PLACES))
def test_no_secret_crosses_an_origin_wherever_it_stands(face, api, other_api, make_secret, place):
    made, called, seen = PLACES[place]

    def new():
        return make_secret("the-secret")

    client = face.client(api.origin, hosts=[other_api.host], **made(new))

    def text(request):
        return f"{request.target} {request.headers} {request.body.decode()}"

    away = Reply(303, headers={"Location": f"{other_api.origin}/b"})
    back = Reply(302, headers={"Location": f"{api.origin}/c"})
    api.on("/a", away)
    api.on("/botthe-secret/a", away)
    other_api.on("/b", back)
    client.post("/a", **called(new))
    assert [request.path for request in other_api.requests] == ["/b"]
    assert seen in text(api.requests[0])
    # Nor does it come back after the detour: the other origin chose where it would go.
    for request in (other_api.last, api.last):
        assert request.target in ("/b", "/c")
        assert "secret" not in text(request) and "bWU6" not in text(request)


@pytest.mark.parametrize("place", list(PLACES))
def test_a_secret_follows_a_redirect_within_its_origin(face, api, make_secret, place):
    made, called, seen = PLACES[place]

    def new():
        return make_secret("the-secret")

    client = face.client(api.origin, **made(new))
    for prefix in ("", "/botthe-secret"):
        api.on(f"{prefix}/a", Reply(307, headers={"Location": f"{prefix}/b"}))
    client.post("/a", **called(new))
    assert len(api.requests) == 2
    # What stood in the query is the server's to repeat; a key of the client's is added again.
    if place != "param":
        assert seen in f"{api.last.target} {api.last.headers} {api.last.body.decode()}"


def test_a_signer_is_not_asked_about_another_origin(face, api, other_api):
    signer = Signer()
    client = face.client(api.origin, hosts=[other_api.host], auth=signer)
    api.on("/a", Reply(302, headers={"Location": f"{other_api.origin}/b"}))
    client.get("/a")
    assert other_api.last.header("x-signature") is None
    client.get(f"{other_api.origin}/direct")
    assert other_api.last.header("x-signature") is None
    assert signer.asked == [f"{api.origin}/a"]


def test_a_field_given_twice_as_a_secret_is_sent_twice(face, api, make_secret):
    client = face.client(api.origin, headers={"X-Key-Of": "the client"})
    one, two = make_secret("first-secret"), make_secret("second-secret")
    client.get("/x", headers=[("X-Key-Of", one), ("X-Key-Of", two)])
    values = [value for name, value in api.last.headers if name.lower() == "x-key-of"]
    assert values == ["first-secret", "second-secret"]
    client.get("/x", headers=[("X-Key-Of", "plain"), ("X-Key-Of", one)])
    values = [value for name, value in api.last.headers if name.lower() == "x-key-of"]
    assert values == ["plain", "first-secret"]
    client.get("/x", headers={"X-Key-Of": one})
    assert api.last.header("x-key-of") == "first-secret"


def test_a_field_given_many_times_crosses_no_origin(face, api, other_api, make_secret):
    secrets = [make_secret(f"secret-number-{n}") for n in range(6)]
    client = face.client(api.origin, hosts=[other_api.host])
    api.on("/a", Reply(302, headers={"Location": f"{other_api.origin}/b"}))
    names = ["Cookie", "Cookie", "X-Key-Of", "X-Key-Of", "Authorization", "X-Key-Of"]
    client.get("/a", headers=list(zip(names, secrets, strict=True)))
    sent = f"{api.requests[0].headers}"
    assert all(f"secret-number-{n}" in sent for n in range(6))
    assert "secret-number" not in f"{other_api.last.target}{other_api.last.headers}{other_api.last.body}"


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_is_never_sent_again_to_another_origin(face, api, other_api, status):
    client = face.client(api.origin, hosts=[other_api.host])
    api.on("/a", Reply(status, headers={"Location": f"{other_api.origin}/b"}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.post("/a", json={"k": 1})
    assert other_api.requests == []


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_a_redirect_keeps_the_method_or_makes_it_a_get(face, api, status, method, then):
    api.on("/a", Reply(status, headers={"Location": "/b"}))
    content = {"content": b"body"} if method == "POST" else {}
    face.client(api.origin).request(method, "/a", **content)
    assert (api.last.path, api.last.method, api.last.body) == ("/b", then, b"body" if then == "POST" else b"")


def test_redirects_may_be_left_alone(face, api):
    client = face.client(api.origin, follow_redirects=False)
    api.on("/a", Reply(302, headers={"Location": "/b"}))
    assert client.get("/a", check=False).status_code == 302
    with pytest.raises(botsec.StatusError):
        client.get("/a")


def test_verification_cannot_be_turned_off(face, api):
    with pytest.raises(TypeError):
        face.factory(api.origin, verify=False)
    with pytest.raises(TypeError):
        face.factory(api.origin, tls=False)


def test_a_certificate_of_an_unknown_authority_is_refused(face, api):
    client = face.adopt(face.factory(api.origin, networks="loopback"))
    with pytest.raises(botsec.TlsError):
        client.get("/x")
    assert api.requests == []


def test_the_egress_address_can_be_pinned(face, api):
    peers = []
    serve = api.serve

    def noting(connection, number):
        peers.append(connection.getpeername()[0])
        serve(connection, number)

    api.serve = noting
    face.client(api.origin).get("/x")
    face.client(api.origin, local_address="127.0.0.2").get("/x")
    assert peers == ["127.0.0.1", "127.0.0.2"]


def test_the_egress_address_is_pinned_on_the_way_to_a_proxy_too(face, api):
    with contextlib.closing(ConnectProxy()) as proxy:
        options = {"proxy": botsec.Proxy(proxy.url), "hosts": [api.host]}
        face.client(api.origin, **options).get("/x")
        face.client(api.origin, local_address="127.0.0.3", **options).get("/x")
        assert proxy.peers == ["127.0.0.1", "127.0.0.3"]


@pytest.mark.parametrize("address", ["127.0.0.2/8", "localhost", "", "127.0.0.2:80"])
def test_an_egress_address_that_is_none_is_refused(face, api, address):
    with pytest.raises(ValueError, match="local_address"):
        face.client(api.origin, local_address=address)


def test_an_egress_address_of_another_machine_is_a_failed_connect(face, api):
    client = face.client(api.origin, local_address="192.0.2.1", retry=1)
    with pytest.raises(botsec.ConnectError):
        client.get("/x")
    assert api.requests == []
