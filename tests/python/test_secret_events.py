"""What is told of a secret while it lives: readings, rotations, short values; and what is never told."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import botsec
import pytest
from test_rotation import Vault, clock

__all__ = ["clock"]


def test_each_reveal_is_a_record_without_the_value(make_secret, caplog):
    secret = make_secret("value-to-reveal-1")
    with caplog.at_level(logging.DEBUG, "botsec"):
        assert secret.reveal() == "value-to-reveal-1"
        secret.reveal()
    told = [record.getMessage() for record in caplog.records if "revealed" in record.getMessage()]
    assert told == [f"secret {secret.name} was revealed"] * 2
    assert "value-to-reveal-1" not in caplog.text


def test_reveal_can_be_forbidden_for_the_whole_process(api, authority):
    # In a process of its own: there is no way back.
    code = """
import os, sys, botsec
os.environ["KEY"] = "value-of-nobody-1"
key = botsec.secret("env:KEY")
key.reveal()
botsec.forbid_reveal()
try:
    key.reveal()
except botsec.SecretAccessError as error:
    assert "value-of-nobody-1" not in str(error)
else:
    raise AssertionError
tls = botsec.Tls(ca_file=sys.argv[2])
with botsec.Client(sys.argv[1], auth=botsec.Bearer(key), networks="loopback", tls=tls) as client:
    client.get("/x")
"""
    ran = subprocess.run([sys.executable, "-c", code, api.origin, authority.ca_file], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert api.last.header("authorization") == "Bearer value-of-nobody-1"


def test_a_short_value_is_used_and_flagged(face, api, monkeypatch, caplog):
    monkeypatch.setenv("SHORT_KEY", "abc1234")
    monkeypatch.setenv("LONG_KEY", "abc12345")
    with caplog.at_level(logging.DEBUG, "botsec"):
        short, long = botsec.secret("env:SHORT_KEY"), botsec.secret("env:LONG_KEY")
        face.client(api.origin, auth=[botsec.Bearer(short), botsec.ApiKey(long)]).get("/x")
    assert api.last.header("authorization") == "Bearer abc1234"
    flagged = [record for record in caplog.records if "shorter than 8 bytes" in record.getMessage()]
    assert [record.levelno for record in flagged] == [logging.WARNING]
    assert "env:SHORT_KEY" in flagged[0].getMessage() and "abc1234" not in caplog.text
    assert "abc1234" not in repr(short) + str(short)


def test_a_missing_secret_says_nothing_of_its_neighbours(monkeypatch, tmp_path):
    monkeypatch.setenv("BOT_KEY_ONE", "neighbour-value-1")
    monkeypatch.delenv("BOT_KEY_TWO", raising=False)
    (tmp_path / "one").write_text("neighbour-value-2")
    for source in ("env:BOT_KEY_TWO", f"file:{tmp_path}/two"):
        with pytest.raises(botsec.SecretNotFoundError) as caught:
            botsec.secret(source)
        said = f"{caught.value} {caught.value!r} {caught.value.details} {getattr(caught.value, '__notes__', [])}"
        assert "neighbour" not in said and "BOT_KEY_ONE" not in said and f"{tmp_path}/one" not in said


def test_an_old_value_stays_redacted_after_its_rotation(face, api, clock, caplog):
    secret = botsec.secret("mine:place", provider=Vault(("first-value-123", "1"), ("second-value-456", "2")), ttl=100)
    client = face.client(api.origin, auth=botsec.Bearer(secret))
    client.get("/x")
    clock.advance(101)
    with caplog.at_level(logging.DEBUG, "botsec"):
        client.get("/x")
        with pytest.raises(botsec.BotsecError) as caught:
            client.get("/first-value-123/second-value-456/{id:int}", path={"id": "x"})
    text = f"{caplog.text} {caught.value.details} {getattr(caught.value, '__notes__', [])}"
    assert "rotated from=1 to=2" in caplog.text
    assert "first-value-123" not in text and "second-value-456" not in text


def test_a_callback_may_be_async(api, tls, clock):
    async def run():
        told = asyncio.Queue()
        secret = botsec.secret("mine:place", provider=Vault(("first-value-123", "1"), ("second-value-456", "2")))
        secret.on_rotate(told.put)
        async with botsec.AsyncClient(api.origin, auth=botsec.Bearer(secret), tls=tls, networks="loopback") as client:
            await client.get("/x")
            clock.advance(400)
            await client.get("/x")
            return await asyncio.wait_for(told.get(), 10)

    rotation = asyncio.run(run())
    assert tuple(rotation) == ("mine:place", "1", "2")


def test_many_clients_share_one_reading(face, api):
    vault = Vault("one-value-for-all")
    secret = botsec.secret("mine:place", provider=vault)
    clients = [face.client(api.origin, auth=botsec.Bearer(secret)) for _ in range(5)]
    for client in clients:
        client.get("/x")
    assert vault.asked == 1


@pytest.mark.parametrize(
    "source", ["sk-live-0123456789abcdef0123", "openai:sk-0123456789abcdefghij0123456789", "x" * 100_000]
)
def test_a_source_that_is_none_is_not_repeated(source):
    with pytest.raises((ValueError, botsec.SecretError)) as caught:
        botsec.secret(source)
    assert source[-20:] not in f"{caught.value}{getattr(caught.value, '__notes__', [])}"


@pytest.mark.parametrize("scheme", ["aws-sm", "gcp-sm", "azure-kv", "vault"])
def test_a_manager_s_source_alone_sends_nothing_anywhere(scheme):
    with pytest.raises(ValueError, match="needs `provider=`"):
        botsec.secret(f"{scheme}:name?endpoint=https://evil.example.com")
