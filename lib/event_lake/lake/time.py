"""Convert times to and from whole microseconds since 1970: in that form Spark hands them over without a time zone."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """Return the UTC time that is `micros` microseconds after the beginning of 1970."""
    return EPOCH + micros * MICROSECOND


def micros_of(instant: datetime) -> int:
    """Return the whole microseconds from the beginning of 1970 to `instant`, which must have a time zone."""
    return (instant - EPOCH) // MICROSECOND
