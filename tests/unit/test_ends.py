from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import pytest

from event_lake.errors import DataLossError, UserError
from event_lake.kinesis.ends import Planner
from event_lake.kinesis.offsets import After, At, Offset, Position, TrimHorizon
from unit.fake_shards import T0, FakeShards

MINUTE = 60.0


def at(seconds: float) -> At:
    return At(T0 + timedelta(seconds=seconds))


def a_planner(shards: FakeShards, *, max_batch: float = MINUTE, retention: float = 24 * 3600) -> Planner:
    return Planner(shards, max_batch=timedelta(seconds=max_batch), retention=timedelta(seconds=retention))


def an_offset(cut: float = 0.0, **positions: Position) -> Offset:
    return Offset(dict(positions), at(cut).time)


def beginning(*shard_ids: str) -> Offset:
    return an_offset(**dict.fromkeys(shard_ids, TrimHorizon()))


def calls_of(shards: FakeShards, planner: Planner, start: Offset) -> Mapping[str, int]:
    shards.calls.clear()
    planner.next_end(start)
    return dict(shards.calls)


def a_shard(*arrivals: float, clock: float) -> FakeShards:
    shards = FakeShards("a", clock=clock)
    shards.put("a", *arrivals)
    return shards


def test_a_batch_ends_with_the_first_record_at_or_behind_the_cut() -> None:
    shards = a_shard(0, 30, 60, 90, clock=600)
    assert a_planner(shards).next_end(beginning("a")) == an_offset(60, a=After(shards.numbers("a")[2]))


def test_all_shards_are_cut_at_the_same_time() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 59, 61, 120)
    shards.put("b", 0, 80, 120)
    a, b = shards.numbers("a"), shards.numbers("b")
    assert a_planner(shards).next_end(beginning("a", "b")) == an_offset(61, a=After(a[2]), b=After(b[1]))


def test_a_shard_without_a_record_behind_the_cut_ends_with_its_last() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 61)
    shards.put("b", 0, 7, 9)
    a, b = shards.numbers("a"), shards.numbers("b")
    assert a_planner(shards).next_end(beginning("a", "b")) == an_offset(61, a=After(a[1]), b=After(b[2]))


def test_a_shard_without_any_record_stays_where_it_began() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 61)
    end = a_planner(shards).next_end(beginning("a", "b"))
    assert end == an_offset(61, a=After(shards.numbers("a")[1]), b=TrimHorizon())


def test_a_reader_near_the_tip_takes_all_there_is() -> None:
    shards = a_shard(0, 1, 40, clock=40)
    assert a_planner(shards).next_end(beginning("a")) == an_offset(39, a=After(shards.numbers("a")[2]))


def test_a_query_that_begins_with_the_latest_reads_only_what_arrives_after() -> None:
    shards = a_shard(0, 10, 20, clock=15)
    planner, start = a_planner(shards), an_offset(15, a=at(15))
    assert planner.next_end(start) is start
    shards.clock = 30
    assert planner.next_end(start) == an_offset(29, a=After(shards.numbers("a")[2]))


@pytest.mark.parametrize("idle", [1, 59, 61, 119, 121, 3600])
def test_an_idle_stream_returns_its_start_at_every_trigger(idle: float) -> None:
    shards = a_shard(0, clock=5)
    planner = a_planner(shards)
    start = planner.next_end(beginning("a"))
    for _ in range(4):
        shards.clock += idle
        assert planner.next_end(start) is start


def test_a_record_after_a_long_silence_is_found() -> None:
    shards = a_shard(0, clock=5)
    planner = a_planner(shards)
    start = planner.next_end(beginning("a"))
    assert planner.next_end(start) is start
    shards.clock = 10_000
    shards.put("a", 9_000)
    assert planner.next_end(start).shards == {"a": After(shards.numbers("a")[1])}


def test_catching_up_with_bursts_and_gaps_takes_them_one_by_one() -> None:
    shards = a_shard(0, 10, 1000, 1010, 2000, 2010, clock=3000)
    planner, offset, ends = a_planner(shards), beginning("a"), []
    for _ in range(4):
        offset = planner.next_end(offset)
        ends.append(shards.numbers("a").index(offset.shards["a"].sequence_number))  # type: ignore[union-attr]
    assert ends == [2, 4, 5, 5]


def test_thousands_of_gaps_take_a_batch_each_and_no_deep_stack() -> None:
    shards = a_shard(*range(0, 1_500 * 7, 7), clock=20_000)
    end = a_planner(shards, max_batch=1).next_end(beginning("a"))
    assert end == an_offset(7, a=After(shards.numbers("a")[1]))


