"""What awaits an async call: tasks, and coroutines that are driven by hand."""

import asyncio
import logging

import botsec
import pytest
from servers.api import Reply


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, logger="botsec")
    return lambda: [record.botsec["code"] for record in caplog.records if hasattr(record, "botsec")]


def run(api, tls, drive):
    async def main():
        async with botsec.AsyncClient(api.origin, networks="loopback", tls=tls) as client:
            # The first call makes the connection, so that those by hand wait for an answer.
            await client.get("/x")
            return await drive(client)

    return asyncio.run(main())


def test_a_coroutine_that_is_closed_while_it_waits_tells_once_that_it_was_cancelled(api, tls, told):
    api.on("/slow", Reply(200, delay=5))

    async def drive(client):
        call = client.get("/slow")
        assert asyncio.isfuture(call.send(None))
        call.close()
        with pytest.raises(RuntimeError, match="cannot reuse"):
            call.send(None)

    run(api, tls, drive)
    assert told() == [None, "call.cancelled"]


@pytest.mark.parametrize("thrown", [ValueError("mine"), KeyboardInterrupt(), asyncio.CancelledError(), ValueError])
def test_what_is_thrown_into_a_waiting_call_comes_out_and_ends_it(api, tls, told, thrown):
    api.on("/slow", Reply(200, delay=5))
    kind = thrown if isinstance(thrown, type) else type(thrown)

    async def drive(client):
        call = client.get("/slow")
        call.send(None)
        with pytest.raises(kind) as caught:
            call.throw(thrown)
        assert isinstance(thrown, type) or caught.value is thrown

    run(api, tls, drive)
    assert told() == [None, "call.cancelled"]


def test_a_call_that_is_stepped_before_its_answer_says_so_and_ends(api, tls, told):
    api.on("/slow", Reply(200, delay=5))

    async def drive(client):
        call = client.get("/slow")
        call.send(None)
        with pytest.raises(RuntimeError, match="await wasn't used with future"):
            call.send(None)

    run(api, tls, drive)
    assert told() == [None, "call.cancelled"]


def test_a_call_that_was_dropped_while_it_waited_tells_that_it_was_cancelled(api, tls, told):
    api.on("/slow", Reply(200, delay=5))

    async def drive(client):
        call = client.get("/slow")
        call.send(None)
        del call

    run(api, tls, drive)
    assert told() == [None, "call.cancelled"]


def test_a_check_that_raises_stop_iteration_is_no_result(api, tls, told):
    def check(response):
        raise StopIteration(response)

    async def drive(client):
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await client.get("/x", check=check)
        assert isinstance(caught.value.__cause__, StopIteration)
        return (await client.get("/x", check=lambda response: True)).status_code

    assert run(api, tls, drive) == 200
    assert told() == [None, "status.check", None]


def test_a_call_may_be_awaited_in_every_way_that_asyncio_has(api, tls):
    async def drive(client):
        shielded = await asyncio.shield(client.get("/a"))
        (gathered,) = await asyncio.gather(client.get("/b"))
        waited = await asyncio.wait_for(client.get("/c"), 5)
        done, _ = await asyncio.wait([asyncio.ensure_future(client.get("/d"))])
        found = [shielded, gathered, waited, *(task.result() for task in done)]
        return [response.status_code for response in found]

    assert run(api, tls, drive) == [200] * 4
