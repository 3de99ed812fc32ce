"""The time before an hour, as its measures tell of it."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from event_lake.quality.hour.inventory import Inventory

# New and changed fields and types are those that so many days before didn't have.
DAYS = 7

Events = Mapping[str | None, float]
"""Counts of an hour by type; None: in all."""


@dataclass
class Day:
    """A type on one date: the `hours` in which it came and, by field, the sums of its shares and its JSON types."""

    hours: int = 0
    shares: dict[str, float] = field(default_factory=dict)
    types: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, name: str, share: float, of_types: frozenset[str]) -> None:
        """Count a field's share in one hour, or the sum of several hours'."""
        self.shares[name] = self.shares.get(name, 0.0) + share
        self.types[name] = self.types.get(name, frozenset()) | of_types


Days = Mapping[date, Mapping[str, Day]]
"""The types that came, by date."""


@dataclass(frozen=True)
class Before:
    """The events of hours that were measured, and the types and fields of days."""

    events: MutableMapping[datetime, Events]
    days: MutableMapping[date, dict[str, Day]]

    def add(self, hour: datetime, events: Events, inventories: Mapping[str, Inventory]) -> None:
        """Add one more hour that was measured."""
        self.events[hour] = events
        day = self.days.setdefault(hour.date(), {})
        for event_type, count in events.items():
            if event_type is not None and count:
                day.setdefault(event_type, Day()).hours += 1
        for event_type, inventory in inventories.items():
            for name, listed in inventory.fields.items():
                day.setdefault(event_type, Day()).add(name, listed.share, listed.types)


def days_before(day: date, days: Days) -> list[Mapping[str, Day]]:
    """Return those of the seven days before `day` that were measured, the newest first."""
    dates = (day - timedelta(days=back) for back in range(1, DAYS + 1))
    return [days[earlier] for earlier in dates if earlier in days]
