"""Certificates with one thing wrong: roots, intermediates and leaves made by hand, and servers that show them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import ipaddress
import itertools
import socket
import ssl
import warnings
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
OTHER_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x05\x00")


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


def with_repeated(made: Made, issuer: Made) -> Made:
    """The same certificate, in which one `extra` of `UNKNOWN` and `OTHER_UNKNOWN` stands twice: the library makes no such."""
    first, second = bytes.fromhex("06092b06010401868d1f01"), bytes.fromhex("06092b06010401868d1f02")
    body = made.certificate.tbs_certificate_bytes
    assert body.count(first) == body.count(second) == 1
    body = body.replace(second, first)
    algorithm = b"\x30\x0a\x06\x08" + bytes.fromhex("2a8648ce3d040302")
    signature = b"\x00" + issuer.key.sign(body, ec.ECDSA(hashes.SHA256()))
    der = _tagged(0x30, body + algorithm + _tagged(0x03, signature))
    return Made(x509.load_der_x509_certificate(der), made.key)


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, size] if size < 128 else [tag, 0x80 | len(long), *long]) + content


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


#: Primes of finite-field Diffie-Hellman by their bits (RFC 2409 §6.2, RFC 3526 §3); the generator is 2.
PRIMES = {
    1024: """
        ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b
        302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6
        49286651ece65381ffffffffffffffff""",
    2048: """
        ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b
        302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6
        49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d
        670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718
        3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff""",
}
#: Everything that OpenSSL still has without asking for it by name, however weak.
WEAK = "DEFAULT:@SECLEVEL=0"


def server_context(
    folder: Path,
    leaf: Made,
    *others: Made,
    client_ca: Made | None = None,
    asks: bool = False,
    ciphers: str = WEAK,
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
    dh_bits: int | None = None,
) -> ssl.SSLContext:
    """A server that offers what it is told, however weak; with `asks` a client certificate may be missing."""
    file = folder / f"chain-{next(_names)}.pem"
    file.write_bytes(leaf.key_pem + leaf.pem + b"".join(other.pem for other in others))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    context.load_cert_chain(file)
    context.set_alpn_protocols(["http/1.1"])
    if versions is not None:
        _limit(context, versions)
    if dh_bits is not None:
        prime = b"\x00" + bytes.fromhex(PRIMES[dh_bits])
        group = base64.encodebytes(_tagged(0x30, _tagged(0x02, prime) + b"\x02\x01\x02"))
        file.write_bytes(b"-----BEGIN DH PARAMETERS-----\n" + group + b"-----END DH PARAMETERS-----\n")
        context.load_dh_params(file)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL if asks else ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.pem.decode())
    return context


def spoken(server: Shown, root: Made, *, versions, ciphers: str = WEAK, dh_bits: int | None = None) -> str:
    """Version and cipher of a request that OpenSSL as a client makes with these alone: such a server is no straw man."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root.pem.decode())
    context.set_ciphers(ciphers)
    _limit(context, versions)
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            return f"{client.version()} {client.cipher()[0]}"


def _limit(context: ssl.SSLContext, versions: tuple[ssl.TLSVersion, ssl.TLSVersion]) -> None:
    with warnings.catch_warnings():
        # Old versions on purpose.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = versions


def rsa_key(bits: int):
    return rsa.generate_private_key(65537, bits)


def _name(text: str) -> x509.NameAttribute:
    return x509.NameAttribute(NameOID.COMMON_NAME, text)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
