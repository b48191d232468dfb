"""Vault and OpenBao: every answer is read as Vault means it, and the token stays where it belongs.

The fake counts because Vault's own client for Python, hvac, reads from it first.
"""

import json
import logging
import secrets
import traceback

import botsec
import hvac
import pytest
from botsec.testing import FakeClock
from servers.api import Reply
from servers.vault import FakeVault, Token, Version, errors

NAME = "bots/key"


@pytest.fixture
def vault(authority):
    with FakeVault(authority) as server:
        yield server


@pytest.fixture
def official(vault, authority):
    """Vault's own client."""

    def make(token=None, **options):
        return hvac.Client(vault.origin, token=token, verify=authority.ca_file, **options)

    return make


@pytest.fixture
def provider(vault, tls):
    def make(login, **options):
        return botsec.Vault(vault.origin, login=login, networks="loopback", tls=tls, **options)

    return make


@pytest.fixture
def app_role(vault, make_secret):
    """A login by AppRole that the fake knows."""
    secret_id = secrets.token_hex(16)
    vault.roles["approle", "role-1"] = secret_id
    return botsec.AppRoleLogin("role-1", secret_id=make_secret(secret_id))


def new_value() -> str:
    return "value-" + secrets.token_hex(12)


def load(face, source, **options):
    """Read now, on either face."""
    if face.is_async:
        return face.run(botsec.secret_async(source, **options))
    return botsec.secret(source, **options).load()


def refresh(face, secret):
    from botsec._base import ready

    return face.run(ready(secret, again=True)) if face.is_async else secret.refresh()


def told(error) -> str:
    """Everything that an error says anywhere."""
    return "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(error.details)


def test_a_secret_of_kv_version_2_is_read(face, vault, official, provider, make_secret):
    value, token = new_value(), vault.token()
    vault.put(NAME, password=value)
    theirs = official(token).secrets.kv.v2.read_secret_version("key", mount_point="bots", raise_on_deleted_version=True)
    assert (theirs["data"]["data"], theirs["data"]["metadata"]["version"]) == ({"password": value}, 1)
    login = botsec.VaultToken(make_secret(token))
    secret = load(face, f"vault:{NAME}?field=password", provider=provider(login))
    assert (secret.reveal(), secret.version, secret.name) == (value, "1", f"vault:{NAME}")
    ours, hvacs = vault.to("/v1/bots/data/key")[::-1]
    for header in ("x-vault-token", "x-vault-request"):
        assert ours.header(header) == hvacs.header(header) is not None


def test_a_secret_of_kv_version_1_is_read(face, vault, official, provider, make_secret):
    value, token = new_value(), vault.token()
    vault.kv1["old/team/key"] = {"k": value, "n": 7, "deep": {"x": 1}}
    assert official(token).secrets.kv.v1.read_secret("team/key", mount_point="old")["data"]["k"] == value
    options = {"provider": provider(botsec.VaultToken(make_secret(token)))}
    secret = load(face, "vault:old/team/key?field=k&engine=1", **options)
    assert (secret.reveal(), secret.version) == (value, None)
    assert load(face, "vault:old/team/key?field=n&engine=1", **options).reveal() == "7"
    for field in ("deep", "none"):
        with pytest.raises(botsec.SecretNotFoundError) as caught:
            load(face, f"vault:old/team/key?field={field}&engine=1", **options)
        assert value not in told(caught.value)


def test_a_mount_of_several_parts_and_names_that_need_encoding(face, vault, official, provider, make_secret):
    value, token = new_value(), vault.token()
    vault.put("team/kv/key", only=value)
    theirs = official(token).secrets.kv.v2
    assert theirs.read_secret_version("key", mount_point="team/kv", raise_on_deleted_version=True)
    options = {"provider": provider(botsec.VaultToken(make_secret(token)))}
    assert load(face, "vault:team/kv/key?mount=team/kv", **options).reveal() == value
    with pytest.raises(botsec.SecretNotFoundError):
        load(face, "vault:bots/a+b&c#d", **options)
    assert vault.last.path == "/v1/bots/data/a%2Bb%26c%23d"


