"""What both faces share: options, constructors, and the loading of secrets."""

from __future__ import annotations

import os

from botsec import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from typing import IO, Any, Generic, Literal, LiteralString, Protocol, Self, TypeAlias

    from _typeshed import ReadableBuffer
    from typing_extensions import TypeVar

    from botsec._core import (
        ApiKey,
        AwsSigV4,
        Basic,
        Bearer,
        HmacSigner,
        HttpSignature,
        OAuth2ClientCredentials,
        OAuth2Refresh,
        PathToken,
        Proxy,
        Response,
        Retry,
        Secret,
        SecretProvider,
        Throttle,
        Timeout,
        Tls,
    )

    class Interpolation(Protocol):
        """What `string.templatelib.Interpolation` has (PEP 750)."""

        @property
        def value(self) -> Any: ...
        @property
        def expression(self) -> str: ...
        @property
        def conversion(self) -> Literal["a", "r", "s"] | None: ...
        @property
        def format_spec(self) -> str: ...

    class Template(Protocol):
        """What `string.templatelib.Template` has: the type of `t"…"`."""

        @property
        def strings(self) -> tuple[str, ...]: ...
        @property
        def interpolations(self) -> tuple[Interpolation, ...]: ...

    Made = TypeVar("Made", covariant=True)

    class Adapter(Protocol[Made]):
        """What a `pydantic.TypeAdapter` has."""

        def validate_json(self, data: bytes, /) -> Made: ...

    class JsonSchema(Protocol):
        """What validators of jsonschema-rs and jsonschema have."""

        def is_valid(self, instance: Any, /) -> bool: ...

    # What a verb takes as its URL. An f-string is no LiteralString: a type checker sees what Python at run time cannot.
    Url = TypeVar("Url", default=LiteralString | Template, contravariant=True)
    Scalar: TypeAlias = str | int | float | bool | Secret | None
    Params: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]] | Sequence[tuple[str, Scalar]]
    Headers: TypeAlias = Mapping[str, str | Secret] | Sequence[tuple[str, str | Secret]]
    Content: TypeAlias = ReadableBuffer | str | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]
    Files: TypeAlias = Mapping[str, Any]
    Signed: TypeAlias = HmacSigner | HttpSignature | AwsSigV4
    OAuth2: TypeAlias = OAuth2ClientCredentials | OAuth2Refresh
    Auth: TypeAlias = Bearer | Basic | ApiKey | PathToken | Signed | OAuth2 | Any | Sequence[Any]
    Check: TypeAlias = bool | Callable[[Response], object]
    Priority: TypeAlias = Literal["interactive", "normal", "bulk"]
    Progress: TypeAlias = Callable[[int, int | None], object]
    Networks: TypeAlias = str | Sequence[str] | Mapping[str, str | Sequence[str]]
    Schema: TypeAlias = type[Any] | Callable[[Any], object] | Adapter[Any] | JsonSchema

    class Typed(Generic[Url]):
        """What `Client[str]` says: the type of its URLs."""

else:
    # `typing` costs more than the rest of the import, and at run time a URL's type says nothing.
    Url = None

    class Typed:
        __slots__ = ()

        def __class_getitem__(cls, _: object) -> type:
            return cls


__all__ = ["Base", "Url", "ready", "secret", "secret_async", "watch"]


