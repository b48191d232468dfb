"""OAuth 2: tokens are got, renewed and rotated as RFC 6749 says, and nothing of them is printed.

The fake counts because Authlib and requests-oauthlib get their tokens from it first, with the same requests.
"""

import logging
import secrets
import traceback
from urllib.parse import parse_qsl

import botsec
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from botsec.testing import FakeClock
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as OAuthlibSession
from servers.api import Reply
from servers.oauth import FakeOAuth, refuse


@pytest.fixture
def issuer(authority):
    with FakeOAuth(authority) as server:
        yield server


@pytest.fixture
def credentials(issuer, tls, make_secret):
    """Client credentials, the client made known to the fake."""

    def make(**options):
        options = {"client_id": "bot", "client_secret": make_secret(issuer.client()), **options}
        return botsec.OAuth2ClientCredentials(issuer.token_url, networks="loopback", tls=tls, **options)

    return make


@pytest.fixture
def refresher(issuer, tls, make_secret):
    def make(**options):
        if "client_secret" not in options:
            options["client_secret"] = make_secret(issuer.client())
        options = {"client_id": "bot", "refresh_token": make_secret(issuer.refresh_token()), **options}
        return botsec.OAuth2Refresh(issuer.token_url, networks="loopback", tls=tls, **options)

    return make


def load(face, secret, again=False):
    from botsec._base import ready

    if face.is_async:
        face.run(ready(secret, again=again))
    elif again:
        secret.refresh()
    else:
        secret.load()
    return secret.reveal()


def told(error) -> str:
    return "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(error.details)


def form(request):
    return sorted(parse_qsl(request.body.decode(), keep_blank_values=True))


# The requests, beside those of other people's clients


@pytest.mark.parametrize("style", ["basic", "body"])
def test_client_credentials_ask_like_authlib_and_oauthlib(face, issuer, authority, tls, make_secret, style):
    password = issuer.client()
    method = {"basic": "client_secret_basic", "body": "client_secret_post"}[style]
    theirs = AuthlibSession("bot", password, token_endpoint_auth_method=method, scope="read write")
    answer = theirs.fetch_token(issuer.token_url, grant_type="client_credentials", verify=authority.ca_file)
    assert answer["access_token"] == issuer.issued[-1]
    theirs = OAuthlibSession(client=BackendApplicationClient("bot", scope=["read", "write"]))
    proof = (
        {"auth": HTTPBasicAuth("bot", password)}
        if style == "basic"
        else {"client_secret": password, "include_client_id": True}
    )
    answer = theirs.fetch_token(issuer.token_url, verify=authority.ca_file, **proof)
    assert answer["access_token"] == issuer.issued[-1]
    auth = botsec.OAuth2ClientCredentials(
        issuer.token_url,
        client_id="bot",
        client_secret=make_secret(password),
        scope=["read", "write"],
        auth_style=style,
        networks="loopback",
        tls=tls,
    )
    assert load(face, auth.token) == issuer.issued[-1]
    authlib, oauthlib, ours = issuer.requests
    assert form(ours) == form(oauthlib) == form(authlib)
    assert ours.header("authorization") == oauthlib.header("authorization") == authlib.header("authorization")
    assert (ours.header("authorization") is None) == (style == "body")


@pytest.mark.parametrize("style", ["basic", "body"])
def test_a_refresh_token_is_used_like_authlib_and_oauthlib_do(face, issuer, authority, tls, make_secret, style):
    password, token = issuer.client(), issuer.refresh_token()
    method = {"basic": "client_secret_basic", "body": "client_secret_post"}[style]
    theirs = AuthlibSession("bot", password, token_endpoint_auth_method=method)
    theirs.refresh_token(issuer.token_url, refresh_token=token, verify=authority.ca_file)
    theirs = OAuthlibSession("bot")
    proof = (
        {"auth": HTTPBasicAuth("bot", password)}
        if style == "basic"
        else {"client_id": "bot", "client_secret": password}
    )
    theirs.refresh_token(issuer.token_url, refresh_token=token, verify=authority.ca_file, **proof)
    auth = botsec.OAuth2Refresh(
        issuer.token_url,
        client_id="bot",
        client_secret=make_secret(password),
        refresh_token=make_secret(token),
        auth_style=style,
        networks="loopback",
        tls=tls,
    )
    assert load(face, auth.token) == issuer.issued[-1]
    authlib, oauthlib, ours = issuer.requests
    assert form(ours) == form(oauthlib) == form(authlib)
    assert ours.header("authorization") == oauthlib.header("authorization") == authlib.header("authorization")


