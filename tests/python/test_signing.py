"""Signed requests: servers recompute what `HmacSigner`, `HttpSignature` and `AwsSigV4` send."""

import base64
import calendar
import hashlib
import hmac
import logging
import re
import time
import traceback
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botsec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from servers.api import Reply, Request
from servers.http2 import Http2

#: Both engines carry the same signed bytes.
ENGINES = ["direct", "proxied"]

KEY = "signing-key-0123456789abcdef"
AWS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def default_content(request, host):
    digest = hashlib.sha256(request.body).hexdigest()
    stamp, nonce = request.header("x-timestamp"), request.header("x-nonce")
    return "\n".join([request.method, host, request.target, stamp, nonce, digest]).encode()


def is_signed(request, host, key=KEY):
    """Whether a server that knows `key` accepts the default layout."""
    sent = request.header("x-signature")
    if sent is None or abs(int(request.header("x-timestamp")) - time.time()) > 60:
        return False
    own = hmac.new(key.encode(), default_content(request, host), hashlib.sha256).hexdigest()
    return hmac.compare_digest(own, sent)


# HmacSigner


def test_a_server_recomputes_the_signature_of_every_kind_of_request(face, api, make_secret):
    client = face.client(f"{api.origin}/v1", auth=botsec.HmacSigner(make_secret(KEY)))
    client.get("/users/{id:str}", path={"id": "a b/c"}, params={"q": "x&y", "r": ["1", "2"]})
    client.post("/users", json={"name": "é"})
    client.put("/users", content=b"\x00\xff" * 50_000)
    client.post("/users", data={"k": "v w"}, headers={"X-Timestamp": "1", "X-Nonce": "mine"})
    client.delete("/users")
    assert client.head("/users").status_code == 200
    assert len(api.requests) == 6
    assert all(is_signed(request, api.host) for request in api.requests)
    assert not is_signed(api.last, api.host, "another key")
    assert not is_signed(api.last, "other.example")
    assert len({request.header("x-nonce") for request in api.requests}) == 6


def test_a_secret_in_the_request_is_signed_as_it_is_sent(face, api, make_secret):
    auth = [botsec.HmacSigner(make_secret(KEY)), botsec.ApiKey(make_secret("k/&-0123456789"), query="key")]
    client = face.client(api.origin, auth=auth)
    client.post("/x", json={"token": make_secret("leaf-0123456789")})
    assert api.last.query == [("key", "k/&-0123456789")]
    assert is_signed(api.last, api.host)


def test_each_attempt_is_signed_anew(face, api, make_secret):
    api.on("/x", Reply(503), Reply(503), Reply(200))
    client = face.client(api.origin, auth=botsec.HmacSigner(make_secret(KEY)), retry=botsec.Retry(3, base=0.01))
    assert client.get("/x").attempts == 3
    assert all(is_signed(request, api.host) for request in api.to("/x"))
    assert len({request.header("x-nonce") for request in api.to("/x")}) == 3
    assert len({request.header("x-signature") for request in api.to("/x")}) == 3


def test_the_silent_repeat_of_a_stale_connection_is_signed_anew(face, api, make_secret):
    client = face.client(api.origin, auth=botsec.HmacSigner(make_secret(KEY)), retry=1)
    api.on("/x", Reply(200, close=True))
    for _ in range(3):
        assert client.get("/x").attempts == 1
        assert is_signed(api.last, api.host)


def test_a_redirect_within_the_origin_is_signed_for_where_it_leads(face, api, make_secret):
    api.on("/a", Reply(307, headers={"Location": "/b?c=d"}))
    client = face.client(api.origin, auth=botsec.HmacSigner(make_secret(KEY)))
    client.post("/a", json={"k": "v"})
    first, second = api.requests
    assert (second.target, second.body) == ("/b?c=d", first.body)
    assert is_signed(first, api.host)
    assert is_signed(second, api.host)
    assert first.header("x-nonce") != second.header("x-nonce")


