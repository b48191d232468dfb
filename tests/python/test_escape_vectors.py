"""Every row of `vectors/escape.json` holds for the function it belongs to, or is left out by name with the reason."""

import html
import json
import re
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from botsec import escape

ROWS = json.loads((Path(__file__).parents[1] / "vectors" / "escape.json").read_text(encoding="utf-8"))
HELD = [row for row in ROWS if "excluded" not in row]
# Peers spell references and percent escapes in several ways, so these are compared as they are read back.
READ = {
    "html": lambda t: html.unescape(escape.html(t)),
    "telegram_html": lambda t: html.unescape(escape.telegram_html(t)),
    "url_query": lambda t: unquote_plus(escape.url_query(t)),
    "json_in_script": lambda t: json.loads(escape.json_in_script(t)),
    # Mentions alone, as a peer's function for them prints them.
    "discord.unescaped": lambda t: re.sub(r"\\(.)", r"\1", escape.discord(t)),
    "telegram.code": lambda t: escape.telegram(t, where="code"),
    "telegram.link": lambda t: escape.telegram(t, where="link"),
    "sanitize_html.email": lambda t: escape.sanitize_html(t, "email"),
    "sanitize_html.matrix": lambda t: escape.sanitize_html(t, "matrix"),
}


@pytest.mark.parametrize("row", HELD, ids=lambda row: f"{row['context']}:{row['input'][:12]!r}")
def test_every_vector_holds(row):
    ours = READ.get(row["context"]) or getattr(escape, row["context"])
    assert ours(row["input"]) == row["expected"]


def test_no_row_is_lost():
    assert len(HELD) > 450
    assert all(row["excluded"] for row in ROWS if row not in HELD)
    # A peer's fault is never printed by us: these rows differ from what we print.
    faults = [row for row in ROWS if row["context"].startswith("discord.markdown") and "excluded" in row]
    assert faults
    assert all(escape.discord(row["input"]) != row["expected"] for row in faults)