def test_the_only_field_needs_no_name_and_two_do(face, vault, official, provider, app_role):
    value, other = new_value(), new_value()
    vault.put(NAME, token=value)
    manager = provider(app_role)
    assert load(face, f"vault:{NAME}", provider=manager).reveal() == value
    vault.put(NAME, token=value, other=other)
    with pytest.raises(botsec.SecretNotFoundError) as caught:
        load(face, f"vault:{NAME}", provider=manager)
    for part in (value, other):
        assert part not in told(caught.value)
    assert load(face, f"vault:{NAME}?field=other", provider=manager).reveal() == other


def test_a_version_is_pinned(face, vault, official, provider, app_role):
    values = [new_value() for _ in range(3)]
    for value in values:
        vault.put(NAME, k=value)
    theirs = official(vault.token()).secrets.kv.v2.read_secret_version
    assert theirs("key", version=2, mount_point="bots", raise_on_deleted_version=True)["data"]["data"]["k"] == values[1]
    manager = provider(app_role)
    secret = load(face, f"vault:{NAME}?field=k&version=2", provider=manager)
    assert (secret.reveal(), secret.version) == (values[1], "2")
    latest = load(face, f"vault:{NAME}?field=k", provider=manager)
    assert (latest.reveal(), latest.version) == (values[2], "3")
    vault.kv2[NAME][1].destroyed = True
    with pytest.raises(botsec.SecretNotFoundError, match="destroyed"):
        refresh(face, secret)
    with pytest.raises(botsec.SecretNotFoundError):
        secret.reveal()


def test_rotation_is_seen_after_a_refresh(face, vault, provider, app_role):
    first, second = new_value(), new_value()
    vault.put(NAME, k=first)
    secret = load(face, f"vault:{NAME}", provider=provider(app_role))
    before = secret.fingerprint
    vault.put(NAME, k=second)
    assert secret.reveal() == first
    refresh(face, secret)
    assert (secret.reveal(), secret.version) == (second, "2")
    assert secret.fingerprint != before
    assert vault.logins == 1


@pytest.mark.parametrize(("deleted", "destroyed", "word"), [(True, False, "deleted"), (False, True, "destroyed")])
def test_a_version_that_is_gone_ends_the_value(face, vault, official, provider, app_role, deleted, destroyed, word):
    vault.put(NAME, k=new_value())
    secret = load(face, f"vault:{NAME}", provider=provider(app_role))
    vault.kv2[NAME].append(Version({"k": new_value()}, deleted=deleted, destroyed=destroyed))
    with pytest.raises(hvac.exceptions.InvalidPath):
        official(vault.token()).secrets.kv.v2.read_secret_version(
            "key", mount_point="bots", raise_on_deleted_version=True
        )
    with pytest.raises(botsec.SecretNotFoundError) as caught:
        refresh(face, secret)
    assert word in caught.value.details["reason"]
    with pytest.raises(botsec.SecretNotFoundError):
        secret.reveal()


# Logins


def test_app_role_logs_in_like_the_official_client(face, vault, official, provider, make_secret):
    value, secret_id = new_value(), 'quote"back\\slash-' + secrets.token_hex(8)
    vault.put(NAME, k=value)
    vault.roles["bots/approle", "role-1"] = secret_id
    theirs = official()
    theirs.auth.approle.login("role-1", secret_id, mount_point="bots/approle")
    assert theirs.secrets.kv.v2.read_secret_version("key", mount_point="bots", raise_on_deleted_version=True)
    login = botsec.AppRoleLogin("role-1", secret_id=make_secret(secret_id), mount="bots/approle")
    assert load(face, f"vault:{NAME}", provider=provider(login)).reveal() == value
    ours, hvacs = vault.to("/v1/auth/bots/approle/login")[::-1]
    assert ours.json() == hvacs.json() == {"role_id": "role-1", "secret_id": secret_id}