def test_no_signature_crosses_an_origin(face, api, other_api, make_secret):
    for make in SIGNERS:
        api.on("/a", Reply(302, headers={"Location": f"{other_api.origin}/b"}))
        client = face.client(api.origin, hosts=[other_api.host], auth=make(make_secret))
        client.get("/a")
        client.get(f"{other_api.origin}/c")
        signs = [name.lower() for name, _ in api.last.headers]
        assert {"x-signature", "signature", "authorization"} & set(signs)
        for request in other_api.requests:
            names = {name.lower() for name, _ in request.headers}
            assert not names & {
                "x-signature",
                "x-timestamp",
                "x-nonce",
                "signature",
                "signature-input",
                "authorization",
            }
            assert not [name for name in names if name.startswith("x-amz")]
    assert len(other_api.requests) == 2 * len(SIGNERS)


def test_a_redirect_to_another_host_of_the_key_is_not_signed_either(face, api, other_api, make_secret):
    api.on("/a", Reply(302, headers={"Location": f"{other_api.origin}/b"}))
    other_api.on("/b", Reply(302, headers={"Location": f"{api.origin}/c"}))
    secret = make_secret(KEY, hosts=[api.host, other_api.host])
    client = face.client(api.origin, hosts=[other_api.host], auth=botsec.HmacSigner(secret))
    client.get("/a")
    signed = [request.header("x-signature") is not None for request in (*api.to("/a"), other_api.last, *api.to("/c"))]
    assert signed == [True, False, False]
    client.get(f"{other_api.origin}/d")
    assert is_signed(other_api.last, other_api.host)


def test_a_key_signs_for_its_hosts_only(face, api, other_api, make_secret):
    client = face.client(api.origin, hosts=[other_api.host])
    with pytest.raises(botsec.HostNotAllowedError):
        client.get(f"{other_api.origin}/x", auth=botsec.HmacSigner(make_secret(KEY)))
    bound = botsec.HmacSigner(make_secret(KEY, hosts=[other_api.host]))
    with pytest.raises(botsec.HostNotAllowedError):
        client.get("/x", auth=bound)
    # One secret of a signer that may not go there is enough.
    token = botsec.AwsSigV4(
        "AKID",
        make_secret(AWS_KEY, hosts=[other_api.host]),
        region="r",
        service="s",
        session_token=make_secret("token-0123456789"),
    )
    with pytest.raises(botsec.HostNotAllowedError):
        client.get(f"{other_api.origin}/x", auth=token)
    assert api.requests == []
    assert other_api.requests == []
    client.get(f"{other_api.origin}/x", auth=bound)
    assert is_signed(other_api.last, other_api.host)


def test_a_signer_of_ones_own_sees_no_signature_and_may_stand_beside_one(face, api, make_secret):
    seen = []

    class Own:
        def sign(self, request):
            seen.append(dict(request.headers))
            return {"X-Own": "1"}

    client = face.client(api.origin, auth=[botsec.HmacSigner(make_secret(KEY)), Own()])
    client.get("/x")
    assert is_signed(api.last, api.host)
    assert api.last.header("x-own") == "1"
    assert "x-signature" not in seen[0]
    assert "x-nonce" in seen[0]


def vendor_slack(request):
    content = b"v0:" + request.header("x-slack-request-timestamp").encode() + b":" + request.body
    return request.header("x-slack-signature"), "v0=" + hmac.new(KEY.encode(), content, "sha256").hexdigest()


def vendor_github(request):
    assert request.header("x-timestamp") is request.header("x-nonce") is None
    return request.header("x-hub-signature-256"), "sha256=" + hmac.new(KEY.encode(), request.body, "sha256").hexdigest()


def vendor_line(request):
    tag = hmac.new(KEY.encode(), request.body, "sha256").digest()
    return request.header("x-line-signature"), base64.b64encode(tag).decode()


def vendor_webhooks(request):
    content = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.".encode() + request.body
    return request.header("webhook-signature"), "v1," + base64.b64encode(
        hmac.new(b"\x00\xff key of any bytes", content, "sha256").digest()
    ).decode()


def vendor_stripe(request):
    stamp = re.match(r"t=(\d+),v1=", request.header("stripe-signature"))[1]
    tag = hmac.new(KEY.encode(), f"{stamp}.".encode() + request.body, "sha256").hexdigest()
    return request.header("stripe-signature"), f"t={stamp},v1={tag}"


