"""The reader as Spark drives it, without Spark: offsets as JSON, partitions pickled, batches of Arrow."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from benchmarks.replay import calls
from event_lake.errors import DataLossError, StreamNotFoundError
from event_lake.kinesis.admission import ReadAllAvailable, ReadMaxRows
from event_lake.kinesis.source import KinesisDataSource
from event_lake.lake.schemas import RECORD
from support.replayed_streams import Stream, any_credentials, serve
from support.source_batches import (
    COUNT,
    FIRST,
    SECOND,
    START,
    SUMMARY,
    Gone,
    a_reader,
    data_of,
    latest,
    numbers_of,
    offsets_of,
    payloads,
    rows_of,
)

pytestmark = pytest.mark.spark41


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with any_credentials(), serve(lambda: Stream([payloads("one"), payloads("two")], START, 5)) as url:
        yield url


def test_the_schema_is_that_of_the_contract() -> None:
    assert KinesisDataSource({}).schema() == RECORD


def test_the_first_batch_is_empty_and_resolves_where_the_query_starts(url: str) -> None:
    reader = a_reader(url)
    initial = reader.initialOffset()
    resolved = latest(reader, initial)
    assert initial == {"start_from": "earliest"}
    assert resolved == {"shards": {FIRST: "TRIM_HORIZON", SECOND: "TRIM_HORIZON"}, "cut": START.isoformat()} | SUMMARY
    assert reader.partitions(initial, resolved) == []


def test_a_time_to_start_from_becomes_each_shards_position(url: str) -> None:
    reader = a_reader(url, start_from=(START + timedelta(seconds=7, milliseconds=1)).isoformat())
    at = f"AT {(START + timedelta(seconds=7, milliseconds=1)).isoformat()}"
    first = START + timedelta(seconds=7, milliseconds=200)
    resolved = latest(reader, reader.initialOffset())
    assert resolved == {"shards": {FIRST: at, SECOND: at}, "cut": first.isoformat()} | SUMMARY
    assert reader.partitions(reader.initialOffset(), resolved) == []


def test_the_latest_is_one_instant_for_all_shards(url: str) -> None:
    reader = a_reader(url, start_from="latest")
    resolved = latest(reader, reader.initialOffset())
    now = resolved["shards"][FIRST]
    assert resolved["shards"] == {FIRST: now, SECOND: now}
    assert (
        datetime.now(UTC) - timedelta(seconds=3) < datetime.fromisoformat(now.removeprefix("AT ")) <= datetime.now(UTC)
    )
    assert reader.partitions(reader.initialOffset(), resolved) == []
    assert latest(reader, resolved) == resolved


def test_positions_to_start_from_are_those_of_the_first_batch(url: str) -> None:
    number = numbers_of(url)[49]
    reader = a_reader(url, start_from=json.dumps({FIRST: number, SECOND: "CLOSED"}))
    initial, resolved, end = offsets_of(reader)
    assert resolved["shards"] == {FIRST: number, SECOND: "CLOSED"}
    assert reader.partitions(initial, resolved) == []
    assert data_of(rows_of(reader, resolved, end)) == payloads("one")[50:]


def test_all_batches_together_hold_each_record_once_in_order(url: str) -> None:
    reader = a_reader(url, max_batch_seconds=5)
    offsets = offsets_of(reader)
    assert len(offsets) == 6
    rows = [row for start, end in pairwise(offsets) for row in rows_of(reader, start, end)]
    assert (data_of(rows, FIRST), data_of(rows, SECOND)) == (payloads("one"), payloads("two"))


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
            del row["receipt"]["millis_behind"], row["receipt"]["calls"]  # of the moment
    assert rows == again


def test_available_now_ends_on_what_was_there_at_its_start(url: str) -> None:
    reader = a_reader(url, max_batch_seconds=600)
    reader.prepareForTriggerAvailableNow()
    _, start, end = offsets_of(reader)
    assert [len(rows_of(reader, start, end))] == [2 * (COUNT + 1)]


def test_a_batch_takes_no_more_than_the_source_is_set_to(url: str) -> None:
    reader = a_reader(url, max_batch_records=30)
    assert reader.getDefaultReadLimit() == ReadMaxRows(30)
    _, start, end, *_ = offsets_of(reader)
    assert Counter(row["shardId"] for row in rows_of(reader, start, end)) == {FIRST: 16, SECOND: 16}


def test_spark_may_ask_for_less_or_for_all_there_is(url: str) -> None:
    reader = a_reader(url, max_batch_records=30, max_batch_seconds=5)
    _, start, end, *_ = offsets_of(reader, ReadMaxRows(8))
    assert len(data_of(rows_of(reader, start, end))) == 8
    _, start, end = offsets_of(reader, ReadAllAvailable())
    assert len(data_of(rows_of(reader, start, end))) == 2 * COUNT


def test_a_reader_reports_its_distance_to_each_tip_and_its_calls(url: str) -> None:
    reader = a_reader(url)
    assert reader.reportLatestOffset() is None
    offsets_of(reader)
    reported = reader.reportLatestOffset()
    assert reported == json.loads(json.dumps(reported))
    assert reported["millis_behind"] == {FIRST: 0, SECOND: 0}
    assert (reported["planning"]["made"] > 0, reported["planning"]["throttled"]) == (True, 0)
    assert len(reported["planning"]) == 3


def test_a_shard_without_news_is_no_task(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    half = end | {
        "shards": {FIRST: end["shards"][FIRST], SECOND: start["shards"][SECOND]},
        "arrived": {FIRST: end["arrived"][FIRST]},
    }
    assert [part.value.shard_id for part in reader.partitions(start, half)] == [FIRST]  # type: ignore[attr-defined]


def test_a_shard_that_appeared_within_a_batch_is_read_from_its_beginning(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    without = start | {"shards": {FIRST: end["shards"][FIRST]}}
    assert data_of(rows_of(reader, without, end)) == payloads("two")


def test_an_idle_stream_costs_a_call_for_each_shard() -> None:
    with any_credentials(), serve(lambda: Stream([payloads("one"), payloads("two")], START, 5)) as url:
        reader = a_reader(url)
        end = offsets_of(reader)[-1]
        before = Counter(calls(url))
        assert latest(reader, end) == end
        assert Counter(calls(url)) - before == {"GetRecords": 2}


def test_a_batch_that_is_replayed_after_its_records_expired_is_a_loss(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    long_ago = start | {
        "shards": end["shards"] | {FIRST: f"AT {START.isoformat()}"},
        "cut": "2020-01-01T00:00:00+00:00",
    }
    with pytest.raises(DataLossError, match=f"records of {FIRST} after AT .* may have expired unread"):
        reader.partitions(long_ago, end)
    assert len(a_reader(url, fail_on_data_loss=False).partitions(long_ago, end)) == 1


def test_a_stream_made_again_is_refused(url: str) -> None:
    reader = a_reader(url)
    start = latest(reader, reader.initialOffset()) | {"stream_created": "2020-01-01T00:00:00+00:00"}
    with pytest.raises(DataLossError, match="deleted and made again"):
        latest(reader, start)


def test_a_stream_that_vanished_is_a_loss_to_a_query_that_read_it_and_not_found_by_a_new_one(url: str) -> None:
    end = offsets_of(a_reader(url))[-1]
    with serve(lambda: Gone([], START, 1)) as gone:
        with pytest.raises(DataLossError) as lost:
            latest(a_reader(gone), end)
        with pytest.raises(DataLossError) as replayed:
            a_reader(gone).partitions(end, end)
        with pytest.raises(StreamNotFoundError, match=r"check source[.]stream"):
            latest(a_reader(gone), {"start_from": "earliest"})
    assert str(lost.value) == str(replayed.value)
    read = f"{FIRST} {end['shards'][FIRST]}, {SECOND} {end['shards'][SECOND]}"
    assert str(lost.value).endswith(f"; it was read up to {read}: what came after them is gone")
