"""Makes the streams in memory, offsets and bounds that tests of the planner need, and counts batches and calls."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from event_lake.errors import DataLossError
from event_lake.kinesis.offsets import At, Closed, Offset, Position, Summary, TrimHorizon, last_read
from event_lake.kinesis.planning.planner import Bounds, Planner
from event_lake.kinesis.planning.topology import Topology
from support.fake_shards import T0, FakeShards

DAY = 24 * 3600.0
MINUTE = 60.0
NO_END = 10**9
HOUR = 3600.0
WAY_OUT = "a new lake.root starts afresh, source.fail_on_data_loss = false goes on without them"


def at(seconds: float) -> At:
    return At(T0 + timedelta(seconds=seconds))


def an_offset(cut: float = 0.0, *, retention: float = DAY, **positions: Position) -> Offset:
    return Offset(positions, at(cut).time, Summary(T0, timedelta(seconds=retention)))


def beginning(*shard_ids: str, cut: float = 0.0, retention: float = DAY) -> Offset:
    return an_offset(cut, retention=retention, **dict.fromkeys(shard_ids, TrimHorizon()))


def earliest(topology: Topology) -> Mapping[str, Position]:
    """Return the positions to which "earliest" resolves."""
    return topology.with_listed_shards({})


def bounds(time: float = MINUTE, records: int = NO_END) -> Bounds:
    return Bounds(time=timedelta(seconds=time), records=records)


A_MINUTE = bounds()


def calls_of(shards: FakeShards, planner: Planner, start: Offset, most: Bounds | None = A_MINUTE) -> Mapping[str, int]:
    """Return how often each call was made to plan one batch."""
    shards.calls.clear()
    planner.next_end(start, bounds=most)
    return dict(shards.calls)


def a_shard(*arrivals: float, clock: float, **kinds: Any) -> FakeShards:
    shards = FakeShards("a", clock=clock, **kinds)
    shards.put("a", *arrivals)
    return shards


def batches(planner: Planner, start: Offset, most: Bounds | None = A_MINUTE) -> list[Offset]:
    """Return the ends of all batches after `start`, while time stands still."""
    ends = [start]
    while len(ends) < 2 or ends[-1] is not ends[-2]:
        ends.append(planner.next_end(ends[-1], bounds=most))
    return ends[1:-1]


def counts(shards: FakeShards, start: Offset, end: Offset) -> dict[str, int]:
    """Return how many records a batch holds of each shard of which it holds some."""
    ends = {s: _index(shards, s, p) for s, p in end.shards.items()}
    differences = {s: ends[s] - _index(shards, s, start.shards.get(s, TrimHorizon())) for s in ends}
    return {s: count for s, count in differences.items() if count}


def in_batches(
    shards: FakeShards, planner: Planner, start: Offset, most: Bounds | None = A_MINUTE
) -> list[dict[str, int]]:
    """Return `counts` for each batch after `start`."""
    offsets = [start, *batches(planner, start, most)]
    return [counts(shards, one, other) for one, other in pairwise(offsets)]


def loss(shards: FakeShards, start: Offset) -> str:
    """Return the message of the DataLossError that `next_end` raises, and `refuse_losses` in the same words."""
    with pytest.raises(DataLossError) as lost:
        Planner(shards).next_end(start, bounds=A_MINUTE)
    with pytest.raises(DataLossError) as refused:
        Planner(shards).refuse_losses(start)
    assert str(refused.value) == str(lost.value)
    return str(lost.value)


def _index(shards: FakeShards, shard_id: str, position: Position) -> int:
    number = last_read(position)
    if number is None:
        return len(shards.numbers(shard_id)) if isinstance(position, Closed) else 0
    return shards.numbers(shard_id).index(number) + 1
