"""One shard or many that nobody reshards: where batches end."""

from collections.abc import Mapping

import pytest

from event_lake.kinesis.offsets import After, Position, TrimHorizon
from event_lake.kinesis.planning.planner import Planner
from support.fake_shards import FakeShards
from support.planned_batches import A_MINUTE, a_shard, an_offset, at, batches, beginning, bounds, earliest, in_batches


def test_a_batch_ends_with_the_first_record_at_or_after_the_cut() -> None:
    shards = a_shard(0, 30, 60, 90, clock=600)
    assert Planner(shards).next_end(beginning("a"), bounds=A_MINUTE) == an_offset(60, a=After(shards.numbers("a")[2]))


def test_all_shards_are_cut_at_the_same_time() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 59, 61, 120)
    shards.put("b", 0, 80, 120)
    a, b = shards.numbers("a"), shards.numbers("b")
    end = Planner(shards).next_end(beginning("a", "b"), bounds=A_MINUTE)
    assert end == an_offset(61, a=After(a[2]), b=After(b[1]))


def test_a_shard_without_a_record_after_the_cut_ends_with_its_last() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 61)
    shards.put("b", 0, 7, 9)
    a, b = shards.numbers("a"), shards.numbers("b")
    end = Planner(shards).next_end(beginning("a", "b"), bounds=A_MINUTE)
    assert end == an_offset(61, a=After(a[1]), b=After(b[2]))


def test_a_shard_without_any_record_stays_where_it_began() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 61)
    end = Planner(shards).next_end(beginning("a", "b"), bounds=A_MINUTE)
    assert end == an_offset(61, a=After(shards.numbers("a")[1]), b=TrimHorizon())


def test_a_reader_near_the_tip_takes_all_there_is() -> None:
    shards = a_shard(0, 1, 40, clock=40)
    assert Planner(shards).next_end(beginning("a"), bounds=A_MINUTE) == an_offset(39, a=After(shards.numbers("a")[2]))


def test_without_bounds_a_batch_takes_all_there_is() -> None:
    shards = FakeShards("a", "b", clock=100_000, retention=10**6)
    shards.put("a", *range(0, 90_000, 10))
    shards.put("b", 50_000)
    a, b = shards.numbers("a"), shards.numbers("b")
    start = beginning("a", "b", retention=10**6)
    assert batches(Planner(shards), start, None) == [an_offset(99_999, retention=10**6, a=After(a[-1]), b=After(b[-1]))]


def test_the_tip_is_after_all_that_the_stream_holds() -> None:
    shards = FakeShards("a", "b", clock=1_000)
    shards.put("a", 10, 20, 1_001)
    assert Planner(shards).tip(beginning("a", "b")) == an_offset(999, a=After(shards.numbers("a")[1]), b=TrimHorizon())


def test_a_query_that_begins_with_the_latest_reads_only_what_arrives_after() -> None:
    shards = a_shard(0, 10, 20, clock=15)
    planner, start = Planner(shards), an_offset(15, a=at(15))
    assert planner.next_end(start, bounds=A_MINUTE) is start
    shards.clock = 30
    assert planner.next_end(start, bounds=A_MINUTE) == an_offset(29, a=After(shards.numbers("a")[2]))