def test_jwt_logs_in_like_the_official_client(face, vault, official, provider, make_secret):
    value, jwt = new_value(), ".".join(secrets.token_urlsafe(20) for _ in range(3))
    vault.put(NAME, k=value)
    vault.roles["jwt", "bot"] = jwt
    theirs = official()
    theirs.auth.jwt.jwt_login("bot", jwt)
    login = botsec.JwtLogin(role="bot", jwt=make_secret(jwt))
    assert load(face, f"vault:{NAME}", provider=provider(login)).reveal() == value
    ours, hvacs = vault.to("/v1/auth/jwt/login")[::-1]
    assert ours.json() == hvacs.json()


def test_kubernetes_reads_its_token_anew_for_each_login(face, vault, official, provider, tmp_path):
    value, first, second = new_value(), *(secrets.token_urlsafe(30) for _ in range(2))
    vault.put(NAME, k=value)
    vault.roles["kubernetes", "bot"] = first
    official().auth.kubernetes.login("bot", first)
    (tmp_path / "token").write_text(first)
    manager = provider(botsec.KubernetesLogin(role="bot", token_file=tmp_path / "token"))
    secret = load(face, f"vault:{NAME}", provider=manager)
    ours, hvacs = vault.to("/v1/auth/kubernetes/login")[::-1]
    assert ours.json() == hvacs.json() == {"role": "bot", "jwt": first}
    (tmp_path / "token").write_text(second)
    vault.roles["kubernetes", "bot"] = second
    vault.tokens.clear()
    refresh(face, secret)
    assert (secret.reveal(), vault.last.path) == (value, "/v1/bots/data/key")


def test_a_missing_token_file_is_named(face, vault, provider, tmp_path):
    manager = provider(botsec.KubernetesLogin(role="bot", token_file=tmp_path / "none"))
    with pytest.raises(botsec.SecretNotFoundError, match="none"):
        load(face, f"vault:{NAME}", provider=manager)
    assert vault.requests == []


def test_many_secrets_log_in_once(face, vault, provider, app_role):
    for number in range(20):
        vault.put(f"bots/k{number}", k=new_value())
    manager = provider(app_role)
    loaded = [botsec.secret(f"vault:bots/k{number}", provider=manager) for number in range(20)]
    assert vault.requests == []
    if face.is_async:
        from botsec._base import ready

        face.all([lambda s=s: ready(s) for s in loaded])
    else:
        face.all([s.load for s in loaded])
    values = {versions[0].data["k"] for versions in vault.kv2.values()}
    assert {s.reveal() for s in loaded} == values
    assert (vault.logins, len(vault.requests)) == (1, 21)
    # And once more when their token is refused.
    vault.tokens.clear()
    again = [lambda s=s: ready(s, again=True) for s in loaded] if face.is_async else [s.refresh for s in loaded]
    assert face.all(again) == [None] * 20
    assert ({s.reveal() for s in loaded}, vault.logins) == (values, 2)


def test_a_refused_token_is_replaced_once(face, vault, provider, app_role):
    value = new_value()
    vault.put(NAME, k=value)
    secret = load(face, f"vault:{NAME}", provider=provider(app_role))
    vault.tokens.clear()
    refresh(face, secret)
    assert (secret.reveal(), vault.logins) == (value, 2)


def test_a_secret_that_the_policy_denies_is_an_error_and_no_flood_of_logins(face, vault, official, provider, app_role):
    value = new_value()
    vault.put(NAME, k=value)
    secret = load(face, f"vault:{NAME}", provider=provider(app_role))
    vault.denied.add("bots/data/key")
    with pytest.raises(hvac.exceptions.Forbidden):
        official(vault.token()).secrets.kv.v2.read_secret_version(
            "key", mount_point="bots", raise_on_deleted_version=True
        )
    for _ in range(3):
        with pytest.raises(botsec.SecretAccessError) as caught:
            refresh(face, secret)
        assert caught.value.details["status"] == "403"
    assert vault.logins == 2
    # A refusal ends the value.
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()
    assert value not in told(caught.value)


