"""Finds records that expired before they were read, and raises an error that names them or steps over them."""

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
# Kinesis may round a stream's creation time.
_SAME_BIRTH = timedelta(seconds=2)


def refuse_recreated_stream(offset: Offset, summary: Summary) -> None:
    """Raise DataLossError if the stream was deleted and made again since `offset`: its sequence numbers begin anew."""
    if abs(summary.created - offset.summary.created) > _SAME_BIRTH:
        raise DataLossError(
            f"the stream was deleted and made again at {summary.created.isoformat()}: what the one of"
            f" {offset.summary.created.isoformat()} held after {_positions_as_text(offset)} is gone; a new lake.root"
            " starts afresh"
        )


class Losses:
    """Finds holes in a stream's shards: records that expired before they were read.

    It raises DataLossError for them unless `go_on`: then the query steps over them. It keeps the holes that a look at
    the shards found, so make one object per query.
    """

    def __init__(self, reads: Reads, *, go_on: bool, in_parallel: InParallel = map) -> None:
        self._reads = reads
        self._go_on = go_on
        self._in_parallel = in_parallel
        # By shard: the position that was looked at, and the one after its hole.
        self._holes: dict[str, tuple[Position | None, Position]] = {}

    def step_over_holes(
        self, start: Offset, summary: Summary, lineage: Lineage, *, looks: bool = False
    ) -> dict[str, Position]:
        """Return `start`'s positions, moved past the holes, which `lost_at` marks.

        Raise DataLossError, which names them, if there are any, unless `go_on`.

        A shard has a hole if it's gone before it was read to its end, or if records of it may have expired unread. Once
        the retention has gone by since `start.cut`, that may be so in every shard that `expiry.look_at_shards` doesn't
        show to be whole. Before that it can only be so if the retention was shorter for a time. With `looks`, this
        method looks for a sign of that: a last record that arrived within the retention and is gone. If there's one,
        again every shard has a hole that isn't shown to be whole. Before anything is read nothing can be lost, because
        "earliest" is what a shard still holds.

        A position in the result has the arrival of its last record if a look found that record. It has none if the
        record arrived before the retention: it may have expired as usual, even if the retention is raised later.
        """
        now, retention = self._reads.now(), min(summary.retention, start.summary.retention)
        edge = now - retention
        known = {s: _without_old_arrival(p, edge) for s, p in start.shards.items()}
        unread = {s: p for s, p in known.items() if not isinstance(p, Closed)}
        gone = {s for s, p in unread.items() if s not in lineage and _is_gone(self._reads, s, p)}
        late = start.cut < edge and any(p != TrimHorizon() for p in known.values())
        shard_looks: dict[str, ShardLook] = {}
        if late or looks:
            there = {s: p for s, p in known.items() if s not in gone}
            shard_looks = look_at_shards(self._reads, lineage, there, retention, self._in_parallel)
        loses = late or any(look.whole is False for look in shard_looks.values())
        expired = {s: look for s, look in shard_looks.items() if loses and not look.whole}
        if (gone or expired) and not self._go_on:
            raise DataLossError(_loss_message(start, gone, expired, edge if late else None))
        holes = dict.fromkeys(gone, Closed(lost_at=now)) | dict.fromkeys(expired, TrimHorizon(lost_at=now))
        if looks:
            self._holes = {s: (start.shards.get(s), hole) for s, hole in holes.items()}
        # A later call with the same start makes no look, which may be what found these.
        kept_holes = {s: hole for s, (position, hole) in self._holes.items() if start.shards.get(s) == position}
        return {**known, **{s: look.position for s, look in shard_looks.items()}, **holes, **kept_holes}


def _is_gone(reads: Reads, shard_id: str, position: Position) -> bool:
    assert not isinstance(position, Closed)
    # That ListShards doesn't show a shard proves nothing: an old answer lacks new shards.
    try:
        reads.iterator(shard_id, position)
    except ShardGoneError:
        return True
    return False


def _without_old_arrival(position: Position, edge: datetime) -> Position:
    arrived = arrival_of(position)
    return without_arrival(position) if arrived is not None and arrived < edge else position


def _loss_message(start: Offset, gone: set[str], expired: Mapping[str, ShardLook], edge: datetime | None) -> str:
    """Return an error's message. Records from up to `edge` may have expired as usual, or none if that is None."""
    losses = [f"shard {s} is gone, which was read up to {describe_position(start.shards[s])}" for s in sorted(gone)]
    for shard_id in sorted(expired, key=lambda s: (expired[s].whole is None, s)):
        records = f"records of {shard_id} after {describe_position(expired[shard_id].position)}"
        if edge is not None:
            records += f" that arrived from {start.cut.isoformat()} to {edge.isoformat()}"
        losses.append(f"{records} may have expired unread{'' if edge else _reason(expired[shard_id])}")
    return f"{'; '.join(losses)}; {_WAY_OUT}"


def _reason(look: ShardLook) -> str:
    if look.whole is None:
        return " too"
    arrived = arrival_of(look.position)
    which = f"that one arrived at {arrived.isoformat()}" if arrived else "its parent's last record arrived"
    return f": {which}, within the retention, and is gone, so the retention was shorter for a time"


def _positions_as_text(offset: Offset) -> str:
    return ", ".join(f"{s} {describe_position(p)}" for s, p in sorted(offset.shards.items()))
