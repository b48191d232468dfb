"""Google Secret Manager: what Google's own client reads from the fake, botsec reads too; what lies is not believed."""

import contextlib
import json
import logging

import botsec
import google.auth.jwt
import google.auth.transport.requests
import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.auth import identity_pool
from google.auth.exceptions import RefreshError
from google.cloud import secretmanager
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account
from servers.api import Api, Reply
from servers.gcp import EMAIL, OTHER, PROJECT, SCOPE, SUBJECT, TOKEN_URL, Google, keys
from servers.leaks import everything

VALUE = "s3cr3t-of-google/with+odd=chars"
#: Google's client tells of its own future on older Pythons.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def google_api(authority):
    with Google(authority) as server:
        server.secrets["api-key"] = [b"older-value-of-google", VALUE.encode()]
        yield server


@pytest.fixture(autouse=True)
def bundle(authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)


@pytest.fixture
def clock():
    from botsec.testing import FakeClock

    with FakeClock() as fake:
        yield fake


def official(server, credentials, name="api-key", version="latest", place=f"projects/{PROJECT}"):
    """What google-cloud-secret-manager reads."""
    options = ClientOptions(api_endpoint=server.host)
    client = secretmanager.SecretManagerServiceClient(credentials=credentials, transport="rest", client_options=options)
    with contextlib.closing(client.transport):
        return client.access_secret_version(name=f"{place}/secrets/{name}/versions/{version}").payload.data.decode()


def key_credentials(server):
    return service_account.Credentials.from_service_account_info(server.key_file(), scopes=[SCOPE])


@pytest.fixture
def make(google_api, make_secret, tls):
    """A provider with these credentials."""

    def make(file=None, **options):
        credentials = make_secret(json.dumps(file or google_api.key_file()))
        options = {"endpoint": google_api.origin, "hosts": [google_api.host], "networks": "loopback", **options}
        return botsec.Gcp(credentials, tls=tls, **options)

    return make


def load(face, source, **options):
    if face.is_async:
        return face.run(botsec.secret_async(source, **options))
    return botsec.secret(source, **options).load()


def again(face, secret):
    """Read it once more, as the face does."""
    from botsec._base import ready

    return face.run(ready(secret, again=True)) if face.is_async else secret.refresh()


def test_a_key_reads_what_googles_client_reads(face, google_api, make):
    assert official(google_api, key_credentials(google_api)) == VALUE
    google_api.requests.clear()
    secret = load(face, "gcp-sm:my-project/api-key", provider=make())
    assert (secret.reveal(), secret.version, secret.name) == (VALUE, "2", "gcp-sm:my-project/api-key")
    assert [request.path for request in google_api.requests] == [
        "/token",
        f"/v1/projects/{PROJECT}/secrets/api-key/versions/latest:access",
    ]


def test_the_assertion_is_what_googles_library_makes(face, google_api, make):
    credentials = key_credentials(google_api)
    credentials.refresh(google.auth.transport.requests.Request())
    load(face, "gcp-sm:my-project/api-key", provider=make())
    theirs, ours = (request.body.decode().split("assertion=")[1].split("&")[0] for request in google_api.logins)
    head = [google.auth.jwt.decode_header(token) for token in (theirs, ours)]
    assert head[0] == head[1] == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    ends = (TOKEN_URL, f"{google_api.origin}/token")
    claims = [google.auth.jwt.decode(token, keys()[1], audience=end) for token, end in zip((theirs, ours), ends)]
    assert claims[0].keys() == claims[1].keys()
    for name in ("iss", "scope"):
        assert claims[0][name] == claims[1][name]
    assert all(claim["exp"] - claim["iat"] == 3600 for claim in claims)


