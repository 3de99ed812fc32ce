"""Records that expired unread: refused with names and times, or stepped over and told once."""

import pytest

from event_lake.errors import DataLossError
from event_lake.kinesis.offsets import After, Closed, Offset, TrimHorizon
from event_lake.kinesis.planning.planner import Planner
from support.fake_shards import FakeShards
from support.planned_batches import (
    A_MINUTE,
    DAY,
    HOUR,
    WAY_OUT,
    a_shard,
    an_offset,
    at,
    batches,
    beginning,
    earliest,
    loss,
)


def test_records_that_may_have_expired_unread_are_a_loss_with_names_and_times() -> None:
    shards = a_shard(0, 10, clock=3700, retention=HOUR)
    last = shards.numbers("a")[1]
    assert loss(shards, an_offset(10, retention=HOUR, a=After(last))) == (
        f"records of a after {last} that arrived from 2026-11-21T00:00:10+00:00 to 2026-11-21T00:01:40+00:00"
        f" may have expired unread; {WAY_OUT}"
    )


def test_what_expired_after_latest_is_a_loss() -> None:
    shards = FakeShards("a", clock=5000, retention=HOUR)
    assert loss(shards, an_offset(100, retention=HOUR, a=at(100))) == (
        "records of a after AT 2026-11-21T00:01:40+00:00 that arrived from 2026-11-21T00:01:40+00:00 to"
        f" 2026-11-21T00:23:20+00:00 may have expired unread; {WAY_OUT}"
    )


def test_a_shard_gone_before_it_was_read_to_its_end_is_a_loss() -> None:
    shards = FakeShards("a", "b", clock=4000, retention=HOUR)
    shards.put("a", 0, 10)
    shards.split("a", 20, "c", "d")
    start = an_offset(3990, retention=HOUR, a=After(shards.numbers("a")[0]), b=TrimHorizon())
    assert loss(shards, start) == (f"shard a is gone, which was read up to {shards.numbers('a')[0]}; {WAY_OUT}")


def test_every_loss_is_told_at_once() -> None:
    shards = FakeShards("a", "b", clock=5000, retention=HOUR)
    shards.put("a", 0, 10)
    shards.put("b", 0)
    shards.split("a", 20, "c", "d")
    first, last = shards.numbers("a")[0], shards.numbers("b")[0]
    assert loss(shards, an_offset(15, retention=HOUR, a=After(first), b=After(last))) == (
        f"shard a is gone, which was read up to {first}; records of b after {last} that arrived from"
        f" 2026-11-21T00:00:15+00:00 to 2026-11-21T00:23:20+00:00 may have expired unread; {WAY_OUT}"
    )


def test_a_stream_made_again_under_its_name_is_refused_even_by_a_query_that_goes_on_after_losses() -> None:
    shards = a_shard(0, 10, clock=100)
    start = an_offset(50, a=After(shards.numbers("a")[1]))
    shards.make_again(60)
    with pytest.raises(DataLossError) as another:
        Planner(shards, go_on_after_loss=True).next_end(start, bounds=A_MINUTE)
    assert str(another.value) == (
        "the stream was deleted and made again at 2026-11-21T00:01:00+00:00: what the one of"
        " 2026-11-21T00:00:00+00:00 held after a 4 is gone; a new lake.root starts afresh"
    )


def test_a_birthday_that_kinesis_rounds_otherwise_is_the_same() -> None:
    shards = a_shard(0, clock=100)
    start = an_offset(50, a=After(shards.numbers("a")[0]))
    shards.created = at(2).time
    assert Planner(shards).next_end(start, bounds=A_MINUTE) is start


def test_a_stream_made_again_while_it_is_read_is_refused_within_five_minutes() -> None:
    shards = a_shard(0, clock=100)
    planner = Planner(shards)
    start = planner.next_end(beginning("a"), bounds=A_MINUTE)
    shards.created = at(150).time
    shards.clock = 400
    with pytest.raises(DataLossError, match="deleted and made again"):
        planner.next_end(start, bounds=A_MINUTE)


def test_a_shard_that_was_never_read_loses_nothing_by_expiry() -> None:
    shards = a_shard(3690, clock=3700, retention=HOUR)
    end = Planner(shards).next_end(beginning("a", retention=HOUR), bounds=A_MINUTE)
    assert end.shards == {"a": After(shards.numbers("a")[0])}


def test_the_last_record_that_was_read_is_proof_that_nothing_expired_after_it() -> None:
    # Kinesis may keep records a little longer than it promises.
    shards = a_shard(0, 10, 20, clock=3700, retention=HOUR + 200)
    numbers = shards.numbers("a")
    end = Planner(shards).next_end(an_offset(10, retention=HOUR, a=After(numbers[1])), bounds=A_MINUTE)
    assert end.shards == {"a": After(numbers[2])}


def test_a_retention_that_was_raised_while_the_query_was_stopped_hides_no_loss() -> None:
    shards = a_shard(0, 10, 20, 7000, clock=7200, retention=DAY)
    shards.trim("a", 3)
    start = an_offset(5, retention=HOUR, a=After(shards.numbers("a")[0]))
    assert loss(shards, start).startswith(f"records of a after {shards.numbers('a')[0]} that arrived from ")


def test_a_retention_that_was_lowered_while_the_query_was_stopped_hides_no_loss() -> None:
    shards = a_shard(0, 10, 20, 7000, clock=7200, retention=HOUR)
    start = an_offset(5, retention=DAY, a=After(shards.numbers("a")[0]))
    assert loss(shards, start).startswith(f"records of a after {shards.numbers('a')[0]} that arrived from ")


