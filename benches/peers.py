"""One function per client: given a target, it returns a call that makes one request and returns the body's length.

Every client keeps its connections, trusts the bench's own certificate authority and reads no proxy variable. Otherwise
it is as its users get it; where a default would measure reconnecting (httpx keeps 20 connections), the pool is widened.
`SYNC` and `ASYNC` at the end are the lists that the runner uses.
"""

import pathlib
import ssl
from dataclasses import dataclass

# Connections that a pool may keep: more than any case has in flight.
POOL = 256


@dataclass(frozen=True)
class Target:
    """What a client is pointed at: a URL, the length of its body, and the authority that vouches for the server."""

    origin: str
    path: str
    length: int
    ca: str

    @property
    def url(self):
        return self.origin + self.path


def context(target):
    return ssl.create_default_context(cafile=target.ca)


def pem(target):
    return pathlib.Path(target.ca).read_bytes()


def sync_botsec(target):
    import botsec

    client = botsec.Client(target.origin, networks="loopback", tls=botsec.Tls(ca_file=target.ca))
    get, path = client.get, target.path
    return lambda: len(get(path).content)


def sync_httpx(target):
    import httpx

    client = httpx.Client(verify=context(target), trust_env=False)
    return lambda: len(client.get(target.url).content)


def sync_requests(target):
    import requests

    session = requests.Session()
    session.verify, session.trust_env = target.ca, False
    return lambda: len(session.get(target.url).content)


def sync_pyreqwest(target):
    from pyreqwest.client import SyncClientBuilder

    client = SyncClientBuilder().add_root_certificate_pem(pem(target)).build()
    return lambda: len(client.get(target.url).build().send().bytes())


def sync_ry(target):
    import ry

    client = ry.BlockingClient(tls_certs_only=[ry.Certificate.from_pem(pem(target))])
    return lambda: len(client.get(target.url).bytes())


def sync_wreq(target):
    import wreq.blocking

    client = wreq.blocking.Client(tls_verify=pathlib.Path(target.ca))
    return lambda: len(client.get(target.url).bytes())


def sync_primp(target):
    import primp

    client = primp.Client(ca_cert_file=target.ca)
    return lambda: len(client.get(target.url).content)


def sync_pycurl(target):
    import pycurl

    curl, received = pycurl.Curl(), []
    curl.setopt(pycurl.URL, target.url)
    curl.setopt(pycurl.CAINFO, target.ca)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.WRITEFUNCTION, received.append)

    def call():
        received.clear()
        curl.perform()
        return len(b"".join(received))

    return call


def async_botsec(target):
    import botsec

    client = botsec.AsyncClient(target.origin, networks="loopback", tls=botsec.Tls(ca_file=target.ca))
    get, path = client.get, target.path

    async def call():
        return len((await get(path)).content)

    return call


def async_httpx(target):
    import httpx

    limits = httpx.Limits(max_connections=POOL, max_keepalive_connections=POOL)
    client = httpx.AsyncClient(verify=context(target), trust_env=False, limits=limits)

    async def call():
        return len((await client.get(target.url)).content)

    return call


def async_aiohttp(target):
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context(target), limit=POOL))

    async def call():
        async with session.get(target.url) as response:
            return len(await response.read())

    return call


def async_pyreqwest(target):
    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().add_root_certificate_pem(pem(target)).build()

    async def call():
        return len(await (await client.get(target.url).build().send()).bytes())

    return call


def async_ry(target):
    import ry

    client = ry.Client(tls_certs_only=[ry.Certificate.from_pem(pem(target))])

    async def call():
        return len(await (await client.get(target.url)).bytes())

    return call


def async_wreq(target):
    import wreq

    client = wreq.Client(tls_verify=pathlib.Path(target.ca))

    async def call():
        return len(await (await client.get(target.url)).bytes())

    return call


def async_primp(target):
    import primp

    client = primp.AsyncClient(ca_cert_file=target.ca)

    async def call():
        return len((await client.get(target.url)).content)

    return call


def json_botsec(target):
    import botsec

    client = botsec.Client(target.origin, networks="loopback", tls=botsec.Tls(ca_file=target.ca))
    return lambda: len(client.get(target.path).json())


def json_httpx(target):
    import httpx

    client = httpx.Client(verify=context(target), trust_env=False)
    return lambda: len(client.get(target.url).json())


def json_requests(target):
    import requests

    session = requests.Session()
    session.verify, session.trust_env = target.ca, False
    return lambda: len(session.get(target.url).json())


