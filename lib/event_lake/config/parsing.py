"""Parse the values of keys and flags, and make the errors about those that can't be used."""

import difflib
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from event_lake.errors import ConfigError

_DURATION = re.compile(r"([1-9][0-9]{0,5}) (second|minute|hour|day)s?")

# The remedy for a backslash in double quotes, as in "C:\\data": to TOML it begins an escape.
BACKSLASH = "write \\\\ for a backslash, or put the value into single quotes"


def unusable(key: str, value: object, problem: str) -> ConfigError:
    """Return the error to raise for a value that can't be used: one line with key, value, and problem with remedy."""
    shown = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Decimal | date) else value
    return ConfigError(f"{key} = {shown!r}: {problem}")


def nearest(key: str, known: Collection[str], prefix: str = "") -> str:
    """Return in words the one of the `known` keys that is most like `key`, or all of them if none is like it."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(prefix + name for name in known)}"


def parse_duration(key: str, value: object) -> timedelta:
    """Return a text like "10 minutes" as a timedelta. Raise ConfigError, which names `key`, for any other `value`."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise unusable(key, value, 'not a duration; write it like "10 minutes"')
    return timedelta(**{f"{match[2]}s": int(match[1])})


def parse_instant(text: str) -> datetime:
    """Return an ISO 8601 date-time as a UTC time. Raise ValueError if `text` is none, or has no time zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return instant.astimezone(UTC)


def split_path(path: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of a path into a payload, which has dots between them, or has each by itself."""
    return tuple(path.split(".")) if isinstance(path, str) else path
