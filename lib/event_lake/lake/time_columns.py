"""Hours, windows and dates as Spark's columns, and hours as the driver has them."""

from datetime import UTC, datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

from event_lake.lake.window import Dates, Window


def hour_of(instant: str = "arrived_at") -> Column:
    """Return the hour that the column lies in, as Unix seconds: the same number in any time zone."""
    return F.floor(F.unix_seconds(instant) / 3600).cast("long") * 3600


def hour_at(seconds: int) -> datetime:
    """Return the UTC instant of an `hour_of`."""
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
    """Return the condition that a row's `date` is one of the dates."""
    is_inside = F.lit(True)  # noqa: FBT003 (a literal of Spark's)
    if dates.first:
        is_inside &= F.col("date") >= F.lit(dates.first)
    if dates.last:
        is_inside &= F.col("date") <= F.lit(dates.last)
    return is_inside
