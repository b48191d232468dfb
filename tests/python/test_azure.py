"""Azure Key Vault: what Azure's own clients read from the fake, botsec reads too; a foreign resource gets no token."""

import contextlib
import json
import logging

import botsec
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential, WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient
from servers.api import Api, Reply
from servers.azure import ASSERTION, CLIENT, SECRET, TENANT, Entra
from servers.leaks import everything

VALUE = "s3cr3t-of-azure/with+odd=chars"


@pytest.fixture
def vault(authority):
    with Entra(authority) as server:
        server.put("api-key", "older-value-of-azure")
        server.put("api-key", VALUE)
        yield server


@pytest.fixture(autouse=True)
def bundle(authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.ca_file)


@pytest.fixture
def clock():
    from botsec.testing import FakeClock

    with FakeClock() as fake:
        yield fake


@pytest.fixture
def make(vault, make_secret, tls):
    """A provider with this client secret."""

    def make(secret=SECRET, tenant=TENANT, **options):
        credentials = botsec.AzureClientSecret(tenant, CLIENT, make_secret(secret))
        options = {"credentials": credentials, "authority": vault.origin, "networks": "loopback", "tls": tls, **options}
        return botsec.Azure(vault.origin, **options)

    return make


def official(vault, authority, name="api-key", version=None, credential=None, verify=False):
    """What azure-keyvault-secrets reads."""
    credential = credential or ClientSecretCredential(
        TENANT,
        CLIENT,
        SECRET,
        authority=vault.origin,
        disable_instance_discovery=True,
        connection_verify=authority.ca_file,
    )
    client = SecretClient(
        vault.origin, credential, verify_challenge_resource=verify, connection_verify=authority.ca_file, retry_total=0
    )
    with credential, client:
        return client.get_secret(name, version)


def load(face, source, **options):
    if face.is_async:
        return face.run(botsec.secret_async(source, **options))
    return botsec.secret(source, **options).load()


def again(face, secret):
    """Read it once more, as the face does."""
    from botsec._base import ready

    return face.run(ready(secret, again=True)) if face.is_async else secret.refresh()


def test_a_client_secret_reads_what_azures_client_reads(face, vault, make, authority):
    theirs = official(vault, authority)
    assert theirs.value == VALUE
    vault.requests.clear()
    secret = load(face, "azure-kv:api-key", provider=make())
    assert (secret.reveal(), secret.version, secret.name) == (VALUE, theirs.properties.version, "azure-kv:api-key")
    assert [(request.target, bool(request.header("authorization"))) for request in vault.requests] == [
        ("/secrets/api-key?api-version=7.4", False),
        (vault.token_path, False),
        ("/secrets/api-key?api-version=7.4", True),
    ]


def test_workload_identity_reads_with_a_federated_token(face, vault, make, authority, tmp_path, clock):
    file = tmp_path / "token"
    file.write_text(ASSERTION)
    theirs = WorkloadIdentityCredential(
        tenant_id=TENANT,
        client_id=CLIENT,
        token_file_path=str(file),
        authority=vault.origin,
        disable_instance_discovery=True,
        connection_verify=authority.ca_file,
    )
    assert official(vault, authority, credential=theirs).value == VALUE
    credentials = botsec.AzureWorkloadIdentity(TENANT, CLIENT, botsec.secret(f"file:{file}"))
    assert load(face, "azure-kv:api-key", provider=make(credentials=credentials)).reveal() == VALUE
    file.write_text("another-token-that-nobody-trusts")
    clock.advance(2)
    with pytest.raises(botsec.SecretAccessError, match="invalid_client"):
        load(face, "azure-kv:api-key", provider=make(credentials=credentials))
    file.write_text(ASSERTION + "\n")
    clock.advance(2)
    assert load(face, "azure-kv:api-key", provider=make(credentials=credentials)).reveal() == VALUE


