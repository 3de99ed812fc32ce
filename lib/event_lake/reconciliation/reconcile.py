"""Prove from the tables alone that raw/events and raw/quarantine hold what the ledger says."""

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
    """Audit the batches of `window`, and compare them with the records that `incoming` counted, if it is given.

    Only reads, and may run while ingest_raw does, as each table is read at one version. A data file that is gone counts
    as rows that are gone.

    Reads the whole ledger, and a small file for each of the ledger's commits that Delta still keeps, by default those
    of 30 days. Of raw/events and raw/quarantine it reads five columns (two more with `incoming`), of the files whose
    statistics on `ingested_at` touch the window. Partitions by `date` don't help: a late event lies under the date of
    its creation. The driver holds a row for each shard, and the faults that are shown.

    The audit can't see a changed payload, or a row in place of another row of its shard and batch. It doesn't compare
    duplicates with what the state store dropped: ingest_raw does that after each batch. If that found a loss, it is a
    fault here until somebody acknowledges it.

    Raises UserError if the lake has no ledger, or one of a newer Event Lake; DataLossError if a table that the ledger
    counts is missing.
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
        commits = _read_history(spark, root)
        faults.add(find_changes(commits, window.begin))
        lake = _Lake.pinned(spark, root, max(commit.version for commit in commits))
        overview = summarize(lake.ledger, window)
        faults.add(_find_missing_rows(lake.ledger, overview.rows))
        for entry, before, reached in find_doubtful(lake.ledger, window):
            faults.add(check_ledger_row(entry, before, reached))
        later = _find_later(spark, root, lake, overview.newest)
        notes = [*_check_counts(lake, window, later, faults)]
        notes += _check_findings(read_findings(spark, root), faults)
        comparison = None
        if incoming:
            count = partial(incoming.incoming_records, stream)
            comparison = compare_arrivals(*lake.rows_of(stream), window, count, now())
            notes += [] if comparison else [_TOO_SHORT]
    if comparison and comparison.fault:
        faults.add([comparison.fault])
    return Verdict(lake=root, window=window, shards=overview.shards, faults=faults, notes=notes, comparison=comparison)


@dataclass(frozen=True)
class _Lake:
    """The tables at one version each. The ledger's is the oldest, so the other tables have all rows that it counts."""

    ledger: DataFrame
    events: DataFrame
    quarantine: DataFrame

    @staticmethod
    def pinned(spark: SparkSession, root: str, ledger_version: int) -> "_Lake":
        return _Lake(
            tables.at_version(spark, root, layout.LEDGER, ledger_version),
            *(
                tables.at_version(spark, root, table, tables.newest_version(spark, root, table))
                for table in (layout.RAW_EVENTS, layout.QUARANTINE)
            ),
        )

    @property
    def written(self) -> DataFrame:
        """Return the rows of raw/events and raw/quarantine, with the columns that both have."""
        return self.events.select(*_ORIGIN).unionByName(self.quarantine.select(*_ORIGIN))

    def rows_of(self, stream: str) -> tuple[DataFrame, DataFrame]:
        """Return the ledger's rows of one stream, and its rows in raw/events and raw/quarantine."""
        is_of_stream = F.col("stream") == stream
        return self.ledger.where(is_of_stream), self.written.where(is_of_stream)


@dataclass(frozen=True)
class _Later:
    """The batches behind the newest one in the ledger's version that is audited.

    `last_written` is the last of them with rows in raw/events or raw/quarantine. `entered` are those that ingest_raw
    has entered in the ledger meanwhile.
    """

    last_written: int | None
    entered: frozenset[int]

    def is_under_way(self, batch_id: int | None) -> bool:
        """True if the batch may be unfinished: ingest_raw writes the ledger last, and only then begins the next."""
        return batch_id is not None and batch_id == self.last_written and all(batch_id > b for b in self.entered)


def _find_later(spark: SparkSession, root: str, lake: _Lake, newest: int) -> _Later:
    is_later = F.col("batch_id") > newest
    last = lake.written.where(is_later).agg(F.max("batch_id")).collect()[0][0]
    if last is None:
        return _Later(None, frozenset())
    now = tables.read(spark, root, layout.LEDGER).where(is_later).select("batch_id").distinct()
    return _Later(last, frozenset(row.batch_id for row in now.collect()))


def _check_counts(lake: _Lake, window: Window, later: _Later, faults: FaultsFound) -> Iterator[str]:
    """Add the faults between the ledger and the other tables to `faults`; yield a note on a batch under way."""
    under_way = 0
    for rows in find_differing(lake.ledger, lake.events, lake.quarantine, window):
        if later.is_under_way(rows.batch_id):
            under_way += rows.found_raw + rows.found_quarantined
        elif rows.batch_id not in later.entered:
            faults.add(check_rows_found(rows))
    if under_way:
        yield (
            f"batch {later.last_written}: the ledger doesn't count its {under_way:,} rows yet; it's under way, or a"
            " crash left it, and ingest_raw completes it"
        )


def _find_missing_rows(ledger: DataFrame, rows_read: int) -> Iterator[Fault]:
    """Yield a fault if the ledger's files have fewer rows than Delta's log says. A plain count reads only the log."""
    if missing := ledger.count() - rows_read:
        what = f"{missing:,} of its rows lie in files that are gone"
        yield Fault(check=Check.CHANGED, place=layout.LEDGER.name, what=what)


def _check_findings(findings: Sequence[Finding], faults: FaultsFound) -> Iterator[str]:
    """Add the losses that nobody has acknowledged to `faults`, of any time; yield a note on each other finding."""
    for finding in findings:
        if finding.stands:
            what = f"{finding}; ingest_raw --acknowledge {finding.batch_id} notes that you know"
            faults.add([Fault(check=Check.FINDING, place=layout.FINDINGS.name, what=what)])
        elif finding.acknowledged_at is not None:
            at = finding.acknowledged_at.isoformat(timespec="seconds")
            yield f"acknowledged by {finding.acknowledged_by} at {at}: {finding}"
        else:
            yield str(finding)


def _read_history(spark: SparkSession, root: str) -> list[Commit]:
    commits = spark.sql(f"DESCRIBE HISTORY delta.`{layout.LEDGER.path(root)}`").select(
        "version",
        F.unix_micros("timestamp").alias("at"),
        "operation",
        F.col("operationParameters")["mode"].alias("mode"),
        F.when(F.col("operation") == "RESTORE", F.col("operationParameters")["version"].cast("long")).alias("restored"),
    )
    return [Commit(**{**row.asDict(), "at": instant_of(row["at"])}) for row in commits.collect()]