def test_a_public_client_names_itself(face, issuer, authority, refresher):
    issuer.client(public=True)
    theirs = AuthlibSession("bot", token_endpoint_auth_method="none")
    theirs.refresh_token(issuer.token_url, refresh_token=issuer.refresh_token(), verify=authority.ca_file)
    auth = refresher(client_secret=None)
    load(face, auth.token)
    theirs, ours = (dict(form(request)) for request in issuer.requests)
    assert ours.keys() == theirs.keys()
    assert ours["client_id"] == "bot"
    # Reddit's installed apps: Basic with an empty password.
    load(face, refresher(client_secret=None, auth_style="basic").token)
    assert issuer.last.header("authorization") == "Basic Ym90Og=="


@pytest.mark.parametrize("style", ["basic", "body"])
def test_names_and_passwords_are_encoded_before_they_are_joined(face, issuer, credentials, make_secret, style):
    password = "p:a%2B+ &=é/" + secrets.token_hex(8)
    issuer.clients["bot:1"] = password
    auth = credentials(client_id="bot:1", client_secret=make_secret(password), auth_style=style)
    assert load(face, auth.token) == issuer.issued[-1]


def test_further_fields_are_sent_and_own_ones_refused(face, issuer, credentials, make_secret):
    auth = credentials(
        audience="https://api.example.com", extra={"resource": "a b", "assertion": make_secret("s3cr3t&value")}
    )
    load(face, auth.token)
    assert form(issuer.last) == [
        ("assertion", "s3cr3t&value"),
        ("audience", "https://api.example.com"),
        ("grant_type", "client_credentials"),
        ("resource", "a b"),
    ]
    for own in ("grant_type", "client_id", "client_secret", "refresh_token", "scope", "audience"):
        with pytest.raises(ValueError, match=own):
            credentials(extra={own: "x"})


# As a client's proof


def test_calls_carry_the_token_and_share_one(face, api, issuer, credentials):
    client = face.client(api.origin, auth=credentials())
    assert issuer.requests == []
    face.all([lambda: client.raw.get("/x") for _ in range(8)])
    (token,) = issuer.issued
    assert {request.header("authorization") for request in api.to("/x")} == {f"Bearer {token}"}
    assert len(api.to("/x")) == 8


def test_a_client_that_starts_gets_its_token(face, api, issuer, credentials):
    auth = credentials()
    face.client(api.origin, auth=auth).start()
    assert (len(issuer.issued), api.requests) == (1, [])
    issuer.clients.clear()
    with pytest.raises(botsec.SecretAccessError, match="oauth2:localhost"):
        face.client(api.origin, auth=credentials(client_id="unknown")).start()


def test_a_token_that_the_api_refuses_is_got_anew_once(face, api, issuer, credentials):
    good = lambda request: request.header("authorization") == f"Bearer {issuer.issued[-1]}"  # noqa: E731
    api.on("/x", lambda request: Reply(200 if good(request) else 401))
    client = face.client(api.origin, auth=credentials())
    client.get("/x")
    issuer.issued.append("revoked")
    client.get("/x")
    assert len(issuer.requests) == 2
    api.on("/x", Reply(401))
    with pytest.raises(botsec.AuthFailedError):
        client.get("/x")
    assert len(issuer.requests) <= 3


def test_a_token_goes_to_the_clients_origin_alone(face, api, other_api, issuer, credentials):
    client = face.client(api.origin, hosts=[other_api.host], auth=credentials())
    client.get("/x")
    client.get(f"{other_api.origin}/x")
    assert api.last.header("authorization") is not None
    assert other_api.last.header("authorization") is None


def test_an_endpoint_that_refuses_ends_the_call_with_a_secret_error(face, api, issuer, credentials, make_secret):
    client = face.client(api.origin, auth=credentials(client_secret=make_secret("wrong-" + secrets.token_hex(8))))
    with pytest.raises(botsec.SecretAccessError) as caught:
        client.get("/x")
    assert (caught.value.details["oauth_error"], api.requests) == ("invalid_client", [])


# Time


def test_a_token_is_renewed_before_it_expires(issuer, credentials):
    with FakeClock() as clock:
        token = credentials().token
        first = token.load().reveal()
        clock.advance(2800)
        assert (token.load().reveal(), len(issuer.issued)) == (first, 1)
        # From four fifths of its time on, and by fifty-nine minutes of its hour at the latest.
        while clock.elapsed < 3600 and len(issuer.issued) == 1:
            clock.advance(100)
            assert token.load().reveal() in issuer.issued
            issuer.wait_until(lambda: len(issuer.issued) == 2, 0.05)
        assert issuer.wait_until(lambda: token.reveal() == issuer.issued[1])


