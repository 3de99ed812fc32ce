"""Shards and their lineage. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon


@dataclass(frozen=True)
class Shard:
    """A shard as ListShards shows it. `parents`: the one that was split, or the two that were merged, into it."""

    shard_id: str
    parents: tuple[str, ...] = ()


class Lineage:
    """The shards of one ListShards answer, and which came from which.

    Parents that have expired are named by their children, but aren't among the shards.
    """

    def __init__(self, listed: Iterable[Shard]) -> None:
        self._shards = {shard.shard_id: shard for shard in listed}
        self._children: dict[str, list[str]] = {}
        for shard in self._shards.values():
            for parent in shard.parents:
                self._children.setdefault(parent, []).append(shard.shard_id)

    @property
    def shard_ids(self) -> list[str]:
        """All of them, sorted."""
        return sorted(self._shards)

    def __contains__(self, shard_id: str) -> bool:
        return shard_id in self._shards

    def grown(self, positions: Mapping[str, Position]) -> dict[str, Position]:
        """`positions` with the shards that appeared since, at their beginnings, and without those long read.

        A shard whose descendants have positions was read before them, though an old answer may show it again.
        """
        kept = {s: p for s, p in positions.items() if s in self._shards or not isinstance(p, Closed)}
        new = [s for s in self._shards if s not in positions and not self.has_descendant_in(s, positions)]
        return kept | dict.fromkeys(new, TrimHorizon())

    def readable(self, positions: Mapping[str, Position]) -> dict[str, TrimHorizon | At | After]:
        """The shards that may be read now: not closed, and every parent that there is read to its end."""
        return {
            shard_id: position
            for shard_id, position in sorted(positions.items())
            if not isinstance(position, Closed)
            and all(isinstance(positions.get(parent, Closed()), Closed) for parent in self.parents(shard_id))
        }

    def lacks_children(self, positions: Mapping[str, Position]) -> bool:
        """Whether a closed shard's children are missing: each has some, so this answer is older than they are."""
        return any(
            isinstance(p, Closed) and s in self._shards and s not in self._children for s, p in positions.items()
        )

    def has_descendant_in(self, shard_id: str, positions: Mapping[str, Position]) -> bool:
        """Whether one of `positions` is of a shard that came from this one, over any number of reshards."""
        found: set[str] = set()
        left = [shard_id]
        while left:
            children = set(self._children.get(left.pop(), ())) - found
            found |= children
            left += children
        return not found.isdisjoint(positions)

    def parents(self, shard_id: str) -> tuple[str, ...]:
        """The shards that it came from, as far as it is listed."""
        shard = self._shards.get(shard_id)
        return shard.parents if shard else ()
