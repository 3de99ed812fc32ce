"""The jobs as functions, for a Spark session that is there already: what `import event_lake` offers of them.

The session isn't stopped. Each function raises UserError unless `configure` was called for the session.
"""

from collections.abc import Sequence
from datetime import datetime
from getpass import getuser
from socket import gethostname

from pyspark.sql import SparkSession

from event_lake.aws.cloudwatch import CloudWatch
from event_lake.config.settings import Settings
from event_lake.lake.ledger import Totals
from event_lake.lake.opened import OpenLake
from event_lake.lake.session import refuse_unconfigured
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
    """Read the stream into the raw layer, and return the records that were read and what became of them.

    Returns once all is read that the stream held at the start if `until_caught_up`, and else when the query is stopped:
    by SIGTERM, SIGINT (a notebook's "interrupt") or `spark.streams`. Holds the lease of the raw layer meanwhile.
    `new_checkpoint` puts the checkpoint aside and resumes from the ledger; `acknowledge` has the batches whose findings
    are known and no reason to stop any more. Progress goes to the logger "event_lake".
    Raises UserError for what must be put right, DataLossError where records were lost, and ServiceUnavailableError
    where Kinesis or the lease's storage stays out of reach.
    """
    refuse_unconfigured(spark)
    if not until_caught_up:
        ingest.check_pace(settings)
    ingest.check_stream(settings)
    options = IngestOptions(
        until_caught_up=until_caught_up,
        new_checkpoint=new_checkpoint,
        acknowledge=acknowledge,
        user=f"{getuser()} on {gethostname()}",
    )
    reporters = [LogReporter(settings.source.stream)]
    with sole_writer(settings.lake.root, "raw", job="ingest_raw") as check:
        return ingest.ingest_raw(spark, settings, options, check=check, reporters=reporters).totals


def build_staging(spark: SparkSession, settings: Settings, *, rebuild_dates: Dates | None = None) -> Staged:
    """Bring what is new in the raw layer to the staging layer, and return what became of those events.

    With `rebuild_dates` these dates are built anew from raw afterwards, and the counts are theirs. Holds the lease of
    the staging layer meanwhile. Raises UserError where there is no raw layer, or for a contract that can't be followed.
    """
    refuse_unconfigured(spark)
    wait = settings.staging.when_busy == "wait"
    with sole_writer(settings.lake.root, "staging", job=QUERY, wait=wait) as check:
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
    """Prove from the tables that read = raw + duplicates + quarantined, and return what is at fault; only reads.

    `begin` (included) and `end` (not) bound the batches that are looked at by `ingested_at`; they have a time zone.
    With `cloudwatch` the records that arrived are compared with those that CloudWatch counted. `refuse_faults` of the
    verdict raises DataLossError if there are any. Raises UserError where there is no ledger.
    """
    refuse_unconfigured(spark)
    incoming = CloudWatch(settings.source.region) if cloudwatch else None
    return reconciling.reconcile(spark, settings, Window(begin, end), incoming)


def check_quality(spark: SparkSession, settings: Settings, *, hours: int | None = None) -> QualityCheck:
    """Hold the measures of the newest `hours` to the thresholds that the settings name; only reads.

    `refuse_breaches` of the result raises QualityError if any measure breaks one. Raises UserError where nothing was
    measured yet, and ConfigError for thresholds that can't be read.
    """
    refuse_unconfigured(spark)
    return check.check_quality(spark, settings, thresholds.load_rules(settings.quality.thresholds), hours=hours)


def open_lake(spark: SparkSession, settings: Settings) -> OpenLake:
    """Return the tables of the lake by name, as DataFrames that are read when they are asked for."""
    return OpenLake(spark, settings.lake.root)
