"""Shards that are split and merged while they are read: parents before children, and nothing left out."""

import pytest

from event_lake.kinesis.offsets import After, Closed, TrimHorizon
from event_lake.kinesis.planning.planner import Planner
from support.fake_shards import FakeShards
from support.planned_batches import A_MINUTE, a_shard, an_offset, batches, beginning, bounds, earliest, in_batches

HOUR = 3600.0


def a_split() -> FakeShards:
    """Of "a" into "b" and "c" after 50 s, each with records."""
    shards = a_shard(0, 40, clock=600)
    shards.split("a", 50, "b", "c")
    shards.put("b", 51, 90)
    shards.put("c", 60)
    return shards


def test_the_children_of_a_split_are_read_in_the_batch_after_their_parent() -> None:
    shards = a_split()
    assert in_batches(shards, Planner(shards), beginning("a", "b", "c")) == [{"a": 2}, {"b": 2, "c": 1}]


def test_the_cut_is_held_back_to_the_first_arrival_in_an_unread_child() -> None:
    shards = a_split()
    end = Planner(shards).next_end(beginning("a", "b", "c"), bounds=bounds(200))
    assert end == an_offset(51, a=Closed(shards.numbers("a")[1]), b=TrimHorizon(), c=TrimHorizon())


def test_the_cut_is_held_back_too_where_kinesis_tells_the_parents_end_late() -> None:
    shards = FakeShards("a", clock=10, tells_end_late=True)
    planner, start = Planner(shards), beginning("a")
    for clock in (10, 200):
        shards.clock = clock
        assert planner.next_end(start, bounds=bounds(1_000)) is start
    shards.put("a", 205)
    shards.split("a", 210, "b", "c")
    shards.put("b", 211)
    # Late enough for another listing, and soon enough for the iterator that the idle shard has.
    shards.clock = 312
    end = planner.next_end(start, bounds=bounds(1_000))
    assert end == an_offset(211, a=Closed(shards.numbers("a")[0]), b=TrimHorizon(), c=TrimHorizon())


def test_a_child_shard_waits_for_both_parents_of_a_merge() -> None:
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 0, 10)
    shards.put("b", 0, 100)
    shards.merge("a", "b", 120, "c")
    shards.put("c", 121)
    planner = Planner(shards)
    a, b, c = (shards.numbers(shard_id) for shard_id in "abc")
    assert [end.shards for end in batches(planner, beginning("a", "b", "c"), bounds(30))] == [
        {"a": Closed(a[1]), "b": After(b[1]), "c": TrimHorizon()},
        {"a": Closed(a[1]), "b": Closed(b[1]), "c": After(c[0])},
    ]


def test_a_closed_parent_without_a_record_lets_its_child_into_the_same_batch() -> None:
    shards = FakeShards("a", clock=600)
    shards.split("a", 50, "b", "c")
    shards.put("b", 60)
    planner = Planner(shards)
    assert [end.shards for end in batches(planner, planner.beginning(earliest))] == [
        {"a": Closed(), "b": After(shards.numbers("b")[0]), "c": TrimHorizon()}
    ]


def test_a_parent_that_was_read_to_its_last_record_before_lets_its_child_into_the_same_batch() -> None:
    shards = a_split()
    start = an_offset(50, a=After(shards.numbers("a")[-1]))
    a, b, c = (shards.numbers(shard_id)[-1] for shard_id in "abc")
    assert [end.shards for end in batches(Planner(shards), start)] == [{"a": Closed(a), "b": After(b), "c": After(c)}]


def test_a_child_of_a_child_comes_two_batches_later() -> None:
    shards = a_shard(0, clock=600)
    shards.split("a", 10, "b", "c")
    shards.put("b", 11)
    shards.split("b", 20, "d", "e")
    shards.put("d", 21)
    planner = Planner(shards)
    assert in_batches(shards, planner, planner.beginning(earliest)) == [{"a": 1}, {"b": 1}, {"d": 1}]


def test_a_child_of_empty_shards_is_read_at_once_however_many_there_were() -> None:
    shards = FakeShards("a", clock=600)
    shards.split("a", 10, "b", "c")
    shards.split("b", 20, "d", "e")
    shards.put("d", 21)
    planner = Planner(shards)
    assert in_batches(shards, planner, planner.beginning(earliest)) == [{"d": 1}]


def test_children_of_a_split_that_are_merged_again_keep_their_order() -> None:
    shards = a_shard(0, clock=600)
    shards.split("a", 10, "b", "c")
    shards.put("b", 11)
    shards.put("c", 12)
    shards.merge("b", "c", 20, "d")
    shards.put("d", 21)
    planner = Planner(shards)
    assert in_batches(shards, planner, planner.beginning(earliest)) == [{"a": 1}, {"b": 1, "c": 1}, {"d": 1}]


def test_other_shards_go_on_while_a_child_waits() -> None:
    shards = a_split()
    shards._shards |= {"z": FakeShards("z")._shards["z"]}
    shards.put("z", 1, 30, 55, 110)
    assert in_batches(shards, Planner(shards), beginning("a", "b", "c", "z"), bounds(20)) == [
        {"a": 2, "z": 2},
        {"b": 1, "c": 1, "z": 1},
        {"b": 1, "z": 1},
    ]


def test_a_parent_that_expired_before_the_query_began_holds_nothing_up() -> None:
    shards = FakeShards("a", clock=5_000, retention=HOUR)
    shards.split("a", 10, "b", "c")
    shards.put("b", 4_000)
    planner = Planner(shards)
    start = planner.beginning(earliest)
    assert start == beginning("b", "c", cut=4_000, retention=HOUR)
    assert planner.next_end(start, bounds=A_MINUTE).shards == {"b": After(shards.numbers("b")[0]), "c": TrimHorizon()}


