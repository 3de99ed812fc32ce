"""Writing a deduplicated batch to its tables, each exactly once."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from pyspark.sql import DataFrame, Observation, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType
from pyspark.util import inheritable_thread_target

from event_lake.config.settings import Settings
from event_lake.errors import DataLossError
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals, Written
from event_lake.lake.schemas import EVENT_TYPE, LEDGER
from event_lake.lake.storage_errors import NEW_CHECKPOINT, explain
from event_lake.raw.beginning import Beginning
from event_lake.raw.dedupe import drop_known, known_events
from event_lake.raw.event_types import EventTypes
from event_lake.raw.fingerprint import (
    Fingerprint,
    fingerprint_columns,
    is_mixing_refused,
    read_fingerprint,
    sum_fingerprints,
)
from event_lake.raw.ledger_rows import Batch, make_rows, refuse_missing, sum_by_shard, sum_totals, with_rows_in_raw
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.repetition import find_differences, refuse_other
from event_lake.raw.varying import vary_by_batch

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

# Of one write, as each may lose another executor.
_MOST_ATTEMPTS = 4


@dataclass(frozen=True, kw_only=True)
class EarlierRules:
    """The rules of the run that may have begun a batch which this run repeats.

    `changed` says how they differ from this run's (`rules.changes`); `keep` notes this run's in their place, and is
    called before anything is written by them.
    """

    changed: Sequence[str] = ()
    keep: Callable[[], None] = lambda: None


class RawWriter:
    """Writes the batches of one query, rows of `dedupe.drop_duplicates`, into the lake of `settings`.

    `query_id` is the query's own: with a batch's number it names the batch for ever. `check` is called before each
    table is written, and raises where none may be.
    """

    def __init__(
        self,
        settings: Settings,
        beginning: Beginning,
        query_id: str,
        check: Callable[[], None] = lambda: None,
        begun_under: EarlierRules = EarlierRules(),
    ) -> None:
        self._root = settings.lake.root
        self._settings = settings.raw
        self._beginning = beginning
        self._query_id = query_id
        self._check = check
        self._begun_under = begun_under
        self._has_begun = False
        self._types: EventTypes | None = None

    def write(self, rows: DataFrame, batch: Batch) -> Written:
        """Events to raw, the rest to quarantine, the count to the ledger; a replay completes what a crash left.

        The ledger comes last, so that a batch in it is a batch that is written. Raises, before anything is written,
        DataLossError if more rows came than the receipts say were read, or a receipt that is expected didn't come; and
        UserError if the batch is a repetition that would write something else than was written before. Behind raw
        raises DataLossError if that hasn't got the events that came.
        """
        spark = rows.sparkSession
        with tables.enable_adaptive(spark), tables.cache(rows) as came:
            older = self._older(spark, batch)
            if older is None:
                return Written(totals=self._write(came, batch))
            with tables.cache(drop_known(came, older, self._settings.dedup_on)) as fresh:
                return Written(totals=self._write(fresh, batch), known=came.count() - fresh.count())

    def _older(self, spark: SparkSession, batch: Batch) -> DataFrame | None:
        if self._beginning.older_until is None:
            return None  # Without opening the table for it.
        return known_events(tables.read(spark, self._root, layout.RAW_EVENTS), self._beginning, batch.clock)

    def _write(self, rows: DataFrame, batch: Batch) -> Totals:
        types = self._known_types(rows.sparkSession)
        sums, _ = _unmixed(batch, sum_by_shard(rows, types, self._settings.dedup_on).collect)
        refuse_missing(sums, batch)
        entered: Sequence[Mapping[str, Any]] = make_rows(sums, self._beginning.stream, batch)
        self._refuse_imbalance(entered, batch)
        if batch.may_repeat:
            self._refuse_other(rows, batch)
        if not self._has_begun:
            self._begun_under.keep()
            self._has_begun = True
        counted = sum_totals(entered)
        numbered = rows.withColumn("batch_id", vary_by_batch(F.lit(batch.batch_id).cast("long")))
        with ThreadPoolExecutor(max_workers=1) as beside:
            if counted.quarantined:
                # With this thread's properties, by which Spark cancels a query's jobs.
                append = inheritable_thread_target(rows.sparkSession)(self._append)
                bad = _by_partition(select_quarantined(numbered), layout.QUARANTINE)
                quarantine = beside.submit(append, bad, layout.QUARANTINE, batch)
            if counted.raw:
                types = self._with_new_types(rows.sparkSession, sums, types, batch)
                good = _by_partition(types.partitioned(select_events(numbered)), layout.RAW_EVENTS)
                came = sum_fingerprints(sums)
                if self._append_events(good, batch) != came:
                    entered = with_rows_in_raw(entered, self._raw_rows(rows.sparkSession, batch, came))
        if counted.quarantined:
            quarantine.result()
        if entered:
            self._append(_frame(rows.sparkSession, entered, LEDGER), layout.LEDGER, batch)
        return sum_totals(entered)

    def _refuse_other(self, rows: DataFrame, batch: Batch) -> None:
        """Raise UserError if an earlier run has written something of the batch that `rows` wouldn't come to."""
        is_of_batch = F.col("batch_id") == batch.batch_id
        held = {
            table: tables.read(rows.sparkSession, self._root, table).where(is_of_batch)
            for table in (layout.RAW_EVENTS, layout.QUARANTINE)
        }
        found = list(find_differences(rows, held, self._settings.dedup_on))
        refuse_other(batch.batch_id, found, self._begun_under.changed)

    def _append_events(self, good: DataFrame, batch: Batch) -> Fingerprint | None:
        """Append to raw; returns what was written, or None where raw may have had it."""
        kept = Observation()
        written = good.observe(kept, *fingerprint_columns(self._settings.dedup_on))
        attempts = self._append(written, layout.RAW_EVENTS, batch)
        # What raw has already isn't computed, and so not observed: the look would wait for ever.
        return None if batch.may_repeat or attempts > 1 else read_fingerprint(kept.get)

    def _raw_rows(self, spark: SparkSession, batch: Batch, came: Fingerprint) -> Mapping[str | None, int]:
        """How many rows of the batch each shard has in raw. Raises DataLossError if they aren't the events that came.

        Of copies in several shards raw may have another one than was counted.
        """
        raw = tables.read(spark, self._root, layout.RAW_EVENTS).where(F.col("batch_id") == batch.batch_id)
        found = raw.groupBy("shard_id").agg(*fingerprint_columns(self._settings.dedup_on)).collect()
        has = sum_fingerprints(found)
        if not has.same_events(came):
            raise DataLossError(
                f"batch {batch.batch_id}: {came.events:,} events came, but the {has.events:,} in"
                f" {layout.RAW_EVENTS.name} aren't the same; {NEW_CHECKPOINT}, and reads the batch again"
            )
        return {row.shard_id: sum_fingerprints([row]).events for row in found}

    def _refuse_imbalance(self, entered: Sequence[Mapping[str, Any]], batch: Batch) -> None:
        for row in entered:
            if row["read"] is None or row["duplicates"] < 0:
                raise DataLossError(
                    f"the ledger doesn't balance: batch {batch.batch_id}, shard {row['shard_id']}: {dict(row)}"
                )

    def _known_types(self, spark: SparkSession) -> EventTypes:
        if self._types is None:
            allowed, most = self._settings.event_types, self._settings.max_event_types
            rows = [] if allowed else tables.read(spark, self._root, layout.EVENT_TYPES).collect()
            self._types = EventTypes(allowed, len(allowed)) if allowed else EventTypes(_names(rows), most)
        return self._types

    def _with_new_types(self, spark: SparkSession, sums: Sequence[Row], types: EventTypes, batch: Batch) -> EventTypes:
        """The types once those of this batch have got their partitions; they are noted before they are used."""
        grown = types.grown(name for row in sums for name in row.types or ())
        if grown != types:
            new = [{"event_type": name, "batch_id": batch.batch_id} for name in grown.own[len(types.own) :]]
            self._append(_frame(spark, new, EVENT_TYPE), layout.EVENT_TYPES, batch)
            self._types = grown
        return grown

    def _append(self, rows: DataFrame, table: layout.Table, batch: Batch) -> int:
        """Append once what of `rows` the table hasn't got by this batch; returns the attempts that it took."""

        def append() -> None:
            self._check()
            tables.append_once(rows, self._root, table, writer=self._query_id, batch_id=batch.batch_id)

        try:
            return _unmixed(batch, append)[1]
        except Exception as error:
            ours = explain(error, table.path(self._root))
            if ours is None:
                raise
            # Delta's text may hold values of a row, which Spark would log.
            raise ours from None


def _unmixed(batch: Batch, action: Callable[[], _T]) -> tuple[_T, int]:
    """What `action` gives, and which attempt gave it: again where Spark gave it up for the loss of an executor.

    Its rows are computed anew then, and may be others: Spark doesn't let a job end that has used both.
    """
    for attempt in range(1, _MOST_ATTEMPTS):
        try:
            return action(), attempt
        except Exception as error:
            if not is_mixing_refused(error):
                raise
            _log.warning("batch %d: an executor was lost, so a part of it begins again", batch.batch_id)
    return action(), _MOST_ATTEMPTS


def _by_partition(rows: DataFrame, table: layout.Table) -> DataFrame:
    """Spread so that each partition of the table gets one file, or more if it's large."""
    return rows.hint("rebalance", *table.partitioned_by)


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(sorted({row.event_type for row in rows}))


def _frame(spark: SparkSession, rows: Sequence[Mapping[str, Any]], schema: StructType) -> DataFrame:
    values = [tuple(row[name] for name in schema.names) for row in rows]
    return spark.createDataFrame(values, schema).coalesce(1)
