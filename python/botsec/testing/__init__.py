"""A loopback API over real TLS with a throw-away certificate authority, for tests of bots and for `botsec demo`.

>>> from botsec.testing import LoopbackApi, Reply
>>> with LoopbackApi({"/hello": Reply(json={"name": "world"})}) as api:
...     with api.client() as client:
...         client.get("/hello").json()
{'name': 'world'}
"""

from botsec.testing._clock import FakeClock
from botsec.testing._quota import Quota
from botsec.testing._server import LoopbackApi, Received, Reply

__all__ = ["FakeClock", "LoopbackApi", "Quota", "Received", "Reply"]
