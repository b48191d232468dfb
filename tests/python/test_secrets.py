"""Secrets are loaded by name, go to their hosts, and print nothing."""

import base64
import copy
import json
import logging
import pickle
import pprint
import traceback

import botsec
import pytest
from servers.api import Reply

VALUE = "s3cr3t/with+odd=chars&more"


def test_a_missing_variable_is_named(monkeypatch):
    monkeypatch.delenv("BOTSEC_TEST_MISSING", raising=False)
    monkeypatch.setenv("BOTSEC_TEST_NEIGHBOUR", VALUE)
    with pytest.raises(botsec.SecretNotFoundError, match="`BOTSEC_TEST_MISSING` is not set") as caught:
        botsec.secret("env:BOTSEC_TEST_MISSING")
    assert isinstance(caught.value, LookupError)
    assert VALUE not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setenv("BOTSEC_TEST_MISSING", "  \n")
    with pytest.raises(botsec.SecretNotFoundError, match="is empty"):
        botsec.secret("env:BOTSEC_TEST_MISSING")


def test_a_pasted_key_is_not_repeated():
    with pytest.raises(ValueError, match="env:") as caught:
        botsec.secret(VALUE)
    assert VALUE not in str(caught.value)


def test_a_file_is_a_source(tmp_path):
    (tmp_path / "key").write_text(VALUE + "\n")
    assert botsec.secret(f"file:{tmp_path}/key").reveal() == VALUE
    with pytest.raises(botsec.SecretNotFoundError):
        botsec.secret(f"file:{tmp_path}/none")


def test_a_secret_prints_nothing(make_secret):
    secret = make_secret(VALUE)
    for text in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>80}",
        "%s" % (secret,),  # noqa: UP031
        pprint.pformat({"k": [secret]}),
    ):
        assert VALUE not in text
    assert str(secret).startswith("Secret('env:BOTSEC_TEST_KEY_")
    for spread in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash):
        with pytest.raises(TypeError):
            spread(secret)
    with pytest.raises(TypeError):
        vars(secret)
    assert secret == make_secret(VALUE)
    assert secret != make_secret(VALUE + "x")
    assert secret != VALUE


@pytest.mark.parametrize(
    ("auth", "name", "expected"),
    [
        (lambda s: botsec.Bearer(s), "authorization", f"Bearer {VALUE}"),
        (
            lambda s: botsec.Basic("me", s),
            "authorization",
            "Basic " + base64.b64encode(f"me:{VALUE}".encode()).decode(),
        ),
        (lambda s: botsec.ApiKey(s), "x-api-key", VALUE),
        (lambda s: botsec.ApiKey(s, header="Authorization", prefix="Bot "), "authorization", f"Bot {VALUE}"),
        (lambda s: [botsec.ApiKey(s, header="A-Key"), botsec.Bearer(s)], "a-key", VALUE),
    ],
)
def test_each_proof_reaches_its_header(face, api, make_secret, auth, name, expected):
    face.client(api.origin, auth=auth(make_secret(VALUE))).get("/x")
    assert api.last.header(name) == expected


def test_a_key_in_the_query_and_a_token_in_the_path(face, api, make_secret):
    client = face.client(api.origin, auth=botsec.ApiKey(make_secret(VALUE), query="key"))
    response = client.get("/x", params={"a": "b"})
    assert api.last.query == [("a", "b"), ("key", VALUE)]
    assert VALUE not in response.url
    token = "12345678:" + "AbC" * 11 + "dE"
    client = face.client(api.origin, auth=botsec.PathToken(make_secret(token)), allow=["GET /getMe"])
    response = client.get("/getMe")
    assert api.last.target == f"/bot{token}/getMe"
    assert token not in response.url + repr(response)


@pytest.mark.parametrize("bad", ["plain-token", b"bytes", 5])
def test_a_plain_key_is_a_type_error(face, bad):
    for make in (botsec.Bearer, lambda v: botsec.Basic("me", v), botsec.ApiKey, botsec.PathToken):
        with pytest.raises(TypeError):
            make(bad)
    with pytest.raises(TypeError):
        face.client("https://localhost", auth=bad)


def test_secret_leaves_go_out_encoded(client, api, make_secret):
    secret = make_secret('a"b\\c d&é-0123456789')
    client.post("/x", json={"key": secret, "list": [secret]})
    assert api.last.json() == {"key": secret.reveal(), "list": [secret.reveal()]}
    client.post("/x", data={"key": secret})
    client.get("/x", params={"key": secret})
    assert api.last.query == [("key", secret.reveal())]


def test_a_secret_goes_to_its_hosts_only(face, api, other_api, make_secret):
    client = face.client(api.origin, hosts=[other_api.host])
    leaf = make_secret(VALUE)
    with pytest.raises(botsec.HostNotAllowedError):
        client.get(f"{other_api.origin}/x", headers={"X-Key": leaf})
    with pytest.raises(botsec.HostNotAllowedError):
        client.post(f"{other_api.origin}/x", json={"k": leaf})
    with pytest.raises(botsec.HostNotAllowedError):
        client.get(f"{other_api.origin}/x", auth=botsec.Bearer(leaf))
    assert other_api.requests == []
    bound = make_secret(VALUE, hosts=[other_api.host])
    client.get(f"{other_api.origin}/x", auth=botsec.Bearer(bound))
    assert other_api.last.header("authorization") == f"Bearer {VALUE}"


