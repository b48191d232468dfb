"""TLS: a matrix of bad servers as badssl.com has it, strict chains, pins, client certificates, revocation lists."""

from __future__ import annotations

import dataclasses
import os
import ssl
import subprocess
import sys
import traceback

import botsec
import pytest
from cryptography import x509
from servers import chains, handshake, legacy
from servers.chains import Shape, Shown, make

#: The transport behaves the same over both of its engines.
ENGINES = ["direct", "proxied"]

CA = Shape(ca=True)


@pytest.fixture(scope="module")
def root():
    return make(CA)


@pytest.fixture(scope="module")
def middle(root):
    return make(CA, root)


@pytest.fixture
def show(tmp_path):
    """Start a server that shows this chain."""
    servers = []

    def start(leaf, *others, **settings):
        server = Shown(tmp_path, leaf, *others, **settings).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def write(tmp_path):
    def to(*parts: bytes):
        file = tmp_path / f"written-{next(chains._names)}.pem"
        file.write_bytes(b"".join(parts))
        return file

    return to


@pytest.fixture
def get(face, write):
    """One request to `server`, trusting `root` alone unless told otherwise."""

    def call(server, root, *, ca_only=True, origin=None, **tls):
        options = botsec.Tls(ca_file=write(root.pem), ca_only=ca_only, **tls)
        client = face.factory(origin or server.origin, tls=options, networks="loopback", retry=1, timeout=5)
        return face.adopt(client).get("/x")

    return call


def refused(get, server, *arguments, **options) -> botsec.TlsError:
    with pytest.raises(botsec.TlsError) as caught:
        get(server, *arguments, **options)
    assert server.heads == [], "nothing is sent over a connection that is not verified"
    return caught.value


def test_a_good_chain_is_accepted_with_and_without_the_platforms_roots(show, get, root, middle):
    server = show(make(Shape(), middle), middle)
    assert get(server, root).status_code == 200
    assert get(server, root, ca_only=False).status_code == 200
    assert get(server, root, min_version="1.3").status_code == 200


def test_a_chain_in_any_order_is_accepted(show, get, root, middle):
    lower = make(CA, middle)
    assert get(show(make(Shape(), lower), middle, lower, root), root).status_code == 200


BAD_LEAVES = {
    "expired": Shape(days=(-20, -1)),
    "not yet valid": Shape(days=(1, 20)),
    "wrong host": Shape(names=("example.com",)),
    "wildcard of a top level": Shape(names=("*",)),
    "name in the subject alone": Shape(subject="localhost", names=("example.com",)),
    "another address": Shape(names=("127.0.0.2",)),
}


@pytest.mark.parametrize("case", BAD_LEAVES)
def test_a_bad_leaf_is_refused(show, get, root, case):
    refused(get, show(make(BAD_LEAVES[case], root)), root)


def test_a_self_signed_leaf_an_unknown_root_and_a_gap_are_refused(show, get, root, middle):
    refused(get, show(make(Shape())), root)
    refused(get, show(make(Shape(), make(CA))), root)
    refused(get, show(make(Shape(), middle)), root)


def test_a_leaf_that_is_its_own_root_is_refused(show, get):
    alone = make(Shape())
    with pytest.raises(botsec.TlsError, match="basic constraints"):
        get(show(alone), alone)


def test_a_weak_key_and_a_weak_digest_are_refused(show, get, root):
    strong = chains.rsa_key(2048)
    assert get(show(make(Shape(key=strong), root)), root).status_code == 200
    refused(get, show(make(Shape(key=chains.rsa_key(1024)), root)), root)
    signer = make(dataclasses.replace(CA, key=strong))
    assert get(show(make(Shape(), signer)), signer).status_code == 200
    refused(get, show(chains.with_sha1(make(Shape(), signer), signer)), signer)


TLS10, TLS11, TLS12 = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2)
#: What a server offers, and how what a client of OpenSSL gets there begins.
OLD = {
    "TLS 1.0": ({"versions": (TLS10, TLS10)}, "TLSv1 "),
    "TLS 1.1": ({"versions": (TLS11, TLS11)}, "TLSv1.1 "),
    "no encryption": ({"versions": (TLS12, TLS12), "ciphers": "NULL:eNULL:@SECLEVEL=0"}, "TLSv1.2 ECDHE-RSA-NULL-"),
    "static RSA": ({"versions": (TLS12, TLS12), "ciphers": "kRSA:@SECLEVEL=0"}, "TLSv1.2 AES"),
    "small finite-field DH": (
        {"versions": (TLS12, TLS12), "ciphers": "DHE:@SECLEVEL=0", "dh_bits": 1024},
        "TLSv1.2 DHE-RSA-",
    ),
    "large finite-field DH": (
        {"versions": (TLS12, TLS12), "ciphers": "DHE:@SECLEVEL=0", "dh_bits": 2048},
        "TLSv1.2 DHE-RSA-",
    ),
    "CBC": (
        {"versions": (TLS12, TLS12), "ciphers": "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"},
        "TLSv1.2 ECDHE-RSA-AES128-SHA",
    ),
}


