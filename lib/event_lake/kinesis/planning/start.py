"""Decides where a query without a checkpoint begins: at a position for each shard."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from event_lake.config.parsing import parse_instant, unusable
from event_lake.kinesis.api.expiry import holds_all_after
from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon, from_text
from event_lake.kinesis.shards import Lineage


def starting_positions(start_from: str, lineage: Lineage, now: datetime, retention: timedelta) -> dict[str, Position]:
    """Return a position for each shard of `lineage`, as `config.Source.start_from` says.

    "latest" is `now` for all shards, and a shard that comes later is read from its beginning. If `start_from` names
    positions, a shard that it doesn't name is read from its beginning, too, unless it names a descendant of that shard:
    then the shard counts as read. Raise ConfigError for a named position that can't be read, or whose shard isn't
    listed.
    """
    if start_from.startswith("{"):
        return _given(json.loads(start_from), lineage, now)
    position: Position = TrimHorizon()
    if start_from != "earliest":
        time = now if start_from == "latest" else min(parse_instant(start_from), now)
        if time > now - retention:
            position = At(time)
    return dict.fromkeys(lineage.shard_ids, position)


def refuse_expired(positions: Mapping[str, Position], reads: Reads) -> None:
    """Raise ConfigError if a query is to begin after a record that its shard doesn't hold any more."""
    for shard_id, position in positions.items():
        if isinstance(position, After) and not holds_all_after(reads, shard_id, position):
            raise unusable(
                "source.start_from",
                position.sequence_number,
                f"{shard_id} doesn't hold this record any more, and what came after it may have expired too; write"
                ' "TRIM_HORIZON" to begin with what is left',
            )


def _given(texts: dict[str, str], lineage: Lineage, now: datetime) -> dict[str, Position]:
    positions: dict[str, Position] = {}
    for shard_id, text in texts.items():
        if shard_id not in lineage:
            raise unusable(
                "source.start_from",
                shard_id,
                f"the stream has no such shard (any more); it has {', '.join(lineage.shard_ids)}",
            )
        try:
            position = from_text(text)
        except ValueError as error:
            raise unusable(
                "source.start_from",
                shard_id,
                f'{error}; write a sequence number, "TRIM_HORIZON", "AT <time>" or "CLOSED"',
            ) from None
        positions[shard_id] = At(min(position.time, now)) if isinstance(position, At) else position
    ancestors = [s for s in lineage.shard_ids if s not in positions and lineage.has_descendant_in(s, positions)]
    return lineage.with_listed_shards(positions | dict.fromkeys(ancestors, Closed()))
