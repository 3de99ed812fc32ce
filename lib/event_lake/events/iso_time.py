"""Read times that are spelled as ISO 8601 says, like "2026-11-21T09:00:00.5+01:00" or "20261121T080000Z". Pure.

`staging.reading` reads the same spellings with Spark, in a contract's columns of the type timestamp.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_FRACTION = r"(\.[0-9]{1,9})?"
_ZONE = r"(?:Z| ?UTC|([-+])([0-9]{2})(?::?([0-9]{2}))?)?"
_EXTENDED = re.compile(
    rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})[T ]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}}){_FRACTION})?{_ZONE}"
)
_BASIC = re.compile(
    rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})T([0-9]{{2}})([0-9]{{2}})(?:([0-9]{{2}}){_FRACTION})?{_ZONE}"
)
# Source: java.time.ZoneOffset, which Spark uses.
_LARGEST_OFFSET = timedelta(hours=18)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_iso_time(text: str) -> float | None:
    """Return the Unix seconds of the time that `text` spells, or None if it spells none.

    It has a date and a time, in the extended or the basic form, with a "T" between them; in the extended form there may
    be a blank. The seconds, and up to nine digits of their fraction, may be missing. The zone is "Z", "UTC" or an
    offset; a time without one is in UTC.
    """
    match = _EXTENDED.fullmatch(text) or _BASIC.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups(default="0")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > _LARGEST_OFFSET or int(minutes) > 59:
        return None
    zone = timezone(-offset if sign == "-" else offset)
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=zone)
    except ValueError:
        return None
    return (at - _EPOCH).total_seconds() + float(fraction)
