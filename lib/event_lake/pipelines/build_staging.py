"""The raw layer to staging: what raw has gained since the last run."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake import tables
from event_lake.checkpoints import Checkpoint
from event_lake.config import Settings
from event_lake.contracts.files import load_contracts
from event_lake.errors import UserError
from event_lake.pipelines.measure import measure
from event_lake.progress.steps import Ahead, Bar, share_done
from event_lake.staging import typed_tables
from event_lake.staging.chunk import Chunk, chunk_of, gained
from event_lake.staging.typed_tables import Contracts
from event_lake.staging.write import Staged, StagingWriter

_log = logging.getLogger(__name__)

QUERY = "build_staging"
_LOOK_SECONDS = 1
# What Spark and Delta say where the log or the files of old commits are gone: compacted, and vacuumed or expired since.
_TOO_LONG_AGO = re.compile(r"\[(DELTA_LOG_FILE_NOT_FOUND|FAILED_READ_FILE\.FILE_NOT_EXIST|\w*FAIL_ON_DATA_LOSS)")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the job: `id` is for people, `check` is `writing.sole_writer`'s, `show` shows a line on a terminal."""

    id: str = field(default_factory=lambda: uuid4().hex)
    check: Callable[[], None] = lambda: None
    show: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Taken:
    """The `version` of raw/events up to which steps were planned; `is_partly`: not all of it, the first there was."""

    version: int
    is_partly: bool


def build_staging(spark: SparkSession, settings: Settings, run: Run | None = None) -> Staged:
    """Have staging hold what raw holds, and stop; returns what became of the events that were new in raw.

    Resumes from its checkpoint, in steps of `staging.max_batch_bytes`. A step that is repeated after a crash changes
    nothing twice. Where raw has forgotten how it came to what it is since the last run, all that it holds is looked
    at again, and what is known already stays. Raises UserError where there's no raw layer.
    """
    run = run or Run()
    refuse_without_raw(spark, settings.lake.root)
    return catch_up(spark, settings, run, writer_of(spark, settings, run))


def catch_up(spark: SparkSession, settings: Settings, run: Run, writer: StagingWriter) -> Staged:
    """What `build_staging` does, with the writer that there is."""
    checkpoint = checkpoint_of(spark, settings.lake.root)
    if checkpoint.is_being_replaced:
        _replace(checkpoint)
    try:
        return _caught_up(spark, settings, run, writer, checkpoint)
    except StreamingQueryException as error:
        if checkpoint.newest_batch is None or not is_too_long_ago(error):
            raise
        _log.warning("raw/events has forgotten what came since the last run; all that it holds is looked at again")
        _replace(checkpoint)
    # Without a checkpoint: if a file that raw does hold is gone, this fails as well.
    return _caught_up(spark, settings, run, writer, checkpoint)


def checkpoint_of(spark: SparkSession, root: str) -> Checkpoint:
    """Where the job notes what it has taken of the lake's raw layer."""
    return Checkpoint(spark, tables.checkpoint_path(root, QUERY))


def taken(checkpoint: Checkpoint) -> Taken | None:
    """How far the steps have come that were planned, if any was.

    Source: Delta's DeltaSourceOffset: the version that comes next where `index` is negative.
    """
    newest = checkpoint.newest_batch
    end = None if newest is None else checkpoint.ends(newest)[0]
    if end is None:
        return None
    return Taken(end["reservoirVersion"] - int(end["index"] < 0), bool(end["isStartingVersion"]))


def writer_of(spark: SparkSession, settings: Settings, run: Run) -> StagingWriter:
    """What writes staging, once its tables are there. Raises UserError for a contract that its table can't follow."""
    root = settings.lake.root
    contracts = contracts_of(settings)
    writer = StagingWriter(settings, contracts, run=run.id, check=run.check)
    run.check()
    with tables.noted(spark, writer.note(Staged())):
        typed_tables.prepare(spark, root, contracts)
        tables.create(spark, root, tables.STAGING)
    return writer