@pytest.mark.parametrize("case", OLD)
def test_old_versions_and_weak_ciphers_are_refused(show, get, root, case):
    leaf = make(Shape(key=chains.rsa_key(2048)), root)
    offered, begins = OLD[case]
    server = show(leaf, **offered)
    assert chains.spoken(server, root, **offered).startswith(begins)
    server.heads.clear()
    refused(get, server, root)
    modern = {"versions": (TLS12, TLS12), "ciphers": "ECDHE+AESGCM"}
    server = show(leaf, **modern)
    assert get(server, root).status_code == 200
    server.heads.clear()
    refused(get, server, root, min_version="1.3")


@pytest.mark.parametrize("cipher", ["rc4", "3des"])
def test_a_real_server_that_has_rc4_or_3des_alone_is_refused(get, root, cipher):
    leaf = make(Shape(key=chains.rsa_key(2048)), root)
    assert legacy.knows(cipher, leaf)
    with legacy.Legacy(leaf, cipher) as server:
        refused(get, server, root)
        assert server.wait_until(lambda: server.errors)
    with legacy.Legacy(leaf, "aes128gcm") as modern:
        assert get(modern, root).content == b"ok"


@pytest.mark.parametrize("case", handshake.SUITES)
def test_a_server_that_picks_a_suite_that_was_not_offered_is_refused(face, case):
    with handshake.Picks(handshake.SUITES[case]) as server:
        with pytest.raises(botsec.TlsError) as caught:
            face.client(server.origin, retry=1, timeout=5).get("/x")
        assert caught.value.code == "transport.tls"
        assert server.wait_until(lambda: server.answers)
        # An alert, and no byte of a key exchange.
        assert server.answers[0][:1] == b"\x15"


def test_the_same_hello_with_a_modern_suite_is_taken_further(face):
    """The twin: the hand-written hello is well-formed, so a suite that we offer brings the client to the next message."""
    with handshake.Picks(handshake.MODERN) as server:
        with pytest.raises(botsec.TransportError):
            face.client(server.origin, retry=1, timeout=botsec.Timeout(connect=0.5)).get("/x")
        assert server.wait_until(lambda: server.answers)
        assert server.answers[0] == b""


# What OpenSSL's strict mode refuses and rustls alone accepts.
LEAVES = {
    "leaf without AKI": Shape(aki=None),
    "critical AKI": Shape(aki=(None, True)),
    "critical SKI": Shape(ski=(None, True)),
    "SAN not critical under an empty subject": Shape(subject=None),
    "a leaf that may sign": Shape(usage=(chains.SIGNING_USAGE, True)),
}
MIDDLES = {
    "CA without AKI": dataclasses.replace(CA, aki=None),
    "CA without SKI": dataclasses.replace(CA, ski=None),
    "CA with critical SKI": dataclasses.replace(CA, ski=(None, True)),
    "CA without key usage": dataclasses.replace(CA, usage=None),
    "CA with basic constraints that are not critical": dataclasses.replace(CA, basic=(None, False)),
}
ROOTS = {
    "without SKI": dataclasses.replace(CA, ski=None),
    "empty subject": dataclasses.replace(CA, subject=None),
    "unknown critical extension": dataclasses.replace(CA, extra=((chains.UNKNOWN, True),)),
    "without basic constraints": dataclasses.replace(CA, basic=None),
    "basic constraints not critical": dataclasses.replace(CA, basic=(None, False)),
    "key usage that contradicts": dataclasses.replace(CA, usage=(chains.LEAF_USAGE, True)),
    "no CA": dataclasses.replace(CA, basic=(x509.BasicConstraints(False, None), True)),
    "expired": dataclasses.replace(CA, days=(-20, -1)),
    "not yet valid": dataclasses.replace(CA, days=(1, 20)),
}


