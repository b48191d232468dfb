"""Runs what belongs to Python while an async call is under way: body iterators, signers, callables of secrets."""

import asyncio
import inspect
from typing import Any

from botsec import _core
from botsec._core import Response
from botsec._outside import finish_async as read


async def serve(call: _core.PendingCall, bridge: _core.Bridge) -> Response:
    """Await `call` while its body and signers run beside it; their exceptions are the caller's."""
    loop = asyncio.get_running_loop()
    helpers: list[asyncio.Task[None]] = []
    chunks: _Chunks | None = None
    try:
        if call.body is not None:
            chunks = _Chunks(call.body)
            helpers.append(loop.create_task(_pump(call, chunks, bridge)))
        if call.asks:
            helpers.append(loop.create_task(_answer(call, bridge)))
        waiting: set[asyncio.Future[Any]] = {call.future, *helpers}
        while not call.future.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not call.future:
                    task.result()
        if chunks is not None:
            await chunks.finish(call)
    except BaseException:
        call.cancel()
        raise
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        if chunks is not None:
            await chunks.close()
    return call.finish()


async def _pump(call: _core.PendingCall, chunks: "_Chunks", bridge: _core.Bridge) -> None:
    try:
        while True:
            room = call.room(bridge)
            try:
                await room.future
            except BaseException:
                room.cancel()
                raise
            if not room.is_free:
                await chunks.finish(call)
                return
            try:
                chunk = await chunks.next()
            except BaseException:
                room.fail()
                raise
            if chunk is _END or not room.put(chunk):
                return
    finally:
        call.end_body()


_END = object()


class _Chunks:
    """A body iterator of either kind."""

    def __init__(self, body: Any) -> None:
        self._is_async = hasattr(body, "__aiter__")
        self._chunks: Any = aiter(body) if self._is_async else iter(body)
        self._begun = self._finished = False

    async def next(self) -> Any:
        self._begun = True
        return await anext(self._chunks, _END) if self._is_async else next(self._chunks, _END)

    async def finish(self, call: _core.PendingCall) -> None:
        """Let the iterator of a body that was taken whole come to its end: the connection asks for no more."""
        if call.is_body_taken and not self._finished:
            self._finished = True
            await self.next()

    async def close(self) -> None:
        """Close a generator whose chunks nobody wants any more, so that its `finally` runs now, not at some later time.

        One that was never asked is left to the caller, who may send it with another call.
        """
        close = getattr(self._chunks, "aclose" if self._is_async else "close", None)
        if close is None or not self._begun:
            return
        try:
            closing = close()
            if inspect.isawaitable(closing):
                await closing
        except Exception as error:
            # The call has its own result or exception already.
            context = {"message": "the iterator of a request body could not be closed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


async def _answer(call: _core.PendingCall, bridge: _core.Bridge) -> None:
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
        if signer is None:
            await read(request)
            question.answer(None)
            continue
        signed = signer.sign(request)
        if inspect.isawaitable(signed):
            signed = await signed
        question.answer(signed)
