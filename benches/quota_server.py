"""A server that allows so many requests per window and remembers each: `quota_server.py PORT CERT KEY QUOTA WINDOW_S [sliding]`.

Windows are fixed and begin with the first request, unless they slide: then each ends with a request. `/` answers 200, or 429 with `Retry-After` in whole seconds; `/log` tells
`[[seconds since the first, allowed], ...]` and forgets.
"""

import math
import ssl
import sys
import time

from aiohttp import web


def main():
    port, cert, key, quota, window, *counting = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    counter = (Sliding if counting == ["sliding"] else Counter)(int(quota), float(window))
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
        left = self.judge(since)
        self.log.append((round(since, 4), left is None))
        if left is None:
            return web.Response(text="ok")
        return web.Response(status=429, headers={"Retry-After": str(max(1, math.ceil(left)))})

    def judge(self, since):
        """None when a request is allowed, else the seconds until one is."""
        number = int(since / self.window)
        if self.allowed.get(number, 0) >= self.quota:
            return (number + 1) * self.window - since
        self.allowed[number] = self.allowed.get(number, 0) + 1
        return None

    async def tell(self, _request):
        log, self.log, self.first, self.allowed = self.log, [], None, {}
        return web.json_response(log)


class Sliding(Counter):
    def judge(self, since):
        self.allowed = {at: 1 for at in self.allowed if at > since - self.window}
        if len(self.allowed) >= self.quota:
            return min(self.allowed) + self.window - since
        self.allowed[since] = 1
        return None


if __name__ == "__main__":
    main()
