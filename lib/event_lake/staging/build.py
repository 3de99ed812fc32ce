"""Bring to staging the events that the raw layer has gained since the last run."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from pyspark.sql import SparkSession

from event_lake.config.settings import Settings
from event_lake.contracts.load import load_contracts
from event_lake.lake import catalog, layout, tables, views
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.descriptions import describe
from event_lake.lake.window import Batches
from event_lake.progress.reporter import Bar, no_bar
from event_lake.quality.measure import measure
from event_lake.staging import typed_tables
from event_lake.staging.chunk import Chunk
from event_lake.staging.step_log import StepLog
from event_lake.staging.steps import PlannedStep, find_backlog, plan_steps
from event_lake.staging.typed_tables import Contracts
from event_lake.staging.write import Staged, StagingWriter

_log = logging.getLogger(__name__)

QUERY = "build_staging"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the job. `id` names it to people in the tables' history, and `bar` shows its progress.

    `check` is called before each write to a table, and raises if another process may write staging. Once
    `stop_asked_by` returns a text, which says who asked, the run ends before its next step (both: `sole_writer`).
    `batches` notes those of raw that the run has begun to take.
    """

    id: str = field(default_factory=lambda: uuid4().hex)
    check: Callable[[], None] = lambda: None
    stop_asked_by: Callable[[], str] = lambda: ""
    batches: Batches = field(default_factory=Batches)
    bar: Bar = no_bar


def build_staging(spark: SparkSession, settings: Settings, run: Run | None = None) -> Staged:
    """Take all batches of raw that staging hasn't taken yet, and return what became of their events.

    Only batches in raw's ledger count. Their events are read from raw's newest version, in steps of about
    `staging.max_batch_bytes`. A step that is repeated after a crash changes nothing twice. If it isn't known which
    batches were taken, take all of raw; events that staging holds already stay as they are. Raise UserError if there is
    no raw layer.

    A run that is asked to stop ends between two steps; the next one goes on from there.
    """
    run = run or Run()
    tables.refuse_missing_raw(spark, settings.lake.root)
    return catch_up(spark, settings, run, prepare_writer(spark, settings, run))


def catch_up(spark: SparkSession, settings: Settings, run: Run, writer: StagingWriter) -> Staged:
    """Do what `build_staging` does, with a writer whose tables are prepared."""
    checkpoint = checkpoint_of(spark, settings.lake.root)
    backlog = find_backlog(spark, settings.lake.root, checkpoint)
    log, total = StepLog(checkpoint), Staged()
    with run.bar("staging", backlog.rows or None) as advance:
        for planned in plan_steps(spark, settings, backlog):
            if by := run.stop_asked_by():
                _log.info("asked to stop by %s: what is left is for the next run", by)
                break
            began, step = time.monotonic(), planned.step
            run.batches.add(step.first, step.last)
            log.begin(step)
            counts = _take(spark, settings, writer, planned)
            log.end(step)
            total += counts
            _log.info("step %d, %s: %s, %.1f s", step.number, step, counts, time.monotonic() - began)
            advance(counts.came)
    return total


def checkpoint_of(spark: SparkSession, root: str) -> Checkpoint:
    """Return the checkpoint in which the job notes the batches that it has taken."""
    return Checkpoint(spark, layout.checkpoint_path(root, QUERY))


def prepare_writer(spark: SparkSession, settings: Settings, run: Run) -> StagingWriter:
    """Make or evolve staging's tables, register them, and return their writer.

    Raise UserError if a table can't follow its contract, ConfigError for a contract that can't be read, and what
    `catalog.register` raises.
    """
    root = settings.lake.root
    contracts = contracts_of(settings)
    writer = StagingWriter(settings, contracts, run=run.id, check=run.check)
    run.check()
    with tables.note_commits(spark, writer.note(Staged())):
        typed_tables.prepare_tables(spark, root, contracts)
        tables.create(spark, root, layout.STAGING)
        described = [*map(describe, layout.STAGING), *map(typed_tables.describe_table, contracts.values())]
        catalog.register(spark, settings.lake, described, views.STAGING, run.check)
    return writer


def contracts_of(settings: Settings) -> Contracts:
    """Return the contracts in the folder that the settings name, or none if they name none.

    Raise ConfigError for a contract that can't be read.
    """
    return load_contracts(settings.staging.contracts) if settings.staging.contracts else {}


def _take(spark: SparkSession, settings: Settings, writer: StagingWriter, planned: PlannedStep) -> Staged:
    chunk, number = planned.chunk, planned.step.number
    counts = writer.write(chunk, step=number, may_repeat=planned.may_repeat)
    # Measure before the step is noted as done: after a crash it's repeated, and its hours measured.
    if settings.quality.measure:
        measure(spark, settings, _hours_to_measure(chunk), writer.contracts, writer.note(counts, step=number))
    return counts


def _hours_to_measure(chunk: Chunk) -> Sequence[datetime]:
    # Only complete hours are compared with what is usual, and this chunk may have completed the hour before it.
    return [chunk.hours[0] - timedelta(hours=1), *chunk.hours] if chunk.hours else []