@pytest.mark.parametrize("idle", [1, 59, 61, 119, 121, 3600])
def test_an_idle_stream_returns_its_start_at_every_trigger(idle: float) -> None:
    shards = a_shard(0, clock=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    for _ in range(4):
        shards.clock += idle
        assert planner.next_end(start, bounds=A_MINUTE) is start


def test_a_record_after_a_long_silence_is_found() -> None:
    shards = a_shard(0, clock=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    assert planner.next_end(start, bounds=A_MINUTE) is start
    shards.clock = 10_000
    shards.put("a", 9_000)
    assert planner.next_end(start, bounds=A_MINUTE).shards == {"a": After(shards.numbers("a")[1])}


def test_catching_up_with_bursts_and_gaps_takes_them_one_by_one() -> None:
    shards = a_shard(0, 10, 1000, 1010, 2000, 2010, clock=3000)
    assert in_batches(shards, Planner(shards), beginning("a")) == [{"a": 3}, {"a": 2}, {"a": 1}]


def test_thousands_of_gaps_take_a_batch_each_and_no_deep_stack() -> None:
    shards = a_shard(*range(0, 1_500 * 7, 7), clock=20_000)
    end = Planner(shards).next_end(beginning("a"), bounds=bounds(1))
    assert end == an_offset(7, a=After(shards.numbers("a")[1]))


def test_a_batch_that_begins_with_a_gap_reaches_over_it() -> None:
    shards = a_shard(0, 100, 101, 102, 150, clock=5)
    caught_up = Planner(shards).next_end(beginning("a"), bounds=bounds(10))
    shards.clock = 500
    numbers = shards.numbers("a")
    assert caught_up.shards["a"] == After(numbers[0])
    # A batch of the record at 100 alone would be one for each gap; the record at 150 is the first after the cut.
    assert Planner(shards).next_end(caught_up, bounds=bounds(10)).shards["a"] == After(numbers[4])


def test_a_target_is_never_passed() -> None:
    shards = a_shard(0, 10, clock=20)
    planner = Planner(shards)
    target = planner.tip(beginning("a"))
    shards.put("a", 21, 22)
    shards.clock = 10_000
    assert planner.next_end(beginning("a"), target, A_MINUTE) == target
    assert planner.next_end(target, target, A_MINUTE) is target


def test_a_target_is_reached_in_bounded_batches() -> None:
    shards = a_shard(*range(0, 300, 10), clock=295)
    planner, ends = Planner(shards), [beginning("a")]
    target = planner.tip(ends[0])
    shards.put("a", 300, 310)
    shards.clock = 400
    for _ in range(6):
        ends.append(planner.next_end(ends[-1], target, A_MINUTE))
    numbers = shards.numbers("a")
    assert [end.shards["a"] for end in ends[1:]] == [After(numbers[k]) for k in (6, 12, 18, 24, 29, 29)]
    assert ends[-1] is ends[-2]


def test_a_shard_that_was_empty_at_the_target_stays_unread() -> None:
    shards = FakeShards("a", "b", clock=200)
    shards.put("a", 0, 100, 190)
    planner, start = Planner(shards), an_offset(a=TrimHorizon(), b=at(0))
    target = planner.tip(start)
    shards.put("b", 201)
    shards.clock = 300
    assert planner.next_end(start, target, A_MINUTE).shards["b"] == at(0)


@pytest.mark.parametrize("time", [30, 60, 150, 400])
def test_a_shard_whose_only_news_came_after_the_target_does_not_end_the_run(time: int) -> None:
    shards = FakeShards("a", "b", "c", clock=1000)
    shards.put("a", 185, 1214)
    shards.put("b", 35, 325, 440, 830, 1546)
    shards.put("c", 195, 250, 560, 825, 1007)
    planner, end = Planner(shards), beginning("a", "b", "c")
    target = planner.tip(end)
    shards.clock = 2000
    following = planner.next_end(end, target, bounds(time))
    while following.shards != end.shards:
        end, following = following, planner.next_end(following, target, bounds(time))
    assert end.shards == target.shards


def test_a_query_begins_with_the_earliest_arrival_of_all_shards() -> None:
    shards = FakeShards("a", "b", "c", clock=100)
    shards.put("a", 20)
    shards.put("b", 10, 11)
    assert Planner(shards).beginning(earliest) == beginning("a", "b", "c", cut=10)


def test_without_a_record_a_query_begins_now() -> None:
    assert Planner(FakeShards("a", clock=100)).beginning(earliest) == beginning("a", cut=100)


def test_a_query_that_begins_at_a_time_begins_with_the_first_record_from_then_on() -> None:
    def positions(_: object) -> Mapping[str, Position]:
        return {"a": at(5)}

    shards = a_shard(0, 10, 20, clock=100)
    assert Planner(shards).beginning(positions) == an_offset(10, a=at(5))


def test_the_tip_lies_after_a_burst_of_many_pages() -> None:
    shards = a_shard(*[99.5] * 10, clock=100, page_size=3)
    assert Planner(shards).tip(beginning("a")) == an_offset(99, a=After(shards.numbers("a")[-1]))


def test_a_shard_that_slow_planning_read_beyond_the_cut_never_goes_back() -> None:
    shards = FakeShards("a", "b", clock=100, call_takes=2)
    shards.put("b", *range(99, 200))
    planner = Planner(shards)
    ahead = planner.next_end(an_offset(99.5, a=TrimHorizon(), b=TrimHorizon()), bounds=bounds(1))
    shards.clock = 200
    before, after = ahead.shards["b"], planner.next_end(ahead, bounds=bounds(1)).shards["b"]
    assert isinstance(before, After)
    assert isinstance(after, After)
    assert after.reaches(before.sequence_number)


def test_empty_answers_with_data_after_them_are_followed() -> None:
    shards = FakeShards("a", clock=5_000, covers=30)
    shards.put("a", 0, 4_000)
    planner = Planner(shards)
    ends = [planner.next_end(beginning("a"), bounds=A_MINUTE).shards, planner.tip(beginning("a")).shards]
    assert ends == [{"a": After(shards.numbers("a")[1])}] * 2


def test_the_distance_to_the_tip_is_known_of_every_shard() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 30, 60, 90)
    shards.put("b", 0)
    planner = Planner(shards)
    planner.next_end(beginning("a", "b"), bounds=A_MINUTE)
    assert planner.millis_behind == {"a": 30_000, "b": 0}
