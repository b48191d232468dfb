"""A server that allows so many requests per window and remembers each: `quota_server.py PORT CERT KEY QUOTA WINDOW_S`.

Windows are fixed and begin with the first request. `/` answers 200, or 429 with `Retry-After` in whole seconds; `/log` tells
`[[seconds since the first, allowed], ...]` and forgets.
"""

import math
import ssl
import sys
import time

from aiohttp import web


def main():
    port, cert, key, quota, window = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    counter = Counter(int(quota), float(window))
    app = web.Application()
    app.router.add_get("/", counter.answer)
    app.router.add_get("/log", counter.tell)
    web.run_app(app, host="127.0.0.1", port=int(port), ssl_context=context, print=None, access_log=None)


class Counter:
    def __init__(self, quota, window):
        self.quota, self.window = quota, window
        self.log = []
        self.first = None
        self.allowed = {}

    async def answer(self, _request):
        now = time.monotonic()
        if self.first is None:
            self.first = now
        since = now - self.first
        number = int(since / self.window)
        good = self.allowed.get(number, 0) < self.quota
        if good:
            self.allowed[number] = self.allowed.get(number, 0) + 1
        self.log.append((round(since, 4), good))
        if good:
            return web.Response(text="ok")
        left = (number + 1) * self.window - since
        return web.Response(status=429, headers={"Retry-After": str(max(1, math.ceil(left)))})

    async def tell(self, _request):
        log, self.log, self.first, self.allowed = self.log, [], None, {}
        return web.json_response(log)


if __name__ == "__main__":
    main()
