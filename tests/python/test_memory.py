"""After a secret was fetched, used and dropped, no whole copy of it is left in this process's memory."""

from __future__ import annotations

import base64
import json
import re
import resource
import secrets
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.api import Reply
from servers.aws import REGION, Secrets
from servers.azure import CLIENT, TENANT, Entra
from servers.gcp import Google
from servers.oauth import FakeOAuth
from servers.vault import FakeVault

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/PID/mem")

#: A bot in a process of its own, scanned from outside. It learns no secret but from files and over TLS.
BOT = textwrap.dedent(
    """
    import asyncio, gc, json, sys, botsec

    given = json.loads(sys.argv[1])
    tls = botsec.Tls(ca_file=given["ca"])
    near = {"tls": tls, "networks": "loopback"}
    where = given.get("where")

    def file(name):
        return botsec.secret("file:" + given["files"] + "/" + name)

    def fetched():
        match given["source"]:
            case "file":
                return file("value")
            case "vault":
                login = botsec.AppRoleLogin("role-1", secret_id=file("login"))
                return botsec.secret("vault:kv/bot?field=key", provider=botsec.Vault(where, login=login, **near))
            case "aws":
                keys = {"access_key_id": given["id"], "secret_access_key": file("login")}
                return botsec.secret("aws-sm:bot?field=key", provider=botsec.Aws(given["region"], endpoint=where, **keys, **near))
            case "gcp":
                provider = botsec.Gcp(file("login"), endpoint=where, hosts=[where.removeprefix("https://")], **near)
                return botsec.secret("gcp-sm:my-project/bot", provider=provider)
            case "azure":
                login = botsec.AzureClientSecret(given["tenant"], given["client"], file("login"))
                provider = botsec.Azure(where, credentials=login, authority=where, **near)
                return botsec.secret("azure-kv:bot", provider=provider)

    def proof():
        if given["source"] == "oauth":
            return botsec.OAuth2ClientCredentials(
                where + "/oauth2/token", client_id="bot", client_secret=file("login"), **near
            )
        return botsec.Bearer(fetched())

    def pause(said):
        print(said, flush=True)
        sys.stdin.readline()

    def use():
        auth = proof()
        with botsec.Client(given["api"], auth=auth, **near) as client:
            for _ in range(3):
                client.get("/x")
            if given["source"] != "oauth":
                client.post("/x", json={"key": fetched().load()}, headers={"X-Key": fetched().load()})
            pause("used")

    async def use_async():
        auth = proof()
        async with botsec.AsyncClient(given["api"], auth=auth, **near) as client:
            await asyncio.gather(*(client.get("/x") for _ in range(3)))
            pause("used")

    asyncio.run(use_async()) if given["async"] else use()
    gc.collect()
    pause("dropped")
    """
)