def test_a_person_reads_with_the_quota_project_that_the_file_names(face, google_api, make):
    google_api.quota_project = "paying-project"
    file = google_api.user_file(quota_project_id="paying-project")
    theirs = user_credentials.Credentials(None, **{k: v for k, v in file.items() if k != "type"})
    assert official(google_api, theirs) == VALUE
    assert load(face, "gcp-sm:my-project/api-key", provider=make(file)).reveal() == VALUE
    with pytest.raises(botsec.SecretAccessError):
        load(face, "gcp-sm:my-project/api-key", provider=make(google_api.user_file()))


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("where", ["file", "json file", "url"])
def test_workload_identity_reads_with_somebody_elses_token(face, google_api, make, tmp_path, where, acts):
    token = tmp_path / "token"
    token.write_text(json.dumps({"value": SUBJECT}) if where == "json file" else SUBJECT)
    field = {"format": {"type": "json", "subject_token_field_name": "value"}}
    headers = {"X-Request-Token": "request-token-of-the-runner"}
    source = {
        "file": {"file": str(token)},
        "json file": {"file": str(token), **field},
        "url": {"url": f"{google_api.origin}/subject", "headers": headers, **field},
    }[where]
    file = google_api.outside_file(source, acts)
    theirs = identity_pool.Credentials.from_info(file, scopes=[SCOPE])
    assert official(google_api, theirs) == VALUE
    google_api.requests.clear()
    assert load(face, "gcp-sm:my-project/api-key", provider=make(file)).reveal() == VALUE
    whose = google_api.tokens[google_api.last.header("authorization").removeprefix("Bearer ")]
    assert whose == (OTHER if acts else "outsider")


def test_a_person_may_act_as_a_service_account(face, google_api, make):
    from google.auth import impersonated_credentials

    file = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": google_api.impersonation_url,
        "delegates": [],
        "source_credentials": google_api.user_file(),
    }
    person = user_credentials.Credentials(None, **{k: v for k, v in google_api.user_file().items() if k != "type"})
    theirs = impersonated_credentials.Credentials(
        person, OTHER, [SCOPE], iam_endpoint_override=google_api.impersonation_url
    )
    assert official(google_api, theirs) == VALUE
    assert load(face, "gcp-sm:my-project/api-key", provider=make(file)).reveal() == VALUE
    google_api.refused.add("person")
    with pytest.raises(botsec.SecretAccessError) as caught:
        load(face, "gcp-sm:my-project/api-key", provider=make(file))
    assert "PERMISSION_DENIED (403)" in str(caught.value)


def test_versions_fields_and_regions(face, google_api, make):
    google_api.secrets["json"] = [json.dumps({"key": VALUE, "port": 5432, "list": [1]}).encode()]
    theirs = key_credentials(google_api)
    assert official(google_api, theirs, version="1") == "older-value-of-google"
    provider = make()

    def read(source):
        return load(face, source, provider=provider).reveal()

    assert read("gcp-sm:my-project/api-key?version=1") == "older-value-of-google"
    assert read("gcp-sm:projects/my-project/secrets/api-key/versions/1") == "older-value-of-google"
    assert read("gcp-sm:projects/my-project/secrets/api-key") == VALUE
    assert read("gcp-sm:my-project/json?field=key") == VALUE
    assert read("gcp-sm:my-project/json?field=port") == "5432"
    for wrong in ("none", "list"):
        with pytest.raises(botsec.SecretNotFoundError) as caught:
            read(f"gcp-sm:my-project/json?field={wrong}")
        assert VALUE not in everything(caught.value)
    assert len(google_api.logins) == 1
    google_api.location = "europe-west1"
    place = f"projects/{PROJECT}/locations/europe-west1"
    assert official(google_api, theirs, place=place) == VALUE
    assert read(f"gcp-sm:{place}/secrets/api-key") == VALUE


def test_many_secrets_log_in_once_and_later_ones_not_at_all(google_api, make, authority, tls):
    for n in range(20):
        google_api.secrets[f"key-{n}"] = [f"value-number-{n}".encode()]
    assert official(google_api, key_credentials(google_api), name="key-7") == "value-number-7"
    google_api.requests.clear()
    provider = make()
    auth = [
        botsec.ApiKey(botsec.secret(f"gcp-sm:my-project/key-{n}", provider=provider), header=f"X-Key-{n}")
        for n in range(20)
    ]
    with Api(authority) as api, botsec.Client(api.origin, auth=auth, tls=tls, networks="loopback") as client:
        client.get("/x")
        assert api.last.header("x-key-7") == "value-number-7"
    assert (len(google_api.logins), len(google_api.reads)) == (1, 20)
    del auth, client
    botsec.secret("gcp-sm:my-project/key-1", provider=provider).load()
    assert len(google_api.logins) == 1
    # What the provider remembers is not believed twice.
    google_api.tokens.clear()
    assert botsec.secret("gcp-sm:my-project/key-1", provider=provider).load().reveal() == "value-number-1"
    assert len(google_api.logins) == 2


