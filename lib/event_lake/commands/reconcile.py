"""Prove from the tables alone that every record is accounted for.

The job checks the ledger by itself, and compares it with the rows that it counts. It prints a table of the shards, what
it checked, and each fault with its shard, batch and range. It exits with code 3 if there is a fault. It writes nothing
but its outcome, and may run while ingest_raw does.

It can't see that a payload was changed, or that a row was replaced by another one in its shard and batch.

With --cloudwatch it compares the records that were put into the stream (CloudWatch's IncomingRecords, which leaves out
those that Kinesis refused) with the records that arrived in the same minutes and were read. Duplicates that were
dropped are known by batch only, not by minute, so a loss of as many records as that can't be seen. CloudWatch counts
some minutes late.
"""

from argparse import Namespace
from collections.abc import Sequence

from event_lake.aws.cloudwatch import CloudWatch
from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.cli.period import add_window, window_of
from event_lake.config.settings import Settings
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.session import lake_session
from event_lake.reconciliation.reconcile import reconcile


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog, job="reconcile")
    add_window(parser)
    parser.add_argument("--cloudwatch", action="store_true", help="compare with what CloudWatch counted")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _reconcile)


def _reconcile(args: Namespace, settings: Settings, run: RunNotes) -> int:
    run.window = window = window_of(args)
    incoming = CloudWatch(settings.source.region) if args.cloudwatch else None
    with lake_session(run, settings) as spark:
        verdict = reconcile(spark, settings, window, incoming)
    tell(run, verdict.as_text(), as_json=verdict.as_json() if args.json else None)
    verdict.refuse_faults()
    return 0
