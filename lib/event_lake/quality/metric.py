"""One measure of one hour: a row of quality/metrics."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Metric:
    """A row of `schemas.METRIC` but for its date: see there, and `catalogue` for the measures. `hour` is in UTC."""

    measure: str
    event_type: str | None
    subject: str | None
    hour: datetime
    value: float
    detail: str | None = None