#: What stands beside a flawed intermediate to turn the eye from it: the same name, merely sent.
DECOYS = {
    "a root of that name": lambda flawed: chains.twin(flawed, CA, same_key=False),
    "a root of that name and key": lambda flawed: chains.twin(flawed, CA),
    "a good one of a stranger's": lambda flawed: chains.twin(flawed, CA, make(CA), same_key=False),
    "a good one of that key and a stranger's": lambda flawed: chains.twin(flawed, CA, make(CA)),
}


@pytest.mark.parametrize("ca_only", [True, False])
@pytest.mark.parametrize("case", LEAVES)
def test_a_leaf_that_breaks_rfc_5280_is_refused(show, get, root, case, ca_only):
    raised = refused(get, show(make(LEAVES[case], root)), root, ca_only=ca_only)
    # An unknown critical extension is refused by rustls already, without a section.
    assert "RFC 5280" in raised.details["reason"] or "critical" in case
    assert "RFC 5280" not in str(raised)


#: Two extensions that nobody knows: made one, it stands twice, and rustls does not mind.
EXTRA = ((chains.UNKNOWN, False), (chains.OTHER_UNKNOWN, False))


def test_a_certificate_in_which_an_extension_stands_twice_is_refused(show, get, root):
    leaf = make(Shape(extra=EXTRA), root)
    assert get(show(leaf), root).status_code == 200
    raised = refused(get, show(chains.with_repeated(leaf, root)), root)
    assert raised.details["reason"] == "an extension stands twice (RFC 5280 §4.2)"
    middle = make(dataclasses.replace(CA, extra=EXTRA), root)
    leaf = make(Shape(), middle)
    assert get(show(leaf, middle), root).status_code == 200
    raised = refused(get, show(leaf, chains.with_repeated(middle, root)), root)
    assert raised.details["reason"] == "an extension stands twice (RFC 5280 §4.2)"


def test_a_root_of_the_users_in_which_an_extension_stands_twice_is_refused_at_once(write):
    other = make(dataclasses.replace(CA, extra=EXTRA))
    botsec.Tls(ca_file=write(other.pem))
    with pytest.raises(botsec.TlsError, match="stands twice"):
        botsec.Tls(ca_file=write(chains.with_repeated(other, other).pem))


def test_an_empty_subject_with_critical_names_is_accepted(show, get, root):
    assert get(show(make(Shape(subject=None, san_critical=True), root)), root).status_code == 200


@pytest.mark.parametrize("case", MIDDLES)
def test_an_intermediate_that_breaks_rfc_5280_is_refused(show, get, root, case):
    middle = make(MIDDLES[case], root)
    raised = refused(get, show(make(Shape(), middle), middle), root)
    assert "RFC 5280" in raised.details["reason"] or "critical SKI" in case


@pytest.mark.parametrize("ca_only", [True, False])
@pytest.mark.parametrize("case", DECOYS)
@pytest.mark.parametrize("first", [True, False])
def test_a_flawed_intermediate_hides_behind_no_decoy(show, get, root, case, first, ca_only):
    middle = make(MIDDLES["CA without AKI"], root)
    decoy = DECOYS[case](middle)
    sent = [decoy, middle] if first else [middle, decoy]
    raised = refused(get, show(make(Shape(), middle), *sent), root, ca_only=ca_only)
    assert "RFC 5280" in raised.details["reason"]


@pytest.mark.parametrize("ca_only", [True, False])
def test_a_cross_signed_chain_as_the_public_web_has_it_is_accepted(show, get, root, ca_only):
    """As ISRG Root X1 was: a root of its own, and signed by an older one; both ways are sent, in any order."""
    young = make(CA)
    crossed = chains.twin(young, CA, root)
    issuing = make(CA, young)
    leaf = make(Shape(), issuing)
    for sent in ([issuing, crossed], [issuing, crossed, young], [young, crossed, issuing], [issuing, young, crossed]):
        for trusted in (root, young):
            assert get(show(leaf, *sent), trusted, ca_only=ca_only).status_code == 200
    assert get(show(leaf, issuing), young, ca_only=ca_only).status_code == 200


@pytest.mark.parametrize("ca_only", [True, False])
def test_a_good_path_beside_a_flawed_one_is_accepted(show, get, root, ca_only):
    middle = make(CA, root)
    flawed = chains.twin(middle, MIDDLES["CA without key usage"], root)
    for sent in ([flawed, middle], [middle, flawed]):
        assert get(show(make(Shape(), middle), *sent), root, ca_only=ca_only).status_code == 200


@pytest.mark.parametrize("ca_only", [True, False])
@pytest.mark.parametrize("case", ROOTS)
def test_a_root_of_the_users_that_cannot_be_trusted_is_refused_at_once(write, case, ca_only):
    with pytest.raises(botsec.TlsError, match="Certificate 2 of the CA file"):
        botsec.Tls(ca_file=write(make(CA).pem, make(ROOTS[case]).pem), ca_only=ca_only)