def test_a_token_is_not_used_when_its_time_is_over(issuer, credentials):
    with FakeClock() as clock:
        token = credentials().token
        first = token.load().reveal()
        issuer.instead = Reply(503)
        clock.advance(3541)
        with pytest.raises(botsec.SecretError):
            token.refresh()
        with pytest.raises(botsec.SecretError):
            token.reveal()
        issuer.instead = None
        clock.advance(60)
        assert token.load().reveal() not in {first}


def test_a_token_is_renewed_without_anybody_using_it(issuer, credentials):
    issuer.fields = {"expires_in": 1}
    token = credentials().token.load()
    assert issuer.wait_until(lambda: len(issuer.issued) >= 2)
    assert token.reveal() in issuer.issued


@pytest.mark.parametrize("expires", [None, 3600, "3600", 3599.9, 10**12])
def test_lifetimes_are_read_as_endpoints_write_them(face, issuer, credentials, expires):
    issuer.fields = {"expires_in": expires}
    assert load(face, credentials().token) == issuer.issued[-1]


# Refresh tokens


def test_a_rotated_refresh_token_takes_the_place_of_the_old_one(face, issuer, refresher):
    issuer.rotates = True
    auth = refresher()
    first = auth.refresh_token.reveal()
    load(face, auth.token)
    second = auth.refresh_token.reveal()
    assert list(issuer.refresh_tokens) == [second]
    assert first != second
    for _ in range(3):
        load(face, auth.token, again=True)
    assert list(issuer.refresh_tokens) == [auth.refresh_token.reveal()]
    assert second not in repr(auth) + repr(auth.refresh_token)


def test_whoever_stores_refresh_tokens_hears_of_a_new_one(face, api, issuer, refresher):
    issuer.rotates = True
    auth, stored = refresher(), []
    auth.refresh_token.on_rotate(lambda rotation: stored.append((rotation.name, auth.refresh_token.reveal())))
    face.client(api.origin, auth=auth).get("/x")
    assert stored == [(auth.refresh_token.name, *issuer.refresh_tokens)]


def test_a_refresh_token_that_stays_stays(face, issuer, refresher):
    auth = refresher()
    before = auth.refresh_token.fingerprint
    load(face, auth.token)
    load(face, auth.token, again=True)
    assert auth.refresh_token.fingerprint == before


def test_a_new_refresh_token_in_the_file_is_taken_when_the_old_one_is_refused(face, issuer, refresher, tmp_path):
    (tmp_path / "token").write_text(issuer.refresh_token())
    auth = refresher(refresh_token=botsec.secret(f"file:{tmp_path}/token"))
    load(face, auth.token)
    issuer.refresh_tokens.clear()
    (tmp_path / "token").write_text(issuer.refresh_token() + "\n")
    assert load(face, auth.token, again=True) == issuer.issued[-1]
    assert len(issuer.issued) == 2


def test_a_refused_refresh_token_ends_the_access_token(face, issuer, refresher, caplog):
    auth = refresher()
    load(face, auth.token)
    token = auth.refresh_token.reveal()
    issuer.refresh_tokens.clear()
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.SecretAccessError) as caught:
        load(face, auth.token, again=True)
    assert (caught.value.details["oauth_error"], caught.value.details["status"]) == ("invalid_grant", "400")
    with pytest.raises(botsec.SecretAccessError):
        auth.token.reveal()
    everything = told(caught.value) + caplog.text
    assert token not in everything
    assert "expired or revoked" not in everything


# Out of reach, and lies


@pytest.mark.parametrize("answer", [Reply(429), Reply(500), Reply(503), refuse("temporarily_unavailable")])
def test_the_token_serves_on_while_the_endpoint_cannot_answer(issuer, credentials, answer):
    with FakeClock():
        token = credentials().token.load()
        first = token.reveal()
        issuer.instead = answer
        with pytest.raises(botsec.SecretAccessError):
            token.refresh()
        assert token.reveal() == first


