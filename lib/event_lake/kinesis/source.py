"""The Kinesis source for Spark: `spark.readStream.format("event_lake_kinesis")`.

Thin glue: batches are planned in `planner`, read in `records`, and the calls are in `client`.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

import event_lake
from event_lake.config.settings import Raw, Source
from event_lake.errors import DataLossError, StreamNotFoundError
from event_lake.kinesis.admission import ReadAllAvailable, ReadLimit, ReadMaxRows, SupportsTriggerAvailableNow
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.offsets import Offset, Position
from event_lake.kinesis.options import FORMAT, settings_from, without_bounds
from event_lake.kinesis.planning.planner import Bounds, Planner
from event_lake.kinesis.planning.start import refuse_expired, starting_positions
from event_lake.kinesis.planning.topology import Topology
from event_lake.kinesis.reading.records import part_of, read_batches
from event_lake.lake.schemas import RECORD

# Planning waits for answers: of 256 shards at 20 ms a call, 10 s one after the other.
_SHARDS_AT_ONCE = 16
_PLAIN = Raw()


def register(spark: SparkSession) -> None:
    """Make the format known to this session."""
    # Spark 4.2 looks for --py-files in another folder than it puts them when it starts the process that plans a
    # streaming source; PYTHONPATH leads that process to our package, be it a folder or a zip.
    environment = spark.sparkContext.environment
    place = str(Path(event_lake.__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [place, environment.get("PYTHONPATH")]))
    spark.dataSource.register(KinesisDataSource)


def observe_receipts(rows: DataFrame, shard_id: str = "shardId") -> DataFrame:
    """`rows`, whose receipts are then in each progress event: `observedMetrics["kinesis"].shards`, one per shard.

    `shard_id` is the column with a row's shard. It costs least where Spark has made rows anyway: beside a watermark.
    """
    receipt = F.struct(F.col(shard_id).alias("shardId"), "receipt.*")
    # A set, as rows are seen again where an executor is lost.
    return rows.observe("kinesis", F.collect_set(F.when(F.col("receipt").isNotNull(), receipt)).alias("shards"))


class KinesisDataSource(DataSource):
    """Records of one stream. Every (shard, batch) ends with one row whose `receipt` says what was read.

    A receipt's row has null `data`; a record's row has a null `receipt`. The records in KPL aggregates are rows of
    their own, and so are lines, where asked. Options: `options.options_of`. Reads by polling: enhanced fan-out isn't
    supported.
    """

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> StructType:
        return RECORD

    def streamReader(self, schema: StructType) -> "KinesisStreamReader":
        options = dict(self.options)
        return KinesisStreamReader(*settings_from(options), told_bounds=without_bounds(options) != options)


class KinesisStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Plans on the driver, reads on executors, keeps nothing on executors.

    The first batch of a query is empty: it writes the resolved start into the offset log, so that "latest"
    stays what it was when the query first ran.

    Spark 4.1 has no admission control: it asks for an offset once for a run with Trigger.AvailableNow, and doesn't tell
    which trigger a query has. So there a batch takes all there is, parents and children side by side, unless the
    options maxBatchSeconds or maxRecordsPerBatch are given: then batches are as on 4.2, but such a run takes only one.
    Nothing is lost or read twice either way.
    """

    def __init__(self, source: Source, raw: Raw = _PLAIN, *, told_bounds: bool = True) -> None:
        self._source = source
        self._raw = raw
        self._told_bounds = told_bounds
        self._client: KinesisClient | None = None
        self._planner: Planner | None = None
        self._target: Offset | None = None
        self._stop_at_tip = False
        self._reached: dict[str, Any] | None = None

    def initialOffset(self) -> dict[str, Any]:
        return {"start_from": self._source.start_from}

    def getDefaultReadLimit(self) -> ReadLimit:
        return ReadMaxRows(self._source.max_batch_records)

    def prepareForTriggerAvailableNow(self) -> None:
        self._stop_at_tip = True

    def latestOffset(self, start: dict[str, Any] | None = None, limit: ReadLimit | None = None) -> dict[str, Any]:
        # Spark 4.1 calls `partitions` before this when it resumes from a checkpoint.
        begin = start or self._reached or self.initialOffset()
        with self._naming_what_is_gone(begin):
            return (
                self._latest_all_at_once(begin)
                if start is None and not self._told_bounds
                else self._latest(begin, limit)
            )

    def _latest(self, begin: dict[str, Any], limit: ReadLimit | None) -> dict[str, Any]:
        planner = self._planning()
        if "start_from" in begin:
            return self._beginning().to_json()
        offset = Offset.from_json(begin)
        if self._stop_at_tip and self._target is None:
            self._target = planner.tip(offset)
        end = planner.next_end(offset, self._target, self._bounds(limit))
        return begin if end == offset else end.to_json()

    def _latest_all_at_once(self, begin: dict[str, Any]) -> dict[str, Any]:
        planner = self._planning()
        if "start_from" in begin:
            beginning = self._beginning()
            return (beginning if begin["start_from"] == "latest" else planner.tip(beginning)).to_json()
        offset = Offset.from_json(begin)
        end = planner.tip(offset)
        return begin if end.shards == offset.shards else end.to_json()

    def reportLatestOffset(self) -> dict[str, Any] | None:
        if self._client is None or self._planner is None:
            return None
        return {"millis_behind": dict(self._planner.millis_behind), "planning": asdict(self._client.calls)}

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        self._reached = end
        finish = Offset.from_json(end)
        with self._naming_what_is_gone(start):
            begin = self._begin(start, finish)
            # Spark replays a batch without planning it again, maybe long after it was planned.
            self._planning().refuse_losses(begin)
        parts = [part_of(shard_id, begin, finish) for shard_id in finish.shards]
        return [InputPartition(part) for part in parts if part]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        return read_batches(self._source, self._raw, partition.value, self._connected())

    def _connected(self) -> KinesisClient:
        # Made where it's used: a reader travels from the driver to the executors, connections don't.
        if self._client is None:
            self._client = KinesisClient(self._source.stream, self._source.region, self._source.endpoint_url)
        return self._client

    def _planning(self) -> Planner:
        if self._planner is None:
            self._planner = Planner(
                self._connected(),
                go_on_after_loss=not self._source.fail_on_data_loss,
                in_parallel=ThreadPoolExecutor(_SHARDS_AT_ONCE).map,
            )
        return self._planner

    def _bounds(self, limit: ReadLimit | None) -> Bounds | None:
        if isinstance(limit, ReadAllAvailable):
            return None
        records = limit.max_rows if isinstance(limit, ReadMaxRows) else self._source.max_batch_records
        return Bounds(time=timedelta(seconds=self._source.max_batch_seconds), records=records)

    def _starting_positions(self, topology: Topology) -> dict[str, Position]:
        now, retention = self._connected().now(), topology.summary.retention
        return starting_positions(self._source.start_from, topology.lineage, now, retention)

    def _beginning(self) -> Offset:
        beginning = self._planning().beginning(self._starting_positions)
        refuse_expired(beginning.shards, self._connected())
        return beginning

    def _begin(self, start: dict[str, Any], finish: Offset) -> Offset:
        if "start_from" not in start:
            return Offset.from_json(start)
        if start["start_from"] == "latest":
            return finish  # The first batch of such a query is empty, and says when that was.
        return Offset(self._planning().resolved(self._starting_positions), finish.cut, finish.summary)

    @contextmanager
    def _naming_what_is_gone(self, begin: dict[str, Any]) -> Iterator[None]:
        try:
            yield
        except StreamNotFoundError as error:
            if "start_from" in begin:
                raise
            read = ", ".join(f"{shard_id} {position}" for shard_id, position in begin["shards"].items())
            raise DataLossError(f"{error}; it was read up to {read}: what came behind is gone") from error
