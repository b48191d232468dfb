"""The throw-away certificate authority, and the server contexts it signs."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority that lives as long as the test session."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self._contexts: dict[tuple, ssl.SSLContext] = {}
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def server_context(
        self,
        *names: str,
        alpn: tuple[str, ...] = ("http/1.1",),
        expired: bool = False,
        maximum: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """A server context whose certificate holds `names`; made once per distinct set of arguments."""
        key = (names, alpn, expired, maximum)
        if key not in self._contexts:
            self._contexts[key] = self._make(names or ("localhost", "127.0.0.1", "::1"), alpn, expired, maximum)
        return self._contexts[key]

    def files(self, *names: str) -> tuple[str, str]:
        """Files with a certificate chain and its private key, for servers that are programs of their own."""
        leaf = self._ca.issue_cert(*names)
        chain, key = self._folder / f"{names[0]}.pem", self._folder / f"{names[0]}.key"
        leaf.cert_chain_pems[0].write_to_path(str(chain))
        leaf.private_key_pem.write_to_path(str(key))
        return str(chain), str(key)

    def _make(self, names, alpn, expired, maximum) -> ssl.SSLContext:
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
        certificate = self._ca.issue_cert(*names, not_after=past) if expired else self._ca.issue_cert(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(list(alpn))
        if maximum is not None:
            context.minimum_version = min(maximum, ssl.TLSVersion.TLSv1_2)
            context.maximum_version = maximum
        certificate.configure_cert(context)
        return context
