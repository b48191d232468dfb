"""AWS Secrets Manager: what boto3 reads first, botsec reads; who asks, what goes wrong, what rotates."""

import json
import logging
import secrets as random
import subprocess
import sys
import threading
import traceback
import uuid
from pathlib import Path

import botocore.credentials
import botocore.exceptions
import botocore.tokens
import botsec
import pytest
from botsec.testing import FakeClock
from servers.api import Reply
from servers.aws import REGION, Front, Moto, Secrets, alone, amz, authorization, boto, refusal

ROLE = "arn:aws:iam::123456789012:role/bot"


def new_value() -> str:
    return "value-" + random.token_hex(12)


def told(error: BaseException) -> str:
    """Everything that anybody can read in an error."""
    parts = ["".join(traceback.format_exception(error)), repr(error), str(error), repr(getattr(error, "details", ""))]
    return "\n".join([*parts, *getattr(error, "__notes__", [])])


def load(face, source: str, **options) -> botsec.Secret:
    if face.is_async:
        return face.run(botsec.secret_async(source, **options))
    return botsec.secret(source, **options).load()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    return alone(monkeypatch, tmp_path)


@pytest.fixture
def aws(authority):
    with Secrets(authority) as server:
        yield server


@pytest.fixture
def official(aws, authority):
    """Read with boto3 what stands in the fake."""

    def read(name: str, key: tuple[str, str], token: str | None = None, **options):
        client = boto(
            "secretsmanager",
            aws.origin,
            authority.ca_file,
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            aws_session_token=token,
        )
        try:
            found = client.get_secret_value(SecretId=name, **options)
        finally:
            client.close()
        return found.get("SecretString") or found["SecretBinary"]

    return read


@pytest.fixture
def make(aws, tls, make_secret):
    """A provider with a key that the fake knows, unless told otherwise."""

    def provider(key: tuple[str, str] | None = None, token: str | None = None, **options):
        id, secret = key or aws.key()
        options = {"endpoint": aws.origin, "networks": "loopback", "tls": tls, **options}
        session = token and make_secret(token)
        return botsec.Aws(
            REGION, access_key_id=id, secret_access_key=make_secret(secret), session_token=session, **options
        )

    return provider


# moto, which checks signatures


@pytest.fixture(scope="module")
def moto():
    server = Moto()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def account(moto):
    """Secrets, a user who may read them, a role that he may take on; from here on moto checks who asks."""
    names = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    iam, manager = boto("iam", moto.endpoint, **names), boto("secretsmanager", moto.endpoint, **names)
    iam.create_user(UserName="bot")
    key = iam.create_access_key(UserName="bot")["AccessKey"]
    allowed = {"Action": ["secretsmanager:*", "sts:*"], "Effect": "Allow", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="bot", PolicyName="all", PolicyDocument=policy)
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]})
    role = iam.create_role(RoleName="bot", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="bot", PolicyName="all", PolicyDocument=policy)
    values = {"text": new_value(), "key": new_value(), "binary": new_value()}
    made = manager.create_secret(Name="bot/text", SecretString=values["text"])
    manager.create_secret(Name="bot/json", SecretString=json.dumps({"key": values["key"], "n": 7, "other": {}}))
    manager.create_secret(Name="/bot/binary", SecretBinary=values["binary"].encode())
    manager.create_secret(Name="bot/bytes", SecretBinary=b"\xff\xfe\x00")
    moto.check_signatures()
    iam.close(), manager.close()
    return {
        "key": (key["AccessKeyId"], key["SecretAccessKey"]),
        "role": role,
        "values": values,
        "arn": made["ARN"],
        "version": made["VersionId"],
    }


@pytest.fixture
def front(moto, account, authority):
    with Front(authority, moto.port) as server:
        yield server


@pytest.fixture
def at_moto(front, account, tls, make_secret):
    def provider(key: tuple[str, str] | None = None):
        id, secret = key or account["key"]
        return botsec.Aws(
            REGION,
            access_key_id=id,
            secret_access_key=make_secret(secret),
            endpoint=front.origin,
            networks="loopback",
            tls=tls,
        )

    return provider


