"""Both faces over the one core: real signatures and docstrings, one-line bodies, no decisions."""

from __future__ import annotations

from botsec import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType
    from typing import IO, Any, Self, TypeAlias

    from botsec._core import ApiKey, Basic, Bearer, PathToken, Proxy, Response, Retry, Secret, Throttle, Timeout, Tls

    Scalar: TypeAlias = str | int | float | bool | Secret | None
    Params: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]] | Sequence[tuple[str, Scalar]]
    Headers: TypeAlias = Mapping[str, str | Secret]
    Content: TypeAlias = bytes | bytearray | memoryview | str | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]
    Files: TypeAlias = Mapping[str, Any]
    Auth: TypeAlias = Bearer | Basic | ApiKey | PathToken | Any | Sequence[Any]
    Check: TypeAlias = bool | Callable[[Response], object]
    Networks: TypeAlias = str | Sequence[str] | Mapping[str, str | Sequence[str]]

__all__ = ["AsyncClient", "Client", "secret", "secret_async"]


def secret(source: str, *, hosts: Sequence[str] | None = None) -> Secret:
    """Load a secret now.

    Args:
        source: `"env:NAME"` or `"file:/run/secrets/name"`.
        hosts: Hosts that it may be sent to, such as `["api.example.com"]`; the client's own origin unless given.

    Raises:
        SecretNotFoundError: The source is unset or empty; the message names it.
        SecretAccessError: The source cannot be read.
        ValueError: The source is not understood. Its text is not repeated, for it may be a pasted key.
    """
    return _core.load_secret(source, list(hosts) if hosts is not None and not isinstance(hosts, str) else hosts)


async def secret_async(source: str, *, hosts: Sequence[str] | None = None) -> Secret:
    """Load a secret; as `secret`, for sources that need the network one day."""
    return secret(source, hosts=hosts)


