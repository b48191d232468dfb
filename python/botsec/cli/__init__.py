"""The command `botsec`."""

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: `demo`, `version`. Returns 0 when it did what it says, 1 when not, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="botsec", description="A safe way for bots to talk to APIs.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "demo", help="show on a loopback API, in a few seconds, what botsec does; sends nothing elsewhere"
    )
    commands.add_parser("version", help="print the version")
    chosen = parser.parse_args(arguments)
    if chosen.command == "version":
        from botsec import __version__

        print(__version__)
        return 0
    from botsec.cli.demo import run

    try:
        return run(sys.stdout)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