def held(pid: int) -> Iterator[tuple[int, int]]:
    """The parts of a process's memory that hold something: from where to where."""
    size = resource.getpagesize()
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            try:
                pages.seek(low // size * 8)
                entries = pages.read((high - low) // size * 8)
            except (OSError, OverflowError):
                continue
            # Of 64 bits each: the highest says that the page is in memory, the next that it is in swap (proc(5)).
            marks = bytes(entry >> 6 for entry in entries[7::8])
            for part in re.finditer(rb"[^\0]+", marks):
                yield low + part.start() * size, low + part.end() * size


def copies(pid: int, wanted: dict[str, str]) -> dict[str, int]:
    """How often each text stands in the memory of a process."""
    found = dict.fromkeys(wanted, 0)
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for low, high in held(pid):
            try:
                memory.seek(low)
                image = memory.read(high - low)
            except (OSError, OverflowError):
                continue
            for name, text in wanted.items():
                found[name] += image.count(text.encode())
    return found


@pytest.fixture
def bot(api, authority, tmp_path):
    """Run the bot; what was found in its memory while it used the secret, and after it dropped it."""
    api.on("/x", lambda request: Reply(body={"ok": True}))

    def run(source, wanted, is_async=False, manager=None, login=None, value=None, **more):
        for name, text in (("login", login), ("value", value)):
            if text is not None:
                (tmp_path / name).write_text(text)
        given = {"source": source, "api": api.origin, "ca": authority.ca_file, "files": str(tmp_path)}
        given |= {"where": manager and manager.origin, "async": is_async, **more}
        bot = subprocess.Popen(
            [sys.executable, "-c", BOT, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with bot:
            seen = {}
            for step in ("used", "dropped"):
                assert bot.stdout.readline().strip() == step
                if step == "dropped":
                    # Threads of ours may still be letting go.
                    api.wait_until(lambda: not any(copies(bot.pid, wanted()).values()), 3)
                seen[step] = copies(bot.pid, wanted())
                if manager is not None and step == "used":
                    # Its connections are closed when nobody asks, while the bot and its client go on.
                    assert manager.wait_until(lambda: manager.finished == manager.accepted, 10)
                    seen["rested"] = copies(bot.pid, wanted())
                bot.stdin.write("\n")
                bot.stdin.flush()
        assert bot.returncode == 0
        return seen

    return run


def new(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(18)}"


def judge(seen, api, value):
    assert all(request.header("authorization") == f"Bearer {value}" for request in api.requests)
    assert seen["used"]["value"] >= 1, "the scan finds what is there"
    # A token lies on the page of its lease and on that of the login; of what came with the value nothing is left.
    pages = {"login": 1, "key": 1, "token": 2}
    rested = {name: count for name, count in seen.get("rested", {}).items() if name != "value"}
    assert {name: count for name, count in rested.items() if count > pages.get(name.split()[0], 0)} == {}
    assert seen["dropped"] == dict.fromkeys(seen["dropped"], 0)


faces = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@faces
def test_a_file_leaves_no_copy(bot, api, is_async):
    value = new("value")
    judge(bot("file", lambda: {"value": value}, is_async, value=value), api, value)


@faces
def test_vault_leaves_no_copy_of_value_login_and_token(bot, api, authority, is_async):
    value, login = new("value"), new("login")
    with FakeVault(authority) as vault:
        vault.put("kv/bot", key=value, other=new("neighbour"))
        vault.roles["approle", "role-1"] = login

        def wanted():
            neighbour = vault.kv2["kv/bot"][0].data["other"]
            tokens = {f"token {at}": token for at, token in enumerate(vault.tokens)}
            return {"value": value, "login": login, "neighbour": neighbour, **tokens}

        seen = bot("vault", wanted, is_async, manager=vault, login=login)
        assert vault.logins >= 1
    judge(seen, api, value)


@faces
def test_aws_leaves_no_copy_of_value_and_key(bot, api, authority, is_async):
    value = new("value")
    with Secrets(authority) as aws:
        id, login = aws.key()
        aws.put("bot", text := json.dumps({"key": value, "other": new("neighbour")}))
        wanted = {"value": value, "login": login, "neighbour": json.loads(text)["other"]}
        seen = bot("aws", lambda: wanted, is_async, manager=aws, login=login, id=id, region=REGION)
    judge(seen, api, value)


@faces
def test_google_leaves_no_copy_of_value_key_and_token(bot, api, authority, is_async):
    value = new("value")
    with Google(authority) as google:
        google.secrets["bot"] = [value.encode()]
        file = google.key_file()
        written = base64.b64encode(value.encode()).decode()
        line = file["private_key"].splitlines()[5]

        def wanted():
            tokens = {f"token {at}": token for at, token in enumerate(google.tokens)}
            return {"value": value, "value in base64": written, "key": line, **tokens}

        seen = bot("gcp", wanted, is_async, manager=google, login=json.dumps(file))
        assert google.tokens
    judge(seen, api, value)


@faces
def test_azure_leaves_no_copy_of_value_secret_and_token(bot, api, authority, monkeypatch, is_async):
    value, login = new("value"), new("login")
    monkeypatch.setattr("servers.azure.SECRET", login)
    with Entra(authority) as entra:
        entra.put("bot", value)

        def wanted():
            tokens = {f"token {at}": token for at, token in enumerate(entra.tokens)}
            return {"value": value, "login": login, **tokens}

        seen = bot("azure", wanted, is_async, manager=entra, login=login, tenant=TENANT, client=CLIENT)
        assert entra.tokens
    judge(seen, api, value)


@faces
def test_oauth_leaves_no_copy_of_token_and_password(bot, api, authority, is_async):
    with FakeOAuth(authority) as server:
        login = server.client()
        seen = bot("oauth", lambda: {"value": server.issued[-1], "login": login}, is_async, manager=server, login=login)
        assert len(server.issued) == 1
    judge(seen, api, server.issued[-1])
