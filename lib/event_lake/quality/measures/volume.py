"""Measures of how many events arrive, and of what is unusual about that."""

from collections.abc import Iterator

from event_lake.quality.hour.usual import Usual
from event_lake.quality.hour.view import HourView
from event_lake.quality.measures.declaration import Measure, ReportedChange, Value

# Of so many events that are usual, that none comes by chance has odds of 1 to 22,000.
_SURELY_SOME = 10


def _count_events(view: HourView) -> Iterator[Value]:
    for event_type, count in view.arrivals.events.items():
        yield Value(event_type, None, count)
    for event_type in view.absent_types:
        yield Value(event_type, None, 0)


def _score_events(view: HourView) -> Iterator[Value]:
    for event_type, count, usual in _counts_and_usual(view):
        yield Value(event_type, None, round(usual.score(count), 3), _detail(count, usual))


def _expect_vanished_types(view: HourView) -> Iterator[Value]:
    for event_type, count, usual in _counts_and_usual(view):
        if event_type is not None and count == 0 and usual.median >= _SURELY_SOME:
            yield Value(event_type, None, usual.median, _detail(count, usual))


def _counts_and_usual(view: HourView) -> Iterator[tuple[str | None, int, Usual]]:
    """Yield the count of the hour's events and the usual one, by type and in all; nothing while more can arrive."""
    if view.refusals.is_complete:
        events = view.arrivals.events
        for event_type, usual in view.usual.items():
            yield event_type, events.get(event_type, 0), usual


def _detail(count: int, usual: Usual) -> str:
    return f"{count:,.0f} events, usually {usual.median:,.0f} (median of {usual.hours})"


def _count_new_types(view: HourView) -> Iterator[Value]:
    """Yield nothing if no day before was measured: all types would be new."""
    known = {event_type for day in view.days_before for event_type in day}
    for event_type, counts in view.arrivals.of_types.items():
        if view.days_before and counts.events and event_type not in known:
            yield Value(event_type, None, counts.events)


EVENTS = Measure(
    name="events",
    unit="events",
    what="arrived in raw/events; 0 for a type of the week before that didn't",
    worse="lower",
    compute=_count_events,
)
MEASURES = (
    EVENTS,
    Measure(
        name="unusual_events",
        unit="deviations",
        what="how far `events` is from the median of the same hour in the weeks before (robust z-score)",
        worse="either",
        compute=_score_events,
        # Iglewicz and Hoaglin, How to Detect and Handle Outliers: beyond so many deviations a value is labelled an
        # outlier.
        change=ReportedChange(title="Unusual number of events", rank=6, beyond=3.5),
    ),
    Measure(
        name="new_type",
        unit="events",
        what="of a type that didn't come in the seven days before",
        worse="higher",
        of_all=False,
        compute=_count_new_types,
        change=ReportedChange(title="New type", rank=5),
    ),
    Measure(
        name="vanished_type",
        unit="events",
        what="usual in this hour, of a type of which none came",
        worse="higher",
        of_all=False,
        compute=_expect_vanished_types,
        change=ReportedChange(title="Type is gone", rank=4),
    ),
)
