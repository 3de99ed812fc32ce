"""A retention that was shorter for a time: what it has trimmed is told by the last records that were read."""

import json
from dataclasses import replace

from event_lake.kinesis.offsets import After, Closed, Offset, TrimHorizon, arrival_of, last_read
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
    calls_of,
    loss,
)


def stopped(shards: FakeShards, start: Offset) -> Offset:
    """Where a query stops that has read all there is after `start`, as Spark's offset log has it."""
    *_, end = batches(Planner(shards), start)
    return Offset.from_json(json.loads(json.dumps(end.to_json())))


def idle_for_longer_than_the_retention() -> tuple[FakeShards, Offset]:
    """A stream whose shard "a" took its only record longer ago than it keeps one, and where a query stopped."""
    shards = FakeShards("a", "b", clock=20, retention=HOUR)
    shards.put("a", 10)
    shards.put("b", *range(0, 20_000, 60))
    start = stopped(shards, beginning("a", "b", retention=HOUR))
    for _ in range(3):
        shards.clock += HOUR / 2
        start = stopped(shards, start)
    return shards, start


def test_a_retention_that_was_lowered_and_raised_again_while_the_query_was_stopped_hides_no_loss() -> None:
    shards = a_shard(0, 10, clock=20)
    start = stopped(shards, beginning("a"))
    shards.put("a", *range(30, 44))
    shards.trim("a", 2 + 9)
    shards.clock = 2 * HOUR
    last = shards.numbers("a")[1]
    assert loss(shards, start) == (
        f"records of a after {last} may have expired unread: that one arrived at 2026-11-21T00:00:10+00:00, within"
        f" the retention, and is gone, so the retention was shorter for a time; {WAY_OUT}"
    )


def test_an_idle_shard_whose_last_record_expired_as_usual_is_no_loss() -> None:
    shards, start = idle_for_longer_than_the_retention()
    shards.clock += 60
    assert list(Planner(shards).next_end(start, bounds=A_MINUTE).shards) == ["a", "b"]
    Planner(shards).refuse_losses(start)


def test_a_record_that_expired_before_the_retention_was_raised_is_no_loss() -> None:
    shards, start = idle_for_longer_than_the_retention()
    shards.trim("a", 1)
    shards.retention = DAY
    shards.clock += 60
    # Two starts: the offset of the first tells the longer retention.
    start = stopped(shards, start)
    shards.clock += 60
    Planner(shards).refuse_losses(start)


def test_what_an_offset_without_arrivals_cannot_tell_is_no_loss() -> None:
    shards = a_shard(0, 10, *range(30, 44), clock=2 * HOUR)
    shards.trim("a", 11)
    start = an_offset(20, a=After(shards.numbers("a")[1]))
    assert Planner(shards).next_end(start, bounds=A_MINUTE).shards == {"a": After(shards.numbers("a")[-1])}


def test_an_offset_without_arrivals_learns_them_where_the_records_are_still_there() -> None:
    shards = FakeShards("a", "b", clock=20)
    shards.put("a", 10)
    shards.put("b", 15)
    start = an_offset(12, a=After(shards.numbers("a")[0]), b=TrimHorizon())
    end = stopped(shards, start)
    assert {s: arrival_of(p) for s, p in end.shards.items()} == {"a": at(10).time, "b": at(15).time}


def test_where_one_shard_proves_a_loss_those_that_cannot_prove_to_be_whole_are_named_too() -> None:
    shards = FakeShards("a", "b", "c", clock=20)
    shards.put("a", 10)
    shards.put("c", 5)
    start = an_offset(
        20,
        a=After(shards.numbers("a")[0], arrived=at(10).time),
        b=at(3),
        c=After(shards.numbers("c")[0], arrived=at(5).time),
    )
    shards.trim("a", 1)
    shards.clock = 2 * HOUR
    message = loss(shards, start)
    assert "records of a after 1 may have expired unread" in message
    assert "records of b after AT 2026-11-21T00:00:03+00:00 may have expired unread too" in message
    assert "records of c" not in message


def test_an_unread_child_is_whole_as_long_as_its_parents_last_record_is_there() -> None:
    shards = a_shard(0, 10, clock=20)
    shards.split("a", 15, "b", "c")
    shards.put("b", 16, 17)
    start = next(iter(batches(Planner(shards), beginning("a"))))
    assert start.shards["b"] == TrimHorizon()
    shards.clock = 2 * HOUR
    Planner(shards).refuse_losses(start)
    shards.trim("a", 2)
    shards.trim("b", 1)
    assert "records of b after TRIM_HORIZON may have expired unread" in loss(shards, start)


def test_an_unread_child_that_begins_at_a_time_is_judged_by_its_parents_last_record_too() -> None:
    shards = FakeShards("a", "b", clock=15)
    shards.put("a", 10)
    start = stopped(shards, beginning("a", "b"))
    shards.merge("a", "b", 20, "c")
    shards.put("c", 30)
    shards.clock = HOUR
    read = Closed(last_read(start.shards["a"]), arrived=at(10).time)
    # As where the query began at a time, and the child was listed already.
    waiting = replace(start, shards={"a": read, "b": Closed(), "c": at(1)})
    Planner(shards).refuse_losses(waiting)
    shards.trim_until(40)
    assert "records of c after" in loss(shards, waiting)


def test_a_query_that_goes_on_steps_once_over_a_hole_that_only_its_start_shows() -> None:
    shards = a_shard(0, 10, clock=20)
    start = stopped(shards, beginning("a"))
    shards.put("a", *range(30, 44))
    shards.trim("a", 2 + 9)
    shards.clock = 2 * HOUR
    planner = Planner(shards, go_on_after_loss=True)
    target = planner.tip(start)
    hole = planner.next_end(start, target, A_MINUTE)
    planner.refuse_losses(start)
    end = planner.next_end(hole, target, A_MINUTE)
    assert hole.shards == {"a": TrimHorizon(lost_at=at(2 * HOUR).time)}
    assert end.shards == target.shards == {"a": After(shards.numbers("a")[-1])}


def test_a_query_looks_at_the_last_records_once_a_start_and_twice_where_it_replays_a_batch() -> None:
    shards = FakeShards("a", "b", clock=20)
    shards.put("a", 10)
    shards.put("b", 15)
    start = stopped(shards, beginning("a", "b"))
    look = {"iterator": 2, "get_records": 2}
    planner = Planner(shards)
    shards.calls.clear()
    planner.refuse_losses(start)
    assert shards.calls == look | {"list_shards": 1, "summary": 1}
    assert calls_of(shards, planner, start) == {"iterator": 2 + 4, "get_records": 2 + 4}
    shards.calls.clear()
    planner.refuse_losses(start)
    assert shards.calls == {}
