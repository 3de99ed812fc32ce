"""Hours of arrivals, on the cluster and on the driver."""

from datetime import UTC, datetime

from pyspark.sql import Column
from pyspark.sql import functions as F


def hour_of(instant: str = "arrived_at") -> Column:
    """The hour that the column lies in, as Unix seconds: the same number in any time zone."""
    return F.floor(F.unix_seconds(instant) / 3600).cast("long") * 3600


def at(hour: int) -> datetime:
    """The instant of an `hour_of`."""
    return datetime.fromtimestamp(hour, UTC)
