"""Certificates with one thing wrong: roots, intermediates and leaves made by hand, and servers that show them."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import itertools
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .listen import Listener

NOW = datetime.datetime.now(datetime.UTC)
_names = itertools.count()

CA_USAGE = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
LEAF_USAGE = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
SIGNING_USAGE = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


@dataclass
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: object

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    @property
    def pin(self) -> str:
        import base64

        form = serialization.PublicFormat.SubjectPublicKeyInfo
        spki = self.certificate.public_key().public_bytes(serialization.Encoding.DER, form)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(spki)
        return "sha256/" + base64.b64encode(digest.finalize()).decode()


@dataclass
class Shape:
    """What a certificate says. Each extension is `(value, critical)`, True for the usual one, None for none."""

    ca: bool = False
    subject: str | None = "name"
    names: tuple[str, ...] = ("localhost",)
    basic: object = True
    usage: object = True
    aki: object = True
    ski: object = True
    san_critical: bool = False
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    extra: tuple = ()
    days: tuple[int, int] = (-2, 30)
    digest: object = field(default_factory=hashes.SHA256)
    key: object = None
    called: x509.Name | None = None


def make(shape: Shape, issuer: Made | None = None) -> Made:
    """A certificate of this shape, signed by `issuer` or by itself."""
    key = shape.key or ec.generate_private_key(ec.SECP256R1())
    attributes = [] if shape.subject is None else [_name(f"{shape.subject} {next(_names)}")]
    subject = shape.called or x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=shape.days[0]))
        .not_valid_after(NOW + datetime.timedelta(days=shape.days[1]))
    )
    signer = issuer.key if issuer else key
    aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usual = [
        (shape.basic, (x509.BasicConstraints(shape.ca, None), True)),
        (shape.usage, (CA_USAGE if shape.ca else LEAF_USAGE, True)),
        (shape.aki, (aki, False)),
        (shape.ski, (ski, False)),
    ]
    for wanted, default in usual:
        if wanted is None:
            continue
        value, critical = default if wanted is True else wanted
        builder = builder.add_extension(value or default[0], critical)
    if not shape.ca:
        names = [_alternative(name) for name in shape.names]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), shape.san_critical)
        builder = builder.add_extension(x509.ExtendedKeyUsage([shape.purpose]), False)
    for value, critical in shape.extra:
        builder = builder.add_extension(value, critical)
    return Made(builder.sign(signer, shape.digest), key)


def twin(made: Made, shape: Shape, issuer: Made | None = None, *, same_key: bool = True) -> Made:
    """A certificate of the same name, of the same key unless told otherwise, signed by somebody else or by itself."""
    key = made.key if same_key else None
    return make(dataclasses.replace(shape, called=made.certificate.subject, key=key), issuer)


def with_sha1(made: Made, issuer: Made) -> Made:
    """The same certificate, signed with SHA-1 by an RSA issuer: the library does not make such any more."""
    sha256_rsa, sha1_rsa = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    body = made.certificate.tbs_certificate_bytes.replace(sha256_rsa, sha1_rsa)
    algorithm = b"\x30\x0d\x06\x09" + sha1_rsa + b"\x05\x00"
    signature = b"\x00" + issuer.key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    der = _tagged(0x30, body + algorithm + _tagged(0x03, signature))
    return Made(x509.load_der_x509_certificate(der), made.key)


def _tagged(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def revocation_list(issuer: Made, *revoked: Made, days: int = 7) -> bytes:
    """A list in PEM, valid until `days` from now."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW - datetime.timedelta(days=10))
        .next_update(NOW + datetime.timedelta(days=days))
        .add_extension(x509.CRLNumber(1), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
    )
    for made in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(made.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW - datetime.timedelta(days=5)).build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Shown(Listener):
    """A server that shows this leaf and these others, and answers every request with 200, or as `answer` says.

    `clients` notes for each connection whether its client showed a certificate.
    """

    def __init__(self, folder: Path, leaf: Made, *others: Made, answer: bytes = OK, **settings) -> None:
        self.heads: list[bytes] = []
        self.clients: list[bool] = []
        self._answer = answer
        super().__init__(server_context(folder, leaf, *others, **settings))

    def serve(self, connection, number: int) -> None:
        self.clients.append(bool(connection.getpeercert(True)))
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                part = connection.recv(65536)
                if not part:
                    return
                head += part
            self.heads.append(head)
            connection.sendall(self._answer)


def server_context(
    folder: Path,
    leaf: Made,
    *others: Made,
    client_ca: Made | None = None,
    asks: bool = False,
    ciphers: str = "DEFAULT:@SECLEVEL=0",
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
) -> ssl.SSLContext:
    """A server that offers what it is told, however weak; with `asks` a client certificate may be missing."""
    file = folder / f"chain-{next(_names)}.pem"
    file.write_bytes(leaf.key_pem + leaf.pem + b"".join(other.pem for other in others))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    context.load_cert_chain(file)
    context.set_alpn_protocols(["http/1.1"])
    if versions is not None:
        import warnings

        with warnings.catch_warnings():
            # Old versions on purpose.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = versions
    if client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL if asks else ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.pem.decode())
    return context


def rsa_key(bits: int):
    return rsa.generate_private_key(65537, bits)


def _name(text: str) -> x509.NameAttribute:
    return x509.NameAttribute(NameOID.COMMON_NAME, text)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
