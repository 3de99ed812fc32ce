"""Records that expired before they were read: found, named, and refused or stepped over."""

from datetime import datetime, timedelta

from event_lake.errors import DataLossError
from event_lake.kinesis.cursor import Cursor
from event_lake.kinesis.offsets import (
    After,
    At,
    Closed,
    Offset,
    Position,
    Summary,
    TrimHorizon,
    instant,
    place_of,
)
from event_lake.kinesis.reads import Reads, ShardGoneError
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


def positions_past_losses(
    start: Offset, summary: Summary, lineage: Lineage, reads: Reads, *, go_on: bool
) -> dict[str, Position]:
    """`start`'s positions, but behind the holes: `lost_at` marks them.

    Raises DataLossError unless `go_on`: if a shard is gone before it was read to its end, or if records may have
    expired unread. They can't have while less than the retention has gone by since `start.cut`, or while the last
    record that was read, or one from before the time to start from, is still there. "earliest" is what a shard still
    holds: before anything is read, nothing can be lost.
    """
    now = reads.now()
    gone = {
        s for s, p in start.shards.items() if not isinstance(p, Closed) and s not in lineage and _is_gone(reads, s, p)
    }
    expired = set()
    edge = now - min(summary.retention, start.summary.retention)
    if start.cut < edge and any(p != TrimHorizon() for p in start.shards.values()):
        due = {s: p for s, p in start.shards.items() if not isinstance(p, Closed) and s not in gone}
        expired = {s for s, p in due.items() if not _all_is_there(reads, s, p, edge)}
    if (gone or expired) and not go_on:
        raise DataLossError(_told(start, gone, expired, edge))
    return {
        **start.shards,
        **dict.fromkeys(gone, Closed(lost_at=now)),
        **dict.fromkeys(expired, TrimHorizon(lost_at=now)),
    }


def holds_all_behind(reads: Reads, shard_id: str, position: At | After) -> bool:
    """Whether the shard holds the record at `position`, or one from before it, and so all that came behind it."""
    if isinstance(position, After):
        page = Cursor(reads, shard_id, position, inclusive=True).records(limit=1)
        return page.sequence_numbers[:1] == [position.sequence_number]
    oldest = Cursor(reads, shard_id, TrimHorizon()).records(limit=1).arrived
    return bool(oldest) and instant(oldest[0]) < position.time


def _all_is_there(reads: Reads, shard_id: str, position: Position, edge: datetime) -> bool:
    if isinstance(position, At | After):
        return holds_all_behind(reads, shard_id, position)
    # A hole that was told isn't told again, until the records have expired that were there at that time.
    return isinstance(position, TrimHorizon) and position.lost_at is not None and position.lost_at >= edge


def _is_gone(reads: Reads, shard_id: str, position: Position) -> bool:
    assert not isinstance(position, Closed)
    # An old answer of ListShards may lack a new shard.
    try:
        reads.iterator(shard_id, position)
    except ShardGoneError:
        return True
    return False


def _told(start: Offset, gone: set[str], expired: set[str], edge: datetime) -> str:
    told = [f"shard {s} is gone, which was read up to {place_of(start.shards[s])}" for s in sorted(gone)]
    told += [
        f"records of {s} behind {place_of(start.shards[s])} that arrived from {start.cut.isoformat()} to"
        f" {edge.isoformat()} may have expired unread"
        for s in sorted(expired)
    ]
    return f"{'; '.join(told)}; {_WAY_OUT}"


def _shown(offset: Offset) -> str:
    return ", ".join(f"{s} {place_of(p)}" for s, p in sorted(offset.shards.items()))
