"""A safe way for bots to talk to APIs.

Keys that never leak, verified HTTPS only, typed validation of what strangers type, encoding of what is shown,
throttling and retries that respect every API, redacted logs, generic errors for users and full detail for developers.

>>> import botsec
>>> botsec.escape.html("<script>")
'&lt;script&gt;'
"""

import os as _os

from botsec import errors, escape, message, render
from botsec._async import AsyncClient
from botsec._base import secret, secret_async
from botsec._core import (
    ApiKey,
    AppRoleLogin,
    Aws,
    AwsSigV4,
    Azure,
    AzureClientSecret,
    AzureManagedIdentity,
    AzureWorkloadIdentity,
    Basic,
    Bearer,
    Gcp,
    HmacSigner,
    HttpSignature,
    JwtLogin,
    KubernetesLogin,
    OAuth2ClientCredentials,
    OAuth2Refresh,
    PathToken,
    Proxy,
    Redis,
    Response,
    Retry,
    Secret,
    Throttle,
    Timeout,
    Tls,
    Vault,
    VaultToken,
    __version__,
    after_fork_in_child,
    after_fork_in_parent,
    before_fork,
    forbid_reveal,
)
from botsec._harden import Hardening, harden_process
from botsec._sync import Client
from botsec.errors import (
    AddressBlockedError,
    AuthFailedError,
    BotsecError,
    ConnectError,
    ForbiddenError,
    HostNotAllowedError,
    InputError,
    InsecureUrlError,
    InternalError,
    PolicyError,
    ProtocolError,
    RateLimitedError,
    RedirectRefusedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RouteNotAllowedError,
    SecretAccessError,
    SecretError,
    SecretNotFoundError,
    SecretStaleError,
    StatusError,
    ThrottledError,
    TlsError,
    TransportError,
)

__all__ = [
    "AddressBlockedError",
    "ApiKey",
    "AppRoleLogin",
    "AsyncClient",
    "AuthFailedError",
    "Aws",
    "AwsSigV4",
    "Azure",
    "AzureClientSecret",
    "AzureManagedIdentity",
    "AzureWorkloadIdentity",
    "Basic",
    "Bearer",
    "BotsecError",
    "Client",
    "ConnectError",
    "ForbiddenError",
    "Gcp",
    "Hardening",
    "HmacSigner",
    "HostNotAllowedError",
    "HttpSignature",
    "InputError",
    "InsecureUrlError",
    "InternalError",
    "JwtLogin",
    "KubernetesLogin",
    "OAuth2ClientCredentials",
    "OAuth2Refresh",
    "PathToken",
    "PolicyError",
    "ProtocolError",
    "Proxy",
    "RateLimitedError",
    "RedirectRefusedError",
    "Redis",
    "RequestTimeoutError",
    "Response",
    "ResponseTooLargeError",
    "Retry",
    "RouteNotAllowedError",
    "Secret",
    "SecretAccessError",
    "SecretError",
    "SecretNotFoundError",
    "SecretStaleError",
    "StatusError",
    "Throttle",
    "ThrottledError",
    "Timeout",
    "Tls",
    "TlsError",
    "TransportError",
    "Vault",
    "VaultToken",
    "__version__",
    "errors",
    "escape",
    "forbid_reveal",
    "harden_process",
    "message",
    "render",
    "secret",
    "secret_async",
    "validate",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from botsec import validate


def __getattr__(name: str) -> object:
    # `botsec.validate` is there without an import of its own; what it needs of `typing` is loaded by whoever uses it.
    if name == "validate":
        from importlib import import_module

        return import_module("botsec.validate")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)
del before_fork, after_fork_in_parent, after_fork_in_child