def test_a_flawed_certificate_that_is_not_on_the_path_does_no_harm(show, get, root, middle):
    stray = make(MIDDLES["CA without AKI"], root)
    assert get(show(make(Shape(), middle), middle, stray), root).status_code == 200


def test_pins_match_the_servers_key_and_tell_what_they_saw(show, get, root, middle):
    leaf = make(Shape(), middle)
    server = show(leaf, middle)
    backup = make(Shape()).pin
    for ca_only in (True, False):
        assert get(server, root, ca_only=ca_only, pins=[backup, leaf.pin]).status_code == 200
    server.heads.clear()
    for ca_only in (True, False):
        raised = refused(get, server, root, ca_only=ca_only, pins=[backup, make(Shape()).pin])
        assert raised.details["pin_seen"] == leaf.pin
        assert leaf.pin in "".join(traceback.format_exception(raised))
        assert leaf.pin not in str(raised)


def test_a_pin_of_an_authority_counts_on_a_verified_path_only(show, get, root, middle):
    backup = make(Shape()).pin
    server = show(make(Shape(), middle), middle)
    assert get(server, root, pins=[backup, middle.pin]).status_code == 200
    assert get(server, root, pins=[backup, root.pin]).status_code == 200
    server.heads.clear()
    refused(get, server, root, ca_only=False, pins=[backup, middle.pin])
    # Merely sent: it signed nothing on the path.
    other = make(CA)
    sent = show(make(Shape(), middle), middle, other)
    refused(get, sent, root, pins=[backup, other.pin])


@pytest.mark.parametrize("name", ["server_name", "sni", "check_hostname", "verify"])
def test_no_option_says_which_name_a_certificate_has_to_have(name):
    with pytest.raises(TypeError, match=name):
        botsec.Tls(**{name: "other.example.com"})


@pytest.mark.parametrize(
    "pins", [["sha256/AAAA", "x"], "sha256/" + "A" * 43 + "=", ["sha256/" + "A" * 43 + "="] * 2, [1, 2], 5, [], ()]
)
def test_pins_that_cannot_protect_are_refused(pins):
    with pytest.raises((ValueError, TypeError)):
        botsec.Tls(pins=pins)


@pytest.mark.parametrize("empty", [[], ()])
def test_an_empty_list_protects_nothing_and_is_refused(write, root, empty):
    file = write(root.pem)
    with pytest.raises(ValueError, match="`pins` is empty"):
        botsec.Tls(pins=empty)
    with pytest.raises(ValueError, match="`crls` is empty"):
        botsec.Tls(ca_file=file, ca_only=True, crls=empty)
    # Left out it means none, as it says.
    botsec.Tls(ca_file=file, ca_only=True, pins=None, crls=None)


def test_a_client_certificate_is_shown_and_a_missing_one_is_named(show, get, root, write, make_secret):
    server = show(make(Shape(), root), client_ca=root)
    raised = refused(get, server, root)
    assert "client certificate" in raised.details["reason"]
    mine = make(Shape(purpose=x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH), root)
    key = make_secret(mine.key_pem.decode())
    assert get(server, root, client_cert=(write(mine.pem), key)).status_code == 200


def test_a_client_key_is_a_secret_that_fits_and_is_never_told(write, root, make_secret):
    mine, file = make(CA, root), write(root.pem)
    key_pem = mine.key_pem.decode()
    with pytest.raises(TypeError, match="Secret"):
        botsec.Tls(client_cert=(file, key_pem))
    other = make_secret(make(Shape(key=chains.rsa_key(2048))).key_pem.decode())
    for wrong in (other, make_secret("no key at all, only text")):
        with pytest.raises(botsec.TlsError, match="private key") as caught:
            botsec.Tls(client_cert=(write(mine.pem), wrong))
        assert "BEGIN" not in str(caught.value)
    shown = repr(botsec.Tls(client_cert=(write(mine.pem), make_secret(key_pem))))
    assert key_pem.splitlines()[1] not in shown
    assert "**********" in shown


def test_a_revoked_certificate_is_refused(show, get, root, middle, write):
    good, bad = make(Shape(), middle), make(Shape(), middle)
    lists = [write(chains.revocation_list(middle, bad)), write(chains.revocation_list(root))]
    assert get(show(good, middle), root, crls=lists).status_code == 200
    raised = refused(get, show(bad, middle), root, crls=lists)
    assert "revoked" in raised.details["reason"]
    # The list of the leaf's issuer is enough; a revoked intermediate counts where its list is there.
    assert get(show(good, middle), root, crls=lists[0]).status_code == 200
    revoked = [lists[0], write(chains.revocation_list(root, middle))]
    refused(get, show(good, middle), root, crls=revoked)


