"""Compare botsec.escape with its peers, and show that hostile text costs linear time.

Prints markdown tables. Each figure is CPU time of this thread per call, in nanoseconds, loop included; peers and botsec take
turns in every round, a fifth of the rounds runs in each of five processes, and ratios are of medians over all rounds. Needs `benches/requirements-text.txt`.
"""

import argparse
import html
import importlib.metadata
import itertools
import json
import subprocess
import sys
import time
import urllib.parse

from botsec import escape
from figures import median, ratio, table
from once import least

# CPU nanoseconds of one batch: long against the clock's own cost, short against a time slice.
BATCH_NS = 3_000_000
# Where the loader puts stack and heap decides some figures for the life of a process: in one of some fifteen, rewriting 1 KiB
# takes ours half as long again.
PROCESSES = 5
HOSTILE = 100_000
HOSTILE_MS = 10.0
# Time may grow by this at most when the text grows fourfold: 4 when linear, 16 when quadratic, and caches add to the first.
GROWTH = 8.0


def peers():
    """The peers' functions by name; one that is not installed is None."""
    found = {"html.escape": html.escape, "quote": lambda text: urllib.parse.quote(text, safe="")}
    try:
        from markupsafe._speedups import _escape_inner

        found["MarkupSafe's C core"] = _escape_inner
    except ImportError:
        found["MarkupSafe's C core"] = None
    try:
        from aiogram.utils.text_decorations import markdown_decoration

        found["aiogram"] = markdown_decoration.quote
    except ImportError:
        found["aiogram"] = None
    try:
        from telegram_escape import tg_escape

        found["telegram-escape"] = tg_escape
    except ImportError:
        found["telegram-escape"] = None
    try:
        from discord.utils import escape_markdown

        found["discord.py"] = escape_markdown
    except ImportError:
        found["discord.py"] = None
    return found