def secret(
    source: str,
    *,
    hosts: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    paths: Sequence[str] | None = None,
    expires: datetime | float | None = None,
    provider: SecretProvider | Callable[[str], Any] | None = None,
    ttl: float | timedelta | None = None,
    max_stale: float | timedelta | None = None,
    scrub_env: bool = False,
) -> Secret:
    """Load a secret from the environment or a file now, or prepare to read it from a manager when it is first needed.

    Args:
        source: `"env:NAME"`, `"file:/run/secrets/name"`, or with `provider` a place in a manager: `"aws-sm:name"`,
            `"gcp-sm:project/name"`, `"azure-kv:name"`, `"vault:mount/path?field=key"`; with a callable as provider
            `"any-name:place"`.
        hosts: Hosts that it may be sent to, such as `["api.example.com"]`; the client's own origin unless given.
        methods: Methods of requests that may carry it, such as `["GET"]`.
        paths: Templates of paths that it may be sent to, such as `["/users/{id:int}"]`, below the client's base URL.
        expires: When it must not be used any more: a datetime with an offset, or seconds since 1970.
        provider: The manager: `Aws`, `Gcp`, `Azure` or `Vault`; or a callable, sync or async, that gets the source and
            returns the value, or the value and its version's name. A `LookupError` from it, or None, says that there is
            none (any more).
        ttl: Seconds after which a manager's value is read again, in the background; 300 unless given.
        max_stale: Seconds for which an old value serves on while its manager is out of reach; 3600 unless given. A
            manager that refuses or has lost the secret ends it at once.
        scrub_env: Remove the variable from this process's environment once it is read.

    Raises:
        SecretNotFoundError: The source is unset or empty; the message names it.
        SecretAccessError: The source cannot be read.
        ValueError: The source is not understood. Its text is not repeated, for it may be a pasted key.
    """
    given = {
        "hosts": hosts,
        "methods": methods,
        "paths": paths,
        "expires": expires,
        "ttl": ttl,
        "max_stale": max_stale,
        "provider": provider,
    }
    if scrub_env and not (isinstance(source, str) and source.startswith("env:")):
        raise ValueError("`scrub_env` belongs to a source such as `env:MY_KEY`.")
    loaded = _core.load_secret(source, given)
    if scrub_env:
        # What the process started with stays in its memory image; children and `os.environ` lose it.
        os.environ.pop(source.removeprefix("env:"), None)
    return loaded


async def secret_async(
    source: str,
    *,
    hosts: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    paths: Sequence[str] | None = None,
    expires: datetime | float | None = None,
    provider: SecretProvider | Callable[[str], Any] | None = None,
    ttl: float | timedelta | None = None,
    max_stale: float | timedelta | None = None,
    scrub_env: bool = False,
) -> Secret:
    """Load a secret, as `secret`; one in a manager is read before this returns."""
    loaded = secret(
        source,
        hosts=hosts,
        methods=methods,
        paths=paths,
        expires=expires,
        provider=provider,
        ttl=ttl,
        max_stale=max_stale,
        scrub_env=scrub_env,
    )
    await ready(loaded)
    return loaded


async def ready(loaded: Secret, *, again: bool = False) -> None:
    if loaded.is_rotating:
        # Imported with the first secret that is awaited, so that importing botsec does not import asyncio.
        from botsec._loop import bridge
        from botsec._outside import read_all

        await read_all([loaded], again)
        load = loaded._start(bridge(), again)
        try:
            await load.future
        except BaseException:
            load.cancel()
            raise
        load.finish()