def test_a_target_is_never_passed() -> None:
    shards = a_shard(0, 10, clock=20)
    planner = a_planner(shards)
    target = planner.tip(beginning("a"))
    shards.put("a", 21, 22)
    shards.clock = 10_000
    assert planner.next_end(beginning("a"), target) == target
    assert planner.next_end(target, target) is target


def test_a_shard_that_was_empty_at_the_target_stays_unread() -> None:
    shards = FakeShards("a", "b", clock=200)
    shards.put("a", 0, 100, 190)
    planner, start = a_planner(shards), an_offset(a=TrimHorizon(), b=at(0))
    target = planner.tip(start)
    shards.put("b", 201)
    shards.clock = 300
    assert planner.next_end(start, target).shards["b"] == at(0)


def test_the_first_arrival_is_the_earliest_of_all_shards() -> None:
    shards = FakeShards("a", "b", "c", clock=100)
    shards.put("a", 20)
    shards.put("b", 10, 11)
    assert a_planner(shards).first_arrival(dict.fromkeys("abc", TrimHorizon())) == at(10).time


def test_without_a_record_the_first_arrival_is_now() -> None:
    assert a_planner(FakeShards("a", clock=100)).first_arrival({"a": TrimHorizon()}) == at(100).time


def test_records_that_may_have_expired_unread_are_a_loss_with_names_and_times() -> None:
    shards = a_shard(0, 10, clock=3700)
    start = an_offset(10, a=After(shards.numbers("a")[1]))
    with pytest.raises(DataLossError) as lost:
        a_planner(shards, retention=3600).next_end(start)
    assert str(lost.value) == (
        "read up to 2026-11-21T00:00:10+00:00, but the stream keeps records for 1:00:00 only: those of a"
        " that arrived from then to 2026-11-21T00:01:40+00:00 may have expired unread;"
        " a new lake.root starts afresh"
    )


def test_a_shard_that_was_never_read_loses_nothing_by_expiry() -> None:
    shards = a_shard(3690, clock=3700)
    end = a_planner(shards, retention=3600).next_end(beginning("a"))
    assert end.shards == {"a": After(shards.numbers("a")[0])}


def test_an_idle_stream_is_no_loss_to_a_planner_that_watched_it_nor_to_its_successor() -> None:
    shards = a_shard(0, clock=5)
    planner = a_planner(shards, retention=3600)
    start = planner.next_end(beginning("a"))
    offsets = [start]
    for _ in range(360):
        shards.clock += 100
        offsets.append(planner.next_end(offsets[-1]))
    assert {offset.shards["a"] for offset in offsets} == {After("1")}
    assert len({offset.cut for offset in offsets}) - 1 == 36_000 // 1_000  # every ten triggers: 1000 s > 900 s
    assert a_planner(shards, retention=3600).next_end(offsets[-1]).shards == start.shards


def test_a_shard_that_a_reshard_closed_is_refused() -> None:
    shards = a_shard(0, clock=100)
    shards.close("a")
    with pytest.raises(UserError, match="closed by a reshard"):
        a_planner(shards).next_end(an_offset(50, a=After(shards.numbers("a")[0])))


def test_the_tip_lies_behind_a_burst_of_many_pages() -> None:
    shards = FakeShards("a", clock=100, page_size=3)
    shards.put("a", *[99.5] * 10)
    assert a_planner(shards).tip(beginning("a")) == an_offset(99, a=After(shards.numbers("a")[-1]))


def test_a_shard_that_slow_planning_read_beyond_the_cut_never_goes_back() -> None:
    shards = FakeShards("a", "b", clock=100, call_takes=2)
    shards.put("b", *range(99, 200))
    planner = a_planner(shards, max_batch=1)
    ahead = planner.next_end(an_offset(99.5, a=TrimHorizon(), b=TrimHorizon()))
    shards.clock = 200
    before, after = ahead.shards["b"], planner.next_end(ahead).shards["b"]
    assert isinstance(before, After)
    assert isinstance(after, After)
    assert after.reaches(before.sequence_number)


def test_a_shard_known_as_idle_costs_one_call_a_trigger() -> None:
    shards = a_shard(0, clock=5)
    planner = a_planner(shards)
    start = planner.next_end(beginning("a"))
    assert calls_of(shards, planner, start) == {"iterator": 2, "get_records": 2}
    for _ in range(10):
        shards.clock += 50
        assert calls_of(shards, planner, start) == {"get_records": 1}


