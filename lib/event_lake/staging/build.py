"""The raw layer to staging: what raw has gained since the last run."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from pyspark.sql import SparkSession

from event_lake.config.settings import Settings
from event_lake.contracts.load import load_contracts
from event_lake.lake import layout, tables
from event_lake.lake.checkpoints import Checkpoint
from event_lake.progress.reporter import Bar, no_bar
from event_lake.quality.measure import measure
from event_lake.staging import typed_tables
from event_lake.staging.chunk import Chunk
from event_lake.staging.step_log import StepLog
from event_lake.staging.steps import PlannedStep, find_ahead, plan_steps
from event_lake.staging.typed_tables import Contracts
from event_lake.staging.write import Staged, StagingWriter

_log = logging.getLogger(__name__)

QUERY = "build_staging"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the job: `id` is for people, `check` is `writing.sole_writer`'s, `bar` shows how far it is."""

    id: str = field(default_factory=lambda: uuid4().hex)
    check: Callable[[], None] = lambda: None
    bar: Bar = no_bar


def build_staging(spark: SparkSession, settings: Settings, run: Run | None = None) -> Staged:
    """Have staging hold what raw holds, and stop; returns what became of the events that were new in raw.

    Takes the batches in raw's ledger that no run has taken, as raw's newest version has them, in steps of
    `staging.max_batch_bytes`. A step that is repeated after a crash changes nothing twice. Where it isn't known which
    batches were taken, all that raw holds is looked at, and what is known already stays. Raises UserError where there's
    no raw layer.
    """
    run = run or Run()
    tables.refuse_missing_raw(spark, settings.lake.root)
    return catch_up(spark, settings, run, writer_of(spark, settings, run))


def catch_up(spark: SparkSession, settings: Settings, run: Run, writer: StagingWriter) -> Staged:
    """What `build_staging` does, with the writer that there is."""
    checkpoint = checkpoint_of(spark, settings.lake.root)
    found = find_ahead(spark, settings.lake.root, checkpoint)
    log, done = StepLog(checkpoint), Staged()
    with run.bar("staging", found.rows or None) as took:
        for planned in plan_steps(spark, settings, found):
            began, step = time.monotonic(), planned.step
            log.begin(step)
            counts = _taken(spark, settings, writer, planned)
            log.end(step)
            done += counts
            _log.info("step %d, %s: %s, %.1f s", step.number, step, counts, time.monotonic() - began)
            took(counts.came)
    return done


def checkpoint_of(spark: SparkSession, root: str) -> Checkpoint:
    """Where the job notes what it has taken of the lake's raw layer."""
    return Checkpoint(spark, layout.checkpoint_path(root, QUERY))


def writer_of(spark: SparkSession, settings: Settings, run: Run) -> StagingWriter:
    """What writes staging, once its tables are there. Raises UserError for a contract that its table can't follow."""
    root = settings.lake.root
    contracts = contracts_of(settings)
    writer = StagingWriter(settings, contracts, run=run.id, check=run.check)
    run.check()
    with tables.note_commits(spark, writer.note(Staged())):
        typed_tables.prepare_tables(spark, root, contracts)
        tables.create(spark, root, layout.STAGING)
    return writer


def contracts_of(settings: Settings) -> Contracts:
    """The contracts in the folder that the settings name, if they name one. Raises ConfigError."""
    return load_contracts(settings.staging.contracts) if settings.staging.contracts else {}


def _taken(spark: SparkSession, settings: Settings, writer: StagingWriter, planned: PlannedStep) -> Staged:
    chunk, number = planned.chunk, planned.step.number
    counts = writer.write(chunk, step=number, may_repeat=planned.may_repeat)
    # Before the step is noted as done, so that no crash leaves an hour out.
    if settings.quality.measure:
        measure(spark, settings, _to_measure(chunk), writer.contracts, writer.note(counts, step=number))
    return counts


def _to_measure(chunk: Chunk) -> Sequence[datetime]:
    # The hour before may be known to be over only now, and what is usual is told of complete hours.
    return [chunk.hours[0] - timedelta(hours=1), *chunk.hours] if chunk.hours else []
