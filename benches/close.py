"""Decide bars that a whole run leaves open: two cells that are compared run one after the other, many times.

    python benches/close.py [--rounds 40] [PAIR ...]

In `run.py` the cells of a round lie up to two minutes apart, and a slow phase of the machine weighs on one of them alone. Prints
a markdown table of ratios with 95 % bootstrap intervals over whole rounds; which cell of a pair runs first is drawn. Needs what `run.py` needs.
"""

import argparse
import random
import sys

import cases
import server
from figures import median, ratio, table

# A pair's name: what is compared, each a case and a client. The ratio is the second one's CPU over the first one's.
PAIRS = {
    "scaling": (("async16", "botsec"), ("async256", "botsec")),
    "down_ry": (("down_10m", "botsec"), ("down_10m", "ry")),
    "down_pyreqwest": (("down_10m", "botsec"), ("down_10m", "pyreqwest")),
    "up_wreq": (("up_1m", "botsec"), ("up_1m", "wreq")),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="neighbouring pairs (default 40)")
    parser.add_argument("--seconds", type=float, default=0.6, help="measured seconds of one cell (default 0.6)")
    parser.add_argument("pairs", nargs="*", metavar="PAIR", help=f"of {', '.join(PAIRS)}; all when none is named")
    arguments = parser.parse_args()
    unknown = set(arguments.pairs) - set(PAIRS)
    if unknown or arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error(f"no such pair: {', '.join(unknown)}" if unknown else "--rounds and --seconds must be positive")
    rows = []
    with server.Server(server.cores()[0]) as running:
        bench = cases.Bench(running, {"error": "not needed"}, arguments.rounds, arguments.seconds)
        for name in arguments.pairs or PAIRS:
            rows.append(compare(bench, name, PAIRS[name]))
            print(f"{name} is done", file=sys.stderr, flush=True)
    print(table(["pair", "one", "CPU µs", "other", "CPU µs", "other / one"], rows))


def compare(bench, name, pair):
    found = {cell: [] for cell in pair}
    for _ in range(bench.rounds):
        for cell in random.sample(pair, 2):
            case, client = cell
            found[cell].append(bench.cell(cases.TIMED[case], client).get("cpu_us"))
    one, other = (found[cell] for cell in pair)
    value = ratio(other, one, more_is_better=True)
    shown = f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})" if value else "not measured"
    return [name, " ".join(pair[0]), median(one), " ".join(pair[1]), median(other), shown]


if __name__ == "__main__":
    main()
