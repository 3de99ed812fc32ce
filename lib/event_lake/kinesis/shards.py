"""Shards and their lineage. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from event_lake.errors import UserError


@dataclass(frozen=True)
class Shard:
    """A shard as ListShards shows it. `closed`: it takes no more records; `parents`: what it came from."""

    shard_id: str
    closed: bool = False
    parents: tuple[str, ...] = ()


def readable_shards(stream: str, listed: Iterable[Shard], known: Iterable[str] | None = None) -> list[str]:
    """The ids of the shards to read, sorted; `known` are those that an earlier batch read.

    Raises UserError where the stream was resharded and parents and children would have to be read in order,
    which this version can't: refused rather than read out of order. Children whose parents have expired are
    read like any shard.
    """
    shards = {shard.shard_id: shard for shard in listed}
    lineage = [
        shard.shard_id for shard in shards.values() if shard.closed or any(parent in shards for parent in shard.parents)
    ]
    changed = {*lineage, *(set() if known is None else set(known) ^ set(shards))}
    if changed:
        raise UserError(
            f"stream {stream!r} was resharded ({', '.join(sorted(changed))}): this version reads streams whose"
            " shards stay as they are; start with a stream, or after the retention of a reshard, without closed shards"
        )
    return sorted(shards)