def test_the_burst_that_ends_an_idle_time_costs_one_call() -> None:
    shards = a_shard(0, clock=5)
    planner = a_planner(shards)
    start = planner.next_end(beginning("a"))
    planner.next_end(start)
    shards.put("a", 6, 7, 8)
    shards.clock = 10
    assert calls_of(shards, planner, start) == {"get_records": 1}


def test_an_iterator_kept_too_long_is_taken_anew() -> None:
    shards = a_shard(0, clock=5)
    planner = a_planner(shards, max_batch=10_000)
    start = planner.next_end(beginning("a"))
    planner.next_end(start)
    shards.clock += 400
    assert calls_of(shards, planner, start) == {"iterator": 2, "get_records": 2}


def test_a_busy_shard_costs_two_calls_a_trigger() -> None:
    shards = a_shard(*[n / 10 for n in range(10_000)], clock=100)
    planner = a_planner(shards)
    offset = an_offset(95, a=After(shards.arrived("a")[-50]))
    for _ in range(5):
        shards.calls.clear()
        offset = planner.next_end(offset)
        assert (offset.shards, shards.calls) == (
            {"a": After(shards.arrived("a")[-1])},
            Counter(iterator=1, get_records=1),
        )
        shards.clock += 30


def test_a_busy_shard_costs_two_calls_a_batch_while_catching_up() -> None:
    shards = a_shard(*range(3600), clock=3600)
    planner = a_planner(shards)
    offset = planner.next_end(beginning("a"))
    assert calls_of(shards, planner, offset) == {"iterator": 1, "get_records": 1}


@pytest.mark.parametrize("records", [1_000, 100_000])
def test_the_end_of_a_shard_silent_for_long_is_found_by_halving(records: int) -> None:
    shards = FakeShards("a", "b", clock=500_000, page_size=100)
    shards.put("a", *[k / 10 for k in range(records)])
    shards.put("b", *range(0, 500_000, 40_000))
    planner = a_planner(shards, max_batch=300_000)
    start = beginning("a", "b")
    shards.calls.clear()
    end = planner.next_end(start)
    assert end.shards["a"] == After(shards.numbers("a")[-1])
    # At the cut and for the gap 4 a shard; from a's start 2, to halve 500,000 seconds 2 * 19, to walk the last one 1.
    assert shards.calls.total() <= 2 * 4 + 2 + 2 * 19 + 1


def test_empty_answers_with_data_behind_them_are_followed() -> None:
    shards = FakeShards("a", clock=5_000, covers=30)
    shards.put("a", 0, 4_000)
    planner = a_planner(shards)
    ends = [planner.next_end(beginning("a")).shards, planner.tip(beginning("a")).shards]
    assert ends == [{"a": After(shards.numbers("a")[1])}] * 2


def test_a_batch_that_begins_with_a_gap_reaches_over_it() -> None:
    shards = a_shard(0, 100, 101, 102, 150, clock=5)
    planner = a_planner(shards, max_batch=10)
    caught_up = planner.next_end(beginning("a"))
    shards.clock = 500
    numbers = shards.numbers("a")
    assert caught_up.shards["a"] == After(numbers[0])
    # A batch of the record at 100 alone would be one for each gap; the record at 150 is the first behind the cut.
    assert a_planner(shards, max_batch=10).next_end(caught_up).shards["a"] == After(numbers[4])


@pytest.mark.parametrize("max_batch", [30, 60, 150, 400])
def test_a_shard_whose_only_news_came_after_the_target_does_not_end_the_run(max_batch: int) -> None:
    shards = FakeShards("a", "b", "c", clock=1000)
    shards.put("a", 185, 1214)
    shards.put("b", 35, 325, 440, 830, 1546)
    shards.put("c", 195, 250, 560, 825, 1007)
    planner = a_planner(shards, max_batch=max_batch)
    target = planner.tip(beginning("a", "b", "c"))
    shards.clock = 2000
    end, following = beginning("a", "b", "c"), planner.next_end(beginning("a", "b", "c"), target)
    while following.shards != end.shards:
        end, following = following, planner.next_end(following, target)
    assert end.shards == target.shards


def test_what_expired_behind_latest_is_a_loss() -> None:
    shards = FakeShards("a", clock=100)
    shards.clock = 5000
    with pytest.raises(DataLossError, match="of a that arrived from then"):
        a_planner(shards, retention=3600).next_end(an_offset(100, a=at(100)))
