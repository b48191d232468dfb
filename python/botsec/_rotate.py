"""Tells callbacks that a secret rotated."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Rotation", "tell"]

# The loop keeps weak references to tasks only.
_running: set[asyncio.Task[Any]] = set()


class Rotation(NamedTuple):
    """What rotated: version names, never values."""

    name: str
    old: str
    new: str


def tell(callbacks: list[Callable[[Rotation], object]], name: str, old: str, new: str) -> None:
    """Call each callback; one that raises is logged and ends neither the call nor the others."""
    rotation = Rotation(name, old, new)
    for callback in callbacks:
        try:
            result = callback(rotation)
            if inspect.isawaitable(result):
                _run(result)
        except Exception:
            logging.getLogger("botsec").exception("a callback of secret %s raised", name)


def _run(work: Awaitable[object]) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(_awaited(work))
        return
    task = loop.create_task(_awaited(work), name="botsec-rotation")
    _running.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logging.getLogger("botsec").error("a callback of a secret raised", exc_info=error)


async def _awaited(work: Awaitable[object]) -> None:
    await work