def test_a_refused_login_says_so_and_leaks_nothing(face, vault, official, provider, make_secret, caplog):
    wrong = secrets.token_hex(16)
    vault.put(NAME, k=new_value())
    with pytest.raises(hvac.exceptions.InvalidRequest):
        official().auth.approle.login("role-1", wrong)
    manager = provider(botsec.AppRoleLogin("role-1", secret_id=make_secret(wrong)))
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.SecretAccessError) as caught:
        load(face, f"vault:{NAME}", provider=manager)
    assert caught.value.details["step"] == "login"
    assert caught.value.details["status"] == "400"
    assert wrong not in told(caught.value) + caplog.text


def test_a_wrong_token_is_an_access_error(face, vault, official, provider, make_secret):
    token = "hvs." + secrets.token_urlsafe(18)
    vault.put(NAME, k=new_value())
    assert not official(token).is_authenticated()
    with pytest.raises(botsec.SecretAccessError) as caught:
        load(face, f"vault:{NAME}", provider=provider(botsec.VaultToken(make_secret(token))))
    assert caught.value.details["status"] == "403"
    assert token not in told(caught.value)


def test_a_token_in_a_file_is_taken_from_it_again_when_it_is_refused(face, vault, provider, tmp_path):
    value = new_value()
    vault.put(NAME, k=value)
    (tmp_path / "sink").write_text(vault.token())
    login = botsec.VaultToken(botsec.secret(f"file:{tmp_path}/sink"))
    secret = load(face, f"vault:{NAME}", provider=provider(login))
    vault.tokens.clear()
    (tmp_path / "sink").write_text(vault.token() + "\n")
    refresh(face, secret)
    assert secret.reveal() == value


def test_a_token_whose_policy_forbids_the_question_still_reads(face, vault, provider, make_secret):
    value = new_value()
    vault.put(NAME, k=value)
    vault.may_look_up = False
    login = botsec.VaultToken(make_secret(vault.token()))
    assert load(face, f"vault:{NAME}", provider=provider(login)).reveal() == value


# Leases


def renewals(vault):
    return len(vault.to("/v1/auth/token/renew-self"))


@pytest.mark.parametrize("how", ["login", "token"])
def test_a_token_is_renewed_from_two_thirds_of_its_lease_on(vault, official, provider, app_role, make_secret, how):
    vault.put(NAME, k=new_value())
    vault.granted = Token(lease=900)
    token = vault.token(lease=900)
    assert official(token).auth.token.renew_self()["auth"]["lease_duration"] == 900
    vault.requests.clear()
    login = app_role if how == "login" else botsec.VaultToken(make_secret(token))
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=provider(login)).load()
        clock.advance(590)
        secret.refresh()
        assert renewals(vault) == 0
        # Five sixths are over: by then at the latest.
        clock.advance(165)
        secret.refresh()
        assert renewals(vault) == 1
        clock.advance(755)
        secret.refresh()
        assert renewals(vault) == 2
    assert vault.logins == (how == "login")


def test_a_token_that_a_policy_keeps_from_one_secret_is_renewed_all_the_same(vault, provider, make_secret):
    vault.put(NAME, k=new_value())
    vault.put("bots/denied", k=new_value())
    vault.denied.add("bots/data/denied")
    manager = provider(botsec.VaultToken(make_secret(vault.token(lease=900))))
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=manager).load()
        with pytest.raises(botsec.SecretAccessError):
            botsec.secret("vault:bots/denied", provider=manager).load()
        assert renewals(vault) == 0
        clock.advance(755)
        secret.refresh()
    assert renewals(vault) == 1


def test_a_lease_is_renewed_without_anybody_using_it(vault, provider, app_role):
    vault.put(NAME, k=new_value())
    vault.granted = Token(lease=1)
    secret = botsec.secret(f"vault:{NAME}", provider=provider(app_role)).load()
    assert vault.wait_until(lambda: renewals(vault) >= 1)
    assert (vault.logins, secret.version) == (1, "1")


