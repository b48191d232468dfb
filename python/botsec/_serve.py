"""Runs what belongs to Python while an async call is under way: body iterators and signers."""

import asyncio
import inspect
from typing import Any

from botsec import _core
from botsec._core import Response


async def serve(call: _core.PendingCall, bridge: _core.Bridge) -> Response:
    """Await `call` while its body and signers run beside it; their exceptions are the caller's."""
    loop = asyncio.get_running_loop()
    helpers: list[asyncio.Task[None]] = []
    if call.body is not None:
        helpers.append(loop.create_task(_pump(call, call.body, bridge)))
    if call.has_signers:
        helpers.append(loop.create_task(_sign(call, bridge)))
    try:
        waiting: set[asyncio.Future[Any]] = {call.future, *helpers}
        while not call.future.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not call.future:
                    task.result()
    except BaseException:
        call.cancel()
        raise
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
    return call.finish()


async def _pump(call: _core.PendingCall, body: Any, bridge: _core.Bridge) -> None:
    chunks = _aiter(body)
    try:
        while True:
            room = call.room(bridge)
            try:
                await room.future
            except BaseException:
                room.cancel()
                raise
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except BaseException:
                room.fail()
                raise
            if not room.put(chunk):
                return
    finally:
        call.end_body()


async def _aiter(body: Any) -> Any:
    if hasattr(body, "__aiter__"):
        async for chunk in body:
            yield chunk
    else:
        for chunk in body:
            yield chunk


async def _sign(call: _core.PendingCall, bridge: _core.Bridge) -> None:
    while True:
        question = call.question(bridge)
        try:
            await question.future
        except BaseException:
            question.cancel()
            raise
        asked = question.take()
        if asked is None:
            return
        signer, request = asked
        signed = signer.sign(request)
        if inspect.isawaitable(signed):
            signed = await signed
        question.answer(signed)
