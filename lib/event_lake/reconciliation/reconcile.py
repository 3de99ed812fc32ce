"""The proof from the tables alone: what the ledger says is what raw and quarantine hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout, tables
from event_lake.lake.session import set_for
from event_lake.lake.time import instant_of
from event_lake.lake.window import Window
from event_lake.raw.findings import Finding, read_findings
from event_lake.reconciliation.incoming import IncomingRecords, compare_arrivals
from event_lake.reconciliation.ledger_history import Commit, find_changes
from event_lake.reconciliation.rules import Check, Fault, check_ledger_row, check_rows_found
from event_lake.reconciliation.screening import find_differing, find_doubtful, summarize
from event_lake.reconciliation.verdict import FaultsFound, Verdict

_ORIGIN = ("stream", "shard_id", "batch_id", "sub_sequence_number", "arrived_at", "ingested_at")
_TOO_SHORT = "not compared with CloudWatch: the ledger doesn't know that all was read of three whole minutes, or more"


def reconcile(
    spark: SparkSession,
    settings: Settings,
    window: Window,
    incoming: IncomingRecords | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Verdict:
    """Audit the batches of `window`, and what `incoming` counted, if given. Only reads; ingest_raw may run beside it.

    Each table is read as it was at one moment; a file that is gone counts as rows that are gone. What it reads: the
    ledger as a whole; five columns of raw and quarantine, of the files whose statistics on `ingested_at` touch the
    window (`date` is no help, a late event lies in its own); and a small file for each commit that Delta still keeps
    of the ledger, 30 days' unless set otherwise. The driver holds a row for each shard, and the faults that are shown.
    Not seen: a changed payload, a row in place of another one of its shard and batch, and whether duplicates are what
    the state store dropped, which the job itself checks behind each batch: what it found there is a fault until
    somebody has acknowledged it.
    Raises UserError where there's no ledger, DataLossError where what it counts has no table.
    """
    root, stream = settings.lake.root, settings.source.stream
    if not tables.exists(spark, root, layout.LEDGER):
        raise UserError(f"lake.root = {root!r} has no {layout.LEDGER.name}: run ingest_raw first")
    tables.refuse_newer_ledger(spark, root)
    for table in (layout.RAW_EVENTS, layout.QUARANTINE):
        if not tables.exists(spark, root, table):
            raise DataLossError(f"lake.root = {root!r} has no {table.name}, but a ledger of it")
    faults = FaultsFound()
    with set_for(spark, "spark.sql.files.ignoreMissingFiles", "true"):
        commits = _history(spark, root)
        faults.add(find_changes(commits, window.begin))
        lake = _Lake.pinned(spark, root, max(commit.version for commit in commits))
        seen = summarize(lake.ledger, window)
        faults.add(_gone(lake.ledger, seen.rows))
        for entry, before, reached in find_doubtful(lake.ledger, window):
            faults.add(check_ledger_row(entry, before, reached))
        later = _later(spark, root, lake, seen.newest)
        notes = [*_check_counts(lake, window, later, faults)]
        notes += _found(read_findings(spark, root), faults)
        comparison = None
        if incoming:
            comparison = compare_arrivals(*lake.of(stream), window, partial(incoming.incoming_records, stream), now())
            notes += [] if comparison else [_TOO_SHORT]
    if comparison and comparison.fault:
        faults.add([comparison.fault])
    return Verdict(lake=root, window=window, shards=seen.shards, faults=faults, notes=notes, comparison=comparison)


@dataclass(frozen=True)
class _Lake:
    """The tables as they were at one moment each: the ledger first, so that all it counts is in the others."""

    ledger: DataFrame
    events: DataFrame
    quarantine: DataFrame

    @staticmethod
    def pinned(spark: SparkSession, root: str, ledger_version: int) -> "_Lake":
        others = [(table, _versions(spark, root, table, "LIMIT 1")) for table in (layout.RAW_EVENTS, layout.QUARANTINE)]
        return _Lake(
            _at(spark, root, layout.LEDGER, ledger_version),
            *(_at(spark, root, table, newest.select("version").collect()[0][0]) for table, newest in others),
        )

    @property
    def written(self) -> DataFrame:
        """The rows of both raw tables, in the columns of where a record came from."""
        return self.events.select(_ORIGIN).unionByName(self.quarantine.select(_ORIGIN))

    def of(self, stream: str) -> tuple[DataFrame, DataFrame]:
        """The ledger's rows and the written ones of one stream."""
        is_of_stream = F.col("stream") == stream
        return self.ledger.where(is_of_stream), self.written.where(is_of_stream)


