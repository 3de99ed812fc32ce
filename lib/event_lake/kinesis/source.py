"""The Kinesis source for Spark: `spark.readStream.format("event_lake_kinesis")`.

It only connects Spark with `planner`, which plans batches on the driver, `records`, which reads them on executors, and
`client`, which makes the calls to Kinesis.
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
from event_lake.kinesis.parts import part_of
from event_lake.kinesis.planning.planner import Bounds, Planner
from event_lake.kinesis.planning.start import refuse_expired, starting_positions
from event_lake.kinesis.planning.topology import Topology
from event_lake.kinesis.reading.records import read_batches
from event_lake.lake.schemas import RECORD

# Planning mostly waits for answers: 2 calls of 20 ms for each of 256 shards take 10 s one after the other.
_SHARDS_AT_ONCE = 16
_PLAIN = Raw()


def register_source(spark: SparkSession) -> None:
    """Make the format known to `spark`, and this package to the process in which Spark plans a streaming source."""
    # Spark 4.2 lets that process look for --py-files in another folder than the one where it put them. PYTHONPATH leads
    # the process to our package, be it a folder or a zip.
    environment = spark.sparkContext.environment
    place = str(Path(event_lake.__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [place, environment.get("PYTHONPATH")]))
    # Spark looks the name up in the thread's active session. If that is another session, in which the name is known
    # already, Spark refuses it. This makes `spark` the active session, and runs nothing.
    spark.createDataFrame([], "nothing int")
    spark.dataSource.register(KinesisDataSource)


def observe_receipts(rows: DataFrame, shard_id: str = "shardId") -> DataFrame:
    """Return `rows`, whose receipts Spark then puts into each progress event: `observedMetrics["kinesis"].shards`.

    A receipt says what a batch read of a shard (see KinesisDataSource). `shard_id` is the column with a row's shard.
    Call it next to `withWatermark`, where Spark converts the batches to rows anyway, so that it costs least.
    """
    receipt = F.struct(F.col(shard_id).alias("shardId"), "receipt.*")
    # A set, because Spark observes rows again if it loses an executor.
    return rows.observe("kinesis", F.collect_set(F.when(F.col("receipt").isNotNull(), receipt)).alias("shards"))


class KinesisDataSource(DataSource):
    """The rows of one stream's records, and one receipt for each shard of a batch.

    A receipt says what was read of the shard. A shard's last row holds its receipt and no `data`. In records' rows
    `receipt` is null. Each record in a KPL aggregate is a row of its own, and with the option payloadSplit = "lines" so
    is each line. `options.options_of` has all options. The source polls: enhanced fan-out isn't supported.
    """

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> StructType:
        return RECORD

    def streamReader(self, schema: StructType) -> "KinesisStreamReader":
        options = dict(self.options)
        return KinesisStreamReader(*settings_from(options), is_bounded=without_bounds(options) != options)


class KinesisStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Plans batches on the driver and reads them on executors, where it keeps nothing between batches.

    The first batch of a query is empty on Spark 4.2, on 4.1 with a bound, and always with "latest". Its end, which
    Spark writes into the offset log, has a position for each shard, so that "latest" stays what it was when the query
    first ran.

    Spark 4.1 has no admission control: it asks only once for an offset in a run with Trigger.AvailableNow, and doesn't
    tell which trigger a query has. Nothing is lost or read twice either way:
    - On 4.1 without bounds, a batch takes all there is, parents and children side by side.
    - On 4.1 with a bound (`is_bounded`: the option maxBatchSeconds or maxRecordsPerBatch is given), batches are as on
      4.2, but a run with Trigger.AvailableNow takes only one.
    """

    def __init__(self, source: Source, raw: Raw = _PLAIN, *, is_bounded: bool = True) -> None:
        self._source = source
        self._raw = raw
        self._is_bounded = is_bounded
        self._client: KinesisClient | None = None
        self._planner: Planner | None = None
        self._target: Offset | None = None
        self._stop_at_tip = False
        self._last_end: dict[str, Any] | None = None

    def initialOffset(self) -> dict[str, Any]:
        return {"start_from": self._source.start_from}

    def getDefaultReadLimit(self) -> ReadLimit:
        return ReadMaxRows(self._source.max_batch_records)

    def prepareForTriggerAvailableNow(self) -> None:
        self._stop_at_tip = True

    def latestOffset(self, start: dict[str, Any] | None = None, limit: ReadLimit | None = None) -> dict[str, Any]:
        # Spark 4.1 gives no start, but calls `partitions` before this when it resumes from a checkpoint.
        begin = start or self._last_end or self.initialOffset()
        with self._report_deleted_stream(begin):
            return (
                self._latest_all_at_once(begin)
                if start is None and not self._is_bounded
                else self._latest(begin, limit)
            )

    def _latest(self, begin: dict[str, Any], limit: ReadLimit | None) -> dict[str, Any]:
        planner = self._get_planner()
        if "start_from" in begin:
            return self._beginning().to_json()
        offset = Offset.from_json(begin)
        if self._stop_at_tip and self._target is None:
            self._target = planner.tip(offset)
        end = planner.next_end(offset, self._target, self._bounds(limit))
        return begin if end == offset else end.to_json()

    def _latest_all_at_once(self, begin: dict[str, Any]) -> dict[str, Any]:
        planner = self._get_planner()
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
        self._last_end = end
        finish = Offset.from_json(end)
        with self._report_deleted_stream(start):
            begin = self._begin(start, finish)
            # Spark replays a batch without planning it again, maybe long after it was planned.
            self._get_planner().refuse_losses(begin)
        parts = [part_of(shard_id, begin, finish) for shard_id in finish.shards]
        return [InputPartition(part) for part in parts if part]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        return read_batches(self._source, self._raw, partition.value, self._get_client())

    def _get_client(self) -> KinesisClient:
        # Made where it's used: Spark sends a reader from the driver to the executors, but connections can't be sent.
        if self._client is None:
            self._client = KinesisClient(self._source.stream, self._source.region, self._source.endpoint_url)
        return self._client

    def _get_planner(self) -> Planner:
        if self._planner is None:
            self._planner = Planner(
                self._get_client(),
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
        now, retention = self._get_client().now(), topology.summary.retention
        return starting_positions(self._source.start_from, topology.lineage, now, retention)

    def _beginning(self) -> Offset:
        beginning = self._get_planner().beginning(self._starting_positions)
        refuse_expired(beginning.shards, self._get_client())
        return beginning

    def _begin(self, start: dict[str, Any], finish: Offset) -> Offset:
        if "start_from" not in start:
            return Offset.from_json(start)
        if start["start_from"] == "latest":
            return finish  # The first batch of such a query is empty, and its end says when "latest" was.
        return Offset(self._get_planner().resolved(self._starting_positions), finish.cut, finish.summary)

    @contextmanager
    def _report_deleted_stream(self, begin: dict[str, Any]) -> Iterator[None]:
        """Raise DataLossError if the stream is gone. It names `begin`'s positions, up to which the stream was read."""
        try:
            yield
        except StreamNotFoundError as error:
            if "start_from" in begin:
                raise
            positions = ", ".join(f"{shard_id} {position}" for shard_id, position in begin["shards"].items())
            raise DataLossError(f"{error}; it was read up to {positions}: what came after them is gone") from error
