"""Splits and merges while a query reads: on an emulator whose shards live as on AWS."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.kinesis import source
from event_lake.kinesis.admission import ADMISSION_CONTROL
from event_lake.kinesis.options import FORMAT
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream, kinesis_local_endpoint, merge, open_shards, split, wait_until_active

pytestmark = pytest.mark.spark41

KEYS = 12


@pytest.fixture(scope="module")
def boto() -> Iterator[Any]:
    with kinesis_local_endpoint() as url:
        yield boto3.client("kinesis", endpoint_url=url, region_name="us-east-1")


@pytest.fixture
def stream(boto: Any, request: pytest.FixtureRequest) -> Stream:
    name = request.node.name[:120]
    boto.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(boto, name)
    return Stream(name, boto.meta.endpoint_url)


class Producer:
    """Puts numbered records for each of some keys, until it is told to stop."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.count = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._put)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _put(self) -> None:
        client = self.stream.client()
        while not self._enough.wait(0.05):
            entries = [{"Data": b"%d" % self.count, "PartitionKey": f"key {key}"} for key in range(KEYS)]
            assert client.put_records(entries) == [None] * KEYS
            self.count += 1


class Reader:
    """A query over the stream that keeps what each batch gave, by key, with a checkpoint of its own."""

    def __init__(self, spark: SparkSession, stream: Stream, checkpoint: Path, *, start_from: str = "earliest") -> None:
        self._spark = spark
        self._options = {
            "streamName": stream.name,
            "region": "us-east-1",
            "endpointUrl": stream.endpoint,
            "initialPosition": start_from,
        }
        self._checkpoint = checkpoint
        self.read: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self.shards: set[str] = set()
        source.register_source(spark)

    def start(self, **trigger: Any) -> StreamingQuery:
        records = self._spark.readStream.format(FORMAT).options(**self._options).load()
        writing = records.writeStream.option("checkpointLocation", str(self._checkpoint)).foreachBatch(self._note)
        return writing.trigger(**trigger).start()

    def run(self) -> None:
        # On Spark 4.1 a run that repeats a batch ends with it.
        for _ in range(1 if ADMISSION_CONTROL else 2):
            assert self.start(availableNow=True).awaitTermination(60)

    def _note(self, rows: DataFrame, batch_id: int) -> None:
        for row in rows.where("receipt is null").collect():
            self.read[row.partitionKey].append((batch_id, int(row.sequenceNumber), int(row.data)))
            self.shards.add(row.shardId)

    def in_order(self) -> dict[str, list[int]]:
        """Each key's numbers in the order of batches, and of sequence numbers within a batch."""
        return {key: [number for *_, number in sorted(rows)] for key, rows in self.read.items()}


def _reshard_often(boto: Any, name: str) -> int:
    """A split, a split of its child, a merge of grandchildren, and twice as many shards; how many shards that made."""
    split(boto, name, open_shards(boto, name)[0])
    split(boto, name, open_shards(boto, name)[0])
    merge(boto, name, *open_shards(boto, name)[:2])
    boto.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    wait_until_active(boto, name)
    return len(boto.list_shards(StreamName=name)["Shards"])


def test_reshards_under_a_running_query_lose_nothing_and_keep_each_keys_order(
    spark: SparkSession, boto: Any, stream: Stream, tmp_path: Path
) -> None:
    reader = Reader(spark, stream, tmp_path)
    with Producer(stream) as producer:
        query = reader.start(processingTime="1 second")
        split(boto, stream.name, open_shards(boto, stream.name)[0])
        split(boto, stream.name, open_shards(boto, stream.name)[0])
        # Spark doesn't start again in a checkpoint whose first offset it was writing when it was stopped.
        while not query.lastProgress:
            assert not query.awaitTermination(0.1)
        query.stop()
        merge(boto, stream.name, *open_shards(boto, stream.name)[:2])
        query = reader.start(processingTime="1 second")
        boto.update_shard_count(StreamName=stream.name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
        wait_until_active(boto, stream.name)
    query.stop()
    reader.run()
    assert reader.in_order() == {f"key {key}": list(range(producer.count)) for key in range(KEYS)}


def test_a_query_that_starts_after_the_reshards_reads_closed_shards_too_parents_first(
    spark: SparkSession, boto: Any, stream: Stream, tmp_path: Path
) -> None:
    with Producer(stream) as producer:
        made = _reshard_often(boto, stream.name)
    reader = Reader(spark, stream, tmp_path)
    reader.run()
    assert reader.in_order() == {f"key {key}": list(range(producer.count)) for key in range(KEYS)}
    assert len(reader.shards) > made / 2, "records are in closed shards and open ones"


def test_latest_is_where_the_query_first_started_also_for_shards_that_come_later(
    spark: SparkSession, boto: Any, stream: Stream, tmp_path: Path
) -> None:
    reader = Reader(spark, stream, tmp_path, start_from="latest")
    reader.run()
    with Producer(stream) as producer:
        _reshard_often(boto, stream.name)
    reader.run()
    assert reader.in_order() == {f"key {key}": list(range(producer.count)) for key in range(KEYS)}


@pytest.mark.slow
def test_a_shard_that_closed_without_a_record_while_its_checkpoint_was_lost_is_no_gap(
    spark: SparkSession, boto: Any, stream: Stream, root: str
) -> None:
    settings = stream.settings(root)
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True))
    split(boto, stream.name, open_shards(boto, stream.name)[0])
    stream.put(b"a record of a child")
    anew = ingest_raw(spark, settings, IngestOptions(until_caught_up=True, new_checkpoint=True))
    assert anew.totals.read == 1
    assert not reconcile(spark, settings, Window()).faults