def test_moto_gives_botsec_what_it_gives_boto3(face, front, account, at_moto, authority):
    id, secret = account["key"]
    client = boto("secretsmanager", front.origin, authority.ca_file, aws_access_key_id=id, aws_secret_access_key=secret)
    first = client.get_secret_value(SecretId="bot/text")["SecretString"]
    binary = client.get_secret_value(SecretId="/bot/binary")["SecretBinary"]
    client.close()
    provider = at_moto()
    text = load(face, "aws-sm:bot/text", provider=provider)
    assert text.reveal() == first == account["values"]["text"]
    assert (text.name, text.version) == ("aws-sm:bot/text", account["version"])
    assert load(face, f"aws-sm:{account['arn']}", provider=provider).reveal() == first
    assert load(face, f"aws-sm:bot/text?version={account['version']}", provider=provider).reveal() == first
    assert load(face, "aws-sm:bot/json?field=key", provider=provider).reveal() == account["values"]["key"]
    assert load(face, "aws-sm:bot/json?field=n", provider=provider).reveal() == "7"
    assert load(face, "aws-sm:/bot/binary", provider=provider).reveal().encode() == binary


@pytest.mark.parametrize(
    ("source", "error", "part"),
    [
        ("bot/none", botsec.SecretNotFoundError, "ResourceNotFoundException"),
        ("bot/text?stage=NOSUCHLABEL", botsec.SecretNotFoundError, "ResourceNotFoundException"),
        ("bot/text?field=key", botsec.SecretNotFoundError, "no JSON object"),
        ("bot/json?field=none", botsec.SecretNotFoundError, "no such field"),
        ("bot/json?field=other", botsec.SecretNotFoundError, "neither text nor a number"),
        ("bot/bytes", botsec.SecretAccessError, "not UTF-8 text"),
        ("/bot/binary?field=key", botsec.SecretAccessError, "binary, so it has no field"),
    ],
)
def test_what_moto_cannot_give_is_named(front, account, at_moto, source, error, part):
    with pytest.raises(error, match=part) as caught:
        botsec.secret(f"aws-sm:{source}", provider=at_moto()).load()
    assert not any(value in told(caught.value) for value in account["values"].values())


def test_moto_refuses_a_wrong_key_and_its_value_is_nowhere(face, account, at_moto, caplog):
    id, secret = account["key"]
    wrong = secret[::-1]
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.SecretAccessError) as caught:
        load(face, "aws-sm:bot/text", provider=at_moto((id, wrong)))
    assert wrong not in told(caught.value) + caplog.text
    assert "SignatureDoesNotMatch" in told(caught.value)
    with pytest.raises(botsec.SecretAccessError, match="AWS answered"):
        load(face, "aws-sm:bot/text", provider=at_moto(("AKIAUNKNOWN000000000", secret)))


def test_moto_gives_a_role_its_keys(face, front, account, tls, surroundings):
    id, secret = account["key"]
    (surroundings / ".aws").mkdir()
    (surroundings / ".aws" / "config").write_text(
        f"[profile bot]\nregion = {REGION}\nrole_arn = {account['role']}\nsource_profile = user\n"
    )
    (surroundings / ".aws" / "credentials").write_text(
        f"[user]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
    )
    provider = botsec.Aws(profile="bot", endpoint=front.origin, sts_endpoint=front.origin, networks="loopback", tls=tls)
    assert load(face, "aws-sm:bot/text", provider=provider).reveal() == account["values"]["text"]


# The fake: what is asked, and by whom


def test_the_current_version_a_stage_and_a_version_are_read(face, aws, official, make):
    key, old, new = aws.key(), new_value(), new_value()
    first, second = aws.put("bot", old), aws.put("bot", new)
    assert official("bot", key) == new
    assert official("bot", key, VersionStage="AWSPREVIOUS") == old
    provider = make(key)
    assert load(face, "aws-sm:bot", provider=provider).version == second
    assert load(face, "aws-sm:bot?stage=AWSPREVIOUS", provider=provider).reveal() == old
    pinned = load(face, f"aws-sm:bot?version={first}", provider=provider)
    assert (pinned.reveal(), pinned.version) == (old, first)
    asked = [json.loads(request.body) for request in aws.reads()[-3:]]
    assert asked == [
        {"SecretId": "bot", "VersionStage": "AWSCURRENT"},
        {"SecretId": "bot", "VersionStage": "AWSPREVIOUS"},
        {"SecretId": "bot", "VersionId": first},
    ]