def test_a_foreign_resource_gets_no_token(face, vault, make, authority):
    vault.resource = "https://vault.azure.net"
    assert official(vault, authority).value == VALUE
    vault.requests.clear()
    # With its default setting Azure's own client refuses as well.
    with pytest.raises(ValueError, match="does not match the requested domain"):
        official(vault, authority, verify=True)
    assert vault.logins == []
    for resource in ("https://vault.azure.net", "https://graph.microsoft.com", f"{vault.origin}/path", "localhost"):
        vault.resource = resource
        with pytest.raises(botsec.SecretAccessError, match="resource") as caught:
            load(face, "azure-kv:api-key", provider=make())
        assert "No token was requested" in everything(caught.value)
    assert vault.logins == []


@pytest.mark.parametrize(
    ("authorization", "part"),
    [
        ("https://login.evil.example/" + TENANT, "authority that is not known"),
        ("http://login.microsoftonline.com/" + TENANT, "not an https URL"),
        ("https://login.microsoftonline.com/" + TENANT.replace("7", "8"), "another tenant"),
    ],
)
def test_a_foreign_authority_or_tenant_gets_no_token(face, vault, make, authorization, part):
    vault.authorization = authorization
    with pytest.raises(botsec.SecretAccessError, match=part):
        load(face, "azure-kv:api-key", provider=make())
    assert vault.logins == []
    vault.authorization = "https://login.windows.net/" + TENANT
    assert load(face, "azure-kv:api-key", provider=make()).reveal() == VALUE


@pytest.mark.parametrize(
    "challenge",
    [
        Reply(401),
        Reply(401, headers={"WWW-Authenticate": "Basic realm=x"}),
        Reply(401, headers={"WWW-Authenticate": "Bearer " + "a=b," * 2000}),
        Reply(200, {"value": VALUE, "id": "https://x/secrets/api-key/1"}),
        Reply(302, headers={"Location": "https://localhost:1/"}),
        Reply(500),
    ],
)
def test_a_vault_that_does_not_challenge_gets_no_token(face, vault, make, challenge):
    vault.on("/secrets/api-key", challenge)
    with pytest.raises(botsec.SecretAccessError):
        load(face, "azure-kv:api-key", provider=make())
    assert vault.logins == []


def test_versions_and_fields(face, vault, make, authority):
    vault.put("json", json.dumps({"key": VALUE, "port": 5432, "list": [1]}))
    older = vault.secrets["api-key"][0][0]
    assert official(vault, authority, version=older).value == "older-value-of-azure"
    provider = make()

    def read(source):
        return load(face, source, provider=provider).reveal()

    assert read(f"azure-kv:api-key?version={older}") == "older-value-of-azure"
    assert read("azure-kv:json?field=key") == VALUE
    assert read("azure-kv:json?field=port") == "5432"
    for wrong in ("none", "list"):
        with pytest.raises(botsec.SecretNotFoundError) as caught:
            read(f"azure-kv:json?field={wrong}")
        assert VALUE not in everything(caught.value)
    with pytest.raises(botsec.SecretNotFoundError):
        read(f"azure-kv:api-key?version={'0' * 32}")
    assert len(vault.logins) == 2


def test_many_secrets_log_in_once(vault, make, authority, tls):
    for n in range(20):
        vault.put(f"key-{n}", f"value-number-{n}")
    assert official(vault, authority, "key-7").value == "value-number-7"
    vault.requests.clear()
    provider = make()
    auth = [
        botsec.ApiKey(botsec.secret(f"azure-kv:key-{n}", provider=provider), header=f"X-Key-{n}") for n in range(20)
    ]
    with Api(authority) as api, botsec.Client(api.origin, auth=auth, tls=tls, networks="loopback") as client:
        client.get("/x")
        assert api.last.header("x-key-7") == "value-number-7"
    assert (len(vault.logins), len(vault.reads)) == (1, 20)


def test_a_rotation_is_seen_after_a_refresh(face, vault, make, authority):
    secret = load(face, "azure-kv:api-key", provider=make())
    newest = vault.put("api-key", "newest-value-of-azure")
    assert official(vault, authority).value == "newest-value-of-azure"
    again(face, secret)
    assert (secret.reveal(), secret.version) == ("newest-value-of-azure", newest)


def test_a_token_that_is_refused_is_replaced_once(face, vault, make):
    secret = load(face, "azure-kv:api-key", provider=make())
    vault.tokens.clear()
    again(face, secret)
    assert (secret.reveal(), len(vault.logins)) == (VALUE, 2)


