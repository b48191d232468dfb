"""The sync face: real signatures and docstrings, one-line bodies, no decisions."""

from __future__ import annotations

from botsec._base import Base, Url, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType
    from typing import Any, Self

    from botsec import _core
    from botsec._base import Auth, Check, Content, Files, Headers, Params, Priority, Progress, Schema, Template
    from botsec._core import Proxy, Response, Retry, Throttle, Timeout, Tls

__all__ = ["Client"]


class Client(Base[Url]):
    """A client bound to one API: the sync face.

    `botsec.Client("https://api.example.com")` is already the safe configuration. May be shared by threads. Close it, or
    use it as a context manager.
    """

    __slots__ = ()

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
        proxy: Proxy | None = None,
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = True,
        user_agent: str | None = None,
    ) -> Client[str | Template]:
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
            proxy: A proxy that is declared to filter addresses: `Proxy(…, filters_addresses=True)`.
            headers: As for the client.
            follow_redirects: As for the client.
            user_agent: As for the client.
        """
        client: Client[str | Template] = cls._open_web(
            {
                "timeout": timeout,
                "max_response_bytes": max_response_bytes,
                "content_types": content_types,
                "rate": rate,
                "throttle": throttle,
                "retry": retry,
                "tls": tls,
                "proxy": proxy,
                "headers": headers,
                "follow_redirects": follow_redirects,
                "user_agent": user_agent,
            }
        )
        return client

    def request(
        self,
        method: str,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        schema: Schema | None = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
        progress: Progress | None = None,
    ) -> Response:
        """Send a request through the policy.

        Args:
            method: HTTP method.
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON: Python's containers, dataclasses, pydantic, msgspec and attrs objects at any depth;
                `Secret` leaves go to their hosts only.
            schema: Judges `json` before anything is sent: a pydantic model or TypeAdapter, a msgspec Struct, a JSON
                Schema validator, or a callable that raises or returns False for what it refuses.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.
            progress: Called with the bytes sent so far and their total, None where that is not known. Such a body is
                sent once, without retries.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return self._core.request(
            method, url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def get(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
    ) -> Response:
        """Send a GET request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.

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
            "GET", url, path, params, headers, None, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def post(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        schema: Schema | None = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
        progress: Progress | None = None,
    ) -> Response:
        """Send a POST request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON: Python's containers, dataclasses, pydantic, msgspec and attrs objects at any depth;
                `Secret` leaves go to their hosts only.
            schema: Judges `json` before anything is sent: a pydantic model or TypeAdapter, a msgspec Struct, a JSON
                Schema validator, or a callable that raises or returns False for what it refuses.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.
            progress: Called with the bytes sent so far and their total, None where that is not known. Such a body is
                sent once, without retries.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return self._core.request(
            "POST", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def put(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        schema: Schema | None = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
        progress: Progress | None = None,
    ) -> Response:
        """Send a PUT request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON: Python's containers, dataclasses, pydantic, msgspec and attrs objects at any depth;
                `Secret` leaves go to their hosts only.
            schema: Judges `json` before anything is sent: a pydantic model or TypeAdapter, a msgspec Struct, a JSON
                Schema validator, or a callable that raises or returns False for what it refuses.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.
            progress: Called with the bytes sent so far and their total, None where that is not known. Such a body is
                sent once, without retries.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return self._core.request(
            "PUT", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def patch(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        schema: Schema | None = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
        progress: Progress | None = None,
    ) -> Response:
        """Send a PATCH request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON: Python's containers, dataclasses, pydantic, msgspec and attrs objects at any depth;
                `Secret` leaves go to their hosts only.
            schema: Judges `json` before anything is sent: a pydantic model or TypeAdapter, a msgspec Struct, a JSON
                Schema validator, or a callable that raises or returns False for what it refuses.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.
            progress: Called with the bytes sent so far and their total, None where that is not known. Such a body is
                sent once, without retries.

        Returns:
            The response. Its text is untrusted: pass it through `botsec.escape` before showing it.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299.
        """
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return self._core.request(
            "PATCH", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def delete(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        schema: Schema | None = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
    ) -> Response:
        """Send a DELETE request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON: Python's containers, dataclasses, pydantic, msgspec and attrs objects at any depth;
                `Secret` leaves go to their hosts only.
            schema: Judges `json` before anything is sent: a pydantic model or TypeAdapter, a msgspec Struct, a JSON
                Schema validator, or a callable that raises or returns False for what it refuses.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.

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
            "DELETE", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def head(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
    ) -> Response:
        """Send a HEAD request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.

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
            "HEAD", url, path, params, headers, None, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def options(
        self,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
    ) -> Response:
        """Send an OPTIONS request through the policy.

        Args:
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the response.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.

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
            "OPTIONS", url, path, params, headers, None, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    def stream(
        self,
        method: str,
        url: Url,
        *,
        path: Mapping[str, object] | None = None,
        params: Params | None = None,
        headers: Headers | None = None,
        json: Any = None,
        schema: Schema | None = None,
        data: Params | None = None,
        content: Content | None = None,
        files: Files | None = None,
        auth: Auth | None = None,
        timeout: Timeout | float | timedelta | None = None,
        max_response_bytes: int | None = None,
        check: Check = True,
        idempotency_key: str | bool | None = None,
        priority: Priority = "normal",
        weight: int = 1,
    ) -> SyncStream:
        """Send a request and read its answer in pieces: `with client.stream(...) as response`.

        Args:
            method: HTTP method.
            url: URL template relative to `base_url`, such as `"/users/{id:int}{?limit:int(1..100)}"`, or a t-string.
                Values go into `path`, never into the string.
            path: Values for the template's fields; each is checked by its type and percent-encoded in its place.
            params: Query parameters; values are encoded, lists repeat their key, a `Secret` goes to its hosts only.
            headers: Header fields of this call. Credentials only as `Secret`.
            json: Body as JSON: Python's containers, dataclasses, pydantic, msgspec and attrs objects at any depth;
                `Secret` leaves go to their hosts only.
            schema: Judges `json` before anything is sent: a pydantic model or TypeAdapter, a msgspec Struct, a JSON
                Schema validator, or a callable that raises or returns False for what it refuses.
            data: Body as a form; with `files` the plain fields of a multipart form.
            content: Body as bytes, str, binary file or iterator of bytes. An iterator is sent once, without retries.
            files: Multipart form: name to content or `(filename, content[, type])`.
            auth: Proof of identity instead of the client's.
            timeout: Seconds for the whole call, waits and retries included, or a `Timeout`; None is the client's.
            max_response_bytes: Most decoded bytes of the body.
            check: True raises `StatusError` for a final status outside 200 to 299, False never, a callable decides on
                the head of the response: its status and header fields, for the body is not there yet.
            idempotency_key: Sent as `Idempotency-Key` on every attempt, which makes retries of any method safe;
                True makes one per call.
            priority: "interactive" goes first, "bulk" last, and nobody waits for ever.
            weight: How many requests it counts as under the client's own limits.

        Returns:
            A context manager of the response. `timeout` ends with the head of the answer; then the read limit
            holds, and one hour in all.

        Raises:
            InputError: A value does not fit its place. Nothing was sent.
            PolicyError: Route, host or address is not allowed. Nothing was sent.
            ThrottledError: The wait in the queue would be too long. Nothing was sent.
            TransportError: The exchange failed; `RequestTimeoutError` when no complete answer came in time.
            StatusError: The status is not 200 to 299, or `check` said no; the body is left unread.
        """
        # fmt: off
        return SyncStream(
            self._core,
            (method, url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, True),  # noqa: E501
        )
        # fmt: on

    def download(
        self, url: Url, dest: str | os.PathLike[str], *, progress: Progress | None = None, **options: Any
    ) -> Response:
        """Send a GET request and write its body to a file.

        The body goes to a temporary file beside `dest` and takes its place when it is complete; a failure leaves
        `dest` as it was. A new file has the mode that `open` would give it, one that is replaced keeps its own.

        Args:
            url: As for `get`.
            dest: The file's path.
            progress: Called with the bytes written so far and their total, None where that is not known.
            **options: As for `stream`; `check` decides before anything is written.

        Returns:
            The response, its body read.
        """
        from botsec._download import check, download

        check(progress)
        with self.stream("GET", url, **options) as response:
            download(response, dest, progress)
        return response

    def route(self, route: str) -> Callable[..., Response]:
        """Check a route at start-up and return a callable for it: `route("GET /users/{id:int}")(id=42)`.

        Args:
            route: Method and path template. Keyword arguments of the callable fill the fields; `params=`, `json=`
                and the other options of the verbs are passed on.
        """
        method, template, fields = self._core.route(route)

        def call(**arguments: Any) -> Response:
            path = {name: arguments.pop(name) for name in fields if name in arguments}
            return self.request(method, template, path=path, **arguments)

        call.__name__ = call.__qualname__ = route
        return call

    def start(self) -> Self:
        """Read the client's secrets that stand in managers; entering the context manager does the same.

        Raises:
            SecretError: A secret cannot be read; the message names it.
        """
        for secret in self._core.secrets():
            secret.load()
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