def test_the_clients_proof_stays_at_its_origin(face, api, other_api, make_secret):
    client = face.client(api.origin, hosts=[other_api.host], auth=botsec.Bearer(make_secret(VALUE)))
    client.get(f"{other_api.origin}/x")
    assert other_api.last.header("authorization") is None


def test_a_webhook_url_is_a_secret_as_a_whole(face, api, make_secret):
    path = "/api/webhooks/123456789/AbCdEfGhIjKlMnOpQrStUvWxYz012345"
    secret = make_secret(f"{api.origin}{path}?wait=true")
    options = {"tls": face.tls, "networks": "loopback"}
    client = face.adopt(face.factory.from_secret_url(secret, host=api.host, **options))
    response = client.post("", json={"content": "hi"})
    assert api.last.target == f"{path}?wait=true"
    assert "AbCdEf" not in response.url + repr(client.raw)
    with pytest.raises(botsec.HostNotAllowedError):
        face.factory.from_secret_url(secret, host="discord.com")
    with pytest.raises(TypeError):
        face.factory.from_secret_url("https://discord.com/x", host="discord.com")


@pytest.mark.parametrize("token", ["AbCdEfGhIjKlMnOpQrStUvWxYz012345", "short-tok"])
def test_no_part_of_a_webhook_url_comes_back(face, api, make_secret, caplog, token):
    path = f"/services/T12345678/{token}"
    api.on(path, lambda request: Reply(404, f"no hook {token} at {request.target}, T12345678"))
    options = {"tls": face.tls, "networks": "loopback"}
    client = face.adopt(
        face.factory.from_secret_url(make_secret(f"{api.origin}{path}?k=querysecret"), host=api.host, **options)
    )
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.StatusError) as caught:
        client.post("", json={"content": "hi"})
    told = caplog.text + "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    assert "no hook" in told
    for part in (token, "T12345678", "querysecret"):
        assert part not in told


def test_a_signer_signs_the_silent_repeat_of_a_stale_connection(face, api):
    class Signer:
        def sign(self, request):
            return {"X-Signature": "mine"}

    client = face.client(api.origin, auth=Signer(), retry=1)
    api.on("/x", Reply(200, close=True))
    for _ in range(3):
        assert client.get("/x").attempts == 1
        assert api.last.header("x-signature") == "mine"


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "connection", "TE", "Accept-Encoding", "Expect", "Upgrade"]
)
def test_a_signer_does_not_frame_the_message(face, api, name):
    class Signer:
        def sign(self, request):
            return {"X-Signature": "mine", name: "0"}

    with pytest.raises(botsec.InputError) as caught:
        face.client(api.origin, auth=Signer()).post("/x", content=b"abc")
    assert api.requests == []
    assert name.lower() in caught.value.details["header"].lower()


def test_an_async_signer_is_awaited(face, api):
    class Signer:
        async def sign(self, request):
            return {"X-Signature": "later"}

    if not face.is_async:
        with pytest.raises(TypeError, match="async"):
            face.client(api.origin, auth=Signer()).get("/x")
    else:
        face.client(api.origin, auth=Signer()).get("/x")
        assert api.last.header("x-signature") == "later"


def test_a_signer_signs_each_attempt(face, api):
    seen = []

    class Signer:
        def sign(self, request):
            seen.append((request.method, request.url, request.content))
            return {"X-Signature": f"sig-{len(request.content)}"}

    face.client(api.origin, auth=Signer()).post("/x", content=b"abc")
    assert api.last.header("x-signature") == "sig-3"
    assert seen == [("POST", f"{api.origin}/x", b"abc")]


def test_a_signer_that_raises_ends_the_call_with_its_own_error(face, api):
    class Broken:
        def sign(self, request):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        face.client(api.origin, auth=Broken()).get("/x")
    assert api.requests == []


def forms(value: str) -> list[str]:
    raw = value.encode()
    return [value, base64.b64encode(raw).decode().rstrip("="), raw.hex(), json.dumps(value)[1:-1]]


def test_no_form_of_a_secret_is_logged_or_raised(face, api, make_secret, caplog):
    secret = make_secret(VALUE)
    client = face.client(api.origin, auth=[botsec.Bearer(secret), botsec.ApiKey(secret, query="k")])
    api.on("/echo", lambda request: Reply(500, " ".join(forms(VALUE)) + request.target))
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(botsec.StatusError) as caught:
            client.get("/echo", headers={"X-Leaf": secret})
    everything = caplog.text + "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    for form in forms(VALUE):
        assert form not in everything


def test_one_event_per_call_with_fields_and_no_values(client, api, caplog):
    with caplog.at_level(logging.INFO, logger="botsec"):
        client.get("/users/{id:int}", path={"id": 424242}, params={"q": "typed"})
        with pytest.raises(botsec.InputError):
            client.get("/users/{id:int}", path={"id": "typed"})
    ok, refused = [record for record in caplog.records if record.name == "botsec" and hasattr(record, "botsec")]
    assert ok.botsec["route"] == "/users/{id:int}"
    assert (ok.botsec["method"], ok.botsec["status"], ok.botsec["attempts"]) == ("GET", 200, 1)
    assert refused.botsec["code"] == "input.field"
    assert refused.botsec["incident"]
    assert "424242" not in caplog.text
    assert "typed" not in caplog.text
