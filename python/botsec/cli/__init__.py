"""The command `botsec`."""

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: `demo`, `doctor`, `download`, `version`.

    Returns:
        0 when it did what it says, 1 when not, 2 for wrong use.
    """
    parser = argparse.ArgumentParser(prog="botsec", description="A safe way for bots to talk to APIs.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "demo", help="show on a loopback API, in a few seconds, what botsec does; sends nothing elsewhere"
    )
    look = commands.add_parser("doctor", help="say what stands in the way of safe calls on this host; sends nothing")
    look.add_argument("client", nargs="?", help="module:attribute of a client, to show where its secrets may go")
    look.add_argument("--json", action="store_true", help="for programs")
    fetch = commands.add_parser("download", help="fetch a public https URL into a file, each hop judged by its address")
    fetch.add_argument("url")
    fetch.add_argument("dest", help="the file, which is written when the download is complete")
    fetch.add_argument("--max-bytes", type=int, default=1 << 30, help="most decoded bytes (default 1 GiB)")
    commands.add_parser("version", help="print the version")
    chosen = parser.parse_args(arguments)
    if chosen.command == "version":
        from botsec import __version__

        print(__version__)
        return 0
    try:
        if chosen.command == "download":
            from botsec.cli.download import fetch as run_fetch

            return run_fetch(chosen.url, chosen.dest, chosen.max_bytes)
        if chosen.command == "doctor":
            from botsec.cli.doctor import run as look_around

            return look_around(chosen.client, chosen.json, sys.stdout)
        from botsec.cli.demo import run

        return run(sys.stdout)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
