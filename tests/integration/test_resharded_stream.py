"""A stream that is resharded is refused, not read wrongly: on an emulator whose shards live as on AWS."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pyspark.sql.streaming.datasource import ReadAllAvailable

from emulators import Stream, kinesis_local_endpoint
from event_lake.errors import UserError
from event_lake.kinesis.source import KinesisStreamReader
from event_lake.pipelines.ingest_raw import check_stream

NAME = "resharded"


@pytest.fixture(scope="module")
def boto() -> Iterator[Any]:
    with kinesis_local_endpoint() as url:
        client = boto3.client("kinesis", endpoint_url=url, region_name="us-east-1")
        client.create_stream(StreamName=NAME, ShardCount=2)
        client.get_waiter("stream_exists").wait(StreamName=NAME, WaiterConfig={"Delay": 1})
        yield client


def test_a_split_is_refused_by_a_running_query_and_by_a_new_one(boto: Any) -> None:
    stream = Stream(NAME, boto.meta.endpoint_url)
    settings = stream.settings("lake")
    check_stream(settings.source)
    stream.put(b"1", b"2")
    reader = KinesisStreamReader(settings.source)
    start = reader.latestOffset(reader.initialOffset(), ReadAllAvailable())
    end = reader.latestOffset(start, ReadAllAvailable())
    [part] = reader.partitions(start, end)
    batches = list(reader.read(part))
    assert [value for batch in batches for value in batch.column("data").to_pylist()] == [b"1", b"2", None]

    shard = boto.list_shards(StreamName=NAME)["Shards"][0]
    hashes = shard["HashKeyRange"]
    middle = (int(hashes["StartingHashKey"]) + int(hashes["EndingHashKey"])) // 2
    boto.split_shard(StreamName=NAME, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
    while boto.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.1)

    refusal = f"stream '{NAME}' was resharded .shardId-000000000000, shardId-000000000002, shardId-000000000003."
    with pytest.raises(UserError, match=refusal):
        reader.latestOffset(end, ReadAllAvailable())
    with pytest.raises(UserError, match=refusal):
        check_stream(settings.source)