@pytest.mark.parametrize("why", ["refused", "the end of its life", "not renewable"])
def test_a_new_login_follows_where_renewal_does_not_help(vault, provider, app_role, why):
    value = new_value()
    vault.put(NAME, k=value)
    vault.granted = Token(lease=900, renewable=why != "not renewable")
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=provider(app_role)).load()
        (token,) = vault.tokens.values()
        if why == "refused":
            vault.tokens.clear()
            clock.advance(755)
            secret.refresh()
            assert renewals(vault) == 1
        elif why == "the end of its life":
            token.leases = [300]
            clock.advance(755)
            secret.refresh()
            assert (renewals(vault), vault.logins) == (1, 1)
            clock.advance(255)
            secret.refresh()
            assert renewals(vault) == 1
        else:
            clock.advance(755)
            secret.refresh()
            assert renewals(vault) == 0
        assert (secret.reveal(), vault.logins) == (value, 2)


def test_a_renewal_that_finds_vault_down_is_tried_again(vault, provider, app_role):
    vault.put(NAME, k=new_value())
    vault.granted = Token(lease=900)
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=provider(app_role)).load()
        vault.instead_of, vault.instead = "/v1/auth/token/renew-self", errors(503, "Vault is sealed")
        clock.advance(755)
        with pytest.raises(botsec.SecretAccessError):
            secret.refresh()
        assert (renewals(vault), secret.version) == (1, "1")
        vault.instead = None
        clock.advance(5)
        secret.refresh()
        assert renewals(vault) == 2
    assert vault.logins == 1


def test_an_expired_token_that_somebody_made_is_an_error(vault, provider, make_secret):
    value = new_value()
    vault.put(NAME, k=value)
    token = vault.token(lease=900, renewable=False)
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=provider(botsec.VaultToken(make_secret(token)))).load()
        vault.tokens.clear()
        clock.advance(1000)
        with pytest.raises(botsec.SecretAccessError):
            secret.refresh()
    with pytest.raises(botsec.SecretAccessError):
        secret.reveal()


# Vault out of reach, slow, or lying


@pytest.mark.parametrize("status", [412, 429, 472, 473, 500, 502, 503])
def test_the_last_value_serves_while_vault_cannot_answer(vault, provider, app_role, status):
    value = new_value()
    vault.put(NAME, k=value)
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=provider(app_role), ttl=60, max_stale=600).load()
        vault.instead = errors(status, f"sealed {value}")
        with pytest.raises(botsec.SecretAccessError) as caught:
            secret.refresh()
        assert secret.reveal() == value
        clock.advance(700)
        with pytest.raises(botsec.SecretError):
            secret.reveal()
    assert value not in told(caught.value)
    assert caught.value.details.get("status") == str(status)


def test_a_login_that_finds_vault_down_leaves_the_last_value(vault, provider, app_role):
    value = new_value()
    vault.put(NAME, k=value)
    vault.granted = Token(lease=60, renewable=False)
    with FakeClock() as clock:
        secret = botsec.secret(f"vault:{NAME}", provider=provider(app_role), ttl=600).load()
        vault.instead = errors(503, "Vault is sealed")
        clock.advance(61)
        with pytest.raises(botsec.SecretAccessError) as caught:
            secret.refresh()
        assert caught.value.details["step"] == "login"
        assert secret.reveal() == value


def test_a_vault_that_hangs_up_leaves_the_last_value(face, vault, provider, app_role):
    value = new_value()
    vault.put(NAME, k=value)
    secret = load(face, f"vault:{NAME}", provider=provider(app_role))
    vault.stop()
    with pytest.raises(botsec.SecretAccessError):
        refresh(face, secret)
    assert secret.reveal() == value


