"""The parts of a batch, one for each shard: the driver makes them from two offsets, and executors read them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.kinesis.offsets import (
    After,
    At,
    Closed,
    Offset,
    TrimHorizon,
    describe_position,
    last_read,
    lost_at,
)


@dataclass(frozen=True)
class Range:
    """The records of one shard after `start`, up to and with the one at `end`.

    All of them arrived at or after `unread_since`, and the shard holds them for `retention` from their arrival on.
    """

    shard_id: str
    start: TrimHorizon | At | After
    end: After
    unread_since: datetime
    retention: timedelta


@dataclass(frozen=True)
class Hole:
    """A part of a batch without records: what the shard held after `start` expired, or went with the shard.

    `description` names the lost records. The query goes on without them.
    """

    shard_id: str
    start: TrimHorizon | At | After
    description: str


def part_of(shard_id: str, begin: Offset, finish: Offset) -> Range | Hole | None:
    """Return what the batch from `begin` to `finish` reads of one shard, or None for nothing.

    The parts of a shard are a chain: each starts where the one before ended. A Range ends at its `end`. A Hole ends at
    "TRIM_HORIZON LOST" with the hole's time, or is the last part if the shard is gone. All other positions of a shard
    are its first, where the query began or the shard appeared, or its last, "CLOSED".
    """
    start, end = begin.shards.get(shard_id, TrimHorizon()), finish.shards[shard_id]
    last, lost = last_read(end), lost_at(end)
    if last is not None and last != last_read(start):
        assert not isinstance(start, Closed), "nothing is after the end of a closed shard"
        retention = min(begin.summary.retention, finish.summary.retention)
        return Range(shard_id, start, After(last), begin.cut, retention)
    if lost is not None and end != start:
        assert not isinstance(start, Closed), "nothing is after the end of a closed shard"
        return Hole(shard_id, start, f"{shard_id} after {describe_position(start)}: expired before {lost.isoformat()}")
    return None


def shards_with_receipts(begin: Offset, finish: Offset) -> frozenset[str]:
    """Return the ids of the shards of which the batch from `begin` to `finish` has a receipt."""
    return frozenset(shard_id for shard_id in finish.shards if part_of(shard_id, begin, finish))