@pytest.mark.parametrize("code", ["invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_refusal_ends_the_token_and_is_named(face, issuer, credentials, code, status):
    token = credentials().token
    load(face, token)
    issuer.instead = refuse(code, status)
    with pytest.raises(botsec.SecretAccessError, match=code if status == 200 else str(status)) as caught:
        load(face, token, again=True)
    assert caught.value.details["oauth_error"] == code
    assert "told at length" not in told(caught.value)
    with pytest.raises(botsec.SecretAccessError):
        token.reveal()


LEAK = "leak-" + secrets.token_hex(12)
LIES = {
    "another kind of token": {"token_type": "mac"},
    "no kind of token": {"token_type": None},
    "no token": {"access_token": None, "id_token": LEAK},
    "a token that is no text": {"access_token": [LEAK]},
    "a token with a line break": {"access_token": f"{LEAK}\r\nX: y"},
    "an empty token": {"access_token": " "},
    "a lifetime of nothing": {"expires_in": 0},
    "a lifetime before today": {"expires_in": -5},
    "a lifetime in words": {"expires_in": LEAK},
    "ten mebibytes": {"access_token": LEAK * 400_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_believed_and_not_repeated(face, issuer, credentials, caplog, lie):
    issuer.fields = {"access_token": LEAK, **LIES[lie]}
    token = credentials().token
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.SecretError) as caught:
        load(face, token)
    assert LEAK not in told(caught.value) + caplog.text
    if lie == "ten mebibytes":
        assert "too_large" in told(caught.value)
    if "kind" in lie:
        assert "type" in caught.value.details["reason"]
    with pytest.raises(botsec.SecretError):
        token.reveal()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, f"access_token={LEAK}&token_type=bearer"),
        Reply(400, f"no json but {LEAK}"),
        Reply(400, {"error": LEAK, "error_description": LEAK}),
        Reply(403, {"error": {"message": LEAK}}),
        Reply(418, {"access_token": LEAK}),
        Reply(500, {"access_token": LEAK}),
    ],
)
def test_an_answer_of_another_shape_is_not_repeated(face, issuer, credentials, caplog, reply):
    issuer.instead = reply
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.SecretError) as caught:
        load(face, credentials().token)
    assert LEAK not in told(caught.value) + caplog.text


def test_credentials_never_follow_a_redirect(face, issuer, other_api, credentials):
    issuer.instead = Reply(307, headers={"Location": f"{other_api.origin}/oauth2/token"})
    for style in ("basic", "body"):
        with pytest.raises(botsec.SecretAccessError) as caught:
            load(face, credentials(auth_style=style).token)
        assert caught.value.details["status"] == "307"
    assert other_api.requests == []


# Shapes of known endpoints


def test_twitch_names_scopes_in_a_list_and_the_type_in_small_letters(face, issuer, credentials):
    issuer.fields = {"token_type": "bearer", "scope": ["chat:read"], "expires_in": 5011271}
    assert load(face, credentials(auth_style="body").token) == issuer.issued[-1]


def test_microsoft_and_google_send_more_than_is_asked(face, issuer, refresher):
    issuer.fields = {"ext_expires_in": 3599, "id_token": "a.b.c", "scope": "https://graph.microsoft.com/.default"}
    assert load(face, refresher(scope="https://graph.microsoft.com/.default").token) == issuer.issued[-1]


# Wrong use


def test_plain_keys_are_type_errors_and_wrong_urls_are_named(make_secret):
    make, key = botsec.OAuth2ClientCredentials, make_secret()
    with pytest.raises(TypeError) as caught:
        make("https://id.example.com/token", client_id="bot", client_secret="plain-secret")
    assert "plain-secret" not in str(caught.value)
    with pytest.raises(TypeError):
        botsec.OAuth2Refresh("https://id.example.com/token", client_id="bot", refresh_token="plain-secret")
    with pytest.raises(botsec.InsecureUrlError, match="`token_url`"):
        make("http://id.example.com/token", client_id="bot", client_secret=key)
    for url in (
        "id.example.com",
        "https://id.example.com/a b",
        "https://id.example.com/a%20b",
        "https://u:p@id.example.com/",
    ):
        with pytest.raises(ValueError, match="token_url"):
            make(url, client_id="bot", client_secret=key)
    with pytest.raises(ValueError, match="auth_style"):
        make("https://id.example.com/token", client_id="bot", client_secret=key, auth_style="header")
    with pytest.raises(ValueError, match="client_id"):
        make("https://id.example.com/token", client_id="", client_secret=key)


def test_a_query_of_the_endpoint_is_kept(face, issuer, tls, make_secret):
    auth = botsec.OAuth2ClientCredentials(
        f"{issuer.token_url}?api-version=2&x=a%20b",
        client_id="bot",
        client_secret=make_secret(issuer.client()),
        networks="loopback",
        tls=tls,
    )
    load(face, auth.token)
    assert issuer.last.query == [("api-version", "2"), ("x", "a b")]


def test_no_repr_shows_a_secret(make_secret):
    value = "value-" + secrets.token_hex(12)
    for made in (
        botsec.OAuth2ClientCredentials("https://id.example.com/t", client_id="bot", client_secret=make_secret(value)),
        botsec.OAuth2Refresh("https://id.example.com/t", client_id="bot", refresh_token=make_secret(value)),
    ):
        assert repr(made) == f"{type(made).__name__}('id.example.com', client_id='bot')"
        assert value not in repr(made.token) + str(made.token)
