"""Where a query without a checkpoint begins: a position for each shard. Pure."""

import json
from datetime import datetime, timedelta

from event_lake.config import parse_instant, refuse
from event_lake.kinesis.offsets import At, Closed, Position, TrimHorizon, from_text
from event_lake.kinesis.shards import Lineage


def starting_positions(start_from: str, lineage: Lineage, now: datetime, retention: timedelta) -> dict[str, Position]:
    """A position for each shard of `lineage`, as `config.Source.start_from` asks.

    "latest" is `now` for all of them, and a shard that comes later is read from its beginning. Of given positions, a
    shard that isn't among them is read from its beginning too, unless one of its descendants is: then it has been read.
    Raises ConfigError for given positions that can't be read, or whose shard isn't there.
    """
    if start_from.startswith("{"):
        return _given(json.loads(start_from), lineage, now)
    position: Position = TrimHorizon()
    if start_from != "earliest":
        time = now if start_from == "latest" else min(parse_instant(start_from), now)
        if time > now - retention:
            position = At(time)
    return dict.fromkeys(lineage.shard_ids, position)


def _given(texts: dict[str, str], lineage: Lineage, now: datetime) -> dict[str, Position]:
    positions: dict[str, Position] = {}
    for shard_id, text in texts.items():
        if shard_id not in lineage:
            raise refuse(
                "source.start_from",
                shard_id,
                f"the stream has no such shard (any more); it has {', '.join(lineage.shard_ids)}",
            )
        try:
            position = from_text(text)
        except ValueError as error:
            raise refuse(
                "source.start_from",
                shard_id,
                f'{error}; write a sequence number, "TRIM_HORIZON", "AT <time>" or "CLOSED"',
            ) from None
        positions[shard_id] = At(min(position.time, now)) if isinstance(position, At) else position
    read = [s for s in lineage.shard_ids if s not in positions and lineage.has_descendant_in(s, positions)]
    return lineage.grown(positions | dict.fromkeys(read, Closed()))