def test_a_token_never_follows_a_redirect(face, vault, other_api, official, provider, app_role):
    vault.put(NAME, k=new_value())
    secret = load(face, f"vault:{NAME}", provider=provider(app_role))
    vault.instead = Reply(307, headers={"Location": f"{other_api.origin}/v1/bots/data/key"})
    official(vault.token(), allow_redirects=True).adapter.request("get", "/v1/bots/data/key", raise_exception=False)
    # The official client's token followed, so the fake does redirect.
    assert other_api.requests
    other_api.requests.clear()
    with pytest.raises(botsec.SecretAccessError) as caught:
        refresh(face, secret)
    assert (caught.value.details["status"], other_api.requests) == ("307", [])
    fresh = botsec.secret(f"vault:{NAME}", provider=provider(app_role))
    with pytest.raises(botsec.SecretAccessError):
        fresh.load()
    assert other_api.requests == []


LEAK = "leak-" + secrets.token_hex(12)
DATA = {"data": {"k": LEAK}, "metadata": {"version": 1}}
LIES = {
    "another type": Reply(body=json.dumps({"data": DATA}), headers={"Content-Type": "text/html"}),
    "not json": Reply(body=f'{{"data": "{LEAK}', headers={"Content-Type": "application/json"}),
    "ten mebibytes": Reply(body={"data": {**DATA, "data": {"k": LEAK * 400_000}}}),
    "no data": Reply(body={"datum": LEAK}),
    "no version": Reply(body={"data": {"data": {"k": LEAK}}}),
    "a list": Reply(body=[LEAK]),
    "data that is text": Reply(body={"data": {**DATA, "data": LEAK}}),
    "another version": Reply(body={"data": {**DATA, "metadata": {"version": 2}}}),
    "an empty value": Reply(body={"data": {**DATA, "data": {"k": " "}}}),
    "a refusal with a value": Reply(403, {"data": DATA}),
    "an error with a value": Reply(418, {"data": DATA}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_believed_and_not_repeated(face, vault, provider, app_role, caplog, lie):
    vault.instead_of, vault.instead = "/v1/bots/", LIES[lie]
    secret = botsec.secret(f"vault:{NAME}?field=k&version=1", provider=provider(app_role))
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.SecretError) as caught:
        refresh(face, secret)
    assert LEAK not in told(caught.value) + caplog.text
    with pytest.raises(botsec.SecretError):
        secret.reveal()


@pytest.mark.parametrize(
    "auth",
    [
        None,
        [],
        {},
        {"client_token": "", "lease_duration": 1},
        {"client_token": LEAK},
        {"client_token": 7, "lease_duration": 5},
    ],
)
def test_a_login_without_a_usable_token_is_refused(face, vault, provider, app_role, auth):
    vault.instead_of, vault.instead = "/v1/auth/", Reply(body={"auth": auth})
    with pytest.raises(botsec.SecretAccessError) as caught:
        load(face, f"vault:{NAME}", provider=provider(app_role))
    assert LEAK not in told(caught.value)
    assert vault.to("/v1/bots/data/key") == []


# Where, and for whom


def test_a_namespace_goes_with_login_and_secret(face, vault, official, provider, app_role):
    value = new_value()
    vault.put(NAME, k=value)
    vault.namespace = "team/bots"
    theirs = official(vault.token(), namespace="team/bots").secrets.kv.v2
    assert theirs.read_secret_version("key", mount_point="bots", raise_on_deleted_version=True)
    assert load(face, f"vault:{NAME}", provider=provider(app_role, namespace="/team/bots/")).reveal() == value
    with pytest.raises(botsec.SecretError):
        load(face, f"vault:{NAME}", provider=provider(app_role))


def test_from_env_takes_the_usual_variables(face, vault, authority, monkeypatch, app_role):
    value = new_value()
    vault.put(NAME, k=value)
    vault.namespace = "team"
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(botsec.SecretNotFoundError, match="VAULT_ADDR"):
        botsec.Vault.from_env()
    monkeypatch.setenv("VAULT_ADDR", vault.origin)
    with pytest.raises(botsec.SecretNotFoundError, match="VAULT_TOKEN"):
        botsec.Vault.from_env(networks="loopback")
    monkeypatch.setenv("VAULT_TOKEN", vault.token())
    monkeypatch.setenv("VAULT_NAMESPACE", "team")
    monkeypatch.setenv("VAULT_CACERT", authority.ca_file)
    manager = botsec.Vault.from_env(networks="loopback")
    assert load(face, f"vault:{NAME}", provider=manager).reveal() == value
    manager = botsec.Vault.from_env(login=app_role, networks="loopback")
    assert load(face, f"vault:{NAME}", provider=manager).reveal() == value
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:8200")
    with pytest.raises(botsec.InsecureUrlError, match="`url`"):
        botsec.Vault.from_env()


def test_nothing_of_loopback_is_reached_without_leave(face, vault, tls, app_role):
    manager = botsec.Vault(vault.origin, login=app_role, tls=tls)
    with pytest.raises(botsec.SecretAccessError) as caught:
        load(face, f"vault:{NAME}", provider=manager)
    assert caught.value.details["cause"] == "policy.address_blocked"
    assert vault.requests == []


@pytest.mark.parametrize(
    "source",
    [
        "vault:key",
        "vault:kv/key?engine=3",
        "vault:kv/key?version=0",
        "vault:kv/key?version=x",
        "vault:kv/key?fields=a",
        "vault:kv/key?version=1&engine=1",
        "vault:kv/key?mount=other",
        "vault:kv/key?mount=kv/key",
        "vault:kv/../key",
    ],
)
def test_a_place_that_is_none_is_a_value_error(provider, app_role, source):
    with pytest.raises(ValueError, match="`|KV"):
        botsec.secret(source, provider=provider(app_role))


def test_plain_keys_are_type_errors_and_wrong_names_value_errors(vault, make_secret, app_role):
    for make in (
        lambda: botsec.VaultToken("hvs.plain"),
        lambda: botsec.AppRoleLogin("role", secret_id="plain"),
        lambda: botsec.AppRoleLogin(7, secret_id=make_secret()),
        lambda: botsec.JwtLogin(role="bot", jwt="plain"),
        lambda: botsec.Vault(vault.origin, login="hvs.plain"),
        lambda: botsec.Vault(vault.origin, login=make_secret()),
        lambda: botsec.Vault(vault.origin),
    ):
        with pytest.raises(TypeError) as caught:
            make()
        assert "plain" not in str(caught.value)
    for make in (
        lambda: botsec.JwtLogin(role="", jwt=make_secret()),
        lambda: botsec.KubernetesLogin(role="bot", mount="../sys"),
        lambda: botsec.Vault(vault.origin, login=app_role, namespace="a\nb"),
    ):
        with pytest.raises(ValueError, match="`"):
            make()


def test_no_repr_shows_a_secret(vault, provider, make_secret, app_role):
    value = "hvs." + secrets.token_urlsafe(18)
    secret = make_secret(value)
    logins = [
        botsec.VaultToken(secret),
        botsec.AppRoleLogin(secret, secret_id=secret),
        botsec.JwtLogin(role="bot", jwt=secret),
        botsec.KubernetesLogin(role="bot"),
    ]
    for made in [*logins, *map(provider, logins)]:
        assert type(made).__name__ in repr(made)
        assert value not in repr(made) + str(made)
    assert vault.requests == []


def test_a_secret_of_vault_reaches_the_api(face, vault, api, provider, app_role):
    first, second = new_value(), new_value()
    vault.put(NAME, k=first)
    secret = botsec.secret(f"vault:{NAME}", provider=provider(app_role))
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    api.on("/x", lambda request: Reply(200 if request.header("authorization") == f"Bearer {right[0]}" else 401))
    right = [first]
    client.get("/x")
    vault.put(NAME, k=second)
    right[0] = second
    client.get("/x")
    assert [request.header("authorization") for request in api.requests] == [
        f"Bearer {value}" for value in (first, first, second)
    ]
