"""Every measure, by its name.

A measure is declared in one of the modules below, which are by topic; one that is added there needs no other place.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from event_lake.quality.hour.view import HourView
from event_lake.quality.measures import conformance, payloads, timeliness, uniqueness, validity, volume
from event_lake.quality.measures.declaration import Measure, ReportedChange
from event_lake.quality.metric import Metric

_TOPICS = (volume, validity, timeliness, payloads, conformance, uniqueness)

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {measure.name: measure for topic in _TOPICS for measure in topic.MEASURES}
)


def _changes() -> dict[str, ReportedChange]:
    changes = {measure.name: measure.change for measure in MEASURES.values() if measure.change}
    return dict(sorted(changes.items(), key=lambda named: named[1].rank))


# The measures of drift that the report tells of, the worst first.
CHANGES: Mapping[str, ReportedChange] = MappingProxyType(_changes())


def measure_hour(view: HourView) -> Iterator[Metric]:
    """Yield all rows of the hour for quality/metrics."""
    for measure in MEASURES.values():
        yield from measure.metrics(view)
