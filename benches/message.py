"""How much CPU `botsec.message` and `botsec.render` take, and that hostile text costs linear time.

    python benches/message.py

Prints markdown tables. The first holds the CPU time of a call with ordinary text, median of interleaved rounds; the others the time of
texts made to be slow at three sizes, the least of four interleaved rounds of two calls. Needs nothing but botsec.
"""

import argparse
import sys
import time

from botsec import message, render
from figures import median, table
from once import least

HOSTILE = 100_000
HOSTILE_MS = 10.0
# Time may grow by this at most when the text grows fourfold: 4 when linear, 16 when quadratic; caches, and memory that the
# allocator keeps up to some size only, add to the first.
GROWTH = 12.0
# CPU nanoseconds of one batch: long against the clock's own cost, short against a time slice.
BATCH_NS = 3_000_000
HOSTS = ["good.com", "*.wild.org", "пример.рф"]
PLATFORMS = ["discord", "slack", "telegram", "matrix", "teams", "whatsapp", "irc"]
ANSWER = (
    "Here is what I found. **Install** it with `pip install botsec`, then read "
    "[the guide](https://good.com/guide) and [this](https://evil.example/?q=1).\n\n- first, a list\n- then https://a.wild.org/x\n"
) * 4


def repeated(piece):
    return lambda n: (piece * (n // len(piece) + 1))[:n]


def numbered(pattern):
    def make(n):
        # Longer ones come to an end before all of these are used.
        pieces = (pattern.replace("{}", str(at)) for at in range(n // (len(pattern) - 2) + 1))
        return " ".join(pieces)[:n]

    return make


# Texts that are nothing but links, addresses, names or their beginnings; what joins, folds, nests and unfolds.
FAMILIES = {
    name: repeated(piece)
    for name, piece in {
        "[": "[", "](": "](", "<": "<", "![": "![", "`": "`", "http://": "http://", "prose": "hello world of text ", "]:": "]:",
        "x@a.co": "x@a.co ", "a.co,": "a.co,", "good.com": "good.com ", "1.2.3.4": "1.2.3.4 ", "ж.рф": "ж.рф ", "中文.中国": "中文.中国 ",
        "one link": "[x](https://good.com/a) ", "labels": "[good.com](https://good.com) ", "Slack's": "<https://good.com|good.com>",
        "<b>": "<b>", "<img>": "<img src=x>", "</a>": "</a>", "&#104;": "&#104;", "&lpar;": "&lpar;", "%2e": "%2e", "\\": "\\",
        "@": "@", "@abc": "@abc ", "<@1>": "<@1>", "@everyone": "@everyone ", "mailto": "mailto:a@b.c ", "definitions": "[a]: https://good.com\n",
        "ligatures": "ﬃ", "phrases": "ﷺ", "squares": "㌖", "full-width": "ｅｖｉｌ．ｃｏｍ ", "marks": "\u0301", "zero-width": "\u200b", "joiners": "\U0001f468\u200d",
        "tones": "\U0001f3fb\u200d", "dots": "a.", "Thai": "ไทย ", "Georgian": "გ.გე ", "data": "data:a/b,", "//": "//", "lines": "\n",
    }.items()
}  # fmt: skip
FAMILIES |= {
    name: numbered(pattern)
    for name, pattern in {
        "links": "https://good.com/a{}", "strange links": "https://e{}.com/a{}", "links below": "https://s{}.wild.org/", "names": "n{}.com",
        "addresses": "u{}@h{}.com", "labelled": "[a{}](https://e{}.com/)", "anchors": '<a href="https://good.com/{}">x</a>',
        "international": "ж{}ж.рф", "capitals": "Ж{}Ж.РФ", "international links": "https://ж{}ж.рф/", "below one": "https://ж{}.пример.рф/",
        "mixed": "https://ж{}.wild.org/", "umlauts": "ä{}.com", "A-labels": "xn--e1a{}fmkfd.com", "queries": "https://good.com/?q={}&b=c",
    }.items()
}  # fmt: skip
VALUES = {name: FAMILIES[name] for name in ("[", "<", "`", "@", "\\", "lines", "&#104;", "links", "zero-width", "joiners")}
VALUES |= {"specials": repeated("&*_`[]("), "CSI": repeated("\x1b[")}
# Literal parts around holes. One that a platform refuses costs what reading it costs.
TEMPLATES = ["a{x}", "<b>{x}</b>", "`{x}`", "_{x}_", "[{x}](https://good.com/{x})", "<p title='", "&amp;", "> ", "a='b' ", "<!--"]


def payloads():
    """Every function that makes payloads or parts, by name."""
    for name in ("discord", "slack", "telegram", "matrix", "teams", "whatsapp"):
        yield name, lambda text, f=getattr(message, name): f(text, max_parts=1_000)
    for platform in PLATFORMS:
        yield f"split, {platform}", lambda text, p=platform: message.split(text, platform=p, max_parts=1_000)


def sanitizers():
    for platform in PLATFORMS:
        yield f"sanitize_llm, {platform}", lambda text, p=platform: message.sanitize_llm(text, platform=p, allow_hosts=HOSTS)


def renderers():
    for name in render.__all__:
        if name != "Safe":
            yield name, getattr(render, name)


def timed(function, text, calls):
    begin = time.thread_time_ns()
    for _ in range(calls):
        function(text)
    return (time.thread_time_ns() - begin) / calls


def ordinary(rounds):
    calls = {
        f"message.{name}": (function, ANSWER)
        for name, function in [*payloads(), *((n, f) for n, f in sanitizers() if n.endswith(("discord", "telegram")))]
    }
    calls |= {
        f"render.{name}": (lambda value, f=function: f("{a} and {b}", a=value, b=value), "Joe *Bloggs* <joe>")
        for name, function in renderers()
    }
    taken = {name: [] for name in calls}
    batches = {name: max(5, int(BATCH_NS / max(timed(*call, 5), 1))) for name, call in calls.items()}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(timed(*call, batches[name]) / 1_000)
    print(table(["call", "µs"], [[name, f"{median(values):.2f}"] for name, values in taken.items()]))


def hostile(title, functions):
    """The slowest family of each function at 100,000 characters; `functions` are names, callables and their families."""
    functions, sizes = list(functions), (HOSTILE // 2, HOSTILE, HOSTILE * 2)
    found = least(functions, sizes)
    rows, slow = [], False
    for name, _, families in functions:
        worst, grown = (0.0, "", []), (0.0, None)
        for family in families:
            times = [found[name, family, size] for size in sizes]
            worst = max(worst, (times[1], family, times))
            # Below a tenth of a millisecond the clock and the caches decide.
            if times[0] > 0.1:
                grown = max(grown, (times[2] / times[0], f"{times[2] / times[0]:.1f}: {family}, {times[0]:.2f} to {times[2]:.2f} ms"))
        missed = worst[0] >= HOSTILE_MS or grown[0] >= GROWTH
        slow |= missed
        rows.append([name, *(f"{ms:.2f}" for ms in worst[2]), worst[1], grown[1], "missed" if missed else "reached"])
    head = [title, "50,000: ms", "100,000", "200,000", "with", "most growth at 4 times", f"< {HOSTILE_MS:.0f} ms, linear"]
    print("\n" + table(head, rows))
    return slow


def templates():
    for name, function in renderers():
        yield f"{name}, value", lambda text, f=function: f("a {x} b", x=text), VALUES
        whole = {part: (lambda n, part=part: part * (n // len(part)) + "{x}") for part in TEMPLATES}
        yield f"{name}, template", lambda text, f=function: f(text, x="v"), whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default 15)")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a bar is missed")
    arguments = parser.parse_args()
    ordinary(arguments.rounds)
    slow = hostile("message", ((name, function, FAMILIES) for name, function in [*sanitizers(), *payloads()]))
    slow |= hostile("render", templates())
    return int(arguments.gate and slow)


if __name__ == "__main__":
    sys.exit(main())