def test_a_revocation_list_that_says_nothing_or_is_stale_is_no_proof(show, get, root, middle, write):
    leaf = make(Shape(), middle)
    raised = refused(get, show(leaf, middle), root, crls=write(chains.revocation_list(root)))
    assert "no revocation list" in raised.details["reason"]
    raised = refused(get, show(leaf, middle), root, crls=write(chains.revocation_list(middle, days=-1)))
    assert "expired" in raised.details["reason"]


def test_revocation_lists_need_the_users_own_roots(write, root):
    listed = write(chains.revocation_list(root))
    with pytest.raises(ValueError, match="ca_only"):
        botsec.Tls(ca_file=write(root.pem), crls=listed)
    with pytest.raises(botsec.TlsError, match="CRL"):
        botsec.Tls(ca_file=write(root.pem), ca_only=True, crls=write(root.pem))


def test_session_keys_are_written_nowhere(show, get, root, tmp_path, monkeypatch):
    file = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(file))
    assert get(show(make(Shape(), root)), root).status_code == 200
    assert not file.exists()


def test_a_root_of_the_users_with_an_empty_issuer_is_refused_at_once(write):
    nameless = make(dataclasses.replace(CA, subject=None))
    with pytest.raises(botsec.TlsError, match="issuer is empty"):
        botsec.Tls(ca_file=write(make(CA, nameless).pem))


unix_roots = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the platform's own store decides there")


@unix_roots
def test_an_empty_issuer_is_refused_even_if_the_platform_trusts_it(show, get, root, write, monkeypatch):
    """A root without a name is refused where the user names it; the platform's roots are its own business."""
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    def sent(authority, *middles):
        # The roots of a configuration are read once: each request has options of its own.
        monkeypatch.setenv("SSL_CERT_FILE", str(write(authority.pem)))
        return show(make(Shape(), (*middles, authority)[0]), *middles), make(CA)

    nameless = make(dataclasses.replace(CA, subject=None))
    assert get(*sent(root), ca_only=False).status_code == 200
    assert get(*sent(root, make(CA, root)), ca_only=False).status_code == 200
    for middles in ([], [make(CA, nameless)]):
        raised = refused(get, *sent(nameless, *middles), ca_only=False)
        assert raised.details["reason"] == "the issuer is empty (RFC 5280 §4.1.2.4)"


PLAIN_CLIENT = """
import sys, botsec
with botsec.Client(sys.argv[1], networks="loopback", retry=1, timeout=5) as client:
    try:
        print(client.get("/x").status_code)
    except botsec.TlsError as error:
        print(error.code)
"""


def ended(origin: str, **variables) -> str:
    """How a request of a process ends whose client has no options of TLS, only these variables."""
    environ = {name: value for name, value in os.environ.items() if name not in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    command = [sys.executable, "-c", PLAIN_CLIENT, origin]
    ran = subprocess.run(command, env={**environ, **variables}, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@unix_roots
def test_a_client_without_options_trusts_the_roots_that_the_environment_names(show, write, root, tmp_path):
    server = show(make(Shape(), root))
    folder = tmp_path / "roots"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(root.pem)
    assert ended(server.origin, SSL_CERT_FILE=str(write(root.pem))) == "200"
    assert ended(server.origin, SSL_CERT_DIR=str(folder)) == "200"
    server.heads.clear()
    assert ended(server.origin).startswith("transport.tls")
    assert ended(server.origin, SSL_CERT_FILE=str(write(make(CA).pem))) == "transport.tls"
    assert server.heads == []


@unix_roots
def test_roots_chosen_by_the_environment_are_told(face, write, root, monkeypatch, caplog):
    file = write(root.pem)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with caplog.at_level("INFO", logger="botsec"):
        face.factory("https://api.example.com").close()
        assert [record.getMessage() for record in caplog.records] == [f"trusted roots come from SSL_CERT_FILE={file}"]
        caplog.clear()
        # Roots of one's own and nothing else: the variable has no say.
        face.factory("https://api.example.com", tls=botsec.Tls(ca_file=file, ca_only=True)).close()
        assert not caplog.records
        monkeypatch.setenv("SSL_CERT_FILE", "")
        face.factory("https://api.example.com").close()
        assert not caplog.records
