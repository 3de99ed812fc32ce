"""Read a Kinesis data stream into the raw layer: events, quarantine, ledger.

The job runs until it is stopped (event-lake stop), or with --until-caught-up until it has read what the stream held at
the start.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence

from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.config.settings import Settings
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.sole_writer import writing_session
from event_lake.lake.window import Batches
from event_lake.progress.reporter import BatchNoter
from event_lake.progress.reporting import open_reporters
from event_lake.raw.ingest import IngestOptions, check_pace, check_stream, ingest_raw

_JOB = "ingest_raw"


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog, job=_JOB)
    parser.add_argument("--until-caught-up", action="store_true", help="stop at what the stream holds now")
    parser.add_argument(
        "--new-checkpoint", action="store_true", help="put the checkpoint aside and resume from the ledger"
    )
    parser.add_argument(
        "--acknowledge",
        action="append",
        type=int,
        default=[],
        metavar="BATCH",
        help="note that you know what was found in this batch, and go on; may be repeated",
    )
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _ingest)


def _ingest(args: Namespace, settings: Settings, run: RunNotes) -> int:
    run.window = batches = Batches()
    if not args.until_caught_up:
        check_pace(settings)
    check_stream(settings)
    with (
        writing_session(run, settings, "raw") as (spark, writer),
        open_reporters(settings, sys.stderr) as reporters,
    ):
        options = IngestOptions(
            until_caught_up=args.until_caught_up,
            new_checkpoint=args.new_checkpoint,
            acknowledge=args.acknowledge,
            stop_asked_by=writer.stop_asked_by,
        )
        noting = [*reporters, BatchNoter(batches)]
        ended = ingest_raw(spark, settings, options, check=writer.check, reporters=noting)
    tell(run, writer.describe_end(ended.totals))
    return 0
