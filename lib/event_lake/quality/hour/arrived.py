"""The events that arrived in one hour: how many, and how late."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from event_lake.quality.hour.percentiles import percentile

_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass
class Durations:
    """Durations that were counted by bucket (see `percentiles`), and the `longest` of all, in seconds."""

    counts: dict[int, int] = field(default_factory=dict)
    longest: float = float("-inf")

    def add(self, bucket: int, count: int, longest: float) -> None:
        """Count so many durations more; `longest` is the longest of them."""
        self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.longest = max(self.longest, longest)

    def summary(self) -> dict[str, float]:
        """Return the percentiles and the maximum by their names; empty if there's no duration."""
        if not self.counts:
            return {}
        percentiles = {
            name: round(min(percentile(self.counts, p), self.longest), 3) for name, p in _PERCENTILES.items()
        }
        return {**percentiles, "max": round(self.longest, 6)}


@dataclass
class EventCounts:
    """The counts of events of one type, or of all.

    `subtypes` of them have an event_subtype, `in_order` were created before they arrived. `newest` is the last arrival,
    in Unix seconds.
    """

    events: int = 0
    subtypes: int = 0
    in_order: int = 0
    newest: float = float("-inf")
    lateness: Durations = field(default_factory=Durations)


@dataclass
class Arrivals:
    """The events that arrived in an hour: `in_all` and by type, and how long each waited for its batch."""

    in_all: EventCounts = field(default_factory=EventCounts)
    of_types: dict[str, EventCounts] = field(default_factory=dict)
    waits: Durations = field(default_factory=Durations)

    @property
    def events(self) -> dict[str | None, int]:
        """The number of events that arrived, by type and in all (None)."""
        return {None: self.in_all.events} | {name: counts.events for name, counts in self.of_types.items()}

    @property
    def groups(self) -> Mapping[str | None, EventCounts]:
        """The counts by type and in all (None), but for those without an event."""
        groups: list[tuple[str | None, EventCounts]] = [(None, self.in_all), *self.of_types.items()]
        return {event_type: counts for event_type, counts in groups if counts.events}
