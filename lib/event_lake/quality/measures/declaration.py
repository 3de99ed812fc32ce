"""The form in which measures are declared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from event_lake.quality.hour.view import HourView
from event_lake.quality.metric import Metric

Worse = Literal["higher", "lower", "either"]


@dataclass(frozen=True)
class Value:
    """A measure's value in an hour, of one event type (None: of all together).

    `subject` is the field, column or reason that it's about, if it's about one. `detail` is text that
    the number can't hold, for example the JSON types of a field's values.
    """

    event_type: str | None
    subject: str | None
    value: float
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportedChange:
    """A kind of change, for the report's section on drift.

    The section lists the measure's rows whose value is further from 0 than `beyond`, and calls them `title`. Rows of a
    lower `rank` come first: give the worst change the lowest.
    """

    title: str
    rank: int
    beyond: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of the events that arrived in an hour.

    `unit` and `what` together read as one phrase, for example unit "share", what "of events, that are in
    staging/conflicts". `worse` says which values are worse; None if none are. `of_all` is true if there are rows of all
    types together, `of_types` if there are rows of each type. `subject` describes the subjects of rows, if they have
    one; `is_also_whole` is true if there are rows without a subject, too.

    `compute` yields the measure's values in an hour. It is None if quality/metrics has no rows of the measure, as of
    freshness, which check_quality computes from newest_arrival.

    `change` is set if the report is to list the measure's rows as drift. `is_reported_of_all` is true if the report's
    list of measures shows the value for all types together.
    """

    name: str
    unit: str
    what: str
    worse: Worse | None
    compute: Callable[[HourView], Iterator[Value]] | None
    of_all: bool = True
    of_types: bool = True
    subject: str | None = None
    is_also_whole: bool = False
    change: ReportedChange | None = None
    is_reported_of_all: bool = True

    def metrics(self, view: HourView) -> Iterator[Metric]:
        """Yield the hour's rows of this measure."""
        if self.compute:
            for value in self.compute(view):
                yield Metric(self.name, value.event_type, value.subject, view.hour, value.value, value.detail)
