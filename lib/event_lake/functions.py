"""Run the jobs as functions on a Spark session that exists already; `import event_lake` offers them.

No function stops the session. Each job raises UserError unless `configure` was called for the session. All of them
raise ConfigError if Spark can't reach the lake, if `lake.root` has no scheme and isn't on the local disk to Spark, or
if Java can't write the names of its folders there.
"""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import SparkSession

from event_lake.aws.cloudwatch import CloudWatch
from event_lake.config.settings import Settings
from event_lake.lake.ledger import Totals
from event_lake.lake.opened import OpenLake
from event_lake.lake.session import refuse_misplaced, refuse_unconfigured
from event_lake.lake.sole_writer import sole_writer
from event_lake.lake.window import Dates, Window
from event_lake.progress.reporter import LogReporter
from event_lake.quality import check, thresholds
from event_lake.quality.check import QualityCheck
from event_lake.raw import ingest
from event_lake.raw.ingest import IngestOptions
from event_lake.reconciliation import reconcile as reconciling
from event_lake.reconciliation.verdict import Verdict
from event_lake.staging import build, rebuild
from event_lake.staging.build import QUERY, Run
from event_lake.staging.write import Staged


def ingest_raw(
    spark: SparkSession,
    settings: Settings,
    *,
    until_caught_up: bool = False,
    new_checkpoint: bool = False,
    acknowledge: Sequence[int] = (),
) -> Totals:
    """Read the stream into the raw layer, and return how many records were read and what became of them.

    With `until_caught_up` this returns once all is read that the stream held at the start, and otherwise when the query
    is stopped: by SIGTERM or SIGINT (in the main thread only; SIGINT is a notebook's "interrupt"), or by
    `spark.streams`. It holds the lease of the raw layer meanwhile, and logs its progress to the logger "event_lake".

    - `new_checkpoint` puts the checkpoint aside and resumes from the ledger.
    - `acknowledge` has the numbers of batches in which a loss was found. The user of this process acknowledges these
      findings, and the query goes on.

    Raise UserError if the user must put something right, DataLossError if records were lost, and
    ServiceUnavailableError if Kinesis or the lake's storage stays out of reach.
    """
    _refuse_unusable(spark, settings)
    if not until_caught_up:
        ingest.check_pace(settings)
    ingest.check_stream(settings)
    options = IngestOptions(
        until_caught_up=until_caught_up,
        new_checkpoint=new_checkpoint,
        acknowledge=acknowledge,
    )
    reporters = [LogReporter(settings.source.stream)]
    with sole_writer(settings.lake, "raw", job="ingest_raw", spark=spark) as check:
        return ingest.ingest_raw(spark, settings, options, check=check, reporters=reporters).totals


def build_staging(spark: SparkSession, settings: Settings, *, rebuild_dates: Dates | None = None) -> Staged:
    """Bring the new events of the raw layer to the staging layer, and return what became of them.

    With `rebuild_dates`, new events are taken first, then these dates are built anew from raw/events; only the rebuild
    is counted. The function holds the lease of the staging layer meanwhile. Raise UserError if there is no raw layer,
    or if a contract can't be followed.
    """
    _refuse_unusable(spark, settings)
    wait = settings.staging.when_busy == "wait"
    with sole_writer(settings.lake, "staging", job=QUERY, wait=wait, spark=spark) as check:
        run = Run(check=check)
        if rebuild_dates:
            return rebuild.rebuild_staging(spark, settings, rebuild_dates, run)
        return build.build_staging(spark, settings, run)


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