def test_a_rotation_is_seen_after_a_refresh(face, google_api, make):
    secret = load(face, "gcp-sm:my-project/api-key", provider=make())
    told = []
    secret.on_rotate(told.append)
    google_api.secrets["api-key"].append(b"newest-value-of-google")
    assert official(google_api, key_credentials(google_api)) == "newest-value-of-google"
    again(face, secret)
    assert (secret.reveal(), secret.version) == ("newest-value-of-google", "3")
    assert [(one.old, one.new) for one in told] == [("2", "3")]
    assert len(google_api.logins) == 1


def test_a_token_that_is_refused_is_replaced_once(face, google_api, make):
    secret = load(face, "gcp-sm:my-project/api-key", provider=make())
    google_api.tokens.clear()
    again(face, secret)
    assert (secret.reveal(), len(google_api.logins)) == (VALUE, 2)


def test_a_token_is_replaced_before_it_expires(face, google_api, make, clock):
    google_api.expires_in = "100"
    secret = load(face, "gcp-sm:my-project/api-key", provider=make())
    clock.advance(95)
    again(face, secret)
    assert (secret.reveal(), len(google_api.logins)) == (VALUE, 2)


def test_bytes_that_broke_are_asked_for_once_more(face, google_api, make):
    google_api.damaged = 1
    # Google's own client takes what broke.
    assert official(google_api, key_credentials(google_api)) != VALUE
    google_api.damaged = 1
    provider = make()
    secret = load(face, "gcp-sm:my-project/api-key", provider=provider)
    assert (secret.reveal(), len(google_api.reads)) == (VALUE, 3)
    google_api.damaged = 2
    with pytest.raises(botsec.SecretAccessError, match="CRC32C") as caught:
        again(face, secret)
    assert VALUE[:-1] not in everything(caught.value)
    assert len(google_api.reads) == 5
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()


FAULTS = {
    "disabled": (None, botsec.SecretAccessError, "answered 400"),
    "403": (Reply(403, {"error": {"status": "PERMISSION_DENIED", "message": VALUE}}), botsec.SecretAccessError, "403"),
    "404": (Reply(404, {"error": {"status": "NOT_FOUND", "message": VALUE}}), botsec.SecretNotFoundError, "404"),
    "401": (Reply(401, {"error": {"message": VALUE}}), botsec.SecretAccessError, "401"),
    "html": (Reply(200, VALUE, {"Content-Type": "text/html"}), botsec.SecretAccessError, "not JSON"),
    "no json": (Reply(200, VALUE, {"Content-Type": "application/json"}), botsec.SecretAccessError, "not JSON"),
    "empty": (Reply(200, {}), botsec.SecretAccessError, "names no version"),
    "huge": (
        Reply(200, b"x" * (10 << 20), {"Content-Type": "application/json"}),
        botsec.SecretAccessError,
        "cannot be read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_pass_ends_the_value_and_says_nothing_of_it(face, google_api, make, fault, caplog):
    caplog.set_level(logging.DEBUG)
    secret = load(face, "gcp-sm:my-project/api-key", provider=make())
    reply, kind, part = FAULTS[fault]
    if reply is None:
        google_api.secrets["api-key"].append(None)
    else:
        google_api.on(google_api.last.path, reply)
    if fault in ("disabled", "403", "404"):
        with pytest.raises(GoogleAPICallError):
            official(google_api, key_credentials(google_api))
    with pytest.raises(kind, match=part) as caught:
        again(face, secret)
    said = everything(caught.value, caplog)
    assert "gcp-sm:my-project/api-key" in str(caught.value)
    assert not [token for token in [*google_api.tokens, VALUE, keys()[0][40:80]] if token in said]
    with pytest.raises(kind):
        secret.reveal()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_keeps_the_value_for_a_while(face, google_api, make, clock, status):
    secret = load(face, "gcp-sm:my-project/api-key", provider=make(), ttl=100, max_stale=50)
    google_api.on(google_api.last.path, Reply(status, {"error": {"message": VALUE}}))
    with pytest.raises(botsec.SecretAccessError, match=str(status)) as caught:
        again(face, secret)
    assert VALUE not in everything(caught.value)
    assert secret.reveal() == VALUE
    clock.advance(160)
    with pytest.raises(botsec.SecretError):
        again(face, secret)
    with pytest.raises(botsec.SecretStaleError):
        secret.reveal()


def test_the_value_serves_on_while_the_login_is_out_of_reach(face, google_api, make, clock):
    google_api.expires_in = 100
    secret = load(face, "gcp-sm:my-project/api-key", provider=make(), ttl=60, max_stale=1000)
    google_api.on("/token", Reply(503))
    clock.advance(120)
    with pytest.raises(botsec.SecretAccessError):
        again(face, secret)
    assert secret.reveal() == VALUE


def test_a_revoked_key_ends_the_value(face, google_api, make, clock, caplog):
    caplog.set_level(logging.DEBUG)
    google_api.expires_in = 100
    secret = load(face, "gcp-sm:my-project/api-key", provider=make(), ttl=60, max_stale=1000)
    refusal = {"error": "invalid_grant", "error_description": "Invalid JWT: " + keys()[0]}
    google_api.on("/token", Reply(400, refusal))
    with pytest.raises(RefreshError):
        key_credentials(google_api).refresh(google.auth.transport.requests.Request())
    clock.advance(120)
    with pytest.raises(botsec.SecretAccessError, match=r"the login was refused: invalid_grant \(400\)") as caught:
        again(face, secret)
    said = everything(caught.value, caplog)
    assert "hint:" in said and keys()[0][40:80] not in said
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (Reply(200, {"access_token": "token-that-came", "token_type": "Bearer"}), "lifetime"),
        (Reply(200, {"access_token": "token-that-came", "expires_in": 3599, "token_type": "mac"}), "type"),
        (Reply(200, {"access_token": "token-that-came", "expires_in": 0, "token_type": "Bearer"}), "no time left"),
        (Reply(200, {"access_token": "token that\ncame", "expires_in": 99, "token_type": "Bearer"}), "header"),
        (Reply(200, "token-that-came", {"Content-Type": "text/html"}), "not JSON"),
        (Reply(200, b"x" * (10 << 20), {"Content-Type": "application/json"}), "too_large"),
        (Reply(400, {"error": "token-that-came"}), "unnamed"),
        (Reply(500, "token-that-came"), "500"),
    ],
)
def test_a_login_that_lies_is_not_believed(face, google_api, make, answer, part, caplog):
    caplog.set_level(logging.DEBUG)
    google_api.on("/token", answer)
    with pytest.raises(botsec.SecretAccessError, match=part) as caught:
        load(face, "gcp-sm:my-project/api-key", provider=make())
    said = everything(caught.value, caplog)
    assert "token-that-came" not in said and "token that" not in said
    assert caught.value.details["token_endpoint"] == google_api.host
    assert google_api.reads == []


