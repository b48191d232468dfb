"""A checker that knows `LiteralString` reports templates that were formatted; mypy, which does not, reads `tests/typing`."""

import json
import subprocess
import sys

CODE = """
import botsec
from botsec import render


def use(client: botsec.Client, other: botsec.AsyncClient, name: str) -> None:
    client.get("/users/{id:int}", path={"id": 1})
    client.get("/users" "/{id:int}", path={"id": 1})
    client.get(f"/users/{name}")  # reported
    client.delete("/users/" + name)  # reported
    client.request("GET", "/users/{}".format(name))  # reported
    client.download(f"/users/{name}", "x")  # reported
    other.post(f"/users/{name}", json={})  # reported
    render.html("<b>{name}</b>", name=name)
    render.html(f"<b>{name}</b>")  # reported
    render.telegram("<b>" + name + "</b>")  # reported
    render.telegram_markdown(name)  # reported
    botsec.Client.open_web().get(name)
    botsec.AsyncClient.open_web().get(f"https://{name}/")
"""


def test_a_formatted_template_is_reported_where_it_stands(tmp_path):
    (tmp_path / "use.py").write_text(CODE)
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error"]
    command += ["--pythonpath", sys.executable, "use.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    found = json.loads(ran.stdout)["generalDiagnostics"]
    wanted = [number for number, line in enumerate(CODE.splitlines()) if line.endswith("# reported")]
    assert [each["range"]["start"]["line"] for each in found] == wanted, found
    assert {each["rule"] for each in found} == {"reportArgumentType"}