def disable(vault):
    vault.secrets["api-key"][-1][2]["enabled"] = False


FAULTS = {
    "disabled": (disable, botsec.SecretAccessError, "SecretDisabled"),
    "deleted": (lambda vault: vault.secrets.clear(), botsec.SecretNotFoundError, "deleted"),
    "policy": (lambda vault: setattr(vault, "forbidden", "ForbiddenByPolicy"), botsec.SecretAccessError, "403"),
    "html": (Reply(200, VALUE, {"Content-Type": "text/html"}), botsec.SecretAccessError, "not JSON"),
    "empty": (Reply(200, {}), botsec.SecretAccessError, "no value"),
    "no id": (Reply(200, {"value": VALUE}), botsec.SecretAccessError, "no version"),
    "other": (Reply(200, {"value": VALUE, "id": "https://x/secrets/other/1"}), botsec.SecretAccessError, "another"),
    "huge": (
        Reply(200, b"x" * (10 << 20), {"Content-Type": "application/json"}),
        botsec.SecretAccessError,
        "too_large",
    ),
    "401": (Reply(401, {"error": {"message": VALUE}}), botsec.SecretAccessError, "401"),
    "412": (Reply(412, {"error": {"message": VALUE}}), botsec.SecretAccessError, "412"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_pass_ends_the_value_and_says_nothing_of_it(face, vault, make, authority, fault, caplog):
    secret = load(face, "azure-kv:api-key", provider=make())
    act, kind, part = FAULTS[fault]
    if callable(act):
        act(vault)
        with pytest.raises(HttpResponseError):
            official(vault, authority)
    else:
        vault.on("/secrets/api-key", act)
    caplog.clear()
    caplog.set_level(logging.DEBUG, "botsec")
    with pytest.raises(kind) as caught:
        again(face, secret)
    said = everything(caught.value, caplog)
    assert part in said and "azure-kv:api-key" in str(caught.value)
    assert not [text for text in [*vault.tokens, VALUE, SECRET] if text in said]
    with pytest.raises(kind):
        secret.reveal()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_keeps_the_value_for_a_while(face, vault, make, clock, status):
    secret = load(face, "azure-kv:api-key", provider=make(), ttl=100, max_stale=50)
    vault.on("/secrets/api-key", Reply(status, {"error": {"message": VALUE}}))
    with pytest.raises(botsec.SecretAccessError, match=str(status)) as caught:
        again(face, secret)
    assert VALUE not in everything(caught.value)
    assert secret.reveal() == VALUE
    clock.advance(160)
    with pytest.raises(botsec.SecretError):
        again(face, secret)
    with pytest.raises(botsec.SecretStaleError):
        secret.reveal()


def test_the_owners_dates_are_kept(face, vault, make, authority, clock):
    import time

    vault.put("dated", VALUE, exp=int(time.time()) + 100)
    assert official(vault, authority, "dated").value == VALUE
    secret = load(face, "azure-kv:dated", provider=make())
    assert secret.reveal() == VALUE
    clock.advance(101)
    with pytest.raises(botsec.SecretError):
        secret.reveal()
    with pytest.raises(botsec.SecretAccessError, match="expired"):
        again(face, secret)
    vault.put("early", VALUE, nbf=int(time.time()) + 10_000)
    with pytest.raises(botsec.SecretAccessError, match="lies ahead"):
        load(face, "azure-kv:early", provider=make())


def test_a_wrong_client_secret_is_named_by_its_number(face, vault, make, authority, caplog):
    caplog.set_level(logging.DEBUG, "botsec")
    wrong = "wrong~secret+of/the=application"
    theirs = ClientSecretCredential(
        TENANT,
        CLIENT,
        wrong,
        authority=vault.origin,
        disable_instance_discovery=True,
        connection_verify=authority.ca_file,
    )
    with pytest.raises(ClientAuthenticationError):
        official(vault, authority, credential=theirs)
    with pytest.raises(botsec.SecretAccessError, match=r"the login was refused: invalid_client \(401\)") as caught:
        load(face, "azure-kv:api-key", provider=make(wrong))
    said = everything(caught.value, caplog)
    assert "7000215" in said and wrong not in said and "wrong~secret" not in said
    assert caught.value.details["token_endpoint"] == vault.host


def test_a_redirect_is_not_followed_with_the_token(face, vault, make, other_api):
    secret = load(face, "azure-kv:api-key", provider=make())
    vault.on("/secrets/api-key", Reply(302, headers={"Location": f"{other_api.origin}/steal"}))
    with pytest.raises(botsec.SecretAccessError):
        again(face, secret)
    vault._scripts.clear()
    vault.on(vault.token_path, Reply(307, headers={"Location": f"{other_api.origin}/steal"}))
    with pytest.raises(botsec.SecretAccessError):
        load(face, "azure-kv:api-key", provider=make())
    assert other_api.requests == []


@pytest.mark.parametrize("source", ["azure-kv:a/b", "azure-kv:na_me", "azure-kv:x?version=a-b", "azure-kv:x?stage=y"])
def test_a_place_that_is_none_is_refused(make, source):
    with pytest.raises(ValueError):
        botsec.secret(source, provider=make())


def test_nothing_is_asked_when_it_is_made_and_nothing_is_shown(vault, make, make_secret):
    provider = make()
    botsec.secret("azure-kv:api-key", provider=provider)
    assert vault.requests == []
    assert repr(provider).startswith(f"Azure('https://{vault.host}', credentials=AzureClientSecret(")
    assert SECRET not in repr(provider)
    assert repr(botsec.AzureManagedIdentity(CLIENT)) == f'AzureManagedIdentity("{CLIENT}")'
    with pytest.raises(TypeError, match="Secret"):
        botsec.AzureClientSecret(TENANT, CLIENT, SECRET)
    with pytest.raises(TypeError, match="Secret"):
        botsec.AzureWorkloadIdentity(TENANT, CLIENT, "/var/run/token")
    for bad in (SECRET, None, make_secret()):
        with pytest.raises(TypeError, match="credentials"):
            botsec.Azure("https://mine.vault.azure.net", credentials=bad)
    for bad in (
        "http://mine.vault.azure.net",
        "https://mine.vault.azure.net/secrets",
        "https://mine.vault.azure.net?x=y",
    ):
        with pytest.raises((botsec.InsecureUrlError, ValueError)):
            botsec.Azure(bad, credentials="metadata")
    for bad in ("http://login.microsoftonline.com", "https://login.microsoftonline.com/common"):
        with pytest.raises(ValueError, match="authority"):
            make(authority=bad)
    with pytest.raises(ValueError, match="tenant"):
        make(tenant="a/b")


def test_the_environment_is_opt_in(vault, authority, monkeypatch, tls, tmp_path):
    from azure.identity import DefaultAzureCredential

    names = ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "FEDERATED_TOKEN_FILE", "AUTHORITY_HOST")
    for name in names:
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    options = {"authority": vault.origin, "networks": "loopback", "tls": tls}
    assert "AzureManagedIdentity()" in repr(botsec.Azure.from_env(vault.origin))
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    assert f'AzureManagedIdentity("{CLIENT}")' in repr(botsec.Azure.from_env(vault.origin))
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    file = tmp_path / "token"
    file.write_text(ASSERTION)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    provider = botsec.Azure.from_env(vault.origin, **options)
    assert botsec.secret("azure-kv:api-key", provider=provider).load().reveal() == VALUE
    assert b"client_assertion=" in vault.logins[-1].body
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)
    with contextlib.closing(
        DefaultAzureCredential(
            authority=vault.origin, disable_instance_discovery=True, connection_verify=authority.ca_file
        )
    ) as theirs:
        assert official(vault, authority, credential=theirs).value == VALUE
    provider = botsec.Azure.from_env(vault.origin, **options)
    assert botsec.secret("azure-kv:api-key", provider=provider).load().reveal() == VALUE
    assert b"client_secret=" in vault.logins[-1].body
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.evil.example")
    with pytest.raises(ValueError, match="AZURE_AUTHORITY_HOST"):
        botsec.Azure.from_env(vault.origin)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")
    botsec.Azure.from_env(vault.origin)