def test_a_redirect_is_not_followed_with_the_token(face, google_api, make, other_api, caplog):
    secret = load(face, "gcp-sm:my-project/api-key", provider=make())
    google_api.on(google_api.last.path, Reply(302, headers={"Location": f"{other_api.origin}/steal"}))
    with pytest.raises(botsec.SecretAccessError):
        again(face, secret)
    google_api.on("/token", Reply(307, headers={"Location": f"{other_api.origin}/steal"}))
    with pytest.raises(botsec.SecretAccessError):
        load(face, "gcp-sm:my-project/api-key", provider=make())
    assert other_api.requests == []


def test_an_answer_about_another_version_is_not_believed(face, google_api, make):
    path = f"/v1/projects/{PROJECT}/secrets/api-key/versions/1:access"
    google_api.on(path, google_api.answer("api-key", 2, VALUE.encode()))
    with pytest.raises(botsec.SecretAccessError, match="another secret or version"):
        load(face, "gcp-sm:my-project/api-key?version=1", provider=make())
    google_api.on(path, google_api.answer("api-key", 1, b"\xff\xfe\xfd"))
    with pytest.raises(botsec.SecretAccessError, match="UTF-8"):
        load(face, "gcp-sm:my-project/api-key?version=1", provider=make())


def test_a_manager_out_of_reach_keeps_the_value(google_api, make):
    secret = botsec.secret("gcp-sm:my-project/api-key", provider=make()).load()
    google_api.stop()
    with pytest.raises(botsec.SecretAccessError, match="connect"):
        secret.refresh()
    assert secret.reveal() == VALUE


