"""Where a query goes on whose checkpoint is lost: behind what the ledger tells, and with all that came since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from event_lake.errors import DataLossError, ServiceUnavailableError
from event_lake.kinesis.api.expiry import holds_all_behind
from event_lake.kinesis.api.reads import Reads, ShardGoneError
from event_lake.kinesis.offsets import (
    After,
    Closed,
    Offset,
    Position,
    TrimHorizon,
    describe_position,
    from_text,
    lost_at,
    to_text,
)
from event_lake.kinesis.planning.loss import Losses
from event_lake.kinesis.shards import Lineage

# Kinesis' clock is known to a second, a stream's date of birth too, and neighbours arrive a little out of order.
_VAGUE = timedelta(seconds=2)


@dataclass(frozen=True)
class Resumption:
    """Where to begin, as `config.Source.start_from` has it.

    `holes` says by shard what expired unread before that, and `gone` up to where those were read that aren't there.
    """

    start_from: str
    holes: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)


def resume_positions(told: Mapping[str, str], read_until: datetime, reads: Reads, *, go_on: bool) -> Resumption:
    """Where a query goes on that had read the stream's shards up to the positions `told`, in `offsets.to_text`'s form.

    It had read all shards up to the arrival time `read_until` at least (`Offset.cut`), those that aren't told as well.
    A parent that was read to its end is told by its last record, and is found closed behind it. A shard that isn't
    listed any more was closed a retention ago: it had been read to its end if `read_until` is later than that. A record
    that expired since, in a shard that was idle, stands for all that the shard still holds.
    Raises DataLossError if records may have expired unread, unless `go_on`, and for a stream that was made again;
    ServiceUnavailableError while ListShards lacks a shard that there is. A retention that was raised since
    `read_until` is taken for the one of that time: the ledger doesn't tell it. Nor does it tell when the last records
    arrived: what a retention that was shorter for a time has trimmed since isn't found.
    """
    summary = reads.summary()
    positions = {shard_id: from_text(text) for shard_id, text in told.items()}
    if summary.created > read_until + _VAGUE:
        raise DataLossError(
            f"the stream was deleted and made again at {summary.created.isoformat()}: what the one before held behind"
            f" {_shown(positions)} is gone; a new lake.root starts afresh"
        )
    lineage = Lineage(reads.list_shards())
    read = Offset(positions, read_until - _VAGUE, summary)
    left = replace(read, shards={s: p for s, p in positions.items() if s in lineage or not _is_done(reads, s, read)})
    past = Losses(reads, go_on=go_on).past(left, summary, lineage)
    start = {s: to_text(_held(reads, s, p)) for s, p in sorted(past.items()) if s in lineage}
    return Resumption(
        json.dumps(start) if start else "earliest",
        holes=_holes(left.shards, past),
        gone={s: told[s] for s in sorted(past) if s not in lineage},
    )


def _is_done(reads: Reads, shard_id: str, read: Offset) -> bool:
    """Whether a shard that isn't listed was read to its end."""
    if isinstance(read.shards[shard_id], Closed):
        return True
    try:
        reads.iterator(shard_id, TrimHorizon())
    except ShardGoneError:
        return read.cut >= reads.now() - read.summary.retention
    # To begin without it would read it again once it's listed.
    raise ServiceUnavailableError(f"ListShards doesn't show shard {shard_id} yet, of which the ledger tells")


def _held(reads: Reads, shard_id: str, position: Position) -> Position:
    if isinstance(position, After) and not holds_all_behind(reads, shard_id, position):
        return TrimHorizon()
    return position


def _holes(before: Mapping[str, Position], past: Mapping[str, Position]) -> dict[str, str]:
    lost = {s: (p, lost_at(past[s])) for s, p in before.items() if lost_at(past[s]) != lost_at(p)}
    return {
        s: f"{s} behind {describe_position(p)}: expired before {time.isoformat()}"
        for s, (p, time) in lost.items()
        if time
    }


def _shown(positions: Mapping[str, Position]) -> str:
    return ", ".join(f"{shard_id} {describe_position(position)}" for shard_id, position in sorted(positions.items()))