def test_an_offset_tells_the_retention_that_the_stream_has_now() -> None:
    shards = a_shard(0, 10, clock=200, retention=DAY)
    end = Planner(shards).next_end(beginning("a", retention=HOUR), bounds=A_MINUTE)
    assert end == an_offset(199, retention=DAY, a=After(shards.numbers("a")[1]))


def test_an_idle_stream_is_no_loss_to_a_planner_that_watched_it_nor_to_its_successor() -> None:
    shards = a_shard(0, clock=5, retention=HOUR)
    planner = Planner(shards)
    start = planner.next_end(beginning("a", retention=HOUR), bounds=A_MINUTE)
    offsets = [start]
    for _ in range(360):
        shards.clock += 100
        offsets.append(planner.next_end(offsets[-1], bounds=A_MINUTE))
    assert {offset.shards["a"] for offset in offsets} == {After("1")}
    assert len({offset.cut for offset in offsets}) - 1 == 36_000 // 1_000  # every ten triggers: 1000 s > 900 s
    assert Planner(shards).next_end(offsets[-1], bounds=A_MINUTE).shards == start.shards


def test_a_shard_that_an_old_listing_lacks_is_no_loss() -> None:
    shards = a_shard(0, clock=100)
    shards.split("a", 98, "b", "c")
    shards.put("b", 99, 99.5)
    late = FakeShards(lists_late=10, clock=100)
    late._shards = shards._shards
    b = shards.numbers("b")
    start = an_offset(99, a=Closed("1"), b=After(b[0]), c=TrimHorizon())
    late.clock = 101
    assert Planner(late).next_end(start, bounds=A_MINUTE).shards["b"] == After(b[1])


def test_a_query_that_goes_on_steps_over_a_hole_once_and_says_so_in_its_offset() -> None:
    shards = a_shard(0, 10, 100, 200, clock=3750, retention=HOUR)
    numbers = shards.numbers("a")
    planner = Planner(shards, go_on_after_loss=True)
    hole, *following = batches(planner, an_offset(5, retention=HOUR, a=After(numbers[0])))
    assert hole == an_offset(200, retention=HOUR, a=TrimHorizon(lost_at=at(3750).time))
    assert [end.shards for end in following] == [{"a": After(numbers[3])}]


def test_the_batch_of_a_hole_reads_nothing_of_other_shards() -> None:
    shards = FakeShards("a", "b", clock=3750, retention=HOUR)
    shards.put("a", 0, 10, 200)
    shards.put("b", 1, 300, 400)
    start = an_offset(5, retention=HOUR, a=After(shards.numbers("a")[0]), b=TrimHorizon(lost_at=at(3700).time))
    end = Planner(shards, go_on_after_loss=True).next_end(start, bounds=A_MINUTE)
    assert end == an_offset(200, retention=HOUR, a=TrimHorizon(at(3750).time), b=TrimHorizon(at(3700).time))


def test_a_hole_that_was_told_is_not_told_again_by_a_restarted_query() -> None:
    shards = a_shard(0, 10, 200, clock=3750, retention=HOUR)
    start = an_offset(5, retention=HOUR, a=After(shards.numbers("a")[0]))
    hole = Planner(shards, go_on_after_loss=True).next_end(start, bounds=A_MINUTE)
    shards.clock = 3760
    end = Planner(shards).next_end(Offset.from_json(hole.to_json()), bounds=A_MINUTE)
    assert end.shards == {"a": After(shards.numbers("a")[2])}


def test_what_expires_after_a_hole_that_was_told_is_another_loss() -> None:
    shards = a_shard(3800, 9000, clock=10_000, retention=HOUR)
    loss(shards, an_offset(3800, retention=HOUR, a=TrimHorizon(lost_at=at(5000).time)))


def test_a_query_that_goes_on_says_once_which_shard_was_gone_and_reads_the_others() -> None:
    shards = FakeShards("a", "b", clock=4000, retention=HOUR)
    shards.put("a", 0, 10)
    shards.put("b", 3999)
    shards.split("a", 20, "c", "d")
    planner = Planner(shards, go_on_after_loss=True)
    start = an_offset(3990, retention=HOUR, a=After(shards.numbers("a")[0]), b=TrimHorizon())
    hole, end = batches(planner, start)
    assert hole.shards == {
        "a": Closed(lost_at=at(4000).time),
        "b": TrimHorizon(),
        "c": TrimHorizon(),
        "d": TrimHorizon(),
    }
    assert end.shards == {"b": After(shards.numbers("b")[0]), "c": TrimHorizon(), "d": TrimHorizon()}


def test_a_batch_of_all_there_is_says_which_shard_was_gone_before_it_was_read_to_its_end() -> None:
    """Spark 4.1 takes such a batch, and asks for no batch of the hole alone before it."""
    shards = FakeShards("a", "b", clock=4000, retention=HOUR)
    shards.put("a", 0, 10)
    shards.put("b", 3999)
    shards.split("a", 20, "c", "d")
    start = an_offset(3990, retention=HOUR, a=After(shards.numbers("a")[0]), b=TrimHorizon())
    end = Planner(shards, go_on_after_loss=True).tip(start)
    gone, read = Closed(lost_at=at(4000).time), After(shards.numbers("b")[0])
    assert end.shards == {"a": gone, "b": read, "c": TrimHorizon(), "d": TrimHorizon()}


def test_a_query_that_begins_is_never_at_a_loss() -> None:
    shards = a_shard(0, 10, 8000, clock=10_000, retention=HOUR)
    planner = Planner(shards)
    start = planner.beginning(earliest)
    assert start == beginning("a", cut=8000, retention=HOUR)
    assert planner.next_end(start, bounds=A_MINUTE).shards == {"a": After(shards.numbers("a")[2])}
