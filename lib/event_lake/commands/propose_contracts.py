"""Propose contracts: look at raw events, and write down what those of each type hold.

The job writes a file <event_type>.toml for each event type. What isn't safe in a file's name is escaped there:
a blank becomes =20. The file lists the fields with their types, how often they are null, and the form of their
values, with letters and digits masked. Fields of objects become columns of their own, one level deep. A field that has
several types, or was seen too rarely to know, is proposed as a string, which takes anything. Read the files over,
complete them, and put them into the folder that staging.contracts names. Without --force the job leaves a file that is
there already as it is.
"""

from argparse import Namespace
from collections.abc import Sequence

from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.cli.period import add_dates, dates_of
from event_lake.config.settings import Settings
from event_lake.contracts.propose import Sampling, propose_contracts
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.session import lake_session
from event_lake.lake.untrusted import format_name


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog, job="propose_contracts")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write the files")
    add_dates(parser, "look at events")
    parser.add_argument("--type", dest="types", action="append", default=[], metavar="NAME", help="only of this type")
    parser.add_argument("--sample", type=int, default=10_000, metavar="N", help="events of each type (default 10000)")
    parser.add_argument("--force", action="store_true", help="write files anew that are there")
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _propose)


def _propose(args: Namespace, settings: Settings, run: RunNotes) -> int:
    dates = dates_of(args)
    run.window = f"dates {dates}"
    sampling = Sampling(dates=dates, types=tuple(args.types), most=args.sample)
    with lake_session(run, settings) as spark:
        proposed = propose_contracts(spark, settings, sampling, args.out, force=args.force)
    for name, reason in proposed.left_out.items():
        print(f"left out {format_name(name)}: {reason}")
    tell(run, f"{len(proposed.written):,} contracts proposed in {args.out}")
    return 0
