"""Hours as the measures see them, in which nothing is known but what a test says."""

from datetime import UTC, datetime
from typing import Any

from event_lake.quality.catalogue import MEASURES
from event_lake.quality.hour.arrived import Arrivals, EventCounts
from event_lake.quality.hour.before import Before
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.view import HourView

# A Friday.
HOUR = datetime(2026, 11, 20, 9, tzinfo=UTC)


def a_view(**known: Any) -> HourView:
    """The hour with these fields of a view; the others are empty."""
    by_type = ("inventories", "values_in_objects", "elsewhere", "staged_twice", "contracts")
    empty: dict[str, Any] = {name: {} for name in by_type}
    empty |= {"arrivals": Arrivals(), "refusals": Refusals(), "before": Before({}, {})}
    return HourView(hour=HOUR, **(empty | known))


def arrivals(**events: int) -> Arrivals:
    """So many events of each type, with nothing else to tell."""
    of_types = {event_type: EventCounts(events=count) for event_type, count in events.items()}
    return Arrivals(EventCounts(events=sum(events.values())), of_types)


def rows_of(view: HourView, *measures: str) -> list[tuple[Any, ...]]:
    """(event_type, subject, value, detail) of the measure's rows; after the measure, if there are several."""
    rows = [metric for name in measures for metric in MEASURES[name].metrics(view)]
    assert all(metric.hour == view.hour for metric in rows)
    found = [(m.measure, m.event_type, m.subject, m.value, m.detail) for m in rows]
    return [row[1:] for row in found] if len(measures) == 1 else found
