"""Whether a shard still holds all that came behind a position: told by the last record before, or by a parent's."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from event_lake.kinesis.api.cursor import Cursor
from event_lake.kinesis.api.reads import Reads, ShardGoneError
from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon, instant_of_seconds, last_read
from event_lake.kinesis.shards import Lineage

# Calls `function` on each item, maybe several at once; the results come in the items' order.
InParallel = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

# Arrival times are approximate (Kinesis API reference, Record), and how punctual expiry is isn't said.
_LEEWAY = timedelta(minutes=1)


@dataclass(frozen=True)
class ShardLook:
    """What a look at a shard shows: whether all behind `position` is there, not, or can't be told (None).

    `position` has the arrival of the last record before it, if that is still there.
    """

    position: Position
    whole: bool | None


def holds_all_behind(reads: Reads, shard_id: str, position: At | After) -> bool:
    """Whether the shard holds the record at `position`, or one from before it, and so all that came behind it."""
    if isinstance(position, After):
        return _arrival(reads, shard_id, position.sequence_number) is not None
    oldest = Cursor(reads, shard_id, TrimHorizon()).records(limit=1).arrived
    return bool(oldest) and instant_of_seconds(oldest[0]) < position.time


def expired_too_early(arrived: datetime | None, now: datetime, retention: timedelta) -> bool:
    """Whether a record that is gone would still be there, had the `retention` always been this one.

    It's told a minute late, and not at all of a record whose arrival isn't known.
    """
    return arrived is not None and arrived > now - retention + _LEEWAY


def look_at_shards(
    reads: Reads, lineage: Lineage, positions: Mapping[str, Position], retention: timedelta, in_parallel: InParallel
) -> dict[str, ShardLook]:
    """What a look at each shard shows that isn't read to its end: of `positions`, and children that these lack.

    A shard of which nothing was read is judged by the last records of its parents, which are older than all of its own:
    while one of them is there, nothing of their children has expired. Costs 2 calls a shard, and 2 a parent.
    """
    unread = {s: p for s, p in positions.items() if not isinstance(p, Closed)}
    unread |= {s: p for s, p in lineage.readable(lineage.grown(positions)).items() if s not in positions}
    witnesses = {s: set(_witnesses(lineage, positions, s)) for s, p in unread.items() if p == TrimHorizon()}
    # Of shards that are new the rest came from none that was read: nothing was promised of them.
    unread = {s: p for s, p in unread.items() if s in positions or witnesses[s]}
    asked = {s: positions[s] for s in set(unread).union(*witnesses.values()) if s not in witnesses}
    looks = in_parallel(lambda shard: _seen(reads, shard[0], shard[1], retention), asked.items())
    seen: dict[str, ShardLook] = dict(zip(asked, looks, strict=True))
    for shard_id in unread.keys() & witnesses.keys():
        told = {seen[parent].whole for parent in witnesses[shard_id]}
        seen[shard_id] = ShardLook(unread[shard_id], True if True in told else False if False in told else None)
    return {s: seen[s] for s in unread}


def _witnesses(lineage: Lineage, positions: Mapping[str, Position], shard_id: str) -> Iterator[str]:
    """The nearest ancestors of which a record was read."""
    for parent in lineage.parents(shard_id):
        if parent in positions and last_read(positions[parent]):
            yield parent
        elif parent in positions:
            yield from _witnesses(lineage, positions, parent)


def _seen(reads: Reads, shard_id: str, position: Position, retention: timedelta) -> ShardLook:
    if isinstance(position, At):
        return ShardLook(position, holds_all_behind(reads, shard_id, position) or None)
    if isinstance(position, TrimHorizon):
        # A hole that was told isn't told again, until the records have expired that were there at that time.
        told = position.lost_at is not None and position.lost_at >= reads.now() - retention
        return ShardLook(position, told or None)
    number = last_read(position)
    assert number, "a shard that is closed without a record is no witness"
    if arrived := _arrival(reads, shard_id, number):
        return ShardLook(replace(position, arrived=arrived), whole=True)
    return ShardLook(position, False if expired_too_early(position.arrived, reads.now(), retention) else None)


def _arrival(reads: Reads, shard_id: str, number: str) -> datetime | None:
    """When the record with this number arrived, if the shard still holds it."""
    try:
        page = Cursor(reads, shard_id, After(number), inclusive=True).records(limit=1)
    except ShardGoneError:
        return None
    return instant_of_seconds(page.arrived[0]) if page.sequence_numbers[:1] == [number] else None
