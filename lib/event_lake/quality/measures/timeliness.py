"""Measures of time: how late events come, how long they wait to be read, and how old the newest one is."""

from collections.abc import Iterator

from event_lake.quality.hour.view import HourView
from event_lake.quality.measures.declaration import Measure, Value

_SUBJECTS = "p50, p95, p99 or max"


def _summarize_lateness(view: HourView) -> Iterator[Value]:
    for event_type, counts in view.arrivals.groups.items():
        for name, seconds in counts.lateness.summary().items():
            yield Value(event_type, name, seconds)


def _summarize_waits(view: HourView) -> Iterator[Value]:
    for name, seconds in view.arrivals.waits.summary().items():
        yield Value(None, name, seconds)


def _take_newest(view: HourView) -> Iterator[Value]:
    for event_type, counts in view.arrivals.groups.items():
        yield Value(event_type, None, counts.newest)


NEWEST_ARRIVAL = Measure(
    name="newest_arrival",
    unit="Unix seconds",
    what="of the hour's events",
    worse=None,
    compute=_take_newest,
    # The report's section on freshness tells of it.
    is_reported_of_all=False,
)
FRESHNESS = Measure(
    name="freshness",
    unit="seconds",
    what="since the newest arrival, when check_quality runs; not in the table",
    worse="higher",
    # It depends on the time of the check: `thresholds.find_breaches` makes it of NEWEST_ARRIVAL.
    compute=None,
)
MEASURES = (
    Measure(
        name="lateness",
        unit="seconds",
        what="from created_at to arrival; percentiles within 1 %",
        worse="higher",
        subject=_SUBJECTS,
        compute=_summarize_lateness,
    ),
    Measure(
        name="ingest_latency",
        unit="seconds",
        what="from arrival to the beginning of the batch that took it; percentiles within 1 %",
        worse="higher",
        of_types=False,
        subject=_SUBJECTS,
        compute=_summarize_waits,
    ),
    NEWEST_ARRIVAL,
    FRESHNESS,
)
