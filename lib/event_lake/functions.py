"""Run the jobs as functions on a Spark session that exists already; `import event_lake` offers them.

No function stops the session. Each job raises UserError unless `configure` was called for the session. All of them
raise ConfigError if Spark can't reach the lake, if `lake.root` has no scheme and isn't on the local disk to Spark, or
if Java can't write the names of its folders there.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import SparkSession

from event_lake.aws.cloudwatch import CloudWatch
from event_lake.config.settings import Settings
from event_lake.lake.ledger import Totals
from event_lake.lake.opened import OpenLake
from event_lake.lake.outcomes import RunNotes, keep_outcome
from event_lake.lake.session import refuse_misplaced, refuse_unconfigured
from event_lake.lake.sole_writer import sole_writer
from event_lake.lake.window import Batches, Dates, Window
from event_lake.progress.reporter import BatchNoter, LogReporter
from event_lake.quality import check, thresholds
from event_lake.quality.check import QualityCheck
from event_lake.raw import ingest
from event_lake.raw.ingest import IngestOptions
from event_lake.reconciliation import reconcile as reconciling
from event_lake.reconciliation.verdict import Verdict
from event_lake.staging import build, rebuild
from event_lake.staging.build import QUERY, Run
from event_lake.staging.write import Staged

_log = logging.getLogger(__name__)


def ingest_raw(  # noqa: PLR0913 (a public function's options, which are given by name)
    spark: SparkSession,
    settings: Settings,
    *,
    until_caught_up: bool = False,
    new_checkpoint: bool = False,
    acknowledge: Sequence[int] = (),
    run_id: str | None = None,
) -> Totals:
    """Read the stream into the raw layer, and return how many records were read and what became of them.

    With `until_caught_up` this returns once all is read that the stream held at the start, and otherwise when the query
    is stopped: by `stop` from anywhere, by SIGTERM or SIGINT (in the main thread only; SIGINT is a notebook's
    "interrupt"), or by `spark.streams`. It holds the lease of the raw layer meanwhile, logs its progress to the logger
    "event_lake", and keeps its outcome in the lake (`outcomes`) as the run `run_id`, which is made up if it's None.

    - `new_checkpoint` puts the checkpoint aside and resumes from the ledger.
    - `acknowledge` has the numbers of batches in which a loss was found. The user of this process acknowledges these
      findings, and the query goes on.

    Raise UserError if the user must put something right, DataLossError if records were lost, and
    ServiceUnavailableError if Kinesis or the lake's storage stays out of reach.
    """
    _refuse_unusable(spark, settings)
    notes, batches = RunNotes("ingest_raw", run_id), Batches()
    notes.window = batches
    with keep_outcome(settings.lake.root, notes):
        if not until_caught_up:
            ingest.check_pace(settings)
        ingest.check_stream(settings)
        with sole_writer(settings.lake, "raw", job=notes.job, spark=spark) as writer:
            _log.info("%s: run %s", notes.job, notes.id)
            options = IngestOptions(
                until_caught_up=until_caught_up,
                new_checkpoint=new_checkpoint,
                acknowledge=acknowledge,
                stop_asked_by=writer.stop_asked_by,
            )
            reporters = [LogReporter(settings.source.stream), BatchNoter(batches)]
            totals = ingest.ingest_raw(spark, settings, options, check=writer.check, reporters=reporters).totals
        notes.last_line = writer.describe_end(totals)
        return totals


def build_staging(
    spark: SparkSession, settings: Settings, *, rebuild_dates: Dates | None = None, run_id: str | None = None
) -> Staged:
    """Bring the new events of the raw layer to the staging layer, and return what became of them.

    With `rebuild_dates`, new events are taken first, then these dates are built anew from raw/events; only the rebuild
    is counted. The function holds the lease of the staging layer meanwhile, ends before its next step if it's asked to
    by `stop`, and keeps its outcome in the lake (`outcomes`) as the run `run_id`, which is made up if it's None. Raise
    UserError if there is no raw layer, or if a contract can't be followed.
    """
    _refuse_unusable(spark, settings)
    notes = RunNotes(QUERY, run_id)
    with keep_outcome(settings.lake.root, notes):
        wait = settings.staging.when_busy == "wait"
        with sole_writer(settings.lake, "staging", job=QUERY, wait=wait, spark=spark) as writer:
            _log.info("%s: run %s", notes.job, notes.id)
            run = Run(id=notes.id, check=writer.check, stop_asked_by=writer.stop_asked_by)
            notes.window = f"dates {rebuild_dates}" if rebuild_dates else run.batches
            if rebuild_dates:
                staged = rebuild.rebuild_staging(spark, settings, rebuild_dates, run)
            else:
                staged = build.build_staging(spark, settings, run)
        notes.last_line = writer.describe_end(staged)
        return staged


def reconcile(
    spark: SparkSession,
    settings: Settings,
    *,
    begin: datetime | None = None,
    end: datetime | None = None,
    cloudwatch: bool = False,
) -> Verdict:
    """Check that read = raw + duplicates + quarantined, and return a verdict with the faults. Writes nothing.

    Only the tables are read; with `cloudwatch` the records that arrived are also compared with CloudWatch's count. The
    batches with an `ingested_at` from `begin` on and before `end` are checked. Both times must have a time zone; None
    means no bound. The verdict's `refuse_faults` raises DataLossError if there are faults. Raise UserError if there is
    no ledger.
    """
    _refuse_unusable(spark, settings)
    incoming = CloudWatch(settings.source.region) if cloudwatch else None
    return reconciling.reconcile(spark, settings, Window(begin, end), incoming)


def check_quality(spark: SparkSession, settings: Settings, *, hours: int | None = None) -> QualityCheck:
    """Compare the quality measures of the newest hours with the thresholds in `quality.thresholds`. Only reads.

    The newest `hours` hours are compared, by default 2; a rule may have its own number of hours. The result's
    `refuse_breaches` raises QualityError if a measure breaks a threshold. Raise UserError if nothing was measured yet,
    and ConfigError if the thresholds can't be read.
    """
    _refuse_unusable(spark, settings)
    return check.check_quality(spark, settings, thresholds.load_rules(settings.quality.thresholds), hours=hours)


def open_lake(spark: SparkSession, settings: Settings) -> OpenLake:
    """Return an object whose attributes are the lake's tables as DataFrames. Each use of one reads the table anew."""
    refuse_misplaced(spark, settings)
    return OpenLake(spark, settings.lake.root)


def _refuse_unusable(spark: SparkSession, settings: Settings) -> None:
    refuse_unconfigured(spark)
    refuse_misplaced(spark, settings)