class Base(Typed[Url]):
    """What both faces share."""

    __slots__ = ("__weakref__", "_core")

    _core: _core.Client

    def __init__(
        self,
        base_url: str | None = None,
        *,
        auth: Auth | None = None,
        allow: Sequence[str] | None = None,
        hosts: Sequence[str] | None = None,
        networks: Networks | None = None,
        rate: str | Sequence[str] | None = None,
        throttle: Throttle | None = None,
        retry: Retry | int | None = None,
        timeout: Timeout | float | timedelta | None = None,
        tls: Tls | None = None,
        proxy: Proxy | Literal["env"] | None = None,
        headers: Mapping[str, str] | None = None,
        max_response_bytes: int | None = None,
        follow_redirects: bool = True,
        local_address: str | None = None,
        user_agent: str | None = None,
    ) -> None:
        """Check every option; open no connection.

        Args:
            base_url: Where the client belongs, such as `"https://api.example.com/v1"`. None needs `hosts`.
            auth: `Bearer`, `Basic`, `ApiKey`, `PathToken`, `HmacSigner`, `HttpSignature`, `AwsSigV4`,
                `OAuth2ClientCredentials`, `OAuth2Refresh`, an object with `sign(request)`, or a list of them.
            allow: Routes that may be used, such as `["GET /users/{id:int}"]`; None allows all of the hosts'.
            hosts: Further hosts, such as `["cdn.example.com", "*.example.org"]`.
            networks: Networks that are not public: `"loopback"`, `"private"` or CIDR texts for the base URL's host,
                or a mapping from hosts to them.
            rate: Limits such as `"50/s"` or `["5/s", "100/m"]`, beside what the API's headers say.
            throttle: Limits with queue options.
            retry: A `Retry`, or a number of attempts.
            timeout: Seconds for a whole call, or a `Timeout`; 90 in all, 5 to connect, 30 of silence unless given.
            tls: TLS options. Verification cannot be turned off.
            proxy: An explicit proxy; `"env"` takes HTTPS_PROXY and NO_PROXY, which are ignored otherwise.
            headers: Header fields of every request, without credentials.
            max_response_bytes: Most decoded bytes of a body; 32 MiB unless given.
            follow_redirects: Follow redirects within the allowed origins, at most 5.
            local_address: IP address to dial from.
            user_agent: The User-Agent field.

        Raises:
            TypeError: An option has the wrong type, or a key stands where a `Secret` belongs.
            ValueError: An option's value is not understood.
            InsecureUrlError: `base_url` is not https.
            TlsError: There is no root certificate to trust.
        """
        self._core = _core.Client(
            "bound",
            {
                "base_url": base_url,
                "auth": auth,
                "allow": allow,
                "hosts": hosts,
                "networks": networks,
                "rate": rate,
                "throttle": throttle,
                "retry": retry,
                "timeout": timeout,
                "tls": tls,
                "proxy": proxy,
                "headers": headers,
                "max_response_bytes": max_response_bytes,
                "follow_redirects": follow_redirects,
                "local_address": local_address,
                "user_agent": user_agent,
            },
        )

    @classmethod
    def _open_web(cls, options: dict[str, Any]) -> Any:
        client = cls.__new__(cls)
        client._core = _core.Client("open", options)
        return client

    @classmethod
    def from_secret_url(
        cls,
        secret: Secret,
        *,
        host: str,
        networks: Networks | None = None,
        rate: str | Sequence[str] | None = None,
        throttle: Throttle | None = None,
        retry: Retry | int | None = None,
        timeout: Timeout | float | timedelta | None = None,
        tls: Tls | None = None,
        headers: Mapping[str, str] | None = None,
        max_response_bytes: int | None = None,
        user_agent: str | None = None,
    ) -> Self:
        """Make a client for a webhook URL that is a secret as a whole (Discord, Slack, Teams).

        Call its verbs with `""` for the URL itself, or with a template below it.

        Args:
            secret: The URL, as a `Secret`.
            host: The host that the URL must point to, such as `"discord.com"`.
            networks: As for the client.
            rate: As for the client.
            throttle: As for the client.
            retry: As for the client.
            timeout: As for the client.
            tls: As for the client.
            headers: As for the client.
            max_response_bytes: As for the client.
            user_agent: As for the client.

        Raises:
            HostNotAllowedError: The URL points to another host.
        """
        client = cls.__new__(cls)
        client._core = _core.Client(
            "secret",
            {
                "secret": secret,
                "host": host,
                "networks": networks,
                "rate": rate,
                "throttle": throttle,
                "retry": retry,
                "timeout": timeout,
                "tls": tls,
                "headers": headers,
                "max_response_bytes": max_response_bytes,
                "user_agent": user_agent,
            },
        )
        return client

    def stats(self) -> dict[str, Any]:
        """Return counters: calls, failures, refusals, attempts, redirects, queued_s, and what is known of each host.

        `hosts` maps each host that was called to its circuit (`"closed"`, `"open"`, `"half_open"`), the requests under
        way, the most that may be, and the calls that wait in the queue. `secrets` maps the client's secrets to their
        version and to where they may go.
        """
        return self._core.stats()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.scope}{' closed' if self._core.is_closed else ''}>"


def watch(content: Content | None, files: Files | None, progress: Progress) -> tuple[Any, Any]:
    # Imported with the first upload that is watched.
    from botsec._upload import watched

    return watched(content, files, progress)