WHSEC = "whsec_" + base64.b64encode(b"\x00\xff key of any bytes").decode()
VENDORS = [
    (
        vendor_slack,
        KEY,
        {
            "header": "X-Slack-Signature",
            "prefix": "v0=",
            "content": "v0:{timestamp}:{body}",
            "timestamp_header": "X-Slack-Request-Timestamp",
        },
    ),
    (vendor_github, KEY, {"header": "X-Hub-Signature-256", "prefix": "sha256=", "content": "{body}"}),
    (vendor_line, KEY, {"header": "X-Line-Signature", "content": "{body}", "encoding": "base64"}),
    (
        vendor_webhooks,
        WHSEC,
        {
            "header": "webhook-signature",
            "prefix": "v1,",
            "content": "{nonce}.{timestamp}.{body}",
            "nonce_header": "webhook-id",
            "timestamp_header": "webhook-timestamp",
            "encoding": "base64",
            "key_encoding": "base64",
        },
    ),
    (
        vendor_stripe,
        KEY,
        {"header": "Stripe-Signature", "layout": "t={timestamp},v1={signature}", "content": "{timestamp}.{body}"},
    ),
]


@pytest.mark.parametrize(("verify", "key", "layout"), VENDORS, ids=lambda value: getattr(value, "__name__", ""))
def test_vendors_layouts(face, api, make_secret, verify, key, layout):
    client = face.client(api.origin, auth=botsec.HmacSigner(make_secret(key), **layout))
    for body in (b"", b"x" * 100_000, '{"text": "é"}'.encode()):
        client.post("/x", content=body)
        sent, own = verify(api.last)
        assert sent == own


def test_sha512_in_base64_with_a_hex_key_and_a_named_key(face, api, make_secret):
    auth = botsec.HmacSigner(
        make_secret("00ff" * 16),
        digest="sha512",
        encoding="base64",
        key_encoding="hex",
        key_id="key-7",
        content="{key_id}\n{timestamp}\n{body_sha512}",
        timestamp_format="iso8601",
    )
    face.client(api.origin, auth=auth).post("/x", content=b"body")
    stamp = api.last.header("x-timestamp")
    assert abs(calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")) - time.time()) < 60
    content = f"key-7\n{stamp}\n{hashlib.sha512(b'body').hexdigest()}".encode()
    tag = hmac.new(b"\x00\xff" * 16, content, "sha512").digest()
    assert api.last.header("x-signature") == base64.b64encode(tag).decode()
    assert api.last.header("x-key-id") == "key-7"
    assert api.last.header("x-nonce") is None


# Every signer


def test_the_page_on_signing_runs(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "signing.md").read_text(encoding="utf-8")
    for name in ("SIGNING_KEY", "WEBHOOK_KEY", "AWS_KEY"):
        monkeypatch.setenv(name, "")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "signing.md", "exec"), names)
    assert "execute-api" in repr(names["auth"])


