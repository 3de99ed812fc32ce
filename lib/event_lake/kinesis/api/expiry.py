"""Finds out if a shard still holds all records that came after a position.

Kinesis drops a shard's oldest records first. So a shard that still holds the last record before the position holds all
after it, and a child still holds all while a parent holds its last record.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from event_lake.kinesis.api.cursor import Cursor
from event_lake.kinesis.api.reads import Reads, ShardGoneError
from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon, instant_of_seconds, last_read
from event_lake.kinesis.shards import Lineage

# A function like `map`: it may call the given function on several items at once, and keeps the items' order.
InParallel = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

# Arrival times are approximate (Kinesis API reference, Record), and Kinesis doesn't say how punctually records expire.
_LEEWAY = timedelta(minutes=1)


@dataclass(frozen=True)
class ShardLook:
    """The result of a look at a shard.

    `whole` is True if the shard holds all records after `position`, False if the last one before it expired too early,
    so that records after it may have too, and None if neither is known. `position` has the arrival of the last record
    before it, if the shard still holds that record.
    """

    position: Position
    whole: bool | None


def holds_all_after(reads: Reads, shard_id: str, position: At | After) -> bool:
    """True if the shard is sure to hold all records that came after `position`. If False, some may have expired.

    It's sure if the shard holds the record of an After, or any record from before the time of an At.
    """
    if isinstance(position, After):
        return _arrival(reads, shard_id, position.sequence_number) is not None
    oldest = Cursor(reads, shard_id, TrimHorizon()).records(limit=1).arrived
    return bool(oldest) and instant_of_seconds(oldest[0]) < position.time


def expired_too_early(arrived: datetime | None, now: datetime, retention: timedelta) -> bool:
    """True if a record that is gone would still be there, had the stream always had this `retention`.

    The answer is False if `arrived` is None, which means unknown. It's also False in the last minute of the record's
    retention, because expiry may be that early.
    """
    return arrived is not None and arrived > now - retention + _LEEWAY


def look_at_shards(
    reads: Reads, lineage: Lineage, positions: Mapping[str, Position], retention: timedelta, in_parallel: InParallel
) -> dict[str, ShardLook]:
    """Look at each shard that isn't read to its end: those of `positions`, and their children that `positions` lack.

    A shard of which nothing was read is judged by its witnesses, too, which are the nearest ancestors of which a record
    was read. The last record read of a witness is older than all records of the shard: while one witness holds it,
    nothing of the shard has expired. Costs 2 calls for each shard or witness.
    """
    unread = {s: p for s, p in positions.items() if not isinstance(p, Closed)}
    unread |= {s: p for s, p in lineage.readable(lineage.with_listed_shards(positions)).items() if s not in positions}
    fresh = {s for s, p in unread.items() if p == TrimHorizon()}
    judged = fresh | {s for s, p in unread.items() if isinstance(p, At)}
    witnesses = {s: set(_witnesses(lineage, positions, s)) for s in judged}
    # The other new shards came from none of which a record was read: nobody was promised their records.
    unread = {s: p for s, p in unread.items() if s in positions or witnesses[s]}
    targets = {s: positions[s] for s in set(unread).union(*witnesses.values()) if s not in fresh}
    results = in_parallel(lambda shard: _look_at(reads, shard[0], shard[1], retention), targets.items())
    looks: dict[str, ShardLook] = dict(zip(targets, results, strict=True))
    for shard_id in unread.keys() & witnesses.keys():
        verdicts = {looks[each].whole for each in (witnesses[shard_id] | {shard_id}) & looks.keys()}
        whole = True if True in verdicts else False if False in verdicts else None
        looks[shard_id] = ShardLook(unread[shard_id], whole)
    return {s: looks[s] for s in unread}


def _witnesses(lineage: Lineage, positions: Mapping[str, Position], shard_id: str) -> Iterator[str]:
    """Yield the nearest ancestors of which a record was read."""
    for parent in lineage.parents(shard_id):
        if parent in positions and last_read(positions[parent]):
            yield parent
        elif parent in positions:
            yield from _witnesses(lineage, positions, parent)


def _look_at(reads: Reads, shard_id: str, position: Position, retention: timedelta) -> ShardLook:
    if isinstance(position, At):
        return ShardLook(position, holds_all_after(reads, shard_id, position) or None)
    if isinstance(position, TrimHorizon):
        # A hole isn't reported twice. It may be a new one once all records have expired that were held at that time.
        was_reported = position.lost_at is not None and position.lost_at >= reads.now() - retention
        return ShardLook(position, was_reported or None)
    number = last_read(position)
    assert number, "a shard that is closed without a record is no witness"
    if arrived := _arrival(reads, shard_id, number):
        return ShardLook(replace(position, arrived=arrived), whole=True)
    return ShardLook(position, False if expired_too_early(position.arrived, reads.now(), retention) else None)


def _arrival(reads: Reads, shard_id: str, number: str) -> datetime | None:
    """Return when the record with this number arrived, or None if the shard doesn't hold it any more."""
    try:
        page = Cursor(reads, shard_id, After(number), inclusive=True).records(limit=1)
    except ShardGoneError:
        return None
    return instant_of_seconds(page.arrived[0]) if page.sequence_numbers[:1] == [number] else None
