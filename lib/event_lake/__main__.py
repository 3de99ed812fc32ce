"""`event-lake <command>`, and `python -m event_lake <command>`: one command for all jobs."""

import argparse
import sys
from collections.abc import Sequence

from event_lake import __version__
from event_lake.cli.commands import OneLineParser, run_command

# A module of event_lake.commands has the name with _ for -, and its docstring begins with this line.
COMMANDS = {
    "ingest-raw": "Read a Kinesis data stream into the raw layer: events, quarantine, ledger.",
    "build-staging": "Bring what is new in the raw layer to the staging layer, one version of each event, and stop.",
    "stop": "Ask running jobs to stop, wherever they run, and wait until they have.",
    "reconcile": "Prove from the tables alone that every record is accounted for.",
    "check-quality": "Hold the newest quality measures to the thresholds of quality.thresholds (conf/quality.toml).",
    "quality-report": "Write one page about the lake: what arrived, what was refused and why, what doesn't add up.",
    "propose-contracts": "Propose contracts: look at raw events, and write down what those of each type hold.",
    "generate-events": "Put a repeatable load on the stream: events of 100 types, copies, late events, bad records.",
}


def make_parser() -> OneLineParser:
    """Return the parser that takes the command from its flags."""
    parser = OneLineParser(
        prog="event-lake",
        description="Kinesis events into Delta Lake, exactly once, with nothing lost silently.",
        epilog="commands:\n" + "\n".join(f"  {name:<19}{summary}" for name, summary in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of those below")
    parser.add_argument("flags", nargs=argparse.REMAINDER, help="the command's own flags; --help shows them")
    parser.add_argument("--version", action="version", version=f"event-lake {__version__}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names with the others; return its exit code."""
    args = make_parser().parse_args(argv)
    return run_command(args.command.replace("-", "_"), args.flags, f"event-lake {args.command}")


def run_task(argv: Sequence[str] | None = None) -> None:
    """Run a command as `main` does, for a caller that ignores what a function returns, like Databricks' wheel tasks.

    Raise SystemExit with the exit code if that isn't 0. Otherwise return: Databricks takes SystemExit(0) for a failure.
    """
    if code := main(argv):
        raise SystemExit(code)


if __name__ == "__main__":
    sys.exit(main())
