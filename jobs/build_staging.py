"""Insert what is new in the raw layer into staging, one row per event, and stop."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from event_lake.cli import JobParser, run_job
from event_lake.config import Settings
from event_lake.pipelines.build_staging import build_staging
from event_lake.session import spark_session


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit code."""
    return run_job(JobParser(__doc__), argv, _build)


def _build(_: Namespace, settings: Settings) -> int:
    with spark_session("build_staging", settings.spark) as spark:
        print(f"{build_staging(spark, settings):,} events inserted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
