"""README, docstrings and examples do what they say."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import botsec
import botsec.network
import botsec.testing
import pytest
from botsec.testing import LoopbackApi, Reply

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))


def blocks(language):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_is_short_and_its_first_example_runs(monkeypatch, capsys):
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    monkeypatch.setenv("MY_SERVICE_API_KEY", "example-key-0123456789")
    with LoopbackApi({"/users/42": Reply(json={"name": "A*B"})}) as api:
        options = {"networks": "loopback", "tls": botsec.Tls(ca_file=api.ca_file)}
        real = botsec.Client
        monkeypatch.setattr(botsec, "Client", lambda url, **given: real(api.url, **given, **options))
        exec(compile(blocks("python")[0], "README.md", "exec"), {"user_input": "42"})
        assert api.received[0].headers["authorization"] == "Bearer example-key-0123456789"
    assert capsys.readouterr().out == "A\\*B\n"


def test_the_readmes_async_example_runs(monkeypatch):
    import asyncio
    import textwrap

    with LoopbackApi({"/messages": Reply(json={})}) as api:
        real = botsec.AsyncClient
        options = {"networks": "loopback", "tls": botsec.Tls(ca_file=api.ca_file)}
        monkeypatch.setattr(botsec, "AsyncClient", lambda url, **given: real(api.url, **given, **options))
        source = "async def main():\n" + textwrap.indent(blocks("python")[1], "    ")
        names = {"botsec": botsec}
        exec(compile(source, "README.md", "exec"), names)
        asyncio.run(names["main"]())
        assert api.received[0].headers["idempotency-key"] == "m-1"


@pytest.mark.parametrize(
    "name",
    [
        "botsec",
        "botsec.escape",
        "botsec.errors",
        "botsec.network",
        "botsec.testing",
        "botsec.validate",
        "botsec.message",
    ],
)
def test_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_every_module_imports_alone():
    names = [m.name for m in pkgutil.walk_packages(botsec.__path__, "botsec.") if not m.name.endswith("__main__")]
    for name in names:
        subprocess.run([sys.executable, "-W", "error", "-c", f"import {name}"], check=True)


def test_public_names_are_complete_and_sorted():
    for module in (botsec, botsec.escape, botsec.errors, botsec.message, botsec.network):
        assert list(module.__all__) == sorted(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)
    for name in botsec.__all__:
        assert getattr(botsec, name).__doc__ or name == "__version__", name
    errors = [e for e in vars(botsec.errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(e, botsec.BotsecError) and getattr(botsec, e.__name__) is e for e in errors)


def test_the_telegram_example(monkeypatch):
    import telegram_bot

    token = "12345678:" + "Zz9" * 11 + "ab"
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", token)
    update = {"message": {"from": {"first_name": "A*<b>"}, "chat": {"id": 7}}}
    routes = {
        f"/bot{token}/getUpdates": Reply(json={"ok": True, "result": [update]}),
        f"/bot{token}/sendMessage": Reply(json={"ok": True}),
    }
    with LoopbackApi(routes) as api:
        tls = botsec.Tls(ca_file=api.ca_file)
        with telegram_bot.make_client(api.url, networks="loopback", tls=tls) as client:
            assert telegram_bot.answer(client) == 1
        assert b"Hello *A\\\\*<b\\\\>*" in api.received[-1].body


def test_the_discord_example(monkeypatch):
    import asyncio

    import discord_webhook

    with LoopbackApi({"/api/webhooks/1/token-of-the-hook": Reply(json={})}) as api:
        monkeypatch.setenv("DISCORD_WEBHOOK_URL", f"{api.url}/api/webhooks/1/token-of-the-hook")
        options = {"networks": "loopback", "tls": botsec.Tls(ca_file=api.ca_file)}
        host = f"localhost:{api.port}"
        assert asyncio.run(discord_webhook.announce("@everyone **hi**", host=host, **options)) == 200
        assert b"@everyone" not in api.received[-1].body
        assert api.received[-1].path.endswith("?wait=true")


def test_the_llm_example(monkeypatch, capsys):
    import llm_client

    monkeypatch.setenv("LLM_API_KEY", "llm-key-0123456789")
    pieces = ['data: {"choices":[{"delta":{"content":"blue\\u001b[2J"}}]}\n\n', "data: [DONE]\n\n"]
    with LoopbackApi({"/v1/chat/completions": Reply(chunks=pieces)}) as api:
        tls = botsec.Tls(ca_file=api.ca_file)
        assert llm_client.ask("?", f"{api.url}/v1", networks="loopback", tls=tls) == "blue\x1b[2J"
    assert capsys.readouterr().out == "blue\n"


def test_the_notebook_runs(tmp_path):
    script = (
        "import nbformat, nbclient, sys\n"
        "book = nbformat.read(sys.argv[1], as_version=4)\n"
        "nbclient.NotebookClient(book, timeout=60, kernel_name='python3').execute()\n"
        "print([o.get('text') or o.get('data', {}).get('text/plain') for c in book.cells if c.cell_type == 'code' for o in c.outputs])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "examples" / "notebook.ipynb")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "&lt;b&gt;Ann&lt;/b&gt;" in done.stdout
    assert "must be a whole number" in done.stdout


def test_the_demo_does_what_it_says():
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "botsec", "demo"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "FAILED" not in done.stdout
    assert "All 11 steps did what they say" in done.stdout
    assert "\x1b" not in done.stdout