def test_credentials_that_cannot_be_used_are_found_at_start_up(google_api, make, make_secret, tls, other_api):
    for file, part in [
        ({"type": "service_account"}, "`client_email`"),
        (google_api.key_file(private_key=""), "`private_key`"),
        (google_api.key_file(token_uri="http://oauth2.googleapis.com/token"), "`token_uri` is not an https URL"),
        (google_api.key_file(token_uri=f"{other_api.origin}/token"), "`token_uri` is not a host of Google's"),
        ({"type": "external_account_authorized_user"}, "type"),
        (google_api.outside_file({"executable": {"command": "/bin/true"}}), "callable"),
        (google_api.outside_file({"url": "http://169.254.169.254/"}), "`url` is not an https URL"),
    ]:
        with pytest.raises(botsec.SecretAccessError, match=part) as caught:
            make(file)
        assert keys()[0][40:80] not in everything(caught.value)
    with pytest.raises(botsec.SecretAccessError, match="not JSON"):
        botsec.Gcp(make_secret("no-json-but-a-key-1234"))
    assert google_api.requests == other_api.requests == []


def test_a_key_that_is_none_is_told_without_being_repeated(face, google_api, make):
    broken = google_api.key_file(private_key=keys()[0].replace("A", "B"))
    with pytest.raises(botsec.SecretAccessError) as caught:
        load(face, "gcp-sm:my-project/api-key", provider=make(broken))
    assert broken["private_key"][40:80] not in everything(caught.value)
    stranger = google_api.key_file(private_key=keys(1)[0])
    with pytest.raises(botsec.SecretAccessError, match="invalid_grant"):
        load(face, "gcp-sm:my-project/api-key", provider=make(stranger))


def test_a_key_file_that_changes_is_read_again(face, google_api, tls, tmp_path, clock):
    file = tmp_path / "key.json"
    file.write_text(json.dumps(google_api.key_file(private_key=keys(1)[0])))
    provider = botsec.Gcp(
        botsec.secret(f"file:{file}"), endpoint=google_api.origin, hosts=[google_api.host], networks="loopback", tls=tls
    )
    with pytest.raises(botsec.SecretAccessError):
        load(face, "gcp-sm:my-project/api-key", provider=provider)
    file.write_text(json.dumps(google_api.key_file()) + "\n\n")
    clock.advance(1)
    assert load(face, "gcp-sm:my-project/api-key", provider=provider).reveal() == VALUE


@pytest.mark.parametrize(
    "source",
    ["gcp-sm:only-a-name", "gcp-sm:a/b/c", "gcp-sm:p/s?stage=x", "gcp-sm:projects/p/secrets/s/versions/1?version=2"],
)
def test_a_place_that_is_none_is_refused(make, source):
    with pytest.raises(ValueError):
        botsec.secret(source, provider=make())


def test_nothing_is_asked_when_it_is_made_and_nothing_is_shown(google_api, make, make_secret, tls):
    provider = make()
    secret = botsec.secret("gcp-sm:my-project/api-key", provider=provider)
    assert google_api.requests == []
    assert repr(provider).startswith("Gcp(Secret('env:") and keys()[0][40:80] not in repr(provider) + repr(secret)
    assert repr(botsec.Gcp("metadata")) == "Gcp('metadata')"
    for bad in ("key", None, json.dumps(google_api.key_file())):
        with pytest.raises(TypeError, match="Secret"):
            botsec.Gcp(bad)
    with pytest.raises(botsec.InsecureUrlError):
        make(endpoint="http://localhost")
    with pytest.raises(ValueError):
        make(hosts=["https://x/y"])


def test_default_credentials_are_opt_in(google_api, monkeypatch, tls, tmp_path):
    options = {"endpoint": google_api.origin, "hosts": [google_api.host], "networks": "loopback", "tls": tls}
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    assert repr(botsec.Gcp.from_env()) == "Gcp('metadata')"
    left = tmp_path / "application_default_credentials.json"
    left.write_text(json.dumps(google_api.user_file()))
    assert botsec.secret("gcp-sm:my-project/api-key", provider=botsec.Gcp.from_env(**options)).load().reveal() == VALUE
    file = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(botsec.SecretNotFoundError):
        botsec.Gcp.from_env()
    file.write_text(json.dumps(google_api.key_file()))
    provider = botsec.Gcp.from_env(**options)
    assert official(google_api, google.auth.default(scopes=[SCOPE])[0]) == VALUE
    assert botsec.secret("gcp-sm:my-project/api-key", provider=provider).load().reveal() == VALUE
    assert set(google_api.tokens.values()) == {"person", EMAIL}
