"""One set of tests for both faces, and the loopback servers they talk to."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import botsec
import pytest
from servers.api import Api
from servers.hostile import Hostile
from servers.proxy import ConnectProxy
from servers.tls import Authority

#: Seconds after which a test counts as hung: the stacks are printed and the run ends.
HUNG_AFTER_S = 90
_names = itertools.count(1)
_END = object()


class Stream:
    """A streamed response, read the same way on both faces."""

    def __init__(self, face: Face, raw) -> None:
        self._face = face
        self.raw = raw

    def __getattr__(self, name: str):
        return getattr(self.raw, name)

    def read(self) -> bytes:
        return self._face.run((self.raw.aread if self._face.is_async else self.raw.read)())

    def iter_bytes(self, *args) -> Iterator[bytes]:
        return self._iterate("iter_bytes", *args)

    def iter_lines(self) -> Iterator[str]:
        return self._iterate("iter_lines")

    def iter_sse(self) -> Iterator:
        return self._iterate("iter_sse")

    def _iterate(self, name: str, *args) -> Iterator:
        if not self._face.is_async:
            yield from getattr(self.raw, name)(*args)
            return
        items = aiter(getattr(self.raw, f"a{name}")(*args))

        async def following():
            return await anext(items, _END)

        while (item := self._face.run(following())) is not _END:
            yield item


class Driven:
    """A client whose coroutines are run to their end, so that one test serves both faces."""

    def __init__(self, face: Face, raw) -> None:
        self._face = face
        self.raw = raw

    def __getattr__(self, name: str):
        attribute = getattr(self.raw, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: self._face.run(attribute(*args, **kwargs))

    def route(self, pattern: str) -> Callable:
        made = self.raw.route(pattern)
        return lambda *args, **kwargs: self._face.run(made(*args, **kwargs))

    def close(self) -> None:
        self._face.run(self.raw.aclose() if self._face.is_async else self.raw.close())

    @contextlib.contextmanager
    def stream(self, *args, **kwargs) -> Iterator[Stream]:
        manager = self.raw.stream(*args, **kwargs)
        if not self._face.is_async:
            with manager as response:
                yield Stream(self._face, response)
            return
        response = self._face.run(manager.__aenter__())
        try:
            yield Stream(self._face, response)
        except BaseException:
            if not self._face.run(manager.__aexit__(*sys.exc_info())):
                raise
        else:
            self._face.run(manager.__aexit__(None, None, None))


class Face:
    """The sync or the async face of the package, behind one way of calling."""

    def __init__(self, kind: str, authority: Authority, proxy: botsec.Proxy | None = None) -> None:
        self.kind = kind
        self.proxy = proxy
        self.is_async = kind == "async"
        self.factory = botsec.AsyncClient if self.is_async else botsec.Client
        self.tls = botsec.Tls(ca_file=authority.ca_file)
        self.loop = asyncio.new_event_loop() if self.is_async else None
        self._clients: list[Driven] = []

    def client(self, base_url: str | None = None, **options) -> Driven:
        """A client that trusts the test authority and may reach loopback, unless `options` say otherwise."""
        options = {"tls": self.tls, "networks": "loopback", "proxy": self.proxy, **options}
        if options["networks"] is None:
            del options["networks"]
        return self.adopt(self.factory(base_url, **options))

    def adopt(self, raw) -> Driven:
        driven = Driven(self, raw)
        self._clients.append(driven)
        return driven

    def run(self, result):
        """The result itself, or what it gives when awaited."""
        if not inspect.isawaitable(result):
            return result

        async def wait():
            return await result

        return self.loop.run_until_complete(wait())

    def all(self, calls: list[Callable]) -> list:
        """Make these calls (on `.raw` clients) at the same time; exceptions stand among the results."""
        if self.is_async:

            async def gather():
                return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

            return self.loop.run_until_complete(gather())

        def guarded(call):
            try:
                return call()
            except Exception as error:
                return error

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(guarded, calls))

    def close(self) -> None:
        for client in self._clients:
            with contextlib.suppress(Exception):
                client.close()
        if self.loop is not None:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


@pytest.fixture(autouse=True)
def hang_guard() -> Iterator[None]:
    faulthandler.dump_traceback_later(HUNG_AFTER_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls(authority: Authority) -> botsec.Tls:
    return botsec.Tls(ca_file=authority.ca_file)


@pytest.fixture
def api(authority: Authority) -> Iterator[Api]:
    with Api(authority) as server:
        yield server


@pytest.fixture
def other_api(authority: Authority) -> Iterator[Api]:
    """A second origin: the same host name, another port."""
    with Api(authority) as server:
        yield server


@pytest.fixture
def hostile(authority: Authority) -> Iterator[Callable[..., Hostile]]:
    """Start a server that runs `act(server, connection)` for each request."""
    with contextlib.ExitStack() as stack:
        yield lambda act, **options: stack.enter_context(Hostile(authority, act, **options))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both faces; a module with `ENGINES` names the ways to the server, of which "proxied" is the other engine."""
    if "face" in metafunc.fixturenames:
        ways = getattr(metafunc.module, "ENGINES", ["direct"])
        kinds = [kind if way == "direct" else f"{kind}-{way}" for way in ways for kind in ("sync", "async")]
        metafunc.parametrize("face", kinds, indirect=True)


@pytest.fixture
def face(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Face]:
    kind, _, way = request.param.partition("-")
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(contextlib.closing(ConnectProxy())) if way == "proxied" else None
        made = Face(kind, authority, proxy and botsec.Proxy(proxy.url))
        yield made
        made.close()


@pytest.fixture
def client(face: Face, api: Api) -> Driven:
    return face.client(api.origin)


@pytest.fixture
def make_secret(monkeypatch: pytest.MonkeyPatch) -> Callable[..., botsec.Secret]:
    """Load a secret with this value from an environment variable of its own."""

    def make(value: str = "sk-test-0123456789abcdef", **options) -> botsec.Secret:
        name = f"BOTSEC_TEST_KEY_{next(_names)}"
        monkeypatch.setenv(name, value)
        return botsec.secret(f"env:{name}", **options)

    return make