def pem_of(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


ED25519 = ed25519.Ed25519PrivateKey.generate()
SIGNERS = [
    lambda make: botsec.HmacSigner(make(KEY)),
    lambda make: botsec.HttpSignature(make(pem_of(ED25519)), algorithm="ed25519", key_id="k"),
    lambda make: botsec.AwsSigV4("AKIDEXAMPLE", make(AWS_KEY), region="eu-central-1", service="execute-api"),
]


@pytest.mark.parametrize("make", SIGNERS)
def test_a_body_without_a_digest_is_refused_before_anything_is_sent(face, api, make_secret, tmp_path, make):
    client = face.client(api.origin, auth=make(make_secret), rate="1/h")
    (tmp_path / "f").write_bytes(b"x" * 100_000)
    with (tmp_path / "f").open("rb") as file:
        for content in (iter([b"a", b"b"]), file):
            with pytest.raises(botsec.InputError) as caught:
                client.post("/x", content=content)
            assert caught.value.code == "input.body"
            assert "as bytes" in "".join(caught.value.__notes__)
    assert api.requests == []
    # Nor was a place in the line taken for them.
    assert client.post("/x", content=b"ab").status_code == 200


def test_a_body_that_the_signature_leaves_out_may_come_from_an_iterator(face, api, make_secret):
    client = face.client(api.origin)
    client.post("/x", content=iter([b"a", b"b"]), auth=botsec.HmacSigner(make_secret(KEY), content="{path}{timestamp}"))
    assert api.last.body == b"ab"
    components = ["@method", "@path"]
    auth = botsec.HttpSignature(make_secret(KEY), algorithm="hmac-sha256", components=components)
    client.post("/x", content=iter([b"a", b"b"]), auth=auth)
    assert api.last.body == b"ab"
    assert api.last.header("signature")


@pytest.mark.parametrize("bad", ["plain-key", b"bytes", 5, None])
def test_a_plain_key_is_a_type_error(make_secret, bad):
    secret = make_secret(AWS_KEY)
    aws = {"region": "r", "service": "s"}
    for make in (
        lambda: botsec.HmacSigner(bad),
        lambda: botsec.HttpSignature(bad, algorithm="ed25519"),
        lambda: botsec.AwsSigV4("AKID", bad, **aws),
    ):
        with pytest.raises(TypeError, match="Secret is needed"):
            make()
    if bad is not None:
        with pytest.raises(TypeError, match="Secret is needed"):
            botsec.AwsSigV4("AKID", secret, session_token=bad, **aws)
    if not isinstance(bad, str):
        with pytest.raises(TypeError, match="str or a Secret"):
            botsec.AwsSigV4(bad, secret, **aws)


def test_what_is_not_understood_is_a_type_or_value_error(make_secret):
    secret = make_secret(KEY)
    wrong = [
        (botsec.HmacSigner, {"digest": "md5"}),
        (botsec.HmacSigner, {"encoding": "base32"}),
        (botsec.HmacSigner, {"key_encoding": "pem"}),
        (botsec.HmacSigner, {"timestamp_format": "http"}),
        (botsec.HmacSigner, {"content": "{nothing}"}),
        (botsec.HmacSigner, {"content": "x" * 100_000}),
        (botsec.HmacSigner, {"header": "x" * 100_000}),
        (botsec.HmacSigner, {"header": "X\r\nY"}),
        (botsec.HmacSigner, {"prefix": "x" * 100_000}),
        (botsec.HmacSigner, {"key_id": "x" * 100_000}),
        (botsec.HmacSigner, {"timestamp_header": None}),
        (botsec.HttpSignature, {"algorithm": "none"}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "components": ["@status"]}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "components": ["x" * 100_000]}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "components": ["x"] * 100_000}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "label": "S" * 100_000}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "key_id": "k" * 100_000}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "tag": "é"}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "expires": 0.5}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "expires": -1}),
        (botsec.HttpSignature, {"algorithm": "hmac-sha256", "digest": "md5"}),
        (botsec.HttpSignature, {"algorithm": "ed25519", "key_encoding": "raw"}),
    ]
    for make, options in wrong:
        with pytest.raises(ValueError):
            make(secret, **options)
    for options in ({"header": 5}, {"content": b"x"}, {"key_id": 5}):
        with pytest.raises(TypeError):
            botsec.HmacSigner(secret, **options)
    for options in ({"components": 5}, {"components": [5]}, {"expires": "60"}, {"nonce": "fixed"}):
        with pytest.raises(TypeError):
            botsec.HttpSignature(secret, algorithm="hmac-sha256", **options)
    for region, service in (("x" * 100_000, "s"), ("r", "x" * 100_000), ("r/s", "s"), ("r", "")):
        with pytest.raises(ValueError):
            botsec.AwsSigV4("AKID", secret, region=region, service=service)
    with pytest.raises(ValueError):
        botsec.AwsSigV4("A" * 100_000, secret, region="r", service="s")
    with pytest.raises(ValueError):
        botsec.AwsSigV4("AKID", secret, region="r", service="s3", content_sha256=False)


