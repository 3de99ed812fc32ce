"""An hour beside the time before it: what is unusual, what is new, what is gone. Pure."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from event_lake.contracts.contract import Contract
from event_lake.quality.hour import expected, usual
from event_lake.quality.hour.expected import Day, Inventory
from event_lake.quality.metric import Metric

Events = Mapping[str | None, float]
"""Counts of an hour by type; None: of all."""


@dataclass(frozen=True)
class Before:
    """What is known of the time before: the events of measured hours, and the types and fields of days."""

    events: MutableMapping[datetime, Events]
    days: MutableMapping[date, dict[str, Day]]

    def add(self, hour: datetime, events: Events, inventories: Mapping[str, Inventory]) -> None:
        """Know of one more hour."""
        self.events[hour] = events
        day = self.days.setdefault(hour.date(), {})
        for event_type, count in events.items():
            if event_type is not None and count:
                day.setdefault(event_type, Day()).hours += 1
        for event_type, found in inventories.items():
            for name, field in found.fields.items():
                day.setdefault(event_type, Day()).add(name, field.share, field.types)

    def types(self, day: date) -> set[str]:
        """Those that came in the days before `day`."""
        return {name for back in range(1, expected.DAYS + 1) for name in self.days.get(day - timedelta(days=back), {})}


def compare_with_before(
    hour: datetime,
    events: Events,
    inventories: Mapping[str, Inventory],
    before: Before,
    contracts: Mapping[str, Contract],
) -> Iterator[Metric]:
    """The measures of `hour` that need to know what was `before`, but for `compare_with_usual`.

    Types that came in the days before have a count, be it 0.
    """
    for name in sorted(before.types(hour.date()) - events.keys()):
        yield Metric("events", name, None, hour, 0)
    yield from expected.new_types(
        hour, {name: count for name, count in events.items() if name is not None}, before.days
    )
    for event_type, found in sorted(inventories.items()):
        then = expected.expect_fields(hour.date(), event_type, before.days, contracts.get(event_type))
        if then:
            yield from expected.find_drift(hour, event_type, found, then)


def compare_with_usual(hour: datetime, events: Events, before: Before) -> Iterator[Metric]:
    """How many events came, and how many usually do, by type and in all: of an hour of which nothing is to come."""
    measured = {back: before.events[back] for back in usual.hours_before(hour) if back in before.events}
    for name in [*events, *sorted(before.types(hour.date()) - events.keys())]:
        # A type that isn't in an hour that was measured had no events there.
        then = usual.usual_count(hour, {back: counts.get(name, 0) for back, counts in measured.items()})
        if then:
            yield from usual.compare_count(hour, name, events.get(name, 0), then)
