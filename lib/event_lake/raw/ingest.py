"""Run the streaming query that reads the Kinesis stream into the raw layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.config.lake_root import scheme_of
from event_lake.config.parsing import unusable
from event_lake.config.settings import Raw, Settings, Source
from event_lake.errors import StreamNotFoundError, UserError
from event_lake.kinesis.admission import ADMISSION_CONTROL
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.offsets import Offset
from event_lake.kinesis.parts import shards_with_receipts
from event_lake.kinesis.planning.start import refuse_expired, starting_positions
from event_lake.kinesis.planning.topology import Topology
from event_lake.kinesis.source import observe_receipts
from event_lake.lake import catalog, layout, tables, views
from event_lake.lake.checkpoints import Checkpoint, PlannedBatch
from event_lake.lake.descriptions import describe
from event_lake.lake.ledger import Totals, Written
from event_lake.lake.machine import current_user
from event_lake.progress.reporter import Reporter
from event_lake.raw.beginning import Beginning, open_or_replace_checkpoint
from event_lake.raw.dedupe import drop_duplicates, with_watermark
from event_lake.raw.kept_checks import KeptChecks, settle_findings
from event_lake.raw.ledger_rows import Batch
from event_lake.raw.missing_tables import refuse_missing_tables
from event_lake.raw.rules_in_force import describe_changes, rules_of
from event_lake.raw.running import RunResult, run_to_end
from event_lake.raw.source import read_validated
from event_lake.raw.state_store import keep_state_open, look_after_state_first
from event_lake.raw.upkeep import compact_when_due
from event_lake.raw.write import EarlierRules, RawWriter

# A clock further off than this is refused, well before the 5 minutes at which AWS refuses signatures.
_LARGEST_CLOCK_ERROR = timedelta(minutes=1)
_QUERY = "ingest_raw"
# How long a call to Kinesis is repeated while the job starts: a user waits for the first line of output.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """The options of one run.

    - `until_caught_up`: end once all is read that the stream held at the start.
    - `new_checkpoint`: put the checkpoint aside and resume from the ledger.
    - `acknowledge`: the batches whose findings `user` acknowledges, by default the user of this process.
    - `stop_asked_by`: returns who asked for a stop, and when, or an empty text (`lake.sole_writer`).
    """

    until_caught_up: bool = False
    new_checkpoint: bool = False
    acknowledge: Sequence[int] = ()
    user: str = field(default_factory=current_user)
    stop_asked_by: Callable[[], str] = lambda: ""


def check_pace(settings: Settings) -> None:
    """Raise ConfigError if a query with these settings could never catch up after a stop."""
    interval = int(settings.raw.trigger_interval.total_seconds())
    if settings.source.max_batch_seconds < 2 * interval:
        raise unusable(
            "source.max_batch_seconds",
            settings.source.max_batch_seconds,
            f"one batch each raw.trigger_interval ({interval} s) would never catch up; set {2 * interval} or more",
        )


def check_stream(settings: Settings) -> None:
    """Raise UserError or ServiceUnavailableError, before Spark starts, if the stream can't be read.

    UserError: there's no such stream, `source.start_from` can't be used, or this machine's clock is more than a minute
    off Kinesis' own. ServiceUnavailableError: Kinesis didn't answer for 20 seconds.
    """
    source = settings.source
    client = _make_client(source)
    topology = Topology(client)
    try:
        topology.look()
    except StreamNotFoundError:
        if _may_have_begun(settings.lake.root):
            return  # The query will name the positions up to which it had read the stream that is gone.
        raise
    if not _may_have_begun(settings.lake.root):
        begin = starting_positions(source.start_from, topology.lineage, client.now(), topology.summary.retention)
        refuse_expired(begin, client)
    # The watermark runs on this clock. After a batch with a time in the future, the next ones would be late.
    clock_error = abs(client.now() - datetime.now(UTC))
    if clock_error > _LARGEST_CLOCK_ERROR:
        raise UserError(f"this machine's clock is {clock_error} off Kinesis' own; set it right")


def _make_client(source: Source) -> KinesisClient:
    return KinesisClient(source.stream, source.region, source.endpoint_url, patience_seconds=_PATIENCE_SECONDS)


def _may_have_begun(root: str) -> bool:
    """True if the lake has a ledger, and always on remote storage, which can't be read before Spark starts.

    A root without a scheme is on the local disk: elsewhere the job is refused once Spark runs.
    """
    return scheme_of(root) is not None or Path(layout.LEDGER.path(root)).exists()


def deduplicate(validated_rows: DataFrame, settings: Raw) -> DataFrame:
    """Drop the duplicates of a stream of validated rows. What remains are the rows for the raw layer, and the receipts.

    Spark's progress events then hold the receipts, too (`kinesis.source.observe_receipts`).
    """
    rows = validated_rows.transform(with_watermark, settings.dedup_window, settings.dedup_on)
    return drop_duplicates(observe_receipts(rows, "shard_id"))


def ingest_raw(
    spark: SparkSession,
    settings: Settings,
    options: IngestOptions,
    *,
    check: Callable[[], None] = lambda: None,
    reporters: Sequence[Reporter] = (),
) -> RunResult:
    """Run the query until a signal or a request stops it, or until it has caught up, if `options` say so.

    `check` is called before each write, and raises if this process may not write (`lake.sole_writer`). Raise what
    `refuse_missing_tables`, `catalog.register`, `settle_findings`, `open_or_replace_checkpoint` and `run_to_end` raise,
    and UserError if a newer Event Lake wrote the ledger.
    """
    checkpoint = Checkpoint(spark, layout.checkpoint_path(settings.lake.root, _QUERY))
    tables.refuse_newer_ledger(spark, settings.lake.root)
    refuse_missing_tables(spark, settings.lake.root, has_begun=checkpoint.newest_batch is not None)
    tables.create(spark, settings.lake.root, layout.RAW)
    catalog.register(spark, settings.lake, [*map(describe, layout.RAW)], views.RAW, check)
    client = _make_client(settings.source)
    is_late = settle_findings(spark, settings.lake.root, checkpoint, options.acknowledge, options.user)
    beginning = open_or_replace_checkpoint(spark, settings, checkpoint, client, anew=options.new_checkpoint or is_late)
    begun_settings = replace(settings, source=replace(settings.source, start_from=beginning.start_from))
    query = _Query(spark, begun_settings, checkpoint, beginning, check)
    # On Spark 4.1, a run with Trigger.AvailableNow that repeats a batch after a crash ends with that batch. A second
    # run reads what comes after it.
    runs = 2 if options.until_caught_up and not ADMISSION_CONTROL else 1
    result = RunResult(Totals(), stopped=False)
    while runs and not result.stopped:
        start = partial(query.start, until_caught_up=options.until_caught_up)
        run = run_to_end(start, query.write, reporters, query.checks, options.stop_asked_by)
        result, runs = RunResult(result.totals + run.totals, stopped=run.stopped), runs - 1
    return result


class _Query:
    """The streaming query of one run, and the writing of its batches."""

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        checkpoint: Checkpoint,
        beginning: Beginning,
        check: Callable[[], None],
    ) -> None:
        self._spark = spark
        self._settings = settings
        self._checkpoint = checkpoint
        self._beginning = beginning
        self._check = check
        self._writer: RawWriter | None = None
        self._newest_planned = checkpoint.newest_batch
        # Each entry is needed twice: for its own batch, and as the predecessor of the next batch.
        self._planned = lru_cache(maxsize=2)(self._look_up)
        self.checks = KeptChecks(spark, settings.lake.root, checkpoint, first_batch=beginning.first_batch)

    def start(self, write_batch: Callable[[DataFrame, int], None], *, until_caught_up: bool) -> StreamingQuery:
        """Start the query. Spark calls `write_batch` with the rows and the number of each batch."""
        source, raw = self._settings.source, self._settings.raw
        bounded = ADMISSION_CONTROL or not until_caught_up
        writing = (
            deduplicate(read_validated(self._spark, source, raw, bounded=bounded), raw)
            .writeStream.queryName(_QUERY)
            .option("checkpointLocation", self._checkpoint.path)
            .foreachBatch(write_batch)
        )
        interval = int(self._settings.raw.trigger_interval.total_seconds())
        paced = (
            writing.trigger(availableNow=True)
            if until_caught_up
            else writing.trigger(processingTime=f"{interval} seconds")
        )
        with look_after_state_first(self._spark):
            return paced.start()

    def write(self, rows: DataFrame, batch_id: int) -> Written:
        """Write the batch with Spark's number `batch_id` to the tables."""
        if self._writer is None:
            query_id = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
            assert query_id, "Spark sets it for every batch"
            self._writer = RawWriter(self._settings, self._beginning, query_id, self._check, self._earlier_rules())
        batch = self._describe_batch(batch_id)
        written = self._writer.write(rows, batch)
        # The run's first batch has looked after the state.
        keep_state_open(rows.sparkSession, self._spark)
        compact_when_due(self._spark, self._settings.lake.root, batch.batch_id, self._check)
        return written

    def _earlier_rules(self) -> EarlierRules:
        begun, now = self._checkpoint.rules(), rules_of(self._settings, self._spark.version)

        def keep() -> None:
            if begun != now:
                self._checkpoint.keep_rules(now)

        return EarlierRules(changed=describe_changes(begun, now), keep=keep)

    def _look_up(self, batch_id: int) -> tuple[PlannedBatch, Offset]:
        planned = self._checkpoint.planned(batch_id)
        return planned, Offset.from_json(planned.source)

    def _describe_batch(self, batch_id: int) -> Batch:
        """Return what the offset log says of a batch. Raise DataLossError if Spark would drop all its rows as late."""
        planned, end = self._planned(batch_id)
        before, begin = self._planned(batch_id - 1) if batch_id else (None, None)
        number = self._beginning.first_batch + batch_id
        if before:
            self.checks.refuse_late(number, planned, before)
        may_repeat = self._newest_planned is not None and batch_id <= self._newest_planned
        begins = batch_id == 0
        return Batch(
            batch_id=number,
            clock=planned.clock,
            read_until=end.cut,
            begins=begins,
            positions=self._beginning.first_positions(end) if begins else end.positions,
            holes=self._beginning.holes if begins else {},
            expected=shards_with_receipts(begin, end) if begin else (),
            may_repeat=may_repeat,
        )
