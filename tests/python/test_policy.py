"""What may be sent where."""

import botsec
import pytest
from servers.api import Reply


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
    "url", ["https://169.254.169.254/", "https://[::ffff:169.254.169.254]/", "https://metadata.google.internal/"]
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


def test_a_body_is_never_sent_again_to_another_origin(face, api, other_api):
    client = face.client(api.origin, hosts=[other_api.host])
    api.on("/a", Reply(307, headers={"Location": f"{other_api.origin}/b"}))
    with pytest.raises(botsec.RedirectRefusedError):
        client.post("/a", json={"k": 1})
    assert other_api.requests == []


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