def contracts_of(settings: Settings) -> Contracts:
    """The contracts in the folder that the settings name, if they name one. Raises ConfigError."""
    return load_contracts(settings.staging.contracts) if settings.staging.contracts else {}


def is_too_long_ago(error: StreamingQueryException) -> bool:
    """Whether a query failed as raw/events has forgotten what came since its checkpoint."""
    return bool(_TOO_LONG_AGO.search(str(error)))


def refuse_without_raw(spark: SparkSession, root: str) -> None:
    """Raise UserError if there's nothing to read events from."""
    if not tables.exists(spark, root, tables.RAW_EVENTS):
        raise UserError(f"lake.root = {root!r} has no {tables.RAW_EVENTS.name}: run ingest_raw first")


def started(
    spark: SparkSession, settings: Settings, checkpoint: str, step: Callable[[DataFrame, int], None]
) -> StreamingQuery:
    """The query over what raw has gained since `checkpoint`, with `step` for each chunk's rows of `chunk.gained`."""
    root = settings.lake.root

    def stream(table: tables.Table) -> DataFrame:
        # Compaction and deletions in raw bring no new events.
        reader = spark.readStream.format("delta").option("skipChangeCommits", "true")
        return reader.option("maxBytesPerTrigger", settings.staging.max_batch_bytes).load(table.path(root))

    return (
        gained(stream(tables.RAW_EVENTS), stream(tables.QUARANTINE))
        .writeStream.queryName(QUERY)
        .option("checkpointLocation", checkpoint)
        .foreachBatch(step)
        .trigger(availableNow=True)
        .start()
    )


def _caught_up(
    spark: SparkSession, settings: Settings, run: Run, writer: StagingWriter, checkpoint: Checkpoint
) -> Staged:
    done = [Staged()]
    # A step that was planned before this run may have been begun. And while all that raw holds is looked at, any: by a
    # run whose checkpoint is gone.
    planned, before = checkpoint.newest_batch, taken(checkpoint)
    is_first = before is None or before.is_partly

    def write(rows: DataFrame, step: int) -> None:
        began = time.monotonic()
        session = rows.sparkSession
        chunk = chunk_of(rows)
        with tables.adaptive(session):
            counts = writer.write(session, chunk, step=step, may_repeat=is_first or planned is None or step <= planned)
            # Before the step is committed, so that no crash leaves an hour out.
            if settings.quality.measure:
                measure(session, settings, _to_measure(chunk), writer.contracts, writer.note(counts, step=step))
        done.append(counts)
        _log.info("step %d: %s, %.1f s", step, done[-1], time.monotonic() - began)

    told = _bar(spark, settings.lake.root, run)
    query = started(spark, settings, checkpoint.path, write)
    try:
        while not query.awaitTermination(_LOOK_SECONDS):
            told(query, sum(done, Staged()).came)
    finally:
        query.stop()
    return sum(done, Staged())


def _to_measure(chunk: Chunk) -> Sequence[datetime]:
    # The hour before may be known to be over only now, and what is usual is told of complete hours.
    return [chunk.hours[0] - timedelta(hours=1), *chunk.hours] if chunk.hours else []


def _bar(spark: SparkSession, root: str, run: Run) -> Callable[[StreamingQuery, int], None]:
    """What tells the terminal of a query that has taken so many events."""
    if run.show is None:
        return lambda _, __: None
    raw = (spark, root, tables.RAW_EVENTS)
    bar, ahead = Bar(run.show), Ahead(tables.newest_version(*raw), tables.files(*raw))

    def tell(query: StreamingQuery, events: int) -> None:
        sources = [step.sources[0] for step in query.recentProgress]
        share = share_done(sources[0].startOffset, sources[-1].endOffset, ahead) if sources else None
        bar.tell(share, events)

    return tell


def _replace(checkpoint: Checkpoint) -> None:
    checkpoint.set_aside()
    checkpoint.end_replacement()
