"""Which batches of raw build_staging takes next, in steps of bounded size, and how far it has come."""

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
from event_lake.staging.chunk import Chunk, Place, make_chunk
from event_lake.staging.step_log import Step, StepLog

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LedgerBatch:
    """A batch that the ledger has: its number, its clock, and how many `rows` it brought to raw/events."""

    id: int
    clock: datetime
    rows: int


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What staging hasn't taken: the batches from `first` on.

    `batches` is what the ledger has of them; up to the first of these only what lies `behind` a partition, if there is
    one. `pending` is the step that a run has begun, if it isn't known to be done; it comes first. Steps get numbers
    from `number` on. Batches up to `again_until` may have been begun by a run of which nothing else is known.
    """

    first: int
    batches: Sequence[LedgerBatch]
    number: int
    again_until: int
    pending: Step | None = None
    behind: Place | None = None

    @property
    def rows(self) -> int:
        """How many rows there are, about."""
        return sum(batch.rows for batch in self.batches)


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """A step with what it takes, and whether a run may have begun it before."""

    step: Step
    chunk: Chunk
    may_repeat: bool


def find_ahead(spark: SparkSession, root: str, checkpoint: Checkpoint) -> Ahead:
    """What staging hasn't taken of the batches that are in raw's ledger.

    Where that isn't known, all of them: what staging holds already stays as it is.
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
    return Ahead(
        first=last.first if last.upto else last.last + 1,
        batches=batches if last.upto else batches[1:],
        number=last.number + 1,
        again_until=last.again_until,
        pending=None if log.is_done(last) else last,
        behind=last.upto,
    )


def plan_steps(spark: SparkSession, settings: Settings, found: Ahead) -> Iterator[PlannedStep]:
    """The steps that take what is ahead, each looked up in raw as it is when it's asked for.

    A step takes whole batches of no more than `staging.max_batch_bytes` together, or where that is more than the ledger
    says, or a batch is larger, what lies in some of their partitions: one of these at least.
    """
    root = settings.lake.root
    if found.pending:
        step = found.pending
        yield PlannedStep(step=step, chunk=_chunk(spark, root, step).between(step.behind, step.upto), may_repeat=True)
    batches, number, first, behind = deque(found.batches), found.number, found.first, found.behind
    if not batches:
        return
    most = settings.staging.max_batch_bytes / tables.bytes_per_row(spark, root, layout.RAW_EVENTS)
    while batches:
        last = batches.popleft()
        rows = last.rows
        # What is left of a step that was cut is taken by itself.
        while batches and behind is None and rows + batches[0].rows <= most:
            last = batches.popleft()
            rows += last.rows
        is_taken = False
        while not is_taken:
            step = Step(
                number=number, first=first, last=last.id, clock=last.clock, again_until=found.again_until, behind=behind
            )
            chunk = _chunk(spark, root, step).between(behind, None)
            behind = chunk.end(most)
            yield PlannedStep(
                step=replace(step, upto=behind),
                chunk=chunk.between(None, behind),
                may_repeat=first <= found.again_until,
            )
            number, is_taken = number + 1, behind is None
        first = last.id + 1


def _all_from(spark: SparkSession, root: str, first: int, *, number: int) -> Ahead:
    batches = _batches(spark, root, first)
    return Ahead(first=first, batches=batches, number=number, again_until=batches[-1].id if batches else -1)


def _first_of_stream(spark: SparkSession, root: str, checkpoint: Checkpoint) -> int:
    """The batch from which on a stream over raw/events, which this job had before, may not have taken all.

    Source: Delta's DeltaSourceOffset: the version that comes next, or, with an `index` of 0 or more, in which it
    stands; and whether it's still in the version that it began with.
    """
    done = max(checkpoint.numbers("commits"), default=None)
    end = None if done is None or checkpoint.is_being_replaced else checkpoint.ends(done)[0]
    if end is None or end["isStartingVersion"] or not end["reservoirVersion"]:
        return 0
    try:
        taken = tables.at_version(spark, root, layout.RAW_EVENTS, end["reservoirVersion"] - 1)
        newest = taken.agg(F.max("batch_id")).collect()[0][0]
    except (PySparkException, Py4JJavaError):
        _log.warning("raw/events has forgotten what it was when staging last took some; all of it is looked at again")
        return 0
    # The newest may have been taken before it was complete.
    return newest or 0


def _batches(spark: SparkSession, root: str, first: int) -> Sequence[LedgerBatch]:
    ledger = tables.read(spark, root, layout.LEDGER).where(F.col("batch_id") >= first)
    told = ledger.groupBy("batch_id").agg(F.sum("raw").alias("rows"), F.min(F.unix_micros("ingested_at")).alias("at"))
    return [
        LedgerBatch(row.batch_id, instant_of(row["at"]), row.rows or 0)
        for row in sorted(told.collect(), key=lambda row: row.batch_id)
    ]


def _chunk(spark: SparkSession, root: str, step: Step) -> Chunk:
    def of_step(rows: DataFrame) -> DataFrame:
        return rows.where(F.col("batch_id").between(step.first, step.last))

    version = tables.newest_version(spark, root, layout.RAW_EVENTS)
    events = tables.at_version(spark, root, layout.RAW_EVENTS, version)
    return make_chunk(of_step(events), of_step(tables.read(spark, root, layout.QUARANTINE)))