@dataclass(frozen=True)
class _Later:
    """What's behind the ledger's newest batch: the last one that wrote rows, and those `entered` in it meanwhile."""

    last_written: int | None
    entered: frozenset[int]

    def is_under_way(self, batch_id: int | None) -> bool:
        """Whether the batch may not be finished: the ledger is written last, and only then the next batch begins."""
        return batch_id is not None and batch_id == self.last_written and all(batch_id > b for b in self.entered)


def _later(spark: SparkSession, root: str, lake: _Lake, newest: int) -> _Later:
    is_later = F.col("batch_id") > newest
    last = lake.written.where(is_later).agg(F.max("batch_id")).collect()[0][0]
    if last is None:
        return _Later(None, frozenset())
    now = tables.read(spark, root, layout.LEDGER).where(is_later).select("batch_id").distinct()
    return _Later(last, frozenset(row.batch_id for row in now.collect()))


def _check_counts(lake: _Lake, window: Window, later: _Later, faults: FaultsFound) -> Iterator[str]:
    """Add what is at fault between the ledger and the other tables; says what may be a batch under way."""
    under_way = 0
    for found in find_differing(lake.ledger, lake.events, lake.quarantine, window):
        if later.is_under_way(found.batch_id):
            under_way += found.found_raw + found.found_quarantined
        elif found.batch_id not in later.entered:
            faults.add(check_rows_found(found))
    if under_way:
        yield (
            f"batch {later.last_written}: the ledger doesn't count its {under_way:,} rows yet; it's under way, or a"
            " crash left it, and ingest_raw completes it"
        )


def _gone(ledger: DataFrame, rows: int) -> Iterator[Fault]:
    """Whether the ledger's files have fewer rows than Delta's log says; that alone answers a plain count."""
    if missing := ledger.count() - rows:
        what = f"{missing:,} of its rows lie in files that are gone"
        yield Fault(check=Check.CHANGED, place=layout.LEDGER.name, what=what)


def _found(found: Sequence[Finding], faults: FaultsFound) -> Iterator[str]:
    """Add the findings that stand, of whatever time; says which others there are."""
    for finding in found:
        if finding.stands:
            what = f"{finding}; ingest_raw --acknowledge {finding.batch_id} notes that you know"
            faults.add([Fault(check=Check.FINDING, place=layout.FINDINGS.name, what=what)])
        elif finding.acknowledged_at is not None:
            at = finding.acknowledged_at.isoformat(timespec="seconds")
            yield f"acknowledged by {finding.acknowledged_by} at {at}: {finding}"
        else:
            yield str(finding)


def _history(spark: SparkSession, root: str) -> list[Commit]:
    told = _versions(spark, root, layout.LEDGER).select(
        "version",
        F.unix_micros("timestamp").alias("at"),
        "operation",
        F.col("operationParameters")["mode"].alias("mode"),
        F.when(F.col("operation") == "RESTORE", F.col("operationParameters")["version"].cast("long")).alias("restored"),
    )
    return [Commit(**{**row.asDict(), "at": instant_of(row["at"])}) for row in told.collect()]


def _versions(spark: SparkSession, root: str, table: layout.Table, limit: str = "") -> DataFrame:
    return spark.sql(f"DESCRIBE HISTORY delta.`{table.path(root)}` {limit}")


def _at(spark: SparkSession, root: str, table: layout.Table, version: int) -> DataFrame:
    return spark.read.format("delta").option("versionAsOf", version).load(table.path(root))
