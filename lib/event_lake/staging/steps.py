"""Plan the steps of build_staging: find the batches of raw that it hasn't taken, and take them in bounded steps."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.lake import layout, tables
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.time import instant_of
from event_lake.staging.chunk import Chunk, Partition, make_chunk
from event_lake.staging.step_log import Step, StepLog

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LedgerBatch:
    """A batch in the ledger: its number, its `clock` (`ingested_at`), and how many `rows` it wrote to raw/events."""

    id: int
    clock: datetime
    rows: int


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The batches of raw that staging hasn't taken yet.

    `batches` are the ledger's batches from `first` on, except as said below. `pending` is a step that a run has begun
    and that isn't noted as done; it must be taken first.

    If the last step took only some partitions, `batches` begins with that step's last batch. Of the batches from
    `first` to that one, only the partitions after `behind` are left.

    New steps get numbers from `number` on. Batches up to `again_until` may have been taken before, as a whole or in
    part, by a run whose steps aren't known.
    """

    first: int
    batches: Sequence[LedgerBatch]
    number: int
    again_until: int
    pending: Step | None = None
    behind: Partition | None = None

    @property
    def rows(self) -> int:
        """Return about how many rows there are to take."""
        return sum(batch.rows for batch in self.batches)


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """A step with its `chunk`, the rows that it takes. `may_repeat`: an earlier run may have begun to take them."""

    step: Step
    chunk: Chunk
    may_repeat: bool


def find_backlog(spark: SparkSession, root: str, checkpoint: Checkpoint) -> Backlog:
    """Return the batches in raw's ledger that staging hasn't taken yet.

    If that isn't known, return all of them. To take a batch again changes nothing that staging holds.
    """
    log = StepLog(checkpoint)
    last = log.newest()
    if last is None:
        return _all_from(spark, root, _first_of_stream(spark, root, checkpoint), number=0)
    batches = _batches(spark, root, last.last)
    if not batches or (batches[0].id, batches[0].clock) != (last.last, last.clock):
        # Somebody has put back an older version of raw's tables, or made them anew.
        _log.warning("raw/ledger has no batch %d of %s; all of raw is looked at again", last.last, last.clock)
        return _all_from(spark, root, 0, number=last.number + 1)
    return Backlog(
        first=last.first if last.upto else last.last + 1,
        batches=batches if last.upto else batches[1:],
        number=last.number + 1,
        again_until=last.again_until,
        pending=None if log.is_done(last) else last,
        behind=last.upto,
    )


def plan_steps(spark: SparkSession, settings: Settings, backlog: Backlog) -> Iterator[PlannedStep]:
    """Yield the steps that take the backlog. The generator is lazy: it reads raw's newest version anew for each step.

    A step takes whole batches, of no more than `staging.max_batch_bytes` together. If a batch is larger by itself, or
    the batches have more rows than the ledger says, a step takes some of their partitions: at least one.
    """
    root = settings.lake.root
    if backlog.pending:
        step = backlog.pending
        yield PlannedStep(step=step, chunk=_chunk(spark, root, step).between(step.behind, step.upto), may_repeat=True)
    batches, number, first, behind = deque(backlog.batches), backlog.number, backlog.first, backlog.behind
    if not batches:
        return
    most_rows = settings.staging.max_batch_bytes / tables.bytes_per_row(spark, root, layout.RAW_EVENTS)
    while batches:
        last = batches.popleft()
        rows = last.rows
        # After a step that took only some partitions, the next one takes just the rest of these batches, and no further
        # batch.
        while batches and behind is None and rows + batches[0].rows <= most_rows:
            last = batches.popleft()
            rows += last.rows
        is_taken = False
        while not is_taken:
            step = Step(
                number=number,
                first=first,
                last=last.id,
                clock=last.clock,
                again_until=backlog.again_until,
                behind=behind,
            )
            chunk = _chunk(spark, root, step).between(behind, None)
            behind = chunk.end_of_first(most_rows)
            yield PlannedStep(
                step=replace(step, upto=behind),
                chunk=chunk.between(None, behind),
                may_repeat=first <= backlog.again_until,
            )
            number, is_taken = number + 1, behind is None
        first = last.id + 1


def _all_from(spark: SparkSession, root: str, first: int, *, number: int) -> Backlog:
    batches = _batches(spark, root, first)
    return Backlog(first=first, batches=batches, number=number, again_until=batches[-1].id if batches else -1)


def _first_of_stream(spark: SparkSession, root: str, checkpoint: Checkpoint) -> int:
    """Return the batch from which to look at raw again after an upgrade, or 0 if that's unknown.

    An older version of this job may have taken only a part of that batch. That version read raw/events as a Delta
    stream, and its checkpoint has a version of the table in place of steps. Source: Delta's DeltaSourceOffset.
    `reservoirVersion` is the version that the stream reads next or, if `index` is 0 or more, the one that it has read
    in part. `isStartingVersion` is true while it reads the version it began with.
    """
    newest_commit = max(checkpoint.numbers("commits"), default=None)
    end = None if newest_commit is None or checkpoint.is_being_replaced else checkpoint.ends(newest_commit)[0]
    if end is None or end["isStartingVersion"] or not end["reservoirVersion"]:
        return 0
    try:
        taken_events = tables.at_version(spark, root, layout.RAW_EVENTS, end["reservoirVersion"] - 1)
        newest_batch = taken_events.agg(F.max("batch_id")).collect()[0][0]
    except (PySparkException, Py4JJavaError):
        _log.warning("raw/events has forgotten what it was when staging last took some; all of it is looked at again")
        return 0
    # The stream may have taken the newest batch before it was complete.
    return newest_batch or 0


def _batches(spark: SparkSession, root: str, first: int) -> Sequence[LedgerBatch]:
    ledger = tables.read(spark, root, layout.LEDGER).where(F.col("batch_id") >= first)
    sums = ledger.groupBy("batch_id").agg(F.sum("raw").alias("rows"), F.min(F.unix_micros("ingested_at")).alias("at"))
    return [
        LedgerBatch(row.batch_id, instant_of(row["at"]), row.rows or 0)
        for row in sorted(sums.collect(), key=lambda row: row.batch_id)
    ]


def _chunk(spark: SparkSession, root: str, step: Step) -> Chunk:
    def of_step(rows: DataFrame) -> DataFrame:
        return rows.where(F.col("batch_id").between(step.first, step.last))

    version = tables.newest_version(spark, root, layout.RAW_EVENTS)
    events = tables.at_version(spark, root, layout.RAW_EVENTS, version)
    return make_chunk(of_step(events), of_step(tables.read(spark, root, layout.QUARANTINE)))
