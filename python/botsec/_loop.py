"""One bridge per event loop: the queue of finished operations and the descriptor that wakes the loop."""

import asyncio
import socket
import weakref

from botsec._core import Bridge, Throttle

_bridges: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Bridge]" = weakref.WeakKeyDictionary()


_last: "tuple[weakref.ref[asyncio.AbstractEventLoop], Bridge] | None" = None


def bridge() -> Bridge:
    """Return the running loop's bridge, made with the first call on that loop."""
    global _last
    loop = asyncio.get_running_loop()
    # Most programs have one loop: remembering the last one spares them the weak dictionary.
    if _last is not None and _last[0]() is loop:
        return _last[1]
    found = _bridges.get(loop) or _attach(loop)
    _last = (weakref.ref(loop), found)
    return found


def _attach(loop: asyncio.AbstractEventLoop) -> Bridge:
    # The loop keeps the bridge alive through its reader; the bridge must not keep the loop alive.
    here = weakref.ref(loop)
    made = Bridge(here, True)
    try:
        loop.add_reader(made.fileno(), made.drain)
    except NotImplementedError:
        # Windows' Proactor loop cannot watch descriptors: a task waits on a loopback socket instead.
        made = Bridge(here, False)
        task = loop.create_task(_listen(made), name="botsec")
        _listeners[loop] = task
    _bridges[loop] = made
    return made


async def place(throttle: Throttle, weight: int, priority: str) -> None:
    """Wait for a place in the queue of `throttle`."""
    pending = throttle.start(bridge(), weight, priority)
    try:
        await pending.future
    except BaseException:
        pending.cancel()
        raise
    pending.finish()


_listeners: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]]" = weakref.WeakKeyDictionary()


async def _listen(made: Bridge) -> None:
    loop = asyncio.get_running_loop()
    ear = socket.socket(fileno=socket.dup(made.fileno()))
    ear.setblocking(False)
    try:
        while await loop.sock_recv(ear, 64):
            made.drain()
    finally:
        ear.close()


# A child of a fork has the parent's loops but none of their threads: it makes bridges of its own.
def _forget() -> None:
    global _last
    _last = None
    _bridges.clear()
    _listeners.clear()


import os as _os  # noqa: E402

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_forget)
