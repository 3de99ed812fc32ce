"""The number of events that usually come in an hour of the week."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import median

# The same hour of the same weekday; until there are enough of them, of the last days.
_WEEKS = 8
_DAYS = 7
_ENOUGH = 4
# Makes the median distance from the median the standard deviation, where values are normally distributed.
_MAD_TO_DEVIATION = 1.4826
# Of few hours the spread may be small by chance. Counts of independent events spread by the root of their mean, and
# no product is steadier than within a twentieth.
_STEADY = 0.05


@dataclass(frozen=True)
class Usual:
    """The counts that the same hour had before: their median, and their deviation from it.

    `hours` says which hours those were, like "8 weeks".
    """

    median: float
    deviation: float
    hours: str

    def score(self, events: float) -> float:
        """Return how many deviations `events` is above the median; negative if it's below."""
        return (events - self.median) / self.deviation


def hours_before(hour: datetime) -> set[datetime]:
    """Return all hours whose events `usual_count` looks at."""
    return {*_weeks_before(hour), *_days_before(hour)}


def usual_count(hour: datetime, events: Mapping[datetime, float]) -> Usual | None:
    """Return what `hour` usually has, by the `events` of measured hours; None if too few hours were measured.

    The score by it is the robust z-score: (x - median) / (1.4826 * MAD), with a floor for the deviation.
    """
    for names, hours in (("weeks", _weeks_before(hour)), ("days", _days_before(hour))):
        counts = [events[before] for before in hours if before in events]
        if len(counts) >= _ENOUGH:
            middle = median(counts)
            spread = _MAD_TO_DEVIATION * median(abs(count - middle) for count in counts)
            return Usual(middle, max(spread, sqrt(middle), _STEADY * middle, 1.0), f"{len(counts)} {names}")
    return None


def _weeks_before(hour: datetime) -> list[datetime]:
    return [hour - timedelta(weeks=back) for back in range(1, _WEEKS + 1)]


def _days_before(hour: datetime) -> list[datetime]:
    return [hour - timedelta(days=back) for back in range(1, _DAYS + 1)]
