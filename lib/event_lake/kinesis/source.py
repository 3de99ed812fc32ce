"""The Kinesis source for Spark: `spark.readStream.format("event_lake_kinesis")`.

Thin glue: positions are in `offsets`, the ends of batches in `ends`, the calls in `client`.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import ReadLimit, SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

import event_lake
from event_lake.config import Source, parse_instant
from event_lake.errors import ConfigError, UserError
from event_lake.kinesis.client import KinesisClient, Page
from event_lake.kinesis.ends import Planner
from event_lake.kinesis.offsets import After, At, Offset, Position, TrimHorizon, instant
from event_lake.kinesis.ranges import Range, pages_of
from event_lake.kinesis.shards import readable_shards
from event_lake.schemas import RECORD

FORMAT = "event_lake_kinesis"

# The KPL's aggregated records: https://github.com/awslabs/amazon-kinesis-producer, aggregation-format.md
_KPL_MAGIC = b"\xf3\x89\x9a\xc2"

_RECEIPT_TYPE = pa.struct(
    [
        pa.field("records", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("first_sequence_number", pa.string()),
        pa.field("last_sequence_number", pa.string()),
        pa.field("millis_behind", pa.int64()),
    ]
)
_ARROW_SCHEMA = pa.schema(
    [
        pa.field("data", pa.binary()),
        pa.field("partitionKey", pa.string()),
        pa.field("stream", pa.string()),
        pa.field("shardId", pa.string()),
        pa.field("sequenceNumber", pa.string()),
        pa.field("approximateArrivalTimestamp", pa.timestamp("us", tz="UTC")),
        pa.field("receipt", _RECEIPT_TYPE),
    ]
)


# Our settings by the options' names, which are those of Databricks' source where it has them.
_FIELDS = {
    "streamName": "stream",
    "region": "region",
    "endpointUrl": "endpoint_url",
    "initialPosition": "start_from",
    "maxBatchSeconds": "max_batch_seconds",
}


def register(spark: SparkSession) -> None:
    """Make the format known to this session."""
    # Spark 4.2 looks for --py-files in another folder than it puts them when it starts the process that plans a
    # streaming source; PYTHONPATH leads that process to our package, be it a folder or a zip.
    environment = spark.sparkContext.environment
    place = str(Path(event_lake.__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [place, environment.get("PYTHONPATH")]))
    spark.dataSource.register(KinesisDataSource)


def options_of(source: Source) -> dict[str, str]:
    """The format's options for a configured source."""
    values = {option: getattr(source, field) for option, field in _FIELDS.items()}
    return {option: str(value) for option, value in values.items() if value is not None}


def _source_from(options: Mapping[str, str]) -> Source:
    """The inverse of `options_of`, for options whose names are case-insensitive."""
    names = {option.lower(): field for option, field in _FIELDS.items()}
    unknown = sorted(name for name in options if name.lower() not in names)
    if unknown:
        raise ConfigError(f"option {unknown[0]}: unknown to {FORMAT}; it knows {', '.join(_FIELDS)}")
    values: dict[str, Any] = {names[name.lower()]: value for name, value in options.items()}
    if "stream" not in values:
        raise ConfigError(f"option streamName is missing: {FORMAT} needs the stream's name")
    if "max_batch_seconds" in values:
        if not values["max_batch_seconds"].isdecimal():
            raise ConfigError(f"option maxBatchSeconds = {values['max_batch_seconds']!r}: not a whole number")
        values["max_batch_seconds"] = int(values["max_batch_seconds"])
    return Source(**values)


class KinesisDataSource(DataSource):
    """Records of one stream. Every (shard, batch) ends with one row whose `receipt` says what was read.

    A receipt's row has null `data`; a record's row has a null `receipt`. Options: `options_of` above.
    """

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> StructType:
        return RECORD

    def streamReader(self, schema: StructType) -> "KinesisStreamReader":
        return KinesisStreamReader(_source_from(dict(self.options)))


class KinesisStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Plans on the driver, reads on executors, keeps nothing on executors.

    The first batch of a query is empty: it writes the resolved start into the offset log, so that "latest"
    stays what it was when the query first ran. Needs Spark 4.2 (admission control for Python sources).
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._client: KinesisClient | None = None
        self._planner: Planner | None = None
        self._target: Offset | None = None
        self._stop_at_tip = False

    def initialOffset(self) -> dict[str, Any]:
        return {"start_from": self._source.start_from}

    def prepareForTriggerAvailableNow(self) -> None:
        self._stop_at_tip = True

    def latestOffset(self, start: dict[str, Any], limit: ReadLimit) -> dict[str, Any]:
        client, planner = self._connected(), self._planning()
        if "start_from" in start:
            return self._resolved(client, planner).to_json()
        begin = Offset.from_json(start)
        readable_shards(self._source.stream, client.list_shards(), known=begin.shards)
        if self._stop_at_tip and self._target is None:
            self._target = planner.tip(begin)
        return planner.next_end(begin, self._target).to_json()

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        if "start_from" in start:
            return []
        begin, finish = Offset.from_json(start), Offset.from_json(end)
        # Spark replays a batch without planning it again, maybe long after it was planned.
        self._planning().refuse_expired(begin, self._connected().now())
        return [
            InputPartition(Range(shard_id, begin.shards[shard_id], position))
            for shard_id, position in finish.shards.items()
            if isinstance(position, After) and position != begin.shards[shard_id]
        ]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        return _batches(self._source.stream, partition.value, self._connected())

    def _connected(self) -> KinesisClient:
        # Made where it's used: a reader travels from the driver to the executors, connections don't.
        if self._client is None:
            self._client = KinesisClient(self._source.stream, self._source.region, self._source.endpoint_url)
        return self._client

    def _planning(self) -> Planner:
        if self._planner is None:
            client = self._connected()
            max_batch = timedelta(seconds=self._source.max_batch_seconds)
            self._planner = Planner(client, max_batch=max_batch, retention=client.retention())
        return self._planner

    def _resolved(self, client: KinesisClient, planner: Planner) -> Offset:
        shard_ids = readable_shards(self._source.stream, client.list_shards())
        if self._source.start_from == "latest":
            now = client.now()
            return Offset(dict.fromkeys(shard_ids, At(now)), now)
        position: Position = TrimHorizon()
        if self._source.start_from != "earliest":
            time_asked = min(parse_instant(self._source.start_from), client.now())
            if time_asked > client.now() - client.retention():
                position = At(time_asked)
        positions = dict.fromkeys(shard_ids, position)
        return Offset(positions, planner.first_arrival(positions))


def _batches(stream: str, part: Range, client: KinesisClient) -> Iterator[pa.RecordBatch]:
    records = size = 0
    first = ""
    for page in pages_of(part, client, time.sleep):
        batch = _record_batch(stream, part.shard_id, page)
        records += len(page.data)
        size += sum(map(len, page.data))
        first = first or page.sequence_numbers[0]
        yield batch
    receipt = {
        "records": records,
        "bytes": size,
        "first_sequence_number": first,
        "last_sequence_number": page.sequence_numbers[-1],
        "millis_behind": page.millis_behind,
    }
    row = {
        "stream": stream,
        "shardId": part.shard_id,
        "sequenceNumber": part.end.sequence_number,
        "receipt": receipt,
    }
    arrived = instant(page.arrived[-1])
    yield pa.RecordBatch.from_pylist([{**row, "approximateArrivalTimestamp": arrived}], schema=_ARROW_SCHEMA)


def _is_kpl_aggregate(data: bytes) -> bool:
    # Its last 16 bytes are a checksum of the rest; any producer may send the first four.
    return md5(data[len(_KPL_MAGIC) : -16], usedforsecurity=False).digest() == data[-16:]


def _record_batch(stream: str, shard_id: str, page: Page) -> pa.RecordBatch:
    data = pa.array(page.data, pa.binary())
    for index in pc.indices_nonzero(pc.starts_with(data, _KPL_MAGIC)).to_pylist():
        if _is_kpl_aggregate(page.data[index]):
            raise UserError(
                f"stream {stream!r}: record {page.sequence_numbers[index]} of {shard_id} is a KPL aggregate, which this"
                " version can't split; turn AggregationEnabled off in the producer, and begin behind it: a new"
                " lake.root with a later source.start_from"
            )
    millis = pc.cast(pc.round(pc.multiply(pa.array(page.arrived, pa.float64()), 1000.0)), pa.int64())
    count = len(page.data)
    columns = [
        data,
        pa.array(page.partition_keys, pa.string()),
        pa.repeat(pa.scalar(stream, pa.string()), count),
        pa.repeat(pa.scalar(shard_id, pa.string()), count),
        pa.array(page.sequence_numbers, pa.string()),
        pc.cast(pc.cast(millis, pa.timestamp("ms", tz="UTC")), pa.timestamp("us", tz="UTC")),
        pa.nulls(count, _RECEIPT_TYPE),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_ARROW_SCHEMA)
