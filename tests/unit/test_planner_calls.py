"""What a batch costs: the calls that `Planner` and `Topology` promise, no more and no less."""

import pytest

from event_lake.kinesis.offsets import After
from event_lake.kinesis.planning.planner import Planner
from support.fake_shards import FakeShards
from support.planned_batches import A_MINUTE, a_shard, an_offset, beginning, bounds, calls_of

TOPOLOGY = {"list_shards": 1, "summary": 1}


def test_a_query_asks_for_the_stream_and_its_shards_once_in_five_minutes() -> None:
    shards = a_shard(0, clock=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    asked = []
    for _ in range(11):
        calls = calls_of(shards, planner, start)
        asked.append({call: calls[call] for call in TOPOLOGY if call in calls})
        shards.clock += 60
    assert asked == [{}, {}, {}, {}, {}, TOPOLOGY, {}, {}, {}, {}, TOPOLOGY]


def test_a_shard_known_as_idle_costs_one_call_a_trigger() -> None:
    shards = a_shard(0, clock=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    assert calls_of(shards, planner, start) == {"iterator": 2, "get_records": 2}
    for _ in range(5):
        shards.clock += 50
        assert calls_of(shards, planner, start) == {"get_records": 1}


def test_an_idle_shard_costs_four_calls_where_triggers_are_four_minutes_apart() -> None:
    shards = a_shard(0, clock=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=bounds(3600))
    planner.next_end(start, bounds=bounds(3600))
    shards.clock += 239
    assert calls_of(shards, planner, start, bounds(3600)) == {"get_records": 1}
    shards.clock += 240
    assert calls_of(shards, planner, start, bounds(3600)) == {"iterator": 2, "get_records": 2} | TOPOLOGY


@pytest.mark.parametrize(
    ("records", "calls"),
    [
        (1, {"get_records": 2}),
        (1_000, {"get_records": 2}),
        (1_001, {"iterator": 1, "get_records": 4}),
    ],
)
def test_a_shard_that_wakes_costs_two_calls_and_five_with_more_than_1_000_records(
    records: int, calls: dict[str, int]
) -> None:
    shards = a_shard(0, clock=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    planner.next_end(start, bounds=A_MINUTE)
    shards.put("a", *[9.5] * records)
    shards.clock = 10
    assert calls_of(shards, planner, start) == calls


def test_a_busy_shard_costs_three_calls_a_trigger() -> None:
    shards = a_shard(*[n / 10 for n in range(10_000)], clock=100)
    planner = Planner(shards)
    offset = planner.next_end(an_offset(95, a=After(shards.arrived_numbers("a")[-50])), bounds=A_MINUTE)
    for _ in range(5):
        shards.clock += 30
        assert calls_of(shards, planner, offset) == {"iterator": 1, "get_records": 2}
        offset = planner.next_end(offset, bounds=A_MINUTE)
        assert offset.shards == {"a": After(shards.arrived_numbers("a")[-1])}


def test_every_busy_shard_costs_two_calls_a_batch_while_catching_up() -> None:
    shards = FakeShards("a", "b", "c", clock=3600)
    for shard_id in shards.shard_ids:
        shards.put(shard_id, *range(3600))
    planner = Planner(shards)
    offset = planner.next_end(beginning("a", "b", "c"), bounds=A_MINUTE)
    assert calls_of(shards, planner, offset) == {"iterator": 3, "get_records": 3}


@pytest.mark.parametrize("records", [10, 100])
def test_a_batch_whose_records_may_be_too_many_costs_two_calls_more(records: int) -> None:
    shards = a_shard(*range(3600), clock=3600)
    planner = Planner(shards)
    offset = planner.next_end(beginning("a"), bounds=A_MINUTE)
    assert calls_of(shards, planner, offset, bounds(60, records)) == {"iterator": 2, "get_records": 2}


def test_a_batch_before_a_gap_costs_two_calls_more() -> None:
    shards = a_shard(*range(120), *range(1000, 2000), clock=3600)
    planner = Planner(shards)
    offset = planner.next_end(beginning("a"), bounds=A_MINUTE)
    assert calls_of(shards, planner, offset) == {"iterator": 2, "get_records": 2}
    assert planner.next_end(offset, bounds=A_MINUTE).shards == {"a": After(shards.numbers("a")[120])}


def test_a_batch_that_closes_a_shard_costs_two_calls_more_for_each_that_it_does_not_read() -> None:
    shards = a_shard(*range(100), clock=200)
    shards.split("a", 110, "b", "c")
    shards.put("b", *range(111, 200))
    shards.put("c", *range(111, 200))
    planner = Planner(shards)
    offset = planner.next_end(beginning("a", "b", "c"), bounds=bounds(50))
    # 2 at the cut, 2 for the gap, where nothing of "a" arrived, 2 from its start to its end, and 2 for each child.
    calls = calls_of(shards, planner, offset, bounds(110))
    assert (calls["iterator"], calls["get_records"]) == (4, 4)


@pytest.mark.parametrize("records", [1_000, 100_000])
def test_the_end_of_a_shard_silent_for_long_is_found_by_halving(records: int) -> None:
    shards = FakeShards("a", "b", clock=500_000, page_size=100, retention=10**6)
    shards.put("a", *[k / 10 for k in range(records)])
    shards.put("b", *range(0, 500_000, 40_000))
    start = beginning("a", "b", retention=10**6)
    end = Planner(shards).next_end(start, bounds=bounds(300_000))
    assert end.shards["a"] == After(shards.numbers("a")[-1])
    # At the cut and for the gap 4 a shard; from a's start 3, to halve 500,000 seconds 2 * 19, to walk the last one 2.
    assert shards.calls["iterator"] + shards.calls["get_records"] <= 2 * 4 + 3 + 2 * 19 + 2


def test_shards_are_listed_once_a_second_at_most_until_the_children_are_there() -> None:
    shards = a_shard(10, clock=20, lists_late=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    shards.split("a", 29, "b", "c")
    shards.clock = 30.0
    closed = planner.next_end(start, bounds=A_MINUTE)
    listed = []
    for _ in range(16):
        shards.clock += 0.25
        shards.calls.clear()
        planner.next_end(closed, bounds=A_MINUTE)
        listed.append(shards.calls["list_shards"])
    assert listed == [0, 0, 0, 1] * 4
