"""The reader as Spark drives it, without Spark: offsets as JSON, partitions pickled, batches of Arrow."""

import json
import pickle
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import md5
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql.streaming.datasource import ReadAllAvailable

from bench.replay import calls
from event_lake.config import Source
from event_lake.errors import ConfigError, UserError
from event_lake.kinesis.offsets import After, Offset, instant
from event_lake.kinesis.source import KinesisDataSource, KinesisStreamReader, options_of
from event_lake.schemas import RECORD
from unit.replayed import REGION, Stream, any_credentials, serve

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
# 5 records a second, which all arrived within 20 s, an hour ago.
START = instant(int(datetime.now(UTC).timestamp()) - 3600)
COUNT = 100


def payloads(shard: str) -> list[bytes]:
    return [f"{shard} {n}".encode() for n in range(COUNT)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with any_credentials(), serve(lambda: Stream([payloads("one"), payloads("two")], START, 5)) as url:
        yield url


def a_reader(url: str, **settings: Any) -> KinesisStreamReader:
    """As Spark makes one: through the options, and shipped as bytes."""
    source = Source(**({"stream": "events", "region": REGION, "endpoint_url": url} | settings))
    data_source = KinesisDataSource(options_of(source))
    return pickle.loads(pickle.dumps(data_source.streamReader(RECORD)))


def latest(reader: KinesisStreamReader, start: dict[str, Any]) -> dict[str, Any]:
    """Through the offset log, which is JSON."""
    return json.loads(json.dumps(reader.latestOffset(start, ReadAllAvailable())))


def offsets_of(reader: KinesisStreamReader) -> list[dict[str, Any]]:
    """Every offset until the reader returns its start."""
    offsets = [reader.initialOffset()]
    while len(offsets) < 2 or offsets[-1] != offsets[-2]:
        offsets.append(latest(reader, offsets[-1]))
    return offsets[:-1]


def rows_of(reader: KinesisStreamReader, start: dict[str, Any], end: dict[str, Any]) -> list[dict[str, Any]]:
    partitions = pickle.loads(pickle.dumps(reader.partitions(start, end)))
    batches = [batch for part in partitions for batch in reader.read(part)]
    return pa.Table.from_batches(batches).to_pylist() if batches else []


def data_of(rows: Sequence[dict[str, Any]]) -> list[bytes]:
    return [row["data"] for row in rows if row["receipt"] is None]


def test_the_first_batch_is_empty_and_resolves_where_the_query_starts(url: str) -> None:
    reader = a_reader(url)
    initial = reader.initialOffset()
    resolved = latest(reader, initial)
    assert initial == {"start_from": "earliest"}
    assert resolved == {"shards": {FIRST: "TRIM_HORIZON", SECOND: "TRIM_HORIZON"}, "cut": START.isoformat()}
    assert reader.partitions(initial, resolved) == []


def test_a_time_to_start_from_becomes_each_shards_position(url: str) -> None:
    reader = a_reader(url, start_from=(START + timedelta(seconds=7, milliseconds=1)).isoformat())
    at = f"AT {(START + timedelta(seconds=7, milliseconds=1)).isoformat()}"
    first = START + timedelta(seconds=7, milliseconds=200)
    assert latest(reader, reader.initialOffset()) == {
        "shards": {FIRST: at, SECOND: at},
        "cut": first.isoformat(),
    }


def test_the_latest_is_one_instant_for_all_shards(url: str) -> None:
    reader = a_reader(url, start_from="latest")
    resolved = latest(reader, reader.initialOffset())
    assert resolved["shards"] == dict.fromkeys([FIRST, SECOND], f"AT {resolved['cut']}")
    assert latest(reader, resolved) == resolved


def test_all_batches_together_hold_each_record_once_in_order(url: str) -> None:
    reader = a_reader(url, max_batch_seconds=5)
    offsets = offsets_of(reader)
    assert len(offsets) == 6
    rows = [row for start, end in pairwise(offsets) for row in rows_of(reader, start, end)]
    assert data_of([row for row in rows if row["shardId"] == FIRST]) == payloads("one")
    assert data_of([row for row in rows if row["shardId"] == SECOND]) == payloads("two")


def test_a_restarted_reader_goes_on_where_the_offset_log_ends(url: str) -> None:
    offsets = offsets_of(a_reader(url, max_batch_seconds=5))
    again = [latest(a_reader(url, max_batch_seconds=5), start) for start in offsets[1:]]
    assert [end["shards"] for end in again] == [end["shards"] for end in [*offsets[2:], offsets[-1]]]
    assert again[-1] == offsets[-1]


def test_a_replayed_batch_has_the_same_rows(url: str) -> None:
    reader = a_reader(url, max_batch_seconds=5)
    _, start, end, *_ = offsets_of(reader)
    rows, again = rows_of(reader, start, end), rows_of(a_reader(url), start, end)
    for row in rows + again:
        if row["receipt"]:
            del row["receipt"]["millis_behind"]  # of the moment
    assert rows == again


def test_available_now_ends_on_what_was_there_at_its_start(url: str) -> None:
    reader = a_reader(url, max_batch_seconds=600)
    reader.prepareForTriggerAvailableNow()
    _, _, end = offsets_of(reader)
    assert [len(rows_of(reader, offsets_of(reader)[1], end))] == [2 * (COUNT + 1)]


def test_a_row_has_the_columns_that_databricks_gives_it(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    number = Offset.from_json(end).shards[SECOND]
    assert isinstance(number, After)
    assert rows_of(reader, start, end)[-2] == {
        "data": b"two 99",
        "partitionKey": "99",
        "stream": "events",
        "shardId": SECOND,
        "sequenceNumber": number.sequence_number,
        "approximateArrivalTimestamp": START + timedelta(seconds=19.8),
        "receipt": None,
    }


def test_each_shard_of_a_batch_ends_with_a_receipt(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    rows = [row for row in rows_of(reader, start, end) if row["shardId"] == FIRST]
    *records, last = rows
    assert last == {
        "data": None,
        "partitionKey": None,
        "stream": "events",
        "shardId": FIRST,
        "sequenceNumber": records[-1]["sequenceNumber"],
        "approximateArrivalTimestamp": records[-1]["approximateArrivalTimestamp"],
        "receipt": {
            "records": COUNT,
            "bytes": sum(map(len, payloads("one"))),
            "first_sequence_number": records[0]["sequenceNumber"],
            "last_sequence_number": records[-1]["sequenceNumber"],
            "millis_behind": 0,
        },
    }


def test_arrow_batches_have_the_columns_of_the_schema(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    (part, _) = reader.partitions(start, end)
    assert {tuple(batch.schema.names) for batch in reader.read(part)} == {tuple(RECORD.names)}
    assert KinesisDataSource({}).schema() == RECORD


def test_a_shard_without_news_is_no_task(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    half = {"shards": {FIRST: end["shards"][FIRST], SECOND: start["shards"][SECOND]}, "cut": end["cut"]}
    assert [part.value.shard_id for part in reader.partitions(start, half)] == [FIRST]  # type: ignore[attr-defined]


def test_an_idle_stream_costs_a_call_for_each_shard_and_one_for_the_list() -> None:
    with any_credentials(), serve(lambda: Stream([payloads("one"), payloads("two")], START, 5)) as url:
        reader = a_reader(url)
        end = offsets_of(reader)[-1]
        before = Counter(calls(url))
        assert latest(reader, end) == end
        assert Counter(calls(url)) - before == {"ListShards": 1, "GetRecords": 2}


def test_a_shard_more_than_before_is_refused(url: str) -> None:
    with pytest.raises(UserError, match=rf"stream 'events' was resharded \({SECOND}\)"):
        latest(a_reader(url), {"shards": {FIRST: "TRIM_HORIZON"}, "cut": START.isoformat()})


def test_a_kpl_aggregate_is_refused_with_its_number_not_its_content() -> None:
    aggregate = b"\xf3\x89\x9a\xc2secret" + md5(b"secret").digest()
    with any_credentials(), serve(lambda: Stream([[b"\xf3\x89\x9a\xc2 no checksum", aggregate]], START, 5)) as url:
        reader = a_reader(url)
        _, start, end = offsets_of(reader)
        with pytest.raises(UserError) as refused:
            rows_of(reader, start, end)
    assert str(refused.value) == (
        f"stream 'events': record {end['shards'][FIRST]} of {FIRST} is a KPL aggregate, which this version"
        " can't split; turn AggregationEnabled off in the producer, and begin behind it: a new lake.root with a later"
        " source.start_from"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "option streamName is missing: event_lake_kinesis needs the stream's name"),
        (
            {"streamName": "s", "shard": "1"},
            (
                "option shard: unknown to event_lake_kinesis; it knows streamName, region, endpointUrl,"
                " initialPosition, maxBatchSeconds"
            ),
        ),
        ({"streamName": "s", "maxBatchSeconds": "-1"}, "option maxBatchSeconds = '-1': not a whole number"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        KinesisDataSource(options).streamReader(RECORD)
    assert str(refused.value) == message


def test_options_are_known_in_any_case() -> None:
    reader = KinesisDataSource({"STREAMNAME": "s", "initialposition": "latest"}).streamReader(RECORD)
    assert reader.initialOffset() == {"start_from": "latest"}
