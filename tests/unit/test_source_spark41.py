"""The reader as Spark 4.1 drives it: it asks for the latest offset without saying from where."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from event_lake.config.settings import Source
from event_lake.errors import DataLossError, StreamNotFoundError
from event_lake.kinesis.offsets import instant_of_seconds
from event_lake.kinesis.options import options_of, without_bounds
from event_lake.kinesis.source import KinesisDataSource, KinesisStreamReader
from event_lake.lake.schemas import RECORD
from support.replayed_streams import REGION, Stream, any_credentials, serve
from support.source_batches import Gone

pytestmark = pytest.mark.spark41

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
# 5 records a second, which all arrived within 20 s, an hour ago.
START = instant_of_seconds(int(datetime.now(UTC).timestamp()) - 3600)
PAYLOADS = [b"%d" % n for n in range(100)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with any_credentials(), serve(lambda: Stream([PAYLOADS, PAYLOADS], START, 5)) as url:
        yield url


def a_reader(url: str, *, is_bounded: bool = False, **settings: Any) -> KinesisStreamReader:
    source = Source(**({"stream": "events", "region": REGION, "endpoint_url": url} | settings))
    options = options_of(source)
    return KinesisDataSource(options if is_bounded else without_bounds(options)).streamReader(RECORD)


def latest(reader: KinesisStreamReader) -> dict[str, Any]:
    return json.loads(json.dumps(reader.latestOffset()))


def counts(reader: KinesisStreamReader, start: dict[str, Any], end: dict[str, Any]) -> list[int]:
    """Of each task: its records."""
    return [sum(batch.num_rows for batch in reader.read(part)) - 1 for part in reader.partitions(start, end)]


def test_a_new_query_takes_all_there_is_with_its_first_batch(url: str) -> None:
    reader = a_reader(url, max_batch_seconds=5, max_batch_records=7)
    end = latest(reader)
    assert counts(reader, reader.initialOffset(), end) == [100, 100]
    assert latest(reader) == end


def test_a_query_from_the_latest_on_begins_with_an_empty_batch(url: str) -> None:
    reader = a_reader(url, start_from="latest")
    begin = latest(reader)
    now = begin["shards"][FIRST]
    assert (now[:3], begin["shards"]) == ("AT ", {FIRST: now, SECOND: now})
    assert reader.partitions(reader.initialOffset(), begin) == []
    assert latest(reader) == begin


def test_a_query_from_a_time_on_reads_what_arrived_since(url: str) -> None:
    reader = a_reader(url, start_from=instant_of_seconds(START.timestamp() + 10).isoformat())
    assert counts(reader, reader.initialOffset(), latest(reader)) == [50, 50]


def test_a_query_that_resumes_is_told_by_its_last_batch_where_it_is(url: str) -> None:
    before = a_reader(url)
    begin, end = before.initialOffset(), latest(before)
    # Spark plans the last batch again before it asks for the next.
    resumed = a_reader(url)
    resumed.partitions(begin, end)
    assert latest(resumed) == end


def test_with_bounds_in_its_options_batches_are_bounded(url: str) -> None:
    reader = a_reader(url, is_bounded=True, max_batch_seconds=5)
    begin = latest(reader)
    assert begin["shards"] == {FIRST: "TRIM_HORIZON", SECOND: "TRIM_HORIZON"}
    assert reader.partitions(reader.initialOffset(), begin) == []
    one = latest(reader)
    assert counts(reader, begin, one) == [26, 26]
    assert counts(reader, one, latest(reader)) == [25, 25]


def test_a_stream_that_vanished_is_a_loss_to_a_query_that_read_it_and_not_found_by_a_new_one(url: str) -> None:
    reader = a_reader(url)
    end = latest(reader)
    with serve(lambda: Gone([], START, 1)) as gone:
        with pytest.raises(DataLossError, match="what came after them is gone"):
            a_reader(gone).partitions(end, end)
        with pytest.raises(StreamNotFoundError):
            latest(a_reader(gone))