def test_a_key_that_cannot_sign_is_found_at_start_up(make_secret):
    other = rsa.generate_private_key(65537, 2048)
    public = ED25519.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    locked = ED25519.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
    )
    for key in (KEY, pem_of(other), public.decode(), locked.decode(), pem_of(ED25519)[:60], "x" * 60_000):
        with pytest.raises(botsec.SecretAccessError) as caught:
            botsec.HttpSignature(make_secret(key), algorithm="ed25519")
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
        assert key.strip() not in told
    with pytest.raises(botsec.SecretAccessError):
        botsec.HmacSigner(make_secret("no hex"), key_encoding="hex")
    with pytest.raises(botsec.SecretAccessError):
        botsec.AwsSigV4(make_secret("not an id"), make_secret(AWS_KEY), region="r", service="s")


@pytest.mark.parametrize("make", SIGNERS)
def test_nothing_shows_a_key_or_a_signature(face, api, make_secret, caplog, make):
    made = []

    def remember(value):
        made.append(value)
        return make_secret(value)

    auth = make(remember)
    assert "**********" in repr(auth)
    api.on("/x", lambda request: Reply(400, {"headers": [list(pair) for pair in request.headers]}))
    client = face.client(api.origin, auth=auth)
    with caplog.at_level(logging.DEBUG), pytest.raises(botsec.StatusError) as caught:
        client.get("/x", path={})
    told = caplog.text + str(caught.value) + repr(caught.value) + repr(auth) + str(vars(type(auth)))
    sent = [value for name, value in api.last.headers if name.lower() in ("x-signature", "signature", "authorization")]
    assert sent
    for hidden in [*made, *sent]:
        assert hidden not in told


def test_a_request_carries_several_proofs(face, api, make_secret):
    auth = [make(make_secret) for make in SIGNERS]
    auth.insert(0, botsec.ApiKey(make_secret("key-0123456789")))
    face.client(api.origin, auth=auth).post("/x", json={})
    assert is_signed(api.last, api.host)
    for name in ("x-api-key", "signature", "signature-input", "authorization", "x-amz-date"):
        assert api.last.header(name)
    # The last one signs what those before it made.
    assert "signature;signature-input;x-amz-date;x-api-key" in api.last.header("authorization")


def test_over_http2_the_same_is_signed(face, authority, make_secret):
    components = ["@method", "@authority", "@target-uri", "content-length", "content-digest"]
    auth = [
        botsec.HmacSigner(make_secret(KEY)),
        botsec.HttpSignature(make_secret(KEY), algorithm="hmac-sha256", components=components),
    ]
    server = Http2(authority)
    server.start()
    try:
        response = face.client(server.origin, auth=auth, proxy=None).post("/x", params={"a": "b"}, content=b"body")
    finally:
        server.stop()
    assert response.http_version == "HTTP/2"
    seen = response.json()
    request = Request("POST", seen["path"], list(seen["headers"].items()), seen["body"].encode(), 0, 0)
    assert is_signed(request, server.host)
    base, signature, _ = signature_base(request, server.host)
    verify_hmac(signature, base)


def test_a_redirect_that_cannot_be_signed_is_refused(face, api, make_secret):
    api.on("/a", Reply(303, headers={"Location": "/b"}))
    auth = botsec.HttpSignature(make_secret(KEY), algorithm="hmac-sha256", components=["content-type"])
    with pytest.raises(botsec.RedirectRefusedError):
        face.client(api.origin, auth=auth).post("/a", json={})
    assert [request.target for request in api.requests] == ["/a"]


def test_calls_at_the_same_time_are_signed_each(face, api, make_secret):
    client = face.client(api.origin, auth=botsec.HmacSigner(make_secret(KEY))).raw
    calls = [lambda number=number: client.post("/x", json={"n": number}) for number in range(24)]
    assert [response.status_code for response in face.all(calls)] == [200] * 24
    assert all(is_signed(request, api.host) for request in api.requests)
    assert len({request.header("x-nonce") for request in api.requests}) == 24


# HttpSignature


def signature_base(request, host):
    """What the signature covers, by RFC 9421 §2.5, and the signature."""
    label, parameters = request.header("signature-input").split("=", 1)
    path, _, query = request.target.partition("?")
    derived = {
        "@method": request.method,
        "@target-uri": f"https://{host}{request.target}",
        "@authority": host,
        "@scheme": "https",
        "@request-target": request.target,
        "@path": path,
        "@query": f"?{query}",
    }
    lines = []
    for name in re.findall(r'"([^"]+)"', parameters.split(")")[0]):
        value = derived[name] if name.startswith("@") else request.header(name)
        lines.append(f'"{name}": {value}')
    lines.append(f'"@signature-params": {parameters}')
    name, signature = request.header("signature").split("=", 1)
    assert name == label
    return "\n".join(lines).encode(), base64.b64decode(signature.strip(":")), parameters


