"""Times as whole microseconds since 1970, which is how Spark hands them over without a time zone."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """Return the UTC instant that lies `micros` microseconds behind 1970, as `unix_micros` gives them."""
    return EPOCH + micros * MICROSECOND


def micros_of(instant: datetime) -> int:
    """Return the whole microseconds from 1970 to `instant`, which has a time zone."""
    return (instant - EPOCH) // MICROSECOND