@pytest.mark.parametrize("token", [None, "session/token+=0123456789"])
def test_signatures_are_botocores_byte_for_byte(aws, official, make, token):
    id, secret = key = aws.key()
    aws.keys[id] = (secret, token)
    aws.put("bot", new_value())
    official("bot", key, token)
    botsec.secret("aws-sm:bot?field=a", provider=make(key, token))
    with pytest.raises(botsec.SecretNotFoundError):
        botsec.secret("aws-sm:bot?field=a", provider=make(key, token)).load()
    theirs, ours = aws.reads()
    for request in (theirs, ours):
        assert request.header("authorization") == authorization(request, aws.host, "secretsmanager", secret, token)
    # The same fields are signed, but for those of boto3's own.
    signed = [
        request.header("authorization").partition("SignedHeaders=")[2].split(",")[0] for request in (theirs, ours)
    ]
    assert {"content-type", "host", "x-amz-date", "x-amz-target"} <= set(signed[1].split(";"))
    assert "UNSIGNED" not in ours.header("authorization")
    assert ours.header("x-amz-security-token") == token


def test_a_key_may_be_secrets_that_rotate(face, aws, make, tmp_path, tls):
    files = {name: tmp_path / name for name in ("id", "secret")}
    id, secret = aws.key()
    files["id"].write_text(id), files["secret"].write_text(secret)
    provider = botsec.Aws(
        REGION,
        access_key_id=botsec.secret(f"file:{files['id']}"),
        secret_access_key=botsec.secret(f"file:{files['secret']}"),
        endpoint=aws.origin,
        networks="loopback",
        tls=tls,
    )
    aws.put("bot", value := new_value())
    assert load(face, "aws-sm:bot", provider=provider).reveal() == value


def test_the_region_of_an_arn_is_the_one_that_is_signed(aws, make, tls, make_secret):
    id, secret = aws.key()
    arn = "arn:aws:secretsmanager:ap-south-2:123456789012:secret:bot-AbCdEf"
    aws.put(arn, value := new_value())
    options = {"endpoint": aws.origin, "networks": "loopback", "tls": tls}
    bare = botsec.Aws(access_key_id=id, secret_access_key=make_secret(secret), **options)
    assert botsec.secret(f"aws-sm:{arn}", provider=bare).load().reveal() == value
    assert "/ap-south-2/secretsmanager/" in aws.last.header("authorization")
    with pytest.raises(ValueError, match="needs a region"):
        botsec.secret("aws-sm:bot", provider=bare)
    with pytest.raises(ValueError, match="another region"):
        botsec.secret(f"aws-sm:{arn}", provider=make((id, secret)))


def test_nothing_is_sent_before_the_first_use(aws, make):
    aws.put("bot", new_value())
    secret = botsec.secret("aws-sm:bot", provider=make())
    assert (aws.requests, aws.accepted, secret.version) == ([], 0, None)


def test_a_secret_is_used_by_a_client_of_either_face(face, aws, api, make):
    aws.put("bot", value := new_value())
    secret = botsec.secret("aws-sm:bot", provider=make())
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    for _ in range(3):
        client.get("/x")
    assert api.last.header("authorization") == f"Bearer {value}"
    assert len(aws.reads()) == 1


# Chains


def write_profile(folder, config: str = "", credentials: str = "") -> None:
    (folder / ".aws").mkdir(exist_ok=True)
    (folder / ".aws" / "config").write_text(config)
    (folder / ".aws" / "credentials").write_text(credentials)


def of_role(id: str, secret: str) -> tuple[str, str]:
    """A profile with a role, and the one behind it."""
    return (
        f"[profile bot]\nregion={REGION}\nrole_arn={ROLE}\nsource_profile=user\n",
        f"[user]\naws_access_key_id={id}\naws_secret_access_key={secret}\n",
    )


@pytest.fixture
def reach(aws, tls):
    return {"endpoint": aws.origin, "sts_endpoint": aws.origin, "networks": "loopback", "tls": tls}


def test_the_environment_says_who_asks(face, aws, reach, official, monkeypatch):
    id, secret = key = aws.key()
    aws.put("bot", value := new_value())
    assert official("bot", key) == value
    for name, text in (("ACCESS_KEY_ID", id), ("SECRET_ACCESS_KEY", secret), ("REGION", REGION)):
        monkeypatch.setenv(f"AWS_{name}", text)
    provider = botsec.Aws.from_env(**reach)
    assert load(face, "aws-sm:bot", provider=provider).reveal() == value
    assert repr(provider) == f"Aws('{REGION}', from_env)"
    assert secret not in repr(provider) and aws.logins == []


def test_the_endpoint_of_the_environment_is_used_and_must_be_https(aws, tls, monkeypatch):
    id, secret = aws.key()
    aws.put("bot", value := new_value())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.origin)
    provider = botsec.Aws.from_env(networks="loopback", tls=tls)
    assert botsec.secret("aws-sm:bot", provider=provider).load().reveal() == value
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://localhost:4566")
    with pytest.raises(botsec.InsecureUrlError):
        botsec.Aws.from_env(tls=tls)