P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def verify_ecdsa(signature, base):
    assert len(signature) == 64
    halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    P256.public_key().verify(encode_dss_signature(*halves), base, ec.ECDSA(hashes.SHA256()))


def verify_pss(signature, base):
    scheme = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    RSA.public_key().verify(signature, base, scheme, hashes.SHA512())


def verify_hmac(signature, base):
    if not hmac.compare_digest(signature, hmac.new(KEY.encode(), base, "sha256").digest()):
        raise InvalidSignature


ALGORITHMS = {
    "ed25519": (pem_of(ED25519), lambda signature, base: ED25519.public_key().verify(signature, base)),
    "ecdsa-p256-sha256": (pem_of(P256), verify_ecdsa),
    "rsa-pss-sha512": (pem_of(RSA), verify_pss),
    "rsa-v1_5-sha256": (
        pem_of(RSA),
        lambda signature, base: RSA.public_key().verify(signature, base, padding.PKCS1v15(), hashes.SHA256()),
    ),
    "hmac-sha256": (KEY, verify_hmac),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_library_verifies_each_algorithm(face, api, make_secret, algorithm):
    key, verify = ALGORITHMS[algorithm]
    auth = botsec.HttpSignature(
        make_secret(key), algorithm=algorithm, key_id='the "key"', expires=60, tag="app", include_alg=True
    )
    client = face.client(f"{api.origin}/v1", auth=auth)
    client.get("/a", params={"q": "a b"})
    client.post("/a", json={"k": "v"})
    client.put("/a", content=b"x" * 100_000)
    for request in api.requests:
        base, signature, parameters = signature_base(request, api.host)
        verify(signature, base)
        with pytest.raises(InvalidSignature):
            verify(signature, base + b" ")
        found = re.search(
            r'\);created=(\d+);expires=(\d+);keyid="the \\"key\\"";alg="(.*)";nonce="([0-9a-f]{32})";tag="app"$',
            parameters,
        )
        assert abs(int(found[1]) - time.time()) < 60
        assert int(found[2]) == int(found[1]) + 60
        assert found[3] == algorithm
        if request.method != "GET":
            digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
            assert request.header("content-digest") == f"sha-256=:{digest}:"
            assert b'"content-digest": ' in base
    assert b'"content-type": application/json' in signature_base(api.requests[1], api.host)[0]
    assert len({signature_base(request, api.host)[2] for request in api.requests}) == 3


def test_components_by_name_are_signed_and_sent(face, api, make_secret):
    components = ["@target-uri", "@scheme", "@request-target", "Content-Digest", "content-length", "date", "x-own"]
    auth = botsec.HttpSignature(
        make_secret(KEY), algorithm="hmac-sha256", components=components, digest="sha-512", label="own"
    )
    client = face.client(api.origin, auth=auth)
    client.post("/x", params={"a": "b"}, content=b"body", headers={"X-Own": "1", "Content-Digest": "sha-256=:AAAA:"})
    base, signature, _ = signature_base(api.last, api.host)
    verify_hmac(signature, base)
    digest = base64.b64encode(hashlib.sha512(b"body").digest()).decode()
    assert api.last.header("content-digest") == f"sha-512=:{digest}:"
    assert (api.last.header("content-length"), api.last.body) == ("4", b"body")
    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", content=b"body")
    assert caught.value.details["component"] == '"x-own"'
    assert len(api.requests) == 1


def test_private_keys_are_read_as_people_keep_them(face, api, make_secret):
    seed = ED25519.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    pem = pem_of(ED25519)
    legacy = RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    sec1 = P256.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    client = face.client(api.origin)
    for key, algorithm, options in (
        (pem.replace("\n", "\\n"), "ed25519", {}),
        (pem.replace("\n", "\r\n"), "ed25519", {}),
        (seed.hex(), "ed25519", {"key_encoding": "hex"}),
        (base64.b64encode(seed).decode(), "ed25519", {"key_encoding": "base64"}),
        (legacy, "rsa-pss-sha512", {}),
        (sec1, "ecdsa-p256-sha256", {}),
    ):
        client.get("/x", auth=botsec.HttpSignature(make_secret(key), algorithm=algorithm, **options))
        base, signature, _ = signature_base(api.last, api.host)
        ALGORITHMS[algorithm][1](signature, base)


# AwsSigV4


def botocore_authorization(request, host, service, token=None):
    """What botocore writes for the fields that were signed."""
    found = re.match(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/(.*?)/.*SignedHeaders=(.*?),", request.header("authorization")
    )
    credentials = botocore.credentials.Credentials("AKIDEXAMPLE", AWS_KEY, token)
    kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    auth = kind(credentials, service, found[1])
    headers = {name: request.header(name) for name in found[2].split(";") if name != "host"}
    own = botocore.awsrequest.AWSRequest(
        method=request.method, url=f"https://{host}{request.target}", headers=headers, data=request.body
    )
    own.context["timestamp"] = request.header("x-amz-date")
    own.context["payload_signing_enabled"] = True
    text = auth.string_to_sign(own, auth.canonical_request(own))
    signed = auth.signed_headers(auth.headers_to_sign(own))
    return (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(own)}, SignedHeaders={signed}, Signature={auth.signature(text, own)}"
    )