class _Base:
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
        proxy: Proxy | None = None,
        headers: Mapping[str, str] | None = None,
        max_response_bytes: int | None = None,
        follow_redirects: bool = True,
        local_address: str | None = None,
        user_agent: str | None = None,
    ) -> None:
        """Check every option; open no connection.

        Args:
            base_url: Where the client belongs, such as `"https://api.example.com/v1"`. None needs `hosts`.
            auth: `Bearer`, `Basic`, `ApiKey`, `PathToken`, an object with `sign(request)`, or a list of them.
            allow: Routes that may be used, such as `["GET /users/{id:int}"]`; None allows all of the hosts'.
            hosts: Further hosts, such as `["cdn.example.com", "*.example.org"]`.
            networks: Networks that are not public: `"loopback"`, `"private"` or CIDR texts for the base URL's host,
                or a mapping from hosts to them.
            rate: Limits such as `"50/s"` or `["5/s", "100/m"]`, beside what the API's headers say.
            throttle: Limits with queue options.
            retry: A `Retry`, or a number of attempts.
            timeout: Seconds for a whole call, or a `Timeout`; 90 in all, 5 to connect, 30 of silence unless given.
            tls: TLS options. Verification cannot be turned off.
            proxy: An explicit proxy. Proxy variables of the environment are ignored.
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
    def open_web(
        cls,
        *,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        content_types: Sequence[str] | None = None,
        rate: str | Sequence[str] | None = None,
        throttle: Throttle | None = None,
        retry: Retry | int | None = None,
        tls: Tls | None = None,
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = True,
        user_agent: str | None = None,
    ) -> Self:
        """Make a client for URLs that strangers typed.

        The URL is data, never a template. Any public https host may be reached, each hop of a redirect is judged,
        events record the host only, and no credential is carried.

        Args:
            timeout: As for the client; 10 seconds in all unless given.
            max_response_bytes: Most decoded bytes; 2 MiB unless given.
            content_types: Media types that are taken, such as `["text/html"]`; None takes all.
            rate: As for the client.
            throttle: As for the client.
            retry: As for the client.
            tls: As for the client.
            headers: As for the client.
            follow_redirects: As for the client.
            user_agent: As for the client.
        """
        client = cls.__new__(cls)
        client._core = _core.Client(
            "open",
            {
                "timeout": timeout,
                "max_response_bytes": max_response_bytes,
                "content_types": content_types,
                "rate": rate,
                "throttle": throttle,
                "retry": retry,
                "tls": tls,
                "headers": headers,
                "follow_redirects": follow_redirects,
                "user_agent": user_agent,
            },
        )
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

    def stats(self) -> dict[str, int | float]:
        """Return counters: calls, failures, refusals, attempts, redirects, queued_s."""
        return self._core.stats()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.scope}{' closed' if self._core.is_closed else ''}>"


class Client(_Base):
    """A client bound to one API: the sync face.

    `botsec.Client("https://api.example.com")` is already the safe configuration. May be shared by threads. Close it, or
    use it as a context manager.
    """

    __slots__ = ()

    def request(
        self,
        method: str,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a request through the policy.

        Args:
            method: HTTP method.
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON; `Secret` leaves go to their hosts only.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            method, url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def get(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a GET request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "GET", url, path, params, headers, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def post(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a POST request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON; `Secret` leaves go to their hosts only.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "POST", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def put(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a PUT request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON; `Secret` leaves go to their hosts only.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "PUT", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def patch(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a PATCH request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON; `Secret` leaves go to their hosts only.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "PATCH", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def delete(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a DELETE request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON; `Secret` leaves go to their hosts only.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "DELETE", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def head(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a HEAD request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "HEAD", url, path, params, headers, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def options(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send an OPTIONS request through the policy.

        Args:
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return self._core.request(
            "OPTIONS", url, path, params, headers, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def stream(
        self,
        method: str,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> SyncStream:
        """Send a request and read its answer in pieces: `with client.stream(...) as response`.

        Args:
            method: HTTP method.
            url: Path template relative to `base_url`, such as `"/users/{id:int}"`. Values go into `path`, never into
                the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded as one segment.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON; `Secret` leaves go to their hosts only.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe.

        Returns:
            A context manager of the response. `timeout` ends with the head of the answer; then the read limit
            holds, and one hour in all.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        # fmt: off
        return SyncStream(
            self._core,
            (method, url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, True),  # noqa: E501
        )
        # fmt: on

    def download(self, url: str, dest: str | os.PathLike[str], **options: Any) -> Response:
        """Send a GET request and write its body to a file.

        The body goes to a temporary file beside `dest` and takes its place when it is complete; a failure leaves
        `dest` as it was.

        Args:
            url: As for `get`.
            dest: The file's path.
            **options: As for `stream`.

        Returns:
            The response, its body read.
        """
        from botsec._download import download

        with self.stream("GET", url, **options) as response:
            download(response, dest)
        return response

    def route(self, route: str) -> Callable[..., Response]:
        """Check a route at start-up and return a callable for it: `route("GET /users/{id:int}")(id=42)`.

        Args:
            route: Method and path template. Keyword arguments of the callable fill the fields; `params=`, `json=`
                and the other options of the verbs are passed on.
        """
        method, template, fields = _route(self._core, route)

        def call(**arguments: Any) -> Response:
            path = {name: arguments.pop(name) for name in fields if name in arguments}
            return self.request(method, template, path=path, **arguments)

        call.__name__ = call.__qualname__ = route
        return call

    def start(self) -> Self:
        """Make ready what needs the network; nothing does with secrets from the environment and files."""
        return self

    def close(self) -> None:
        """Refuse further calls and close every connection that is not in use."""
        self._core.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Base):
    """A client bound to one API: the async face, with the same methods and signatures as `Client`.

    Works with asyncio and uvloop, with several loops one after the other or at once.
    """

    __slots__ = ()

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a request through the policy."""
        # fmt: off
        return await _run(
            self._core, method, url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def get(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a GET request through the policy."""
        # fmt: off
        return await _run(
            self._core, "GET", url, path, params, headers, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def post(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a POST request through the policy."""
        # fmt: off
        return await _run(
            self._core, "POST", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def put(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a PUT request through the policy."""
        # fmt: off
        return await _run(
            self._core, "PUT", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def patch(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a PATCH request through the policy."""
        # fmt: off
        return await _run(
            self._core, "PATCH", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def delete(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a DELETE request through the policy."""
        # fmt: off
        return await _run(
            self._core, "DELETE", url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def head(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a HEAD request through the policy."""
        # fmt: off
        return await _run(
            self._core, "HEAD", url, path, params, headers, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    async def options(
        self,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send an OPTIONS request through the policy."""
        # fmt: off
        return await _run(
            self._core, "OPTIONS", url, path, params, headers, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, False,  # noqa: E501
        )
        # fmt: on

    def stream(
        self,
        method: str,
        url: str,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | None = None,
    ) -> AsyncStream:
        """Send a request and read its answer in pieces: `async with client.stream(...) as response`."""
        # fmt: off
        return AsyncStream(
            self._core,
            (method, url, path, params, headers, json, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, True),  # noqa: E501
        )
        # fmt: on

    async def download(self, url: str, dest: str | os.PathLike[str], **options: Any) -> Response:
        """Send a GET request and write its body to a file; as `Client.download`."""
        from botsec._download import download_async

        async with self.stream("GET", url, **options) as response:
            await download_async(response, dest)
        return response

    def route(self, route: str) -> Callable[..., Any]:
        """Check a route at start-up and return a coroutine function for it; as `Client.route`."""
        method, template, fields = _route(self._core, route)

        async def call(**arguments: Any) -> Response:
            path = {name: arguments.pop(name) for name in fields if name in arguments}
            return await self.request(method, template, path=path, **arguments)

        call.__name__ = call.__qualname__ = route
        return call

    async def start(self) -> Self:
        """Make ready what needs the network; nothing does with secrets from the environment and files."""
        return self

    async def aclose(self) -> None:
        """Refuse further calls and close every connection that is not in use."""
        self._core.close()

    def close(self) -> None:
        """As `aclose`, from code that cannot await."""
        self._core.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


for _name in ("request", "get", "post", "put", "patch", "delete", "head", "options"):
    # One text for both faces: `help()` and Jupyter's `?` show it on either.
    getattr(AsyncClient, _name).__doc__ = getattr(Client, _name).__doc__
del _name


class SyncStream:
    """The context manager that `Client.stream` returns."""

    __slots__ = ("_arguments", "_core", "_response")

    def __init__(self, core: _core.Client, arguments: tuple[Any, ...]) -> None:
        self._core, self._arguments = core, arguments
        self._response: Response | None = None

    def __enter__(self) -> Response:
        self._response = self._core.request(*self._arguments)
        return self._response

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()


class AsyncStream:
    """The context manager that `AsyncClient.stream` returns."""

    __slots__ = ("_arguments", "_core", "_response")

    def __init__(self, core: _core.Client, arguments: tuple[Any, ...]) -> None:
        self._core, self._arguments = core, arguments
        self._response: Response | None = None

    async def __aenter__(self) -> Response:
        self._response = await _run(self._core, *self._arguments)
        return self._response

    async def __aexit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()


def _route(core: _core.Client, route: str) -> tuple[str, str, list[str]]:
    method, template = core.route(route)
    # The core checked the template, so each brace opens a field.
    fields = [part.split("}")[0].split(":")[0] for part in template.split("{")[1:]]
    return method, template, fields


_bridge: Callable[[], _core.Bridge] | None = None


async def _run(core: _core.Client, *arguments: Any) -> Response:
    """Drive one call on the running loop; cancelling it stops the request at once."""
    global _bridge
    if _bridge is None:
        # Imported with the first async call, so that importing botsec does not import asyncio.
        from botsec._loop import bridge

        _bridge = bridge
    call = core.start(_bridge(), *arguments)
    if call.has_helpers:
        from botsec._serve import serve

        return await serve(call, _bridge())
    try:
        await call.future
    except BaseException:
        call.cancel()
        raise
    return call.finish()
