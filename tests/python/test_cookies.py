"""There is no cookie jar: what a server sets goes nowhere."""

import pytest
from servers.api import Reply

SET = [
    "sid=cookie-of-the-api; Path=/; Secure; HttpOnly",
    "sid=cookie-of-the-api; Domain=localhost; Path=/",
    "sid=cookie-of-the-api; Domain=example.com; Path=/",
    "sid=cookie-of-the-api; Domain=com; Path=/; SameSite=None",
    "__Host-sid=cookie-of-the-api; Path=/; Secure",
]


@pytest.mark.parametrize("cookie", SET)
def test_a_cookie_goes_out_neither_with_the_next_call_nor_with_a_redirect(face, api, other_api, cookie):
    api.on("/x", Reply(200, {"ok": True}, {"Set-Cookie": cookie}))
    api.on("/away", Reply(302, b"", {"Set-Cookie": cookie, "Location": f"{other_api.origin}/y"}))
    api.on("/near", Reply(302, b"", {"Set-Cookie": cookie, "Location": "/z"}))
    client = face.client(api.origin, hosts=[api.host, other_api.host])
    for path in ("/x", "/x", "/near", "/away", "/x"):
        client.get(path)
    requests = [*api.requests, *other_api.requests]
    assert len(requests) == 7 and len(other_api.requests) == 1
    assert [request.header("cookie") for request in requests] == [None] * 7