@pytest.mark.parametrize("service", ["execute-api", "s3", "dynamodb"])
def test_signatures_are_botocores_byte_for_byte(face, api, make_secret, service):
    token = "token/+=-0123456789"
    calls = [
        ("GET", "/", {}),
        ("GET", "/prod/items/{id:str}", {"path": {"id": "a b@c/é~*'()"}}),
        ("GET", "/items", {"params": {"b": ["2", "1"], "a": "é /?&=+~", "A": "", "a-b": "1"}}),
        ("POST", "/items", {"json": {"name": "é" * 50_000}}),
        ("PUT", "/items", {"content": b"\x00\xff" * 50_000, "headers": {"X-Amz-Meta-A": "a   b", "x-own": "1"}}),
        ("DELETE", "/items/{id:uuid}", {"path": {"id": "2eb8aa08-aa98-11ea-b4aa-73b441d16380"}}),
    ]
    for session_token in (None, token):
        auth = botsec.AwsSigV4(
            "AKIDEXAMPLE",
            make_secret(AWS_KEY),
            region="eu-central-1",
            service=service,
            session_token=session_token and make_secret(session_token),
        )
        client = face.client(api.origin, auth=auth)
        for method, url, options in calls:
            client.request(method, url, **options)
            own = botocore_authorization(api.last, api.host, service, session_token)
            assert api.last.header("authorization") == own
            assert api.last.header("x-amz-security-token") == session_token
            digest = hashlib.sha256(api.last.body).hexdigest()
            assert api.last.header("x-amz-content-sha256") == (digest if service == "s3" else None)
    assert len(api.requests) == 2 * len(calls)


def test_a_rotating_key_id_is_a_secret_and_the_hash_is_sent_on_request(face, api, make_secret):
    auth = botsec.AwsSigV4(
        make_secret("AKIDEXAMPLE"), make_secret(AWS_KEY), region="r", service="execute-api", content_sha256=True
    )
    face.client(api.origin, auth=auth).post("/x", content=b"")
    assert api.last.header("authorization") == botocore_authorization(api.last, api.host, "execute-api")
    assert api.last.header("x-amz-content-sha256") == hashlib.sha256(b"").hexdigest()
    assert "UNSIGNED" not in str(api.last.headers)


def test_aws_requests_are_signed_anew_after_redirect_and_retry(face, api, make_secret):
    api.on("/a", Reply(503), Reply(307, headers={"Location": "/b/../c?x=1"}))
    auth = SIGNERS[2](make_secret)
    face.client(api.origin, auth=auth, retry=botsec.Retry(2, base=0.01)).get("/a")
    assert [request.target for request in api.requests] == ["/a", "/a", "/c?x=1"]
    for request in api.requests:
        assert request.header("authorization") == botocore_authorization(request, api.host, "execute-api")