def test_half_a_key_is_named(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", value := new_value())
    with pytest.raises(botsec.SecretNotFoundError, match="`AWS_ACCESS_KEY_ID` is not set") as caught:
        botsec.Aws.from_env(region=REGION)
    assert value not in told(caught.value)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token")
    with pytest.raises(botsec.SecretNotFoundError, match="`AWS_ROLE_ARN` is not set"):
        botsec.Aws.from_env(region=REGION)


def test_many_secrets_of_a_role_are_one_login(face, aws, reach, official, surroundings):
    id, secret = aws.key()
    names = [f"bot/{n}" for n in range(20)]
    for name in names:
        aws.put(name, new_value())
    assert official("bot/0", (id, secret)) == aws.values["bot/0"][0]["value"]
    write_profile(
        surroundings,
        f"[profile bot]\nregion={REGION}\nrole_arn={ROLE}\nsource_profile=user\nexternal_id=made-up:id\n"
        "role_session_name=bot-7\nduration_seconds=900\n",
        f"[user]\naws_access_key_id={id}\naws_secret_access_key={secret}\n",
    )
    provider = botsec.Aws(profile="bot", **reach)
    assert aws.accepted == 1
    found = [botsec.secret(f"aws-sm:{name}", provider=provider) for name in names]
    if face.is_async:
        face.all([lambda s=s: _load_async(s) for s in found])
    else:
        face.all([s.load for s in found])
    assert [s.reveal() for s in found] == [aws.values[name][0]["value"] for name in names]
    assert [login["RoleSessionName"] for login in aws.logins] == ["bot-7"]
    assert (aws.logins[0]["ExternalId"], aws.logins[0]["DurationSeconds"]) == ("made-up:id", "900")
    assert len(aws.reads()) == 1 + len(names)


def test_keys_that_are_over_are_replaced(aws, reach, surroundings):
    id, secret = aws.key()
    aws.put("bot", new_value())
    write_profile(surroundings, *of_role(id, secret))
    read = botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", **reach)).load()
    read.refresh()
    assert len(aws.logins) == 1
    aws.lifetime_s += 3600
    with FakeClock() as clock:
        clock.advance(3590)
        read.refresh()
    assert len(aws.logins) == 2


async def _load_async(secret):
    import asyncio

    return await asyncio.to_thread(secret.load)


def test_keys_that_aws_no_longer_knows_are_replaced_once(aws, reach, surroundings):
    id, secret = aws.key()
    aws.put("bot", first := new_value())
    write_profile(surroundings, *of_role(id, secret))
    read = botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", **reach)).load()
    assert read.reveal() == first
    for lease in [known for known in aws.keys if known.startswith("ASIA")]:
        del aws.keys[lease]
    aws.put("bot", second := new_value())
    read.refresh()
    assert (read.reveal(), len(aws.logins)) == (second, 2)
    # A second time within moments is a refusal, not a flood of logins.
    for lease in [known for known in aws.keys if known.startswith("ASIA")]:
        del aws.keys[lease]
    with pytest.raises(botsec.SecretAccessError, match="UnrecognizedClientException"):
        read.refresh()
    assert len(aws.logins) == 2


def test_a_pod_proves_itself_with_the_token_in_its_file(face, aws, reach, monkeypatch, tmp_path, authority):
    aws.web_token = new_value() + ".web+identity=="
    (tmp_path / "token").write_text(aws.web_token)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    aws.put("bot", value := new_value())
    # botocore first, through the same fake.
    monkeypatch.setenv("AWS_CA_BUNDLE", authority.ca_file)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.origin)
    client = boto("secretsmanager", aws.origin, authority.ca_file)
    assert client.get_secret_value(SecretId="bot")["SecretString"] == value
    client.close()
    provider = botsec.Aws.from_env(region=REGION, **reach)
    assert load(face, "aws-sm:bot", provider=provider).reveal() == value
    theirs, ours = aws.logins
    assert (ours["RoleArn"], ours["WebIdentityToken"]) == (theirs["RoleArn"], aws.web_token)
    sts = [request for request in aws.to("/") if request.header("x-amz-target") is None]
    assert sts[-1].header("authorization") is None
    # The platform renews the token; it is read anew with each login.
    (tmp_path / "token").write_text("another-token-of-the-pod")
    with pytest.raises(botsec.SecretAccessError, match="InvalidIdentityToken") as caught:
        load(face, "aws-sm:bot", provider=botsec.Aws.from_env(region=REGION, **reach))
    assert "another-token-of-the-pod" not in told(caught.value)


