"""Whether an hour has as many events as it usually has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import median

from event_lake.quality.metric import Metric

# The same hour of the same weekday; until there are enough of them, of the last days.
_WEEKS = 8
_DAYS = 7
_ENOUGH = 4
# Makes the median distance from the median the standard deviation, where values are normally distributed.
_MAD_TO_DEVIATION = 1.4826
# Of few hours the spread may be small by chance. Counts of independent events spread by the root of their mean, and
# no product is steadier than within a twentieth.
_STEADY = 0.05
# Of so many events that are usual, that none comes by chance has odds of 1 to 22,000.
_SURELY_SOME = 10


@dataclass(frozen=True)
class Usual:
    """What the same hour had before: the median, and how far from it is common; `hours` says which those were."""

    median: float
    deviation: float
    hours: str

    def score(self, events: float) -> float:
        """How many deviations `events` is above the median, or below it."""
        return (events - self.median) / self.deviation


def hours_before(hour: datetime) -> set[datetime]:
    """All hours whose events `usual` looks at."""
    return {*_weeks_before(hour), *_days_before(hour)}


def usual_count(hour: datetime, events: Mapping[datetime, float]) -> Usual | None:
    """What `hour` usually has, by the `events` of measured hours; None if there are too few of them.

    The robust z-score: (x - median) / (1.4826 * MAD), with a floor for the deviation.
    """
    for names, hours in (("weeks", _weeks_before(hour)), ("days", _days_before(hour))):
        counts = [events[before] for before in hours if before in events]
        if len(counts) >= _ENOUGH:
            middle = median(counts)
            spread = _MAD_TO_DEVIATION * median(abs(count - middle) for count in counts)
            return Usual(middle, max(spread, sqrt(middle), _STEADY * middle, 1.0), f"{len(counts)} {names}")
    return None


def compare_count(hour: datetime, event_type: str | None, now: float, before: Usual) -> list[Metric]:
    """The measures of an hour in which all has arrived, against what is usual."""
    detail = f"{now:,.0f} events, usually {before.median:,.0f} (median of {before.hours})"
    found = [Metric("unusual_events", event_type, None, hour, round(before.score(now), 3), detail)]
    if event_type is not None and now == 0 and before.median >= _SURELY_SOME:
        found.append(Metric("vanished_type", event_type, None, hour, before.median, detail))
    return found


def _weeks_before(hour: datetime) -> list[datetime]:
    return [hour - timedelta(weeks=back) for back in range(1, _WEEKS + 1)]


def _days_before(hour: datetime) -> list[datetime]:
    return [hour - timedelta(days=back) for back in range(1, _DAYS + 1)]
