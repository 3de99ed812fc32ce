"""Kinesis to the raw layer: the streaming query."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.config.parsing import unusable
from event_lake.config.settings import Raw, Settings
from event_lake.errors import StreamNotFoundError, UserError
from event_lake.kinesis.admission import ADMISSION_CONTROL
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.offsets import Offset
from event_lake.kinesis.planning.start import refuse_expired, starting_positions
from event_lake.kinesis.planning.topology import Topology
from event_lake.kinesis.reading.records import shards_with_receipts
from event_lake.kinesis.source import observe_receipts
from event_lake.lake import layout, tables
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.ledger import Totals, Written
from event_lake.progress.reporter import Reporter
from event_lake.raw.beginning import Beginning, open_or_replace_checkpoint
from event_lake.raw.dedupe import drop_duplicates, with_watermark
from event_lake.raw.kept_checks import KeptChecks, settle_findings
from event_lake.raw.ledger_rows import Batch
from event_lake.raw.missing_tables import refuse_missing_tables
from event_lake.raw.rules_in_force import describe_changes, rules_of
from event_lake.raw.running import RunResult, run_to_end
from event_lake.raw.source import read_validated
from event_lake.raw.write import EarlierRules, RawWriter

# AWS itself refuses requests that are signed 5 minutes off.
_LARGEST_CLOCK_ERROR = timedelta(minutes=1)
_QUERY = "ingest_raw"
# Somebody waits for the first line; a query that runs has more.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """Of a run: to end with what the stream held at its start, and to begin a new checkpoint behind the ledger.

    `acknowledge`: batches whose findings `user` knows of.
    """

    until_caught_up: bool = False
    new_checkpoint: bool = False
    acknowledge: Sequence[int] = ()
    user: str = ""


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
    """Raise UserError or ServiceUnavailableError, before Spark starts, if the stream can't be read as it must be."""
    asked = settings.source
    client = KinesisClient(asked.stream, asked.region, asked.endpoint_url, patience_seconds=_PATIENCE_SECONDS)
    topology = Topology(client)
    try:
        topology.look()
    except StreamNotFoundError:
        if _may_have_begun(settings.lake.root):
            return  # The query knows up to where it had read the stream that is gone, and says so.
        raise
    if not _may_have_begun(settings.lake.root):
        begin = starting_positions(asked.start_from, topology.lineage, client.now(), topology.summary.retention)
        refuse_expired(begin, client)
    # The dedup window runs on our clock: behind a batch from the future, all would be late.
    wrong = abs(client.now() - datetime.now(UTC))
    if wrong > _LARGEST_CLOCK_ERROR:
        raise UserError(f"this machine's clock is {wrong} off Kinesis' own; set it right")


def _may_have_begun(root: str) -> bool:
    return "://" in root or Path(layout.LEDGER.path(root)).exists()


def deduplicate(validated_rows: DataFrame, settings: Raw) -> DataFrame:
    """What the raw layer holds of a stream of `schemas.VALIDATED`: deduplicated, not yet written.

    Progress events tell its receipts, as `kinesis.source.observe_receipts` says.
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
    """Run the query until a signal stops it, or it comes to the end that `options` ask for.

    `check` is `writing.sole_writer`'s. Raises what `raw.standing.refuse_gone`, `pipelines.checks.settled`,
    `pipelines.beginning.open_or_replace_checkpoint` and `running.run_to_end` raise.
    """
    checkpoint = Checkpoint(spark, layout.checkpoint_path(settings.lake.root, _QUERY))
    tables.refuse_newer_ledger(spark, settings.lake.root)
    refuse_missing_tables(spark, settings.lake.root, has_begun=checkpoint.newest_batch is not None)
    tables.create(spark, settings.lake.root, layout.RAW)
    stream = settings.source
    client = KinesisClient(stream.stream, stream.region, stream.endpoint_url, patience_seconds=_PATIENCE_SECONDS)
    is_late = settle_findings(spark, settings.lake.root, checkpoint, options.acknowledge, options.user)
    beginning = open_or_replace_checkpoint(spark, settings, checkpoint, client, anew=options.new_checkpoint or is_late)
    begins = replace(settings, source=replace(stream, start_from=beginning.start_from))
    query = _Query(spark, begins, checkpoint, beginning, check)
    # Where Spark 4.1 repeats a batch that a crash left, such a run ends with it: another takes what came behind.
    runs = 2 if options.until_caught_up and not ADMISSION_CONTROL else 1
    ended = RunResult(Totals(), stopped=False)
    while runs and not ended.stopped:
        start = partial(query.started, until_caught_up=options.until_caught_up)
        run = run_to_end(
            start,
            query.write,
            reporters,
            query.checks,
        )
        ended, runs = RunResult(ended.totals + run.totals, stopped=run.stopped), runs - 1
    return ended


class _Query:
    """The streaming query: how it's started, and how a batch of it is written."""

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
        # Each batch is looked at twice, the second time as the one before.
        self._planned = lru_cache(maxsize=2)(checkpoint.planned)
        self.checks = KeptChecks(
            spark,
            settings.lake.root,
            checkpoint,
            first_batch=beginning.first_batch,
        )

    def started(self, batch: Callable[[DataFrame, int], None], *, until_caught_up: bool) -> StreamingQuery:
        """Start it, with `batch` for each batch."""
        asked, raw = self._settings.source, self._settings.raw
        bounded = ADMISSION_CONTROL or not until_caught_up
        writing = (
            deduplicate(read_validated(self._spark, asked, raw, bounded=bounded), raw)
            .writeStream.queryName(_QUERY)
            .option("checkpointLocation", self._checkpoint.path)
            .foreachBatch(batch)
        )
        if until_caught_up:
            return writing.trigger(availableNow=True).start()
        interval = int(self._settings.raw.trigger_interval.total_seconds())
        return writing.trigger(processingTime=f"{interval} seconds").start()

    def write(self, rows: DataFrame, batch_id: int) -> Written:
        """Write the batch to which Spark gave this number."""
        if self._writer is None:
            query_id = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
            assert query_id, "Spark sets it for every batch"
            self._writer = RawWriter(self._settings, self._beginning, query_id, self._check, self._begun_under())
        return self._writer.write(rows, self._batch(batch_id))

    def _begun_under(self) -> EarlierRules:
        begun, now = self._checkpoint.rules(), rules_of(self._settings, self._spark.version)

        def keep() -> None:
            if begun != now:
                self._checkpoint.keep_rules(now)

        return EarlierRules(changed=describe_changes(begun, now), keep=keep)

    def _batch(self, batch_id: int) -> Batch:
        """What the offset log says of a batch. Raises DataLossError if Spark would drop all of it as late."""
        planned = self._planned(batch_id)
        before = self._planned(batch_id - 1) if batch_id else None
        end, number = Offset.from_json(planned.source), self._beginning.first_batch + batch_id
        if before:
            self.checks.refuse_late(number, planned, before)
        may_repeat = self._newest_planned is not None and batch_id <= self._newest_planned
        begins = batch_id == 0
        return Batch(
            batch_id=number,
            clock=planned.clock,
            read_until=end.cut,
            begins=begins,
            positions={**end.positions, **(self._beginning.gone if begins else {})},
            holes=self._beginning.holes if begins else {},
            expected=shards_with_receipts(Offset.from_json(before.source), end) if before else (),
            may_repeat=may_repeat,
        )
