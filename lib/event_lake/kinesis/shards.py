"""Shards of a stream, and which of them came from which by splits and merges. All functions are pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon


@dataclass(frozen=True)
class Shard:
    """A shard as ListShards shows it. `parents` has the shard that was split, or the two that were merged, into it."""

    shard_id: str
    parents: tuple[str, ...] = ()


class Lineage:
    """The shards of one ListShards answer, and which of them came from which.

    A parent that has expired is named by its children, but isn't one of the shards.
    """

    def __init__(self, listed: Iterable[Shard]) -> None:
        self._shards = {shard.shard_id: shard for shard in listed}
        self._children: dict[str, list[str]] = {}
        for shard in self._shards.values():
            for parent in shard.parents:
                self._children.setdefault(parent, []).append(shard.shard_id)

    @property
    def shard_ids(self) -> list[str]:
        """Return the ids of all listed shards, sorted."""
        return sorted(self._shards)

    def __contains__(self, shard_id: str) -> bool:
        return shard_id in self._shards

    def with_listed_shards(self, positions: Mapping[str, Position]) -> dict[str, Position]:
        """Return `positions` plus the new shards, at their beginnings, minus the closed shards that aren't listed.

        A listed shard isn't new if one of its descendants has a position: it was read before that one, and an old
        answer shows it again.
        """
        kept = {s: p for s, p in positions.items() if s in self._shards or not isinstance(p, Closed)}
        new = [s for s in self._shards if s not in positions and not self.has_descendant_in(s, positions)]
        return kept | dict.fromkeys(new, TrimHorizon())

    def readable(self, positions: Mapping[str, Position]) -> dict[str, TrimHorizon | At | After]:
        """Return the shards that may be read now: those not closed whose parents in `positions` are all closed."""
        return {
            shard_id: position
            for shard_id, position in sorted(positions.items())
            if not isinstance(position, Closed)
            and all(isinstance(positions.get(parent, Closed()), Closed) for parent in self.parents(shard_id))
        }

    def lacks_children(self, positions: Mapping[str, Position]) -> bool:
        """True if the answer has a closed shard of `positions`, but no child of it.

        Every closed shard has a child, so the answer is older than that child.
        """
        return any(
            isinstance(p, Closed) and s in self._shards and s not in self._children for s, p in positions.items()
        )

    def has_descendant_in(self, shard_id: str, positions: Mapping[str, Position]) -> bool:
        """True if `positions` has a shard that came from `shard_id`, over any number of splits and merges."""
        descendants: set[str] = set()
        pending = [shard_id]
        while pending:
            children = set(self._children.get(pending.pop(), ())) - descendants
            descendants |= children
            pending += children
        return not descendants.isdisjoint(positions)

    def parents(self, shard_id: str) -> tuple[str, ...]:
        """Return the shards from which `shard_id` came, or none if it isn't listed."""
        shard = self._shards.get(shard_id)
        return shard.parents if shard else ()
