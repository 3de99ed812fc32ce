"""Measures of event_uuids that several events have."""

from collections.abc import Iterator, Mapping

from event_lake.quality.hour.view import HourView
from event_lake.quality.measures.declaration import Measure, ReportedChange, Value


def _count_elsewhere(view: HourView) -> Iterator[Value]:
    elsewhere = view.elsewhere.items()
    types = {name: ", ".join(of_type.types) for name, of_type in elsewhere}
    yield from _by_type(None, {name: of_type.events for name, of_type in elsewhere})
    yield from _by_type("date", {name: of_type.of_date for name, of_type in elsewhere})
    yield from _by_type("event_type", {name: of_type.of_event_type for name, of_type in elsewhere}, types)
    yield from _by_type("partition", view.staged_twice)


def _by_type(
    subject: str | None, counts: Mapping[str, int], details: Mapping[str, str] | None = None
) -> Iterator[Value]:
    """Yield the sum, be it 0, and the count of each type that has any."""
    yield Value(None, subject, sum(counts.values()))
    for event_type, count in counts.items():
        if count:
            yield Value(event_type, subject, count, details[event_type] if details else None)


MEASURES = (
    Measure(
        name="uuid_elsewhere",
        unit="events",
        what="whose event_uuid is in staging/events on another date or under another type, too; detail: the types",
        worse="higher",
        subject="date or event_type: what differs; partition: neither, staging holds the event twice",
        is_also_whole=True,
        compute=_count_elsewhere,
        change=ReportedChange(title="Same event_uuid elsewhere", rank=7),
    ),
)