def test_a_stream_that_is_resharded_while_it_is_read_goes_on_without_a_restart() -> None:
    shards = a_shard(0, 40, clock=45)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    shards.split("a", 50, "b", "c")
    shards.put("b", 51)
    shards.clock = 60
    closed = Closed(shards.numbers("a")[1])
    end = planner.next_end(start, bounds=A_MINUTE)
    assert (start.shards, end.shards) == (
        {"a": After(shards.numbers("a")[1])},
        {"a": closed, "b": After(shards.numbers("b")[0]), "c": TrimHorizon()},
    )


def test_children_that_an_old_listing_lacks_are_found_later_without_a_restart() -> None:
    shards = a_shard(0, clock=45, lists_late=5)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    shards.split("a", 50, "b", "c")
    shards.put("b", 51)
    found = []
    for clock in (52, 53, 54, 55.5):
        shards.clock = clock
        start = planner.next_end(start, bounds=A_MINUTE)
        found.append(start.shards)
    closed, child = Closed(shards.numbers("a")[0]), After(shards.numbers("b")[0])
    assert found == [{"a": closed}] * 3 + [{"a": closed, "b": child, "c": TrimHorizon()}]


def test_a_shard_that_appeared_without_a_parent_is_found_within_five_minutes() -> None:
    shards = a_shard(0, clock=45)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    shards._shards |= {"z": FakeShards("z")._shards["z"]}
    shards.put("z", 50)
    shards.clock = 344
    assert planner.next_end(start, bounds=A_MINUTE) is start
    shards.clock = 345
    assert planner.next_end(start, bounds=A_MINUTE).shards["z"] == After(shards.numbers("z")[0])


def test_a_closed_shard_leaves_the_offset_once_kinesis_lists_it_no_more() -> None:
    shards = FakeShards("a", clock=HOUR + 60, retention=HOUR)
    shards.split("a", 50, "b", "c")
    shards.put("b", HOUR + 30)
    start = an_offset(HOUR, retention=HOUR, a=Closed("1"), b=TrimHorizon(), c=TrimHorizon())
    end = Planner(shards).next_end(start, bounds=A_MINUTE)
    assert end.shards == {"b": After(shards.numbers("b")[0]), "c": TrimHorizon()}


@pytest.mark.parametrize("tells_end_late", [False, True])
def test_a_target_lies_after_parents_and_children_and_is_reached(*, tells_end_late: bool) -> None:
    shards = FakeShards("a", "x", clock=600, tells_end_late=tells_end_late)
    shards.put("a", *range(0, 50, 10))
    shards.put("x", *range(0, 600, 7))
    shards.split("a", 50, "b", "c")
    shards.put("b", *range(51, 300, 9), 700)
    shards.put("c", *range(60, 120, 9))
    shards.merge("b", "c", 400, "d")
    shards.put("d", 500, 590)
    planner, start = Planner(shards), beginning("a", "x", "b", "c", "d")
    a, b, c, d, x = (shards.arrived_numbers(shard_id)[-1] for shard_id in "abcdx")
    target = planner.tip(start)
    assert target.shards == {"a": Closed(a), "b": Closed(b), "c": Closed(c), "d": After(d), "x": After(x)}
    shards.clock = 5_000
    shards.put("d", 601, 602)
    ends = [start]
    while len(ends) < 2 or ends[-1] is not ends[-2]:
        ends.append(planner.next_end(ends[-1], target, A_MINUTE))
    assert ends[-1].shards == target.shards


def test_the_tip_is_after_parents_and_children() -> None:
    shards = a_split()
    a, b, c = (shards.numbers(shard_id)[-1] for shard_id in "abc")
    planner = Planner(shards)
    assert planner.tip(planner.beginning(earliest)) == an_offset(599, a=Closed(a), b=After(b), c=After(c))


def test_a_target_shortly_after_a_reshard_is_reached_though_the_parents_end_is_told_late() -> None:
    shards = a_shard(1.5, clock=2, tells_end_late=True)
    shards.split("a", 1.75, "b", "c")
    shards.put("b", 1.9)
    planner = Planner(shards)
    start = planner.beginning(earliest)
    target = planner.tip(start)
    ends = [start]
    while len(ends) < 2 or ends[-1] is not ends[-2]:
        ends.append(planner.next_end(ends[-1], target, A_MINUTE))
    assert ends[-1].shards == target.shards


def test_a_target_holds_children_that_came_just_after_the_shards_were_listed() -> None:
    shards = a_shard(5, clock=10)
    planner = Planner(shards)
    start = planner.beginning(earliest)
    shards.split("a", 10.3, "b", "c")
    shards.put("b", 10.4)
    shards.clock = 10.6
    target = planner.tip(start)
    assert target.shards == {"a": Closed("1"), "b": After(shards.numbers("b")[0]), "c": TrimHorizon()}


@pytest.mark.parametrize("stopped_for", [0, 60])
def test_a_closed_shard_is_read_to_its_end_though_a_page_ends_among_records_of_one_millisecond(
    stopped_for: float,
) -> None:
    shards = a_shard(*[5.0] * 7, clock=8, page_size=3)
    shards.split("a", 7, "b", "c")
    shards.put("b", 7.5)
    shards.clock += stopped_for
    planner, start = Planner(shards), beginning("a")
    assert planner.tip(start).shards == {"a": Closed(shards.numbers("a")[-1]), "b": After("10"), "c": TrimHorizon()}
    assert in_batches(shards, planner, start) == [{"a": 7}, {"b": 1}]
