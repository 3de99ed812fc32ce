"""Decides where a query goes on whose checkpoint is lost: after the last records that are in the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from event_lake.errors import DataLossError, ServiceUnavailableError
from event_lake.kinesis.api.expiry import holds_all_after
from event_lake.kinesis.api.reads import Reads, ShardGoneError
from event_lake.kinesis.offsets import (
    After,
    Closed,
    Offset,
    Position,
    TrimHorizon,
    describe_position,
    from_text,
    last_read,
    lost_at,
    to_text,
)
from event_lake.kinesis.planning.loss import Losses
from event_lake.kinesis.shards import Lineage

# Kinesis' clock and a stream's creation time are known to a second, and neighbours arrive a little out of order.
_VAGUE = timedelta(seconds=2)


@dataclass(frozen=True)
class Resumption:
    """The start of a query that resumes from the ledger. `start_from` is in the form of `config.Source.start_from`.

    `holes` says by shard which records expired unread before that start. `gone` has, for each shard that isn't there
    any more, the position up to which it was read.
    """

    start_from: str
    holes: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)


def resume_positions(texts: Mapping[str, str], read_until: datetime, reads: Reads, *, go_on: bool) -> Resumption:
    """Return where a query goes on that had read the shards up to the positions `texts`, in `offsets.to_text`'s form.

    The query had read all shards, also those without a position, at least up to the arrival time `read_until`
    (`Offset.cut`).
    - The position of a parent that was read to its end is its last record. The query then finds it closed after that.
    - A shard that isn't listed any more was closed longer ago than the retention. It had been read to its end if
      `read_until` is within the retention.
    - If the last record that was read of an idle shard has expired, the query goes on with all that the shard holds.

    Raise DataLossError if records may have expired unread, unless `go_on`, and always for a stream that was made again.
    Raise ServiceUnavailableError while ListShards lacks a shard that exists. The ledger has neither the retention at
    `read_until` nor the arrivals of last records. So a retention that was raised since is taken for the one of that
    time, and losses by a retention that was shorter for a time aren't found.
    """
    summary = reads.summary()
    positions = {shard_id: from_text(text) for shard_id, text in texts.items()}
    if summary.created > read_until + _VAGUE:
        raise DataLossError(
            f"the stream was deleted and made again at {summary.created.isoformat()}: what the one before held after"
            f" {_positions_as_text(positions)} is gone; a new lake.root starts afresh"
        )
    lineage = Lineage(reads.list_shards())
    read = Offset(positions, read_until - _VAGUE, summary)
    # What is read stays among them: where something was read, what comes after it may be lost.
    shards = {
        s: Closed(last_read(p)) if s not in lineage and _is_done(reads, s, read) else p for s, p in positions.items()
    }
    left = replace(read, shards=shards)
    after_holes = Losses(reads, go_on=go_on).step_over_holes(left, summary, lineage)
    start = {s: to_text(_held(reads, s, p)) for s, p in sorted(after_holes.items()) if s in lineage}
    return Resumption(
        json.dumps(start) if start else "earliest",
        holes=_holes(left.shards, after_holes),
        gone={s: texts[s] for s, p in sorted(after_holes.items()) if s not in lineage and lost_at(p)},
    )


def _is_done(reads: Reads, shard_id: str, read: Offset) -> bool:
    """True if a shard that isn't listed was read to its end. Raise ServiceUnavailableError if the shard exists."""
    if isinstance(read.shards[shard_id], Closed):
        return True
    try:
        reads.iterator(shard_id, TrimHorizon())
    except ShardGoneError:
        return read.cut >= reads.now() - read.summary.retention
    # A query that began without this shard would read it again once it's listed.
    raise ServiceUnavailableError(f"ListShards doesn't show shard {shard_id} yet, of which the ledger tells")


def _held(reads: Reads, shard_id: str, position: Position) -> Position:
    if isinstance(position, After) and not holds_all_after(reads, shard_id, position):
        return TrimHorizon()
    return position


def _holes(before: Mapping[str, Position], after: Mapping[str, Position]) -> dict[str, str]:
    lost = {s: (p, lost_at(after[s])) for s, p in before.items() if lost_at(after[s]) != lost_at(p)}
    return {
        s: f"{s} after {describe_position(p)}: expired before {time.isoformat()}"
        for s, (p, time) in lost.items()
        if time
    }


def _positions_as_text(positions: Mapping[str, Position]) -> str:
    return ", ".join(f"{shard_id} {describe_position(position)}" for shard_id, position in sorted(positions.items()))
