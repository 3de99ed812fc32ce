"""Bring what is new in the raw layer to the staging layer, one version of each event, and stop.

With --from and --to the job then rebuilds all events of these dates, both included, from raw. With --dry-run it only
says what it would do, and changes nothing. If a run is killed, simply start the job again. A run that is asked to stop
(event-lake stop) ends before its next step.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence

from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.cli.period import add_dates, both_dates_of
from event_lake.config.settings import Settings
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.session import lake_session
from event_lake.lake.sole_writer import writing_session
from event_lake.progress.reporting import bar_on
from event_lake.staging.build import QUERY, Run, build_staging
from event_lake.staging.dry_run import plan_staging
from event_lake.staging.rebuild import rebuild_staging


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog, job=QUERY)
    add_dates(parser, "rebuild")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _build)


def _build(args: Namespace, settings: Settings, notes: RunNotes) -> int:
    dates = both_dates_of(args)
    if args.dry_run:
        notes.window = "nothing: a dry run"
        with lake_session(notes, settings) as spark:
            for line in plan_staging(spark, settings, dates):
                tell(notes, line)
        return 0
    wait = settings.staging.when_busy == "wait"
    with writing_session(notes, settings, "staging", wait=wait) as (spark, writer):
        run = Run(id=notes.id, check=writer.check, stop_asked_by=writer.stop_asked_by, bar=bar_on(settings, sys.stderr))
        notes.window = f"dates {dates}" if dates else run.batches
        staged = rebuild_staging(spark, settings, dates, run) if dates else build_staging(spark, settings, run)
        tell(notes, writer.describe_end(staged))
    return 0
