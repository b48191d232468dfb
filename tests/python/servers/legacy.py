"""A real server of suites that OpenSSL and AWS-LC no longer have: RC4 and 3DES, in pure Python."""

from __future__ import annotations

import contextlib
import socket
import warnings

from servers.chains import Made
from servers.hostile import length
from servers.listen import Listener

with warnings.catch_warnings():
    # tlslite imports asyncore, for uses that are not ours.
    warnings.simplefilter("ignore", DeprecationWarning)
    from tlslite import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.errors import BaseTLSException

TLS12 = (3, 3)


class Legacy(Listener):
    """Speaks TLS 1.2 with one cipher alone, and answers each request with 200."""

    def __init__(self, leaf: Made, cipher: str) -> None:
        super().__init__(None)
        self.heads: list[bytes] = []
        self.errors: list[str] = []
        self._chain = X509CertChain()
        self._chain.parsePemList(leaf.pem.decode())
        self._key = parsePEMKey(leaf.key_pem.decode(), private=True, implementations=["python"])
        self._settings = HandshakeSettings()
        self._settings.cipherNames = [cipher]
        self._settings.cipherImplementations = ["python"]
        self._settings.minVersion = self._settings.maxVersion = TLS12

    def serve(self, connection, number: int) -> None:
        server = TLSConnection(connection)
        try:
            server.handshakeServer(certChain=self._chain, privateKey=self._key, settings=self._settings)
            self.heads.append(bytes(server.recv(65536)))
            server.sendall(length(b"ok"))
            server.close()
        except BaseTLSException as error:
            self.errors.append(str(error))


def knows(cipher: str, leaf: Made) -> bool:
    """Whether a client that offers `cipher` does get an answer: such a server is no straw man."""
    with Legacy(leaf, cipher) as server, socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        settings = HandshakeSettings()
        settings.cipherNames, settings.maxVersion = [cipher], TLS12
        settings.cipherImplementations = ["python"]
        client = TLSConnection(plain)
        with contextlib.suppress(BaseTLSException):
            client.handshakeClientCert(settings=settings)
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return bytes(client.recv(65536)).startswith(b"HTTP/1.1 200")
    return False