def json_pyreqwest(target):
    from pyreqwest.client import SyncClientBuilder

    client = SyncClientBuilder().add_root_certificate_pem(pem(target)).build()
    return lambda: len(client.get(target.url).build().send().json())


def json_ry(target):
    import ry

    client = ry.BlockingClient(tls_certs_only=[ry.Certificate.from_pem(pem(target))])
    return lambda: len(client.get(target.url).json())


def json_wreq(target):
    import wreq.blocking

    client = wreq.blocking.Client(tls_verify=pathlib.Path(target.ca))
    return lambda: len(client.get(target.url).json())


def json_primp(target):
    import primp

    client = primp.Client(ca_cert_file=target.ca)
    return lambda: len(client.get(target.url).json())


# What a POST sends: 1 MiB.
UPLOAD = bytes(2**20)


def post_botsec(target):
    import botsec

    client = botsec.Client(target.origin, networks="loopback", tls=botsec.Tls(ca_file=target.ca))
    return lambda: len(client.post(target.path, content=UPLOAD).content)


def post_httpx(target):
    import httpx

    client = httpx.Client(verify=context(target), trust_env=False)
    return lambda: len(client.post(target.url, content=UPLOAD).content)


def post_requests(target):
    import requests

    session = requests.Session()
    session.verify, session.trust_env = target.ca, False
    return lambda: len(session.post(target.url, data=UPLOAD).content)


def post_pyreqwest(target):
    from pyreqwest.client import SyncClientBuilder

    client = SyncClientBuilder().add_root_certificate_pem(pem(target)).build()
    return lambda: len(client.post(target.url).body_bytes(UPLOAD).build().send().bytes())


def post_ry(target):
    import ry

    client = ry.BlockingClient(tls_certs_only=[ry.Certificate.from_pem(pem(target))])
    return lambda: len(client.post(target.url, body=UPLOAD).bytes())


def post_wreq(target):
    import wreq.blocking

    client = wreq.blocking.Client(tls_verify=pathlib.Path(target.ca))
    return lambda: len(client.post(target.url, body=UPLOAD).bytes())


def post_primp(target):
    import primp

    client = primp.Client(ca_cert_file=target.ca)
    return lambda: len(client.post(target.url, content=UPLOAD).content)


def post_pycurl(target):
    import io

    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, target.url)
    curl.setopt(pycurl.CAINFO, target.ca)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.POSTFIELDSIZE, len(UPLOAD))
    # libcurl would wait for an interim answer first.
    curl.setopt(pycurl.HTTPHEADER, ["Expect:"])

    def call():
        received = []
        curl.setopt(pycurl.READDATA, io.BytesIO(UPLOAD))
        curl.setopt(pycurl.WRITEFUNCTION, received.append)
        curl.perform()
        return len(b"".join(received))

    return call


SYNC = {
    "botsec": sync_botsec,
    "primp": sync_primp,
    "wreq": sync_wreq,
    "pyreqwest": sync_pyreqwest,
    "ry": sync_ry,
    "httpx": sync_httpx,
    "requests": sync_requests,
    "pycurl": sync_pycurl,
}
ASYNC = {
    "botsec": async_botsec,
    "ry": async_ry,
    "wreq": async_wreq,
    "pyreqwest": async_pyreqwest,
    "aiohttp": async_aiohttp,
    "primp": async_primp,
    "httpx": async_httpx,
}
JSON = {
    "botsec": json_botsec,
    "primp": json_primp,
    "wreq": json_wreq,
    "pyreqwest": json_pyreqwest,
    "ry": json_ry,
    "httpx": json_httpx,
    "requests": json_requests,
}
POST = {
    "botsec": post_botsec,
    "primp": post_primp,
    "wreq": post_wreq,
    "pyreqwest": post_pyreqwest,
    "ry": post_ry,
    "httpx": post_httpx,
    "requests": post_requests,
    "pycurl": post_pycurl,
}


def anew(peer):
    """A client for each call: made, used once, dropped."""

    def make(target):
        return lambda: SYNC[peer](target)()

    return make


NEW = {name: anew(name) for name in SYNC}
# The lists by what a cell does.
DO = {"sync": SYNC, "threads": SYNC, "async": ASYNC, "json": JSON, "post": POST, "new": NEW}
# What `import` measures beside botsec.
IMPORTS = {
    "botsec": "botsec",
    "httpx": "httpx",
    "requests": "requests",
    "aiohttp": "aiohttp",
    "pyreqwest": "pyreqwest.client",
    "ry": "ry",
    "wreq": "wreq",
    "primp": "primp",
    "pycurl": "pycurl",
}
