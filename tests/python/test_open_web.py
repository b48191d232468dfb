"""Pages of strangers: what an `open_web` client takes, how long, and what it tells. Names lead to loopback by a proxy that filters."""

from __future__ import annotations

import logging

import botsec
import pytest
from servers.api import Api, Reply
from servers.proxy import ConnectProxy

HOSTS = ("short.example.org", "middle.example.net", "page.example.com")
SHORT, MIDDLE, PAGE = (f"https://{host}" for host in HOSTS)


@pytest.fixture
def pages(authority):
    """One server that is all of the hosts."""
    with Api(authority, *HOSTS) as server:
        yield server


@pytest.fixture
def proxy(pages):
    made = ConnectProxy(leads={f"{host}:443": pages.port for host in HOSTS})
    yield made
    made.close()


@pytest.fixture
def web(face, proxy):
    """Makes clients; `retry=1` unless told otherwise, for no test shall wait."""
    filtering = botsec.Proxy(proxy.url, filters_addresses=True)
    return lambda **options: face.adopt(
        face.factory.open_web(**{"proxy": filtering, "tls": face.tls, "retry": 1, **options})
    )


def asked(proxy) -> list[str]:
    return [head.split()[1].decode() for head in proxy.heads]


def test_a_page_comes_through_a_filtering_proxy_by_its_name(web, proxy, pages):
    response = web().get(f"{PAGE}/a/b?q=1")
    assert (response.status_code, response.json()["target"]) == (200, "/a/b?q=1")
    assert asked(proxy) == [f"{HOSTS[2]}:443"]
    assert pages.last.header("host") == HOSTS[2]


def test_a_short_link_is_followed_over_three_hosts(web, proxy, pages):
    pages.on("/s", Reply(301, headers={"Location": f"{MIDDLE}/m?from=short"}))
    pages.on("/m", Reply(302, headers={"Location": f"{PAGE}/page?id=7#part"}))
    pages.on("/page", Reply(200, "here"))
    response = web().get(f"{SHORT}/s")
    assert (response.text, response.reveal_url()) == ("here", f"{PAGE}/page?id=7")
    assert response.url == f"{PAGE}/…" and "id=7" not in repr(response)
    assert [(request.header("host"), request.target) for request in pages.requests] == [
        (HOSTS[0], "/s"),
        (HOSTS[1], "/m?from=short"),
        (HOSTS[2], "/page?id=7"),
    ]
    assert asked(proxy) == [f"{host}:443" for host in HOSTS]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a b?q=c d#e f", "/a%20b?q=c%20d"),
        ("/\u202eb\ufeff/é", "/%E2%80%AEb%EF%BB%BF/%C3%A9"),
        ("/a\u3000b", "/a%E3%80%80b"),
    ],
)
def test_what_people_paste_and_servers_send_behind_a_host_is_encoded(web, pages, written, sent):
    pages.on("/s", Reply(302, headers={"Location": f"{PAGE}{written}"}))
    client = web()
    for url in (f"{PAGE}{written}", f"{SHORT}/s"):
        assert client.get(url).reveal_url() == f"{PAGE}{sent}"
        assert pages.last.target == sent


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://page.example.com/page", "policy.redirect_refused"),
        ("https://page.example.com:8443/page", "policy.redirect_refused"),
        ("https://169.254.169.254/latest/", "policy.address_blocked"),
        ("https://user@page.example.com/page", "policy.redirect_refused"),
        ("javascript:alert(1)", "policy.redirect_refused"),
    ],
)
def test_a_short_link_ends_where_a_hop_is_no_public_https(web, proxy, pages, location, code):
    pages.on("/s", Reply(301, headers={"Location": f"{MIDDLE}/m"}))
    pages.on("/m", Reply(302, headers={"Location": location}))
    with pytest.raises(botsec.PolicyError) as caught:
        web().get(f"{SHORT}/s")
    assert caught.value.code == code
    assert [request.target for request in pages.requests] == ["/s", "/m"]
    assert asked(proxy) == [f"{host}:443" for host in HOSTS[:2]]


@pytest.mark.parametrize(
    ("wanted", "sent", "taken"),
    [
        (["text/html"], "text/html", True),
        (["text/html"], "text/html; charset=utf-8", True),
        (["text/html"], "TEXT/HTML ;charset=utf-8", True),
        (["Text/HTML", "image/png"], "image/png", True),
        (["text/html"], "application/octet-stream", False),
        (["text/html"], "text/html5", False),
        (["text/html"], "application/json, text/html", False),
        (["text/html"], "", False),
        (["text/html"], None, False),
        ([], "text/html", False),
        (None, "application/x-anything", True),
        (None, None, True),
    ],
)
def test_the_media_type_decides_before_the_body_is_read(web, pages, wanted, sent, taken):
    headers = [] if sent is None else [("Content-Type", sent)]
    if taken:
        pages.on("/page", Reply(200, b"x" * 1000, headers=headers))
        assert web(content_types=wanted).get(f"{PAGE}/page").content == b"x" * 1000
        return
    # Whoever read this body would be out of time.
    pages.on("/page", Reply(200, headers=headers, chunks=[b"x"] * 60, pause=0.25))
    with pytest.raises(botsec.PolicyError) as caught:
        web(content_types=wanted, timeout=5).get(f"{PAGE}/page")
    assert caught.value.code == "policy.content_type"
    assert "content_types" in "".join(caught.value.__notes__)


def test_the_media_type_of_an_error_is_not_asked(web, pages):
    pages.on("/gone", Reply(404, b"{}", headers={"Content-Type": "application/json"}))
    with pytest.raises(botsec.StatusError) as caught:
        web(content_types=["text/html"]).get(f"{PAGE}/gone")
    assert caught.value.response.status_code == 404


def test_a_page_has_two_mebibytes_unless_told_otherwise(web, pages):
    pages.on("/fits", Reply(200, b"x" * (2 << 20)))
    pages.on("/large", Reply(200, b"x" * ((2 << 20) + 1)))
    client = web()
    assert len(client.get(f"{PAGE}/fits").content) == 2 << 20
    with pytest.raises(botsec.ResponseTooLargeError, match="2097152"):
        client.get(f"{PAGE}/large")
    assert len(web(max_response_bytes=3 << 20).get(f"{PAGE}/large").content) == (2 << 20) + 1


def test_a_page_has_ten_seconds_unless_told_otherwise(web, pages):
    pages.on("/slow", Reply(200, chunks=[b"x"] * 60, pause=0.25))
    with pytest.raises(botsec.RequestTimeoutError) as caught:
        web().get(f"{PAGE}/slow")
    assert 9.9 <= float(caught.value.details["elapsed_s"]) <= 15


def test_events_tell_the_host_alone(web, pages, caplog):
    pages.on("/gone", Reply(404, "no"))
    client = web()
    with caplog.at_level(logging.DEBUG, "botsec"):
        client.get(f"{PAGE}/reset/token-of-a-stranger?who=anna")
        with pytest.raises(botsec.StatusError):
            client.get(f"{PAGE}/gone")
    told = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name == "botsec")
    assert told.count(HOSTS[2]) >= 2
    assert [text for text in ("reset", "token-of-a-stranger", "anna", "gone") if text in told] == []


def test_a_bound_client_keeps_its_urls(client):
    with pytest.raises(TypeError, match="open_web"):
        client.get("/users/7").reveal_url()


@pytest.mark.parametrize("option", ["networks", "auth", "hosts", "allow", "base_url", "local_address"])
def test_what_opens_or_carries_more_is_no_option(face, option):
    with pytest.raises(TypeError, match=option):
        face.factory.open_web(**{option: None})
