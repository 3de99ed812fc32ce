"""Build columns of Spark for hours, and conditions for windows and dates."""

from datetime import UTC, datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

from event_lake.lake.window import Dates, Window


def hour_of(instant: str = "arrived_at") -> Column:
    """Return the beginning of the hour in which the column `instant` lies, as Unix seconds."""
    return F.floor(F.unix_seconds(instant) / 3600).cast("long") * 3600


def hour_at(seconds: int) -> datetime:
    """Return a value of `hour_of` as a UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def is_ingested_in(window: Window) -> Column:
    """Return the condition that a row's `ingested_at` lies in the window."""
    is_inside = F.lit(True)  # noqa: FBT003 (a literal of Spark's)
    if window.begin:
        is_inside &= F.col("ingested_at") >= window.begin
    if window.end:
        is_inside &= F.col("ingested_at") < window.end
    return is_inside


def is_dated_in(dates: Dates) -> Column:
    """Return the condition that a row's `date` is among `dates`."""
    is_inside = F.lit(True)  # noqa: FBT003 (a literal of Spark's)
    if dates.first:
        is_inside &= F.col("date") >= F.lit(dates.first)
    if dates.last:
        is_inside &= F.col("date") <= F.lit(dates.last)
    return is_inside
