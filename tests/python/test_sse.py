"""Lines and server-sent events of a stream, however the network cuts them."""

from __future__ import annotations

import json
import logging
import re
import time

import botsec
import pytest
from botsec._stream import MAX_LINE, ServerSentEvent, _Lines
from servers.api import Reply


@pytest.fixture
def events(client, api):
    def read(*chunks: bytes) -> list[tuple]:
        # An empty chunk would end the body.
        api.on("/s", Reply(200, chunks=[chunk for chunk in chunks if chunk], pause=0.001))
        with client.stream("GET", "/s") as response:
            return [tuple(event) for event in response.iter_sse()]

    return read


def message(data: str, event: str = "message", identity: str = "", retry: int | None = None) -> tuple:
    return tuple(ServerSentEvent(event, data, identity, retry))


def cut(text: bytes, *at: int) -> list[bytes]:
    ends = [0, *at, len(text)]
    return [text[begin:end] for begin, end in zip(ends, ends[1:])]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_are_the_same_wherever_they_are_cut(events, end):
    text = end.join(
        [b"data: one", b"", b"event: e", b"data: two", b"data:three", b"id: 7", b"", b": note", b"data: x", b"", b""]
    )
    expected = [message("one"), message("two\nthree", "e", "7"), message("x", identity="7")]
    assert events(text) == expected
    for at in range(1, len(text), 3):
        assert events(*cut(text, at, min(at + 1, len(text)))) == expected, at


def test_a_blank_line_behind_a_cut_crlf_ends_its_event(events):
    assert events(b"data: one\r", b"\n", b"\n", b"data: two\n\n") == [message("one"), message("two")]
    assert events(b"data: one\r", b"\n", b"\r\n", b"data: two\r\n\r\n") == [message("one"), message("two")]
    # CR CR LF: an end of line, and another.
    assert events(b"data: one\r", b"\r", b"\ndata: two\n\n") == [message("one"), message("two")]


def test_a_byte_order_mark_is_no_part_of_the_first_field(events):
    assert events(b"\xef\xbb\xbfdata: one\n\n") == [message("one")]
    assert events(b"\xef", b"\xbb\xbf", b"data: one\n\n") == [message("one")]
    # One of them, and only at the beginning.
    assert events(b"\xef\xbb\xbf\xef\xbb\xbfdata: one\n\ndata: two\n\n") == [message("two")]
    assert events(b"data: one\n\n\xef\xbb\xbfdata: two\n\n") == [message("one")]


def test_a_retry_of_its_own_is_told_with_the_next_event(events):
    text = b"retry: 3000\n\ndata: a\n\ndata: b\n\nretry: 1\nretry: 20\ndata: c\n\n"
    assert events(text) == [message("a", retry=3000), message("b"), message("c", retry=20)]


@pytest.mark.parametrize(
    ("value", "retry"),
    [
        (b"1234567890123", 1234567890123),
        (b"999999999999999", 999999999999999),
        (b"000000000000000000003000", 3000),
        (b"0", 0),
        (b"1000000000000000", None),
        (b"9" * 5000, None),
        (b"-1", None),
        (b"1.5", None),
        ("٣".encode(), None),
        (b"", None),
    ],
)
def test_a_retry_is_a_whole_number_that_a_clock_can_hold(events, value, retry):
    assert events(b"retry: " + value + b"\ndata: a\n\n") == [message("a", retry=retry)]


def test_an_event_without_data_is_none_and_an_unfinished_one_is_dropped(events):
    assert events(b"event: ping\n\n: note\n\nid: 5\n\ndata: a\n\ndata: lost\n") == [message("a", identity="5")]


@pytest.mark.parametrize("way", ["iter_lines", "iter_sse"])
@pytest.mark.parametrize("size", [MAX_LINE - 6, MAX_LINE + 1])
def test_a_line_is_at_most_1_mib(client, api, caplog, way, size):
    body = b"data: " + b"x" * size + b"\n\n"
    api.on("/s", Reply(200, chunks=[body[at : at + 50_000] for at in range(0, len(body), 50_000)]))
    caplog.set_level(logging.INFO, "botsec")
    before = client.stats()["failures"]
    with client.stream("GET", "/s") as response:
        if size < MAX_LINE:
            assert len(list(getattr(response, way)())) == (2 if way == "iter_lines" else 1)
            assert client.stats()["failures"] == before
            return
        with pytest.raises(botsec.ResponseTooLargeError) as caught:
            list(getattr(response, way)())
    error = caught.value
    assert error.code == "transport.too_large"
    assert re.fullmatch(r"[0-9A-Z]{8}", error.incident_id or "")
    assert error.incident_id in str(error)
    (record,) = [record for record in caplog.records if "/s" in record.getMessage()]
    assert record.levelno >= logging.WARNING
    assert "transport.too_large" in record.getMessage()
    assert client.stats()["failures"] == before + 1


def test_the_lines_of_an_event_together_are_at_most_1_mib(client, api):
    line = b"data: " + b"x" * 60_000 + b"\n"
    api.on("/many", Reply(200, chunks=[line] * 18))
    api.on("/notes", Reply(200, chunks=[b": " + line] * 18 + [b"data: a\n\n"]))
    with client.stream("GET", "/many") as response, pytest.raises(botsec.ResponseTooLargeError):
        list(response.iter_sse())
    with client.stream("GET", "/notes") as response:
        assert [event.data for event in response.iter_sse()] == ["a"]


class Overlong:
    def overlong(self) -> Exception:
        return ValueError("too long")


def _cpu_s(chunks: int) -> float:
    def once() -> float:
        lines, begun = _Lines(Overlong()), time.process_time()
        for _ in range(chunks):
            for _ in lines.feed(b"x"):
                raise AssertionError("no line has ended")
        assert len(next(iter(lines.end()))) == chunks
        return time.process_time() - begun

    return min(once() for _ in range(3))


def test_a_line_in_many_chunks_takes_time_in_proportion():
    # Looking at the whole line again with each chunk makes eight times as many take sixty-four times as long.
    assert _cpu_s(200_000) < 24 * _cpu_s(25_000)


def test_lines_of_a_body_that_was_read(client, api):
    api.on("/s", Reply(200, b"a\r\nb\n\nc"))
    response = client.get("/s")
    assert list(response.iter_lines()) == ["a", "b", "", "c"]


def test_what_an_event_holds_is_text(events):
    text = json.dumps({"text": "ü"}, ensure_ascii=False)
    assert events(f"data: {text}\n\n".encode()) == [message(text)]
