"""Asks the callables that bring secrets: `secret(…, provider=function)`, sync or async."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from botsec._core import Secret

__all__ = ["finish", "finish_async", "read", "read_all"]


def read(secret: Secret, again: bool) -> None:
    """Ask the callable of `secret` on this thread, if it is due."""
    _ask(secret, secret._due(again))


def finish(secret: Secret) -> None:
    """Ask the callable of `secret` on this thread, for a reading that has begun."""
    _ask(secret, secret._call())


def _ask(secret: Secret, asked: tuple[Any, str] | None) -> None:
    if asked is None:
        return
    call, source = asked
    try:
        found = call(source)
        if inspect.isawaitable(found):
            found = _run(found)
    except BaseException as error:
        _tell(secret, error)
        return
    secret._found(found)


async def read_all(secrets: Iterable[Secret], again: bool = False) -> None:
    """Ask the callables of `secrets` that are due, away from the loop where they are not async."""
    for secret in secrets:
        await _ask_async(secret, secret._due(again))


async def finish_async(secret: Secret) -> None:
    """Ask the callable of `secret` for a reading that has begun, away from the loop where it is not async."""
    await _ask_async(secret, secret._call())


async def _ask_async(secret: Secret, asked: tuple[Any, str] | None) -> None:
    if asked is None:
        return
    call, source = asked
    try:
        found: Any = call(source) if inspect.iscoroutinefunction(call) else await asyncio.to_thread(call, source)
        if inspect.isawaitable(found):
            found = await found
    except BaseException as error:
        _tell(secret, error)
        return
    secret._found(found)


def _run(work: Awaitable[object]) -> object:
    async def wait() -> object:
        return await work

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    if inspect.iscoroutine(work):
        # Or Python warns of a coroutine that was never awaited.
        work.close()
    raise TypeError("an async callable is awaited by AsyncClient's own auth and secret_async()")


def _tell(secret: Secret, error: BaseException) -> None:
    # What a foreign error says may hold the value; its kind does not.
    secret._failed(type(error).__name__, isinstance(error, LookupError))
    if not isinstance(error, Exception):
        raise error