def test_a_login_of_identity_center_is_used_until_it_is_over(aws, reach, monkeypatch, surroundings, authority):
    import hashlib

    aws.sso_token = new_value()
    aws.put("bot", value := new_value())
    write_profile(
        surroundings,
        f"[profile company]\nregion={REGION}\nsso_session=co\nsso_account_id=123456789012\nsso_role_name=Bots\n"
        "[sso-session co]\nsso_start_url=https://example.awsapps.com/start\nsso_region=eu-west-1\n",
    )
    cache = surroundings / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    file = cache / f"{hashlib.sha1(b'co').hexdigest()}.json"
    login = {"accessToken": aws.sso_token, "expiresAt": "2099-01-01T00:00:00Z"}
    file.write_text(json.dumps(login))
    for name, text in (("PROFILE", "company"), ("CA_BUNDLE", authority.ca_file), ("ENDPOINT_URL_SSO", aws.origin)):
        monkeypatch.setenv(f"AWS_{name}", text)
    # botocore looks below the home directory of the moment when it was imported.
    for provider in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(cache))
    client = boto("secretsmanager", aws.origin, authority.ca_file)
    assert client.get_secret_value(SecretId="bot")["SecretString"] == value
    client.close()
    assert botsec.secret("aws-sm:bot", provider=botsec.Aws.from_env(**reach)).load().reveal() == value
    theirs, ours = aws.logins
    assert ours == theirs == {"role_name": "Bots", "account_id": "123456789012"}
    file.write_text(json.dumps({**login, "expiresAt": "2001-01-01T00:00:00Z"}))
    with pytest.raises(botsec.SecretAccessError, match="is over") as caught:
        botsec.secret("aws-sm:bot", provider=botsec.Aws.from_env(**reach)).load()
    assert aws.sso_token not in told(caught.value)


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ("", "no such profile"),
        ("[profile bot]\ncredential_process = /bin/keys\n", "`credential_process` names a program"),
        (f"[profile bot]\nrole_arn = {ROLE}\n", "`role_arn` needs one of"),
        (f"[profile bot]\nrole_arn = {ROLE}\nsource_profile = bot\n", "`source_profile` leads back"),
        (f"[profile bot]\nrole_arn = {ROLE}\ncredential_source = EcsContainer\n", "not where this process runs"),
        ("[profile bot]\nregion = eu-west-1\n", "is missing"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(aws, reach, surroundings, config, part):
    write_profile(surroundings, config)
    provider = botsec.Aws(REGION, profile="bot", **reach)
    with pytest.raises(botsec.SecretError, match=part):
        botsec.secret("aws-sm:bot", provider=provider).load()
    assert aws.requests == []


def test_a_role_whose_sts_is_down_leaves_the_last_value(aws, reach, surroundings):
    id, secret = aws.key()
    aws.lifetime_s = 900
    aws.put("bot", value := new_value())
    write_profile(surroundings, *of_role(id, secret))
    with FakeClock() as clock:
        read = botsec.secret("aws-sm:bot", provider=botsec.Aws(profile="bot", **reach), ttl=3600).load()
        aws.on("/", Reply(503, {"x": value}))
        clock.advance(901)
        with pytest.raises(botsec.SecretAccessError) as caught:
            read.refresh()
        assert (caught.value.details["step"], read.reveal()) == ("credentials", value)


# What goes wrong


OTHER = "leak-" + random.token_hex(12)


@pytest.mark.parametrize(
    ("reply", "error", "passing"),
    [
        (refusal("ResourceNotFoundException"), botsec.SecretNotFoundError, False),
        (refusal("AccessDeniedException", message=OTHER), botsec.SecretAccessError, False),
        (refusal("AccessDeniedException", 403, OTHER), botsec.SecretAccessError, False),
        (refusal("InvalidRequestException", message=OTHER), botsec.SecretAccessError, False),
        (refusal("DecryptionFailure"), botsec.SecretAccessError, False),
        (refusal("ExpiredTokenException"), botsec.SecretAccessError, False),
        (refusal(OTHER), botsec.SecretAccessError, False),
        (Reply(403, OTHER), botsec.SecretAccessError, False),
        (Reply(404, OTHER), botsec.SecretAccessError, False),
        (Reply(418, OTHER), botsec.SecretAccessError, False),
        (refusal("ThrottlingException"), botsec.SecretAccessError, True),
        (refusal("InternalServiceError", 500, OTHER), botsec.SecretAccessError, True),
        (Reply(503, OTHER), botsec.SecretAccessError, True),
    ],
    ids=lambda value: value if isinstance(value, bool) else "",
)
def test_a_refusal_ends_a_value_and_an_outage_does_not(aws, make, caplog, reply, error, passing):
    aws.put("bot", value := new_value())
    secret = botsec.secret("aws-sm:bot", provider=make()).load()
    with caplog.at_level(logging.DEBUG), aws.saying(reply), pytest.raises(error) as caught:
        secret.refresh()
    assert OTHER not in told(caught.value) + caplog.text
    if passing:
        assert secret.reveal() == value
    else:
        with pytest.raises(error):
            secret.reveal()


def test_boto3_is_refused_by_the_same_answers(aws, official):
    key = aws.key()
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        official("none", key)
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignatureException"):
        official("none", (key[0], "another"))
    with (
        aws.saying(refusal("AccessDeniedException")),
        pytest.raises(botocore.exceptions.ClientError, match="AccessDen"),
    ):
        official("none", key)


def test_aws_that_says_later_is_asked_again(aws, make):
    aws.put("bot", value := new_value())
    provider = make()
    with aws.saying(
        refusal("ThrottlingException"), Reply(500, ""), amz({"VersionId": "v" * 36, "SecretString": value})
    ):
        assert botsec.secret("aws-sm:bot", provider=provider).load().reveal() == value
    assert len(aws.reads()) == 3


def test_a_manager_that_is_not_there_leaves_the_last_value(face, aws, make):
    aws.put("bot", value := new_value())
    secret = load(face, "aws-sm:bot", provider=make())
    aws.stop()
    with pytest.raises(botsec.SecretAccessError):
        secret.refresh()
    assert secret.reveal() == value


ID = str(uuid.uuid4())
LIES = {
    "another type": Reply(
        body=json.dumps({"VersionId": ID, "SecretString": OTHER}), headers={"Content-Type": "text/html"}
    ),
    "not json": Reply(body=f'{{"SecretString": "{OTHER}', headers={"Content-Type": "application/x-amz-json-1.1"}),
    "ten mebibytes": amz({"VersionId": ID, "SecretString": OTHER * 400_000}),
    "no version": amz({"SecretString": OTHER}),
    "another version": amz({"VersionId": str(uuid.uuid4()), "SecretString": OTHER}),
    "no value": amz({"VersionId": ID, "Other": OTHER}),
    "two values": amz({"VersionId": ID, "SecretString": OTHER, "SecretBinary": "AAAA"}),
    "a list": Reply(body=[OTHER], headers={"Content-Type": "application/x-amz-json-1.1"}),
    "no base64": amz({"VersionId": ID, "SecretBinary": OTHER + "!"}),
    "an empty value": amz({"VersionId": ID, "SecretString": " ", "Other": OTHER}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_believed_and_not_repeated(face, aws, make, caplog, lie):
    with caplog.at_level(logging.DEBUG), aws.saying(LIES[lie]), pytest.raises(botsec.SecretError) as caught:
        load(face, f"aws-sm:bot?version={ID}", provider=make())
    assert OTHER not in told(caught.value) + caplog.text


def test_a_signature_and_a_token_never_follow_a_redirect(face, aws, other_api, make):
    aws.put("bot", new_value())
    id, secret = aws.key()
    token = new_value()
    aws.keys[id] = (secret, token)
    read = load(face, "aws-sm:bot", provider=make((id, secret), token))
    with aws.saying(Reply(307, headers={"Location": f"{other_api.origin}/"})):
        with pytest.raises(botsec.SecretAccessError) as caught:
            read.refresh()
    assert (caught.value.details["status"], other_api.requests) == ("307", [])
    assert token not in told(caught.value)


# Usage


def test_wrong_use_is_refused_at_once(make_secret, tls):
    key = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": make_secret()}
    with pytest.raises(TypeError, match="from_env"):
        botsec.Aws(REGION)
    with pytest.raises(TypeError, match="profile"):
        botsec.Aws(REGION, profile="bot", **key)
    with pytest.raises(TypeError, match="access_key_id"):
        botsec.Aws(REGION, access_key_id="AKIDEXAMPLE")
    for value in ("pasted-secret-key-0123", None, 7):
        with pytest.raises(TypeError) as caught:
            botsec.Aws(REGION, access_key_id="AKIDEXAMPLE", secret_access_key=value)
        assert "pasted" not in told(caught.value)
    with pytest.raises(TypeError, match=r"botsec\.secret"):
        botsec.Aws(REGION, **key, session_token="pasted-session-token")
    for region in ("", "eu", "eu-central-1.evil.example.com", "eu-central-1/x", "EU-CENTRAL-1"):
        with pytest.raises(ValueError, match="`region`"):
            botsec.Aws(region, **key)
    with pytest.raises(ValueError, match="access_key_id"):
        botsec.Aws(REGION, access_key_id="not/an id", secret_access_key=make_secret())
    for name in ("endpoint", "sts_endpoint"):
        with pytest.raises(botsec.InsecureUrlError):
            botsec.Aws(REGION, **key, **{name: "http://localhost:5000"})
    with pytest.raises(ValueError, match="networks|network"):
        botsec.Aws(REGION, **key, endpoint="https://localhost", networks=["nonsense"])


def test_a_source_that_is_none_is_refused_without_being_repeated(make):
    provider = make()
    for source in (
        "two words",
        "arn:aws:s3:::bucket",
        "bot?version=3",
        "bot?url=https://evil.example.com",
        "b//t",
    ):
        with pytest.raises(ValueError, match="aws-sm|version") as caught:
            botsec.secret(f"aws-sm:{source}", provider=provider)
        assert source not in str(caught.value)
    with pytest.raises(ValueError, match="provider="):
        botsec.secret("aws-sm:bot")
    with pytest.raises(ValueError, match="another kind"):
        botsec.secret("vault:kv/bot", provider=provider)


def test_a_provider_prints_no_secret(make, aws):
    id, secret = aws.key()
    provider = make((id, secret), new_value())
    assert repr(provider) == str(provider)
    assert repr(provider).startswith(f"Aws('{REGION}', secret_access_key=Secret('env:") and secret not in repr(provider)


def test_loopback_needs_its_network(aws, make_secret, tls):
    aws.put("bot", new_value())
    id, secret = aws.key()
    provider = botsec.Aws(REGION, access_key_id=id, secret_access_key=make_secret(secret), endpoint=aws.origin, tls=tls)
    with pytest.raises(botsec.SecretAccessError) as caught:
        botsec.secret("aws-sm:bot", provider=provider).load()
    assert caught.value.details["cause"] == "policy.address_blocked"
    assert aws.accepted == 0


# Rotation


def test_a_rotation_is_seen_after_a_refresh_and_told_once(face, aws, official, make, caplog):
    key = aws.key()
    first = aws.put("bot", old := new_value())
    secret = load(face, "aws-sm:bot", provider=make(key))
    told = []
    secret.on_rotate(told.append)
    second = aws.put("bot", new := new_value())
    assert official("bot", key) == new
    with caplog.at_level(logging.INFO):
        secret.refresh()
        secret.refresh()
    assert (secret.reveal(), secret.version) == (new, second)
    assert [(event.old, event.new) for event in told] == [(first, second)]
    assert new not in caplog.text and old not in caplog.text


def test_a_401_has_the_secret_read_again(face, aws, api, make):
    aws.put("bot", old := new_value())
    secret = botsec.secret("aws-sm:bot", provider=make())
    accepted = {old}
    api.on("/x", lambda request: Reply(200 if request.header("authorization")[7:] in accepted else 401, {}))
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    aws.put("bot", new := new_value())
    accepted.clear(), accepted.add(new)
    assert client.get("/x").status_code == 200
    assert [request.header("authorization") for request in api.to("/x")] == [
        f"Bearer {value}" for value in (old, old, new)
    ]


def test_a_key_that_its_api_does_not_know_yet_gives_way_to_the_one_before(face, aws, api, make):
    aws.put("bot", old := new_value())
    aws.put("bot", new_value())
    api.on("/x", lambda request: Reply(200 if request.header("authorization") == f"Bearer {old}" else 401, {}))
    client = face.client(api.origin, auth=botsec.Bearer(botsec.secret("aws-sm:bot", provider=make())))
    assert client.get("/x").status_code == 200
    pinned = botsec.secret("aws-sm:bot?stage=AWSCURRENT", provider=make())
    with pytest.raises(botsec.AuthFailedError):
        face.client(api.origin, auth=botsec.Bearer(pinned)).get("/x")


def sent(api):
    return [request.header("authorization").removeprefix("Bearer ") for request in api.to("/x")]


def test_the_value_before_is_tried_once_for_each_call(face, aws, api, make):
    """Not in a loop, and for each call of the time in which the API does not know the new key."""
    aws.put("bot", old := new_value())
    aws.put("bot", new := new_value())
    accepted = {old}
    api.on("/x", lambda request: Reply(200 if request.header("authorization")[7:] in accepted else 401, {}))
    secret = botsec.secret("aws-sm:bot", provider=make())
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    with FakeClock() as clock:
        for _ in range(3):
            assert client.get("/x").status_code == 200
            clock.advance(1)
        assert sent(api) == [new, old] * 3
        # One question for all of them.
        calls = [lambda: client.raw.get("/x") for _ in range(10)]
        clock.advance(10)
        asked = len(aws.reads())
        assert [result.status_code for result in face.all(calls)] == [200] * 10
        assert len(aws.reads()) == asked + 2
        # Refused, too: that is the answer.
        accepted.clear()
        api.requests.clear()
        clock.advance(10)
        with pytest.raises(botsec.AuthFailedError):
            client.get("/x")
        assert sent(api) == [new, old]
        # Once the API knows the new key nobody asks for the old one.
        accepted.add(new)
        api.requests.clear()
        before = len(aws.reads())
        client.get("/x")
        assert (sent(api), len(aws.reads())) == ([new], before)
    assert secret.reveal() == new


@pytest.mark.parametrize("how", ["refresh", "401"])
def test_a_thousand_requests_while_the_key_rotates_twenty_times(face, aws, api, make, how):
    """No call fails, and no request carries a key after its overlap."""
    provider = make()
    aws.put("bot", current := new_value())
    valid, guard = {current}, threading.Lock()
    refused, revoked_used = [], []
    revoked: dict[str, int] = {}

    def judge(request):
        key = request.header("authorization").removeprefix("Bearer ")
        with guard:
            if key in valid:
                return Reply(200, {})
            refused.append(key)
            if key in revoked:
                revoked_used.append(key)
        return Reply(401, {})

    api.on("/x", judge)
    # FORCED readings are five seconds apart at least: the clock stands in for them.
    secret = botsec.secret("aws-sm:bot", provider=provider)
    client = face.client(api.origin, auth=botsec.Bearer(secret), rate=None)
    with FakeClock() as clock:
        client.get("/x")
        done = 1
        for turn in range(20):
            old, new = current, new_value()
            aws.put("bot", new)
            with guard:
                # The overlap: both keys work.
                valid.add(new)
            current = new
            if how == "refresh":
                calls = [lambda: client.raw.get("/x") for _ in range(25)]
                results = face.all(calls)
                secret.refresh()
            else:
                results = []
            with guard:
                valid.discard(old)
                revoked[old] = turn
            clock.advance(6)
            results += face.all([lambda: client.raw.get("/x") for _ in range(50 - len(results))])
            done += len(results)
            assert [(r.details, r.__notes__) for r in results if isinstance(r, BaseException)] == []
            assert {result.status_code for result in results} == {200}
    assert done == 1001
    if how == "refresh":
        assert revoked_used == []
    assert secret.reveal() == current


# The machine


def _namespaces() -> bool:
    return sys.platform == "linux" and subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_machine_s_own_identity_is_used_where_botocore_finds_it(kind):
    # Needs the right to make namespaces (root); without it the Rust tests of the metadata services remain.
    if not _namespaces():
        pytest.skip("no right to make network namespaces here")
    command = ["unshare", "--net", sys.executable, "-m", "servers.metadata", kind]
    ran = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(ran.stdout)
    for place in ("ec2", "ecs", "eks", "eks6"):
        assert seen[place]["value"] == "value-of-the-secret", seen[place]
        assert seen[place]["ours"] == seen[place]["theirs"] != []
    # No proxy of the environment sees a machine's credentials.
    assert (seen["proxy"]["value"], seen["proxy"]["ours"]) == ("value-of-the-secret", seen["ec2"]["ours"])
    assert seen["redirect"]["ours"] == ["PUT 169.254.169.254 /latest/api/token"]
    assert seen["redirect"]["value"].startswith("SecretAccessError") and "'302'" in seen["redirect"]["value"]


def test_a_variable_cannot_lead_a_container_elsewhere(monkeypatch, api):
    for name, text in (
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://localhost:{api.port}/x"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/latest/user-data"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", f"@localhost:{api.port}/x"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "//localhost/x"),
    ):
        monkeypatch.setenv(name, text)
        with pytest.raises(botsec.SecretAccessError, match=name) as caught:
            botsec.Aws.from_env(region=REGION)
        assert text not in told(caught.value)
        # Nobody asks the machine where another source comes first.
        botsec.Aws(REGION, profile="bot")
        monkeypatch.delenv(name)
    assert api.accepted == 0
