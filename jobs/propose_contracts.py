"""Propose contracts: look at raw events, and write down what those of each type hold.

For each event type a file <event_type>.toml: its fields with their types, how often they are null, and the form of
their values (letters and digits masked). Fields of objects become columns of their own, one level deep. What isn't the
same type everywhere, or was seen too rarely to know, is a string, which takes anything. Read the files over, complete
them, and put them into the folder that staging.contracts names. A file that is there already stays as it is.
"""

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import date

from event_lake.cli.jobs import JobParser, run_job
from event_lake.config.settings import Settings
from event_lake.contracts.propose import Asked, propose_contracts
from event_lake.lake.session import spark_session


def main(argv: Sequence[str] | None = None) -> int:
    parser = JobParser(__doc__)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write the files")
    parser.add_argument("--from", dest="first", type=_date, metavar="DATE", help="look at events created from then on")
    parser.add_argument("--to", dest="last", type=_date, metavar="DATE", help="and up to then; both in UTC, included")
    parser.add_argument("--type", dest="types", action="append", default=[], metavar="NAME", help="only of this type")
    parser.add_argument("--sample", type=int, default=10_000, metavar="N", help="events of each type (default 10000)")
    parser.add_argument("--force", action="store_true", help="write files anew that are there")
    return run_job(parser, argv, _propose)


def _propose(args: Namespace, settings: Settings) -> int:
    asked = Asked(first=args.first, last=args.last, types=tuple(args.types), sample=args.sample)
    with spark_session("propose_contracts", settings.spark) as spark:
        proposed = propose_contracts(spark, settings, asked, args.out, force=args.force)
    for name, reason in proposed.left_out.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    print(f"{len(proposed.written):,} contracts proposed in {args.out}")
    return 0


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date; write it like 2026-11-21") from None


if __name__ == "__main__":
    sys.exit(main())
