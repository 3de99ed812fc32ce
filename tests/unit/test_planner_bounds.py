"""How many records a batch takes at most."""

import pytest

from event_lake.kinesis.offsets import After, TrimHorizon, instant_of_seconds
from event_lake.kinesis.planning.ends import End, Ends
from event_lake.kinesis.planning.planner import Planner
from support.fake_shards import FakeShards
from support.planned_batches import a_shard, beginning, bounds, counts, in_batches


@pytest.mark.parametrize("records", [1, 7, 999, 1_000, 1_001, 10_000])
def test_a_batch_takes_exactly_as_many_records_as_it_may_up_to_10_000(records: int) -> None:
    shards = a_shard(*[k / 1000 for k in range(21_000)], clock=3600)
    planner = Planner(shards)
    start = beginning("a")
    one = planner.next_end(start, bounds=bounds(60, records))
    other = planner.next_end(one, bounds=bounds(60, records))
    assert [counts(shards, start, one), counts(shards, one, other)] == [{"a": records}, {"a": records}]


def test_each_open_shard_has_its_share() -> None:
    shards = FakeShards("a", "b", "c", clock=3600)
    for shard_id in shards.shard_ids:
        shards.put(shard_id, *range(50))
    shards.split("c", 3000, "d", "e")
    start = beginning("a", "b", "c", "d", "e")
    end = Planner(shards).next_end(start, bounds=bounds(600, 50))
    assert counts(shards, start, end) == {"a": 10, "b": 10, "c": 10}


def test_more_shards_than_records_take_one_record_each() -> None:
    shards = FakeShards("a", "b", clock=3600)
    shards.put("a", 1, 2, 3)
    shards.put("b", 1, 2)
    assert in_batches(shards, Planner(shards), beginning("a", "b"), bounds(600, 1)) == [
        {"a": 1, "b": 1},
        {"a": 1, "b": 1},
        {"a": 1},
    ]


def test_beyond_10_000_the_rate_of_the_first_thousand_decides() -> None:
    shards = a_shard(*[k / 500 for k in range(60_000)], clock=3600)
    start = beginning("a")
    end = Planner(shards).next_end(start, bounds=bounds(120, 20_000))
    assert 19_000 <= counts(shards, start, end)["a"] <= 21_000


@pytest.mark.parametrize(("records", "in_each"), [(1, [1] * 20), (7, [7, 7, 6]), (19, [19, 1]), (20, [20]), (21, [20])])
def test_records_of_one_millisecond_are_taken_as_many_as_may_be(records: int, in_each: list[int]) -> None:
    shards = a_shard(*[5.0] * 20, clock=3600)
    found = in_batches(shards, Planner(shards), beginning("a"), bounds(600, records))
    assert found == [{"a": count} for count in in_each]


def test_records_of_one_millisecond_in_answers_shorter_than_asked_for_still_move_on() -> None:
    shards = a_shard(*[5.0] * 20, clock=3600, page_size=3)
    found = in_batches(shards, Planner(shards), beginning("a"), bounds(600, 10))
    assert sum(batch["a"] for batch in found) == 20


def test_records_that_are_large_come_in_short_answers_and_still_move_on() -> None:
    shards = a_shard(*[k / 100 for k in range(400)], clock=3600, page_size=3)
    found = in_batches(shards, Planner(shards), beginning("a"), bounds(600, 100))
    assert (sum(batch["a"] for batch in found), max(batch["a"] for batch in found) <= 100) == (400, True)


def test_a_bound_that_cannot_be_reached_costs_nothing() -> None:
    # A shard takes 1,000 records a second: 62 seconds' worth are fewer than 62,000.
    shards = a_shard(*range(100), clock=3600)
    Planner(shards).next_end(beginning("a"), bounds=bounds(60, 62_000))
    assert (shards.calls["iterator"], shards.calls["get_records"]) == (1, 1)


def test_without_bounds_a_batch_takes_more_than_10_000() -> None:
    shards = a_shard(*[5.0] * 25_000, clock=3600)
    assert in_batches(shards, Planner(shards), beginning("a"), None) == [{"a": 25_000}]


def test_a_range_that_expired_since_its_end_was_found_keeps_that_end() -> None:
    shards = a_shard(1, 2, 3, clock=3600)
    end = End(After(shards.numbers("a")[-1]))
    shards.trim("a", 3)
    assert Ends(shards).limit_end("a", TrimHorizon(), end, instant_of_seconds(60), 1) == end
