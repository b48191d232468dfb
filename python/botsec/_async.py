"""The async face: real signatures and docstrings, one-line bodies, no decisions."""

from __future__ import annotations

from botsec._base import Base, Url, ready, watch
from botsec._sync import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType
    from typing import Any, Self

    from botsec import _core
    from botsec._base import Auth, Check, Content, Files, Headers, Params, Priority, Progress, Schema, Template
    from botsec._core import Proxy, Response, Retry, Throttle, Timeout, Tls

__all__ = ["AsyncClient"]


class AsyncClient(Base[Url]):
    """A client bound to one API: the async face, with the same methods and signatures as `Client`.

    Works with asyncio and uvloop, with several loops one after the other or at once.
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
    ) -> AsyncClient[str | Template]:
        """Make a client for URLs that strangers typed; as `Client.open_web`."""
        client: AsyncClient[str | Template] = cls._open_web(
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

    async def request(
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
        """Send a request through the policy."""
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return await _run(
            self._core, method, url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def get(
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
        """Send a GET request through the policy."""
        # fmt: off
        return await _run(
            self._core, "GET", url, path, params, headers, None, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def post(
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
        """Send a POST request through the policy."""
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return await _run(
            self._core, "POST", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def put(
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
        """Send a PUT request through the policy."""
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return await _run(
            self._core, "PUT", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def patch(
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
        """Send a PATCH request through the policy."""
        if progress is not None:
            content, files = watch(content, files, progress)
        # fmt: off
        return await _run(
            self._core, "PATCH", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def delete(
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
        """Send a DELETE request through the policy."""
        # fmt: off
        return await _run(
            self._core, "DELETE", url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def head(
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
        """Send a HEAD request through the policy."""
        # fmt: off
        return await _run(
            self._core, "HEAD", url, path, params, headers, None, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
        )
        # fmt: on

    async def options(
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
        """Send an OPTIONS request through the policy."""
        # fmt: off
        return await _run(
            self._core, "OPTIONS", url, path, params, headers, None, None, None, None, None, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, False,  # noqa: E501
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
    ) -> AsyncStream:
        """Send a request and read its answer in pieces: `async with client.stream(...) as response`."""
        # fmt: off
        return AsyncStream(
            self._core,
            (method, url, path, params, headers, json, schema, data, content, files, auth, timeout, max_response_bytes, check, idempotency_key, priority, weight, True),  # noqa: E501
        )
        # fmt: on

    async def download(
        self, url: Url, dest: str | os.PathLike[str], *, progress: Progress | None = None, **options: Any
    ) -> Response:
        """Send a GET request and write its body to a file; as `Client.download`."""
        from botsec._download import check, download_async

        check(progress)
        async with self.stream("GET", url, **options) as response:
            await download_async(response, dest, progress)
        return response

    def route(self, route: str) -> Callable[..., Any]:
        """Check a route at start-up and return a coroutine function for it; as `Client.route`."""
        method, template, fields = self._core.route(route)

        async def call(**arguments: Any) -> Response:
            path = {name: arguments.pop(name) for name in fields if name in arguments}
            return await self.request(method, template, path=path, **arguments)

        call.__name__ = call.__qualname__ = route
        return call

    async def start(self) -> Self:
        """Read the client's secrets that stand in managers; entering the context manager does the same.

        Raises:
            SecretError: A secret cannot be read; the message names it.
        """
        for secret in self._core.secrets():
            await ready(secret)
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


_bridge: Callable[[], _core.Bridge] | None = None


def _run(core: _core.Client, *arguments: Any) -> Awaitable[Response]:
    """Start one call on the running loop; cancelling whoever awaits it stops the request at once."""
    global _bridge
    if _bridge is None:
        # Imported with the first async call, so that importing botsec does not import asyncio.
        from botsec._loop import bridge

        _bridge = bridge
    if core.asks_outside:
        return _run_outside(core, arguments)
    return core.start(_bridge(), *arguments)


async def _run_outside(core: _core.Client, arguments: tuple[Any, ...]) -> Response:
    from botsec._loop import bridge
    from botsec._outside import read_all

    await read_all(core.secrets())
    return await core.start(bridge(), *arguments)
