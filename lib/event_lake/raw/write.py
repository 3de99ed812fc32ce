"""Write a deduplicated batch to the tables of the raw layer, to each exactly once."""

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
from event_lake.lake.storage_errors import NEW_CHECKPOINT
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
from event_lake.raw.ledger_rows import Batch, make_rows, recount_raw, refuse_missing, sum_batch, sum_totals
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.partitions import choose_partitions
from event_lake.raw.repetition import find_differences, refuse_differences
from event_lake.raw.varying import vary_by_batch

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

# The most attempts of an action (`_repeat_if_refused`): each may lose another executor.
_MOST_ATTEMPTS = 4


@dataclass(frozen=True, kw_only=True)
class EarlierRules:
    """The rules of the last run that wrote. That run may have written a part of the batch with which this run begins.

    `changed` says in words how they differ from this run's (`rules_in_force.describe_changes`). `keep` replaces them in
    the checkpoint by this run's; the writer calls it before it writes anything.
    """

    changed: Sequence[str] = ()
    keep: Callable[[], None] = lambda: None


class RawWriter:
    """A writer of one query's batches, which are rows from `dedupe.drop_duplicates`, to the lake of `settings`.

    `query_id` is the id that Spark keeps in the checkpoint. Together with a batch's number it identifies the batch for
    ever. `check` is called before each write to a table, and raises if this process may not write.
    """

    def __init__(
        self,
        settings: Settings,
        beginning: Beginning,
        query_id: str,
        check: Callable[[], None] = lambda: None,
        earlier_rules: EarlierRules = EarlierRules(),
    ) -> None:
        self._root = settings.lake.root
        self._settings = settings.raw
        self._beginning = beginning
        self._query_id = query_id
        self._check = check
        self._earlier_rules = earlier_rules
        self._has_begun = False
        self._types: EventTypes | None = None

    def write(self, rows: DataFrame, batch: Batch) -> Written:
        """Write the batch's events to raw/events, its other records to raw/quarantine, and the counts to raw/ledger.

        The ledger is written last, so a batch in the ledger is in all tables. If a crash came between two tables, the
        repetition skips those that have the batch, and writes the others.

        Raise DataLossError, before anything is written, if the batch has more rows than its receipts say, or if an
        expected receipt is missing. Raise UserError, also before anything is written, if the batch is a repetition that
        would write other rows than the tables have. Raise DataLossError, before the ledger is written, if raw/events
        has other events than the batch.
        """
        spark = rows.sparkSession
        with tables.enable_adaptive(spark), tables.cache(rows) as batch_rows:
            older_events = self._older_events(spark, batch)
            if older_events is None:
                return Written(totals=self._write(batch_rows, batch))
            with tables.cache(drop_known(batch_rows, older_events, self._settings.dedup_on)) as new_rows:
                return Written(totals=self._write(new_rows, batch), known=batch_rows.count() - new_rows.count())

    def _older_events(self, spark: SparkSession, batch: Batch) -> DataFrame | None:
        if self._beginning.older_until is None:
            return None  # The table isn't even opened.
        return known_events(tables.read(spark, self._root, layout.RAW_EVENTS), self._beginning, batch.clock)

    def _write(self, rows: DataFrame, batch: Batch) -> Totals:
        types = self._known_types(rows.sparkSession)
        most = self._settings.max_batch_partitions
        counted = sum_batch(rows, types, self._settings.dedup_on, most=most)
        all_sums, _ = _repeat_if_refused(batch, counted.collect)
        sums = [row for row in all_sums if row.is_shard]
        refuse_missing(sums, batch)
        ledger_rows: Sequence[Mapping[str, Any]] = make_rows(sums, self._beginning.stream, batch)
        self._refuse_imbalance(ledger_rows, batch)
        if batch.may_repeat:
            self._refuse_differences(rows, batch)
        if not self._has_begun:
            self._earlier_rules.keep()
            self._has_begun = True
        totals = sum_totals(ledger_rows)
        numbered = rows.withColumn("batch_id", vary_by_batch(F.lit(batch.batch_id).cast("long")))
        with ThreadPoolExecutor(max_workers=1) as beside:
            if totals.quarantined:
                # The thread inherits this one's Spark properties, so that its jobs are cancelled with the query.
                append = inheritable_thread_target(rows.sparkSession)(self._append)
                refused = _rebalance(select_quarantined(numbered), layout.QUARANTINE)
                quarantine = beside.submit(append, refused, layout.QUARANTINE, batch)
            if totals.raw:
                partitions = choose_partitions([row for row in all_sums if not row.is_shard], types, most)
                if partitions.overflow:
                    _log.warning("batch %d: %s", batch.batch_id, partitions.overflow)
                self._note_new_types(rows.sparkSession, partitions.types, types, batch)
                events = _rebalance(partitions.assign(select_events(numbered)), layout.RAW_EVENTS)
                expected = sum_fingerprints(sums)
                if self._append_events(events, batch) != expected:
                    ledger_rows = recount_raw(ledger_rows, self._count_raw(rows.sparkSession, batch, expected))
        if totals.quarantined:
            quarantine.result()
        if ledger_rows:
            self._append(_make_frame(rows.sparkSession, ledger_rows, LEDGER), layout.LEDGER, batch)
        return sum_totals(ledger_rows)

    def _refuse_differences(self, rows: DataFrame, batch: Batch) -> None:
        """Raise UserError if an earlier run wrote other rows of the batch than `rows` would become."""
        is_of_batch = F.col("batch_id") == batch.batch_id
        held = {
            table: tables.read(rows.sparkSession, self._root, table).where(is_of_batch)
            for table in (layout.RAW_EVENTS, layout.QUARANTINE)
        }
        differences = list(find_differences(rows, held, self._settings.dedup_on))
        refuse_differences(batch.batch_id, differences, self._earlier_rules.changed)

    def _append_events(self, events: DataFrame, batch: Batch) -> Fingerprint | None:
        """Append to raw/events. Return the fingerprint of what was written, or None if that's unknown.

        It's unknown if raw/events may have had the batch already.
        """
        observation = Observation()
        observed = events.observe(observation, *fingerprint_columns(self._settings.dedup_on))
        attempts = self._append(observed, layout.RAW_EVENTS, batch)
        # If raw/events has the batch, Spark computes nothing. Nothing is observed then, and `get` would never return.
        return None if batch.may_repeat or attempts > 1 else read_fingerprint(observation.get)

    def _count_raw(self, spark: SparkSession, batch: Batch, expected: Fingerprint) -> Mapping[str | None, int]:
        """Count the rows of the batch in raw/events by shard. Raise DataLossError if they aren't the `expected` events.

        The copies that are written may differ from those that were counted: if an event came in several shards, any
        shard's copy may be written.
        """
        raw = tables.read(spark, self._root, layout.RAW_EVENTS).where(F.col("batch_id") == batch.batch_id)
        shards = raw.groupBy("shard_id").agg(*fingerprint_columns(self._settings.dedup_on)).collect()
        written = sum_fingerprints(shards)
        if not written.has_same_events(expected):
            raise DataLossError(
                f"batch {batch.batch_id}: {expected.events:,} events came, but the {written.events:,} in"
                f" {layout.RAW_EVENTS.name} aren't the same; {NEW_CHECKPOINT}, and reads the batch again"
            )
        return {row.shard_id: sum_fingerprints([row]).events for row in shards}

    def _refuse_imbalance(self, ledger_rows: Sequence[Mapping[str, Any]], batch: Batch) -> None:
        for row in ledger_rows:
            if row["read"] is None or row["duplicates"] < 0:
                raise DataLossError(
                    f"the ledger doesn't balance: batch {batch.batch_id}, shard {row['shard_id']}: {dict(row)}"
                )

    def _known_types(self, spark: SparkSession) -> EventTypes:
        if self._types is None:
            allowed, limit = self._settings.event_types, self._settings.max_event_types
            rows = [] if allowed else tables.read(spark, self._root, layout.EVENT_TYPES).collect()
            self._types = EventTypes(allowed, len(allowed)) if allowed else EventTypes(_names(rows), limit)
        return self._types

    def _note_new_types(self, spark: SparkSession, all_types: EventTypes, known: EventTypes, batch: Batch) -> None:
        """Note those of `all_types` that aren't `known` in raw/event_types, before they are used."""
        if new := all_types.own[len(known.own) :]:
            noted = [{"event_type": name, "batch_id": batch.batch_id} for name in new]
            self._append(_make_frame(spark, noted, EVENT_TYPE), layout.EVENT_TYPES, batch)
            self._types = all_types

    def _append(self, rows: DataFrame, table: layout.Table, batch: Batch) -> int:
        """Append `rows` to the table, unless it has the batch already. Return how many attempts it took."""

        def append() -> None:
            self._check()
            tables.append_once(rows, self._root, table, writer=self._query_id, batch_id=batch.batch_id)

        return _repeat_if_refused(batch, append)[1]


def _repeat_if_refused(batch: Batch, action: Callable[[], _T]) -> tuple[_T, int]:
    """Return the result of `action`, and the number of the attempt that gave it.

    Spark computes rows anew if an executor is lost, and these may differ from the first ones. It fails a job that would
    use both (`is_mixing_refused`), and then `action` is repeated.
    """
    for attempt in range(1, _MOST_ATTEMPTS):
        try:
            return action(), attempt
        except Exception as error:
            if not is_mixing_refused(error):
                raise
            _log.warning("batch %d: an executor was lost, so a part of it begins again", batch.batch_id)
    return action(), _MOST_ATTEMPTS


def _rebalance(rows: DataFrame, table: layout.Table) -> DataFrame:
    """Spread `rows` over tasks so that each partition of the table gets one file, or several if it's large."""
    return rows.hint("rebalance", *table.partitioned_by)


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(sorted({row.event_type for row in rows}))


def _make_frame(spark: SparkSession, rows: Sequence[Mapping[str, Any]], schema: StructType) -> DataFrame:
    values = [tuple(row[name] for name in schema.names) for row in rows]
    return spark.createDataFrame(values, schema).coalesce(1)
