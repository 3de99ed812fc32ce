"""What a reader yields without Spark: rows, and receipts that meet from one batch of a shard to the next."""

import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_lake.config.settings import Raw
from event_lake.kinesis.offsets import After, Closed, Offset, Position, TrimHorizon, to_text
from event_lake.kinesis.parts import Hole, Range, part_of
from event_lake.kinesis.planning.planner import Bounds, Planner
from support.fake_shards import FakeShards
from support.generated_streams import Stream as Generated
from support.generated_streams import reshard, streams
from support.kpl import aggregated
from support.planned_batches import A_MINUTE, at
from support.replayed_streams import Stream, any_credentials, serve
from support.source_batches import (
    COUNT,
    FIRST,
    SECOND,
    START,
    SUMMARY,
    a_reader,
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
        "subSequenceNumber": 0,
        "approximateArrivalTimestamp": START + timedelta(seconds=19.8),
        "content": None,
        "tooManyEvents": False,
        "receipt": None,
    }


def test_each_shard_of_a_batch_ends_with_a_receipt(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    *records, last = [row for row in rows_of(a_reader(url), start, end) if row["shardId"] == FIRST]
    assert last == {
        "data": None,
        "partitionKey": None,
        "stream": "events",
        "shardId": FIRST,
        "sequenceNumber": records[-1]["sequenceNumber"],
        "subSequenceNumber": None,
        "approximateArrivalTimestamp": records[-1]["approximateArrivalTimestamp"],
        "content": None,
        "tooManyEvents": None,
        "receipt": {
            "start": "TRIM_HORIZON",
            "records": COUNT,
            "user_records": COUNT,
            "bytes": sum(map(len, payloads("one"))),
            "first_sequence_number": records[0]["sequenceNumber"],
            "last_sequence_number": records[-1]["sequenceNumber"],
            "millis_behind": 0,
            "calls": last["receipt"]["calls"],
            "throttled": 0,
            "hole": None,
        },
    }


def test_a_task_has_a_receipt_of_its_own_calls(url: str) -> None:
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    found = []
    for part in reader.partitions(start, end):
        # As Spark does: an executor gets a reader of its own for each task.
        *_, batch = a_reader(url).read(part)
        found.append(batch.to_pylist()[0]["receipt"]["calls"])
    # GetShardIterator and GetRecords; DescribeStreamSummary isn't needed to know the time.
    assert found == [2, 2]


def test_a_hole_is_a_task_that_tells_it(url: str) -> None:
    reader = a_reader(url, fail_on_data_loss=False)
    number = numbers_of(url)[3]
    lost = "2026-11-21T09:00:00+00:00"
    start = {"shards": {FIRST: number, SECOND: "TRIM_HORIZON"}, "cut": START.isoformat()} | SUMMARY
    end = start | {"shards": {FIRST: f"TRIM_HORIZON LOST {lost}", SECOND: f"CLOSED LOST {lost}"}}
    rows = rows_of(reader, start, end)
    assert [(row["shardId"], row["receipt"]["start"], row["receipt"]["hole"]) for row in rows] == [
        (FIRST, number, f"{FIRST} after {number}: expired before {lost}"),
        (SECOND, "TRIM_HORIZON", f"{SECOND} after TRIM_HORIZON: expired before {lost}"),
    ]
    assert {row["receipt"]["records"] for row in rows} == {0}
    assert reader.partitions(end, end) == []


def test_a_kpl_aggregates_records_are_rows() -> None:
    packed = aggregated(("a", b"one", None), ("b", b"two", None))
    with any_credentials(), serve(lambda: Stream([[packed, b"three"]], START, 5)) as url:
        reader = a_reader(url)
        _, start, end = offsets_of(reader)
        *records, receipt = rows_of(reader, start, end)
    assert [(row["data"], row["partitionKey"], row["subSequenceNumber"]) for row in records] == [
        (b"one", "a", 0),
        (b"two", "b", 1),
        (b"three", "1", 0),
    ]
    assert (receipt["receipt"]["records"], receipt["receipt"]["user_records"]) == (2, 3)


def test_a_reader_unpacks_as_its_options_say() -> None:
    sent = [gzip.compress(b"one\ntwo\n"), b"three\nfour", gzip.compress(b"123456")]
    packed = Raw(compression="auto", max_payload_bytes=5)
    split = Raw(compression="auto", payload_split="lines")
    with any_credentials(), serve(lambda: Stream([sent], START, 5)) as url:
        _, start, end = offsets_of(a_reader(url))
        *unpacked, _ = rows_of(a_reader(url, raw=packed), start, end)
        *lines, receipt = rows_of(a_reader(url, raw=split), start, end)
    assert [(row["data"], row["content"]) for row in unpacked] == [
        (sent[0], b"one\ntw"),
        (sent[1], None),
        (sent[2], b"123456"),
    ]
    assert [(row["data"], row["content"], row["partitionKey"], row["subSequenceNumber"]) for row in lines] == [
        (b"one", None, "0", 0),
        (b"two", None, "0", 1),
        (b"three", None, "1", 0),
        (b"four", None, "1", 1),
        (b"123456", None, "2", 0),
    ]
    assert (receipt["receipt"]["records"], receipt["receipt"]["user_records"]) == (3, 5)


def parts_of_shards(offsets: Sequence[Offset]) -> dict[str, list[Range | Hole]]:
    """What the batches between `offsets` read of each shard; a shard whose position moves otherwise fails."""
    found: dict[str, list[Range | Hole]] = defaultdict(list)
    for begin, finish in pairwise(offsets):
        gone = begin.shards.keys() - finish.shards.keys()
        assert all(isinstance(begin.shards[shard_id], Closed) for shard_id in gone), "gone unseen"
        for shard_id, end in finish.shards.items():
            part = part_of(shard_id, begin, finish)
            if part:
                found[shard_id].append(part)
            else:
                assert end == begin.shards.get(shard_id, TrimHorizon()) or isinstance(end, Closed), "moved unseen"
    return found


def assert_they_meet(parts: Sequence[Range | Hole], first: Position) -> None:
    assert parts[0].start == first
    for one, other in pairwise(parts):
        if isinstance(one, Range):
            assert other.start == one.end
        else:
            time = to_text(other.start).removeprefix("TRIM_HORIZON LOST ")
            assert one.description.endswith(f": expired before {time}")


ONE_BATCH, ALL_THERE_IS, UP_TO_THE_TIP, RESTART = "one batch", "all there is", "up to the tip", "restart"
Steps = list[tuple[float, str]]


def planned(shards: FakeShards, first: Position, most: Bounds, steps: Steps) -> list[Offset]:
    """The offsets of a query that goes on after losses, of which each step's batch is planned after its seconds."""
    planner = Planner(shards, go_on_after_loss=True)
    offsets = [planner.beginning(lambda topology: dict.fromkeys(topology.lineage.shard_ids, first))]
    for seconds, step in steps:
        shards.clock += seconds
        last = offsets[-1]
        if step == RESTART:
            planner = Planner(shards, go_on_after_loss=True)
            last = Offset.from_json(last.to_json())
        if step == ALL_THERE_IS:
            offsets.append(planner.tip(last))
        else:
            target = planner.tip(last) if step == UP_TO_THE_TIP else None
            offsets.append(planner.next_end(last, target, most))
    return offsets


def steps(pauses: st.SearchStrategy[float], *kinds: str) -> st.SearchStrategy[Steps]:
    return st.lists(st.tuples(pauses, st.sampled_from(kinds)), max_size=15)


@settings(max_examples=150, deadline=None)
@given(
    stream=streams(),
    after=steps(st.floats(0, 5) | st.floats(0, 15_000), ONE_BATCH, UP_TO_THE_TIP, ALL_THERE_IS, RESTART),
)
def test_the_parts_of_a_shard_meet_whatever_arrives_and_is_resharded(stream: Generated, after: Steps) -> None:
    offsets = planned(stream.shards, stream.position, stream.bounds, after)
    for shard_id, parts in parts_of_shards(offsets).items():
        assert_they_meet(parts, offsets[0].shards.get(shard_id, TrimHorizon()))
        assert all(isinstance(part, Range) for part in parts), "nothing expired"


@st.composite
def expiring(draw: st.DrawFn) -> FakeShards:
    """Shards that keep a record for an hour; what arrives and is resharded does so within some hours."""
    shards = FakeShards("a", "b", retention=3600, clock=draw(st.floats(1, 5_000)))
    reshard(draw, shards)
    for shard_id in shards.shard_ids:
        opened, closed = shards.life(shard_id)
        times = draw(st.lists(st.floats(max(opened, 0), min(closed, 20_000) - 0.001, exclude_max=True), max_size=5))
        shards.put(shard_id, *sorted(times))
    return shards


# Longer than a listing is taken for new: what is gone isn't asked for.
@settings(max_examples=150, deadline=None)
@given(
    shards=expiring(),
    first=st.sampled_from([TrimHorizon(), at(0)]),
    after=steps(st.floats(300, 7_000), ONE_BATCH, UP_TO_THE_TIP, ALL_THERE_IS, RESTART),
)
def test_the_parts_of_a_shard_meet_over_holes(shards: FakeShards, first: Position, after: Steps) -> None:
    offsets = planned(shards, first, A_MINUTE, after)
    for shard_id, parts in parts_of_shards(offsets).items():
        assert_they_meet(parts, offsets[0].shards.get(shard_id, TrimHorizon()))


def test_after_a_hole_a_shard_goes_on_from_the_holes_time_or_ends() -> None:
    shards = FakeShards("a", retention=3600, clock=100)
    shards.put("a", 0, 10, 5_000, 9_000)
    shards.split("a", 9_100, "l", "r")
    shards.put("l", 9_200)
    offsets = planned(shards, TrimHorizon(), A_MINUTE, [(pause, ONE_BATCH) for pause in (0, 8_000, 0, 4_900)])
    lost, gone = at(8_100).time, at(13_000).time
    one, three = (After(shards.numbers("a")[index]) for index in (1, 2))
    parts = parts_of_shards(offsets)["a"]
    assert [(part.start, part.end if isinstance(part, Range) else part.description) for part in parts] == [
        (TrimHorizon(), one),
        (one, f"a after {one.sequence_number}: expired before {lost.isoformat()}"),
        (TrimHorizon(lost), three),
        (three, f"a after {three.sequence_number}: expired before {gone.isoformat()}"),
    ]
    assert offsets[-1].shards["a"] == Closed(lost_at=gone)