def mixed(clean, specials, every):
    """`clean` with every `every`-th character replaced by the next of `specials`."""
    dirt = itertools.cycle(specials)
    return "".join(next(dirt) if at % every == every // 2 else c for at, c in enumerate(clean))


ASCII = "the quick brown fox jumps over a lazy dog " * 30
SCRIPTS = {
    "Latin-1 (UCS1)": "un café à la crème près de la forêt où naît l" * 30,
    "Cyrillic (UCS2)": "быстрая лиса прыгает через ленивую собаку и " * 30,
    "emoji (UCS4)": "смех 😀 да ещё 🚀 и снова 🦊 конец строки тут " * 30,
}
SPECIALS = "&<>\"'"


def cases():
    """`(title, ours, text, fresh, [(peer, bar)])`."""
    core, std = "MarkupSafe's C core", "html.escape"
    short, long = ASCII[:20], ASCII[:1024]
    yield "html, 20 B clean", escape.html, short, False, [(std, 5.0), (core, 1.0)]
    yield "html, 20 B dirty", escape.html, mixed(short, SPECIALS, 6), False, [(std, None), (core, None)]
    yield "html, 1 KiB clean", escape.html, long, False, [(std, None), (core, 6.0)]
    yield "html, 1 KiB, 17 % dirty", escape.html, mixed(long, SPECIALS, 6), False, [(std, None), (core, 2.5)]
    yield "html, 1 KiB, 1 % dirty", escape.html, mixed(long, SPECIALS, 100), False, [(std, None), (core, None)]
    for script, text in SCRIPTS.items():
        for size in (20, 800):
            bar = 0.8 if size == 800 else None
            clean = text[:size]
            yield f"html, fresh {script}, {size} chars clean", escape.html, clean, True, [(core, bar), (std, None)]
            dirty = mixed(clean, SPECIALS, 6)
            yield f"html, fresh {script}, {size} chars, 17 % dirty", escape.html, dirty, True, [(core, bar), (std, None)]
    chat = "hello *bold* (x) 1.5"
    yield "telegram, 20 B", escape.telegram, chat, False, [("aiogram", 10.0), ("telegram-escape", 2.0)]
    yield "telegram, 1 KiB", escape.telegram, (chat * 52)[:1024], False, [("aiogram", None), ("telegram-escape", None)]
    yield "discord, 20 B", escape.discord, chat, False, [("discord.py", 40.0)]
    yield "discord, 20 B clean", escape.discord, short, False, [("discord.py", 40.0)]
    yield "discord, 1 KiB", escape.discord, (chat * 52)[:1024], False, [("discord.py", None)]
    yield "url_segment, 20 B", escape.url_segment, "a/b c d&e f?g=h i#j!", False, [("quote", 15.0)]
    yield "url_segment, 20 B clean", escape.url_segment, "abcdefghij0123456789", False, [("quote", None)]
    yield "url_segment, 1 KiB", escape.url_segment, ("a/b c d&e f?g=h i#j!" * 52)[:1024], False, [("quote", None)]


def timed(function, text, fresh, calls):
    """CPU nanoseconds per call."""
    clock = time.thread_time_ns
    if fresh:
        # New objects: nothing that an earlier call left on them is found.
        head, tail = text[:-1], text[-1]
        texts = [head + tail for _ in range(calls)]
        begin = clock()
        for text in texts:
            function(text)
        return (clock() - begin) / calls
    times = itertools.repeat(None, calls)
    begin = clock()
    for _ in times:
        function(text)
    return (clock() - begin) / calls


def measure(rounds):
    """CPU nanoseconds per call of every round, by title and name: peers and botsec take turns."""
    known, found = peers(), {}
    for title, ours, text, fresh, wanted in cases():
        runners = {"botsec": ours, **{name: known[name] for name, _ in wanted if known[name]}}
        calls = {}
        for name, function in runners.items():
            once = max(timed(function, text, fresh, 50), 1)
            calls[name] = max(20, min(int(BATCH_NS / once), 5_000 if fresh else 100_000))
        row = found[title] = {name: [] for name in runners}
        for _ in range(rounds):
            for name, function in runners.items():
                row[name].append(timed(function, text, fresh, calls[name]))
    return found


def gather(rounds):
    """What `measure` finds in fresh processes, a few rounds in each."""
    found = {}
    for started in range(PROCESSES):
        part = rounds // PROCESSES + (started < rounds % PROCESSES)
        done = subprocess.run([sys.executable, __file__, "--measure", str(part)], stdout=subprocess.PIPE, check=True, text=True)
        for title, row in json.loads(done.stdout).items():
            for name, times in row.items():
                found.setdefault(title, {}).setdefault(name, []).extend(times)
    return found


def compare(rounds):
    measured = gather(rounds)
    rows, bars = [], []
    for title, _, _, _, wanted in cases():
        found = measured[title]
        for name, bar in wanted:
            if name not in found:
                bars.append([title, name, bar, None, "not installed"])
                continue
            value, low, high = ratio(found["botsec"], found[name], more_is_better=False)
            verdict = "" if bar is None else "reached" if value >= bar else "missed"
            if verdict and low < bar <= high:
                verdict += " (within noise)"
            rows.append([title, median(found["botsec"]), name, median(found[name]), f"{value:.2f} ({low:.2f} to {high:.2f})"])
            if bar is not None:
                bars.append([f"{title}, times as fast as {name}", f"≥ {bar}", f"{value:.2f}", verdict])
    print(table(["what", "botsec, ns", "peer", "peer, ns", "times as fast"], rows))
    return bars


# Made to be slow: what opens and never closes, what is all specials, what looks like the start of something long.
FAMILIES = {
    name: (lambda n, piece=piece: (piece * (n // len(piece) + 1))[:n])
    for name, piece in {
        "a": "a", "&": "&", "<": "<", "*_": "*_", "`": "`", "[": "[", "[t](u)": "[t](u)", "<a": "<a", "@": "@", "\\": "\\",
        "lines": "\n", "blanks": " ", "digits": "1", "# ": "# ", ">": ">", "CSI": "\x1b[", "OSC": "\x1b]0;", "C1": "\x9d",
        "colours": "\x03", "bidi": "\u202e", "emoji": "😀", "NUL": "\x01", "=": "=", "full-width": "＝", "/": "/", "-": "-",
        "<b>": "<b>", "<div><p>": "<div><p>", "<table>": "<table>", "<a href=x>": "<a href=x>", "<svg>": "<svg>", "<!--": "<!--",
        "</p>": "</p>", "<p>x</p>": "<p>x</p>", "<br>": "<br>", "<b>x</b>": "<b>x</b>", "<i></b>": "<i></b>", "&lt;": "&lt;",
        "<li>": "<li>", "<td>": "<td>", "<![CDATA[": "<![CDATA[", "<script>": "<script>", "</": "</", "<p><b></p>": "<p><b></p>",
        "<select><option>": "<select><option>", "<math><mi>": "<math><mi>", "<template>": "<template>", "<!---->": "<!---->",
        "<html a>": "<html a>", "<h1>": "<h1>", "<b></p>": "<b></p>", "<svg/>": "<svg/>", "<a></a>": "<a></a>",
    }.items()
}  # fmt: skip
FAMILIES |= {
    "attributes": lambda n: "<b " + " ".join(f"a{i}" for i in range(n // 6)) + ">",
    "one long attribute": lambda n: "<a href='" + "x" * n + "'>x</a>",
    "different <b>": lambda n: "".join(f"<b id={i}><p>" for i in range(n // 13)),
    "<table> and <hr>": lambda n: "<table>" + "<hr>" * (n // 4),
    "<html> attributes": lambda n: "".join(f"<html a{i}>" for i in range(n // 11)),
    "hidden end tags": lambda n: "".join(f"<b id={i}><!--</b>-->" for i in range(n // 21)),
    "scoped end tags": lambda n: "".join(f"<b id={i}><table></b></table>" for i in range(n // 28)),
    "cells": lambda n: "<table>" + "<tr><td>a<td>b" * (n // 14) + "</table>",
    "ids": lambda n: "".join(f"<p id=a{i}>x</p>" for i in range(n // 16)),
    "JSON": lambda n: "[" * n,
    "JSON strings": lambda n: '["' + "<" * n + '"]',
    "a link": lambda n: "https://e.com/" + "(" * n,
    "labels": lambda n: "https://" + "ä." * (n // 2),
}


def functions():
    for name in escape.__all__:
        function = getattr(escape, name)
        if name in ("telegram", "discord"):
            for where in ("text", "code", "link"):
                yield f"{name}, {where}", lambda t, f=function, w=where: f(t, where=w)
        elif name == "sanitize_html":
            for profile in ("chat", "matrix", "email"):
                yield f"{name}, {profile}", lambda t, f=function, p=profile: f(t, p)
        else:
            yield name, function


def hostile():
    rows, bars = [], []
    found = least(((name, function, FAMILIES) for name, function in functions()), [HOSTILE * factor for factor in (1, 2, 4)])
    for name, _ in functions():
        worst = max((found[name, family, HOSTILE], family) for family in FAMILIES)
        grown = 0.0
        for family in FAMILIES:
            sizes = [found[name, family, HOSTILE * factor] for factor in (1, 2, 4)]
            # Below a tenth of a millisecond the clock and the caches decide.
            if sizes[0] > 0.1:
                grown = max(grown, sizes[2] / sizes[0])
        rows.append([name, worst[0], worst[1], grown or None])
        fits = worst[0] < HOSTILE_MS and grown < GROWTH
        bars.append([f"{name}: hostile text of {HOSTILE:,}", f"< {HOSTILE_MS:.0f} ms, linear", f"{worst[0]:.2f} ms", "reached" if fits else "missed"])
    print("\n" + table(["function", "worst, CPU ms", "with", "time at 4 times the size"], rows))
    return bars


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="interleaved rounds (default 25)")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a bar is missed beyond noise")
    parser.add_argument("--only", choices=["peers", "hostile"], help="one half of it")
    parser.add_argument("--measure", type=int, metavar="ROUNDS", help="what each process does: prints its times as JSON")
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(arguments.measure)))
        return 0
    names = ["botsec", "markupsafe", "aiogram", "telegram-escape", "discord.py"]
    installed = {dist.metadata["Name"].lower(): dist.version for dist in importlib.metadata.distributions()}
    print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{n} {installed.get(n, '(not installed)')}" for n in names) + "\n")
    bars = [] if arguments.only == "hostile" else compare(arguments.rounds)
    bars += [] if arguments.only == "peers" else hostile()
    print("\n" + table(["bar", "wanted", "reached", "verdict"], bars))
    return arguments.gate and any(row[3] == "missed" for row in bars)


if __name__ == "__main__":
    sys.exit(main())
