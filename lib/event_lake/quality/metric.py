"""The rows of quality/metrics."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Metric:
    """The value of a measure in one hour: a row of `schemas.METRIC`, which describes the columns, but for its date.

    `measure` is a name of the `catalogue`. `hour` is in UTC.
    """

    measure: str
    event_type: str | None
    subject: str | None
    hour: datetime
    value: float
    detail: str | None = None
