"""Records that expired before they were read: found, named, and refused or stepped over."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from event_lake.errors import DataLossError
from event_lake.kinesis.api.expiry import InParallel, ShardLook, look_at_shards
from event_lake.kinesis.api.reads import Reads, ShardGoneError
from event_lake.kinesis.offsets import (
    Closed,
    Offset,
    Position,
    Summary,
    TrimHorizon,
    arrival_of,
    describe_position,
    without_arrival,
)
from event_lake.kinesis.shards import Lineage

_WAY_OUT = "a new lake.root starts afresh, source.fail_on_data_loss = false goes on without them"
# A stream's date of birth may come rounded.
_SAME_BIRTH = timedelta(seconds=2)


def refuse_another(offset: Offset, summary: Summary) -> None:
    """Raise DataLossError if the stream was deleted since `offset`, and made again: its numbers begin anew."""
    if abs(summary.created - offset.summary.created) > _SAME_BIRTH:
        raise DataLossError(
            f"the stream was deleted and made again at {summary.created.isoformat()}: what the one of"
            f" {offset.summary.created.isoformat()} held behind {_shown(offset)} is gone; a new lake.root starts afresh"
        )


class Losses:
    """What expired in a stream's shards before it was read. Keeps what its look found: make one per query.

    Raises DataLossError unless `go_on`: then the query steps over the holes.
    """

    def __init__(self, reads: Reads, *, go_on: bool, in_parallel: InParallel = map) -> None:
        self._reads = reads
        self._go_on = go_on
        self._in_parallel = in_parallel
        # By shard the position that was looked at, and the hole behind it.
        self._holes: dict[str, tuple[Position | None, Position]] = {}

    def past(self, start: Offset, summary: Summary, lineage: Lineage, *, looks: bool = False) -> dict[str, Position]:
        """`start`'s positions, but behind the holes: `lost_at` marks them.

        There's one where a shard is gone before it was read to its end, and where records may have expired unread. Once
        the retention has gone by since `start.cut` they may have in each shard that can't prove to be whole, as
        `expiry.look_at_shards` says. Before that they can't, unless the retention was shorter for a time. Where
        `looks`, it was if a last record is gone that arrived within the retention, and then too all shards count that
        prove nothing. "earliest" is what a shard still holds: before anything is read, nothing can be lost.

        In the result the arrivals of records are known that were looked at, and those aren't that lie before the
        retention: such a record may have expired as usual, though the retention be raised after that.
        """
        now, retention = self._reads.now(), min(summary.retention, start.summary.retention)
        edge = now - retention
        known = {s: _without_old_arrival(p, edge) for s, p in start.shards.items()}
        unread = {s: p for s, p in known.items() if not isinstance(p, Closed)}
        gone = {s for s, p in unread.items() if s not in lineage and _is_gone(self._reads, s, p)}
        late = start.cut < edge and any(p != TrimHorizon() for p in known.values())
        seen: dict[str, ShardLook] = {}
        if late or looks:
            there = {s: p for s, p in known.items() if s not in gone}
            seen = look_at_shards(self._reads, lineage, there, retention, self._in_parallel)
        loses = late or any(look.whole is False for look in seen.values())
        expired = {s: look for s, look in seen.items() if loses and not look.whole}
        if (gone or expired) and not self._go_on:
            raise DataLossError(_told(start, gone, expired, edge if late else None))
        holes = dict.fromkeys(gone, Closed(lost_at=now)) | dict.fromkeys(expired, TrimHorizon(lost_at=now))
        if looks:
            self._holes = {s: (start.shards.get(s), hole) for s, hole in holes.items()}
        # The look alone may find them, but the same start is asked about again.
        found = {s: hole for s, (position, hole) in self._holes.items() if start.shards.get(s) == position}
        return {**known, **{s: look.position for s, look in seen.items()}, **holes, **found}


def _is_gone(reads: Reads, shard_id: str, position: Position) -> bool:
    assert not isinstance(position, Closed)
    # An old answer of ListShards may lack a new shard.
    try:
        reads.iterator(shard_id, position)
    except ShardGoneError:
        return True
    return False


def _without_old_arrival(position: Position, edge: datetime) -> Position:
    arrived = arrival_of(position)
    return without_arrival(position) if arrived is not None and arrived < edge else position


def _told(start: Offset, gone: set[str], expired: Mapping[str, ShardLook], edge: datetime | None) -> str:
    """`edge` is the time up to which records may have expired, where the retention has gone by since `start.cut`."""
    told = [f"shard {s} is gone, which was read up to {describe_position(start.shards[s])}" for s in sorted(gone)]
    for shard_id in sorted(expired, key=lambda s: (expired[s].whole is None, s)):
        records = f"records of {shard_id} behind {describe_position(expired[shard_id].position)}"
        if edge is not None:
            records += f" that arrived from {start.cut.isoformat()} to {edge.isoformat()}"
        told.append(f"{records} may have expired unread{'' if edge else _why(expired[shard_id])}")
    return f"{'; '.join(told)}; {_WAY_OUT}"


def _why(look: ShardLook) -> str:
    if look.whole is None:
        return " too"
    arrived = arrival_of(look.position)
    which = f"that one arrived at {arrived.isoformat()}" if arrived else "its parent's last record arrived"
    return f": {which}, within the retention, and is gone, so the retention was shorter for a time"


def _shown(offset: Offset) -> str:
    return ", ".join(f"{s} {describe_position(p)}" for s, p in sorted(offset.shards.items()))
