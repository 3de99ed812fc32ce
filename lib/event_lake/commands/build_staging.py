"""Bring what is new in the raw layer to the staging layer, one version of each event, and stop.

--from and --to rebuild whole dates of events from raw, both included, after the run. --dry-run says what the run would
take, and changes nothing. A run that is killed is simply started again.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack

from event_lake.cli.jobs import JobParser, run_job
from event_lake.cli.period import add_dates, both_dates_of
from event_lake.config.settings import Settings
from event_lake.lake.session import spark_session
from event_lake.lake.sole_writer import sole_writer
from event_lake.progress.live import live_line
from event_lake.progress.log import is_live
from event_lake.staging.build import QUERY, Run, build_staging
from event_lake.staging.dry_run import plan_staging
from event_lake.staging.rebuild import rebuild_staging


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    parser = JobParser(__doc__, prog)
    add_dates(parser, "rebuild")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    return run_job(parser, argv, _build)


def _build(args: Namespace, settings: Settings) -> int:
    dates = both_dates_of(args)
    if args.dry_run:
        with spark_session(QUERY, settings.spark) as spark:
            for line in plan_staging(spark, settings, dates):
                print(line)
        return 0
    with ExitStack() as until_end:
        wait = settings.staging.when_busy == "wait"
        check = until_end.enter_context(sole_writer(settings.lake.root, "staging", job=QUERY, wait=wait))
        spark = until_end.enter_context(spark_session(QUERY, settings.spark))
        live = is_live(settings.progress.log, sys.stderr)
        show = until_end.enter_context(live_line(sys.stderr)).show if live else None
        run = Run(check=check, show=show)
        print(rebuild_staging(spark, settings, dates, run) if dates else build_staging(spark, settings, run))
    return 0
