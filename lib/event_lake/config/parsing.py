"""Values of keys and flags: how their text is read, and what is said of those that can't be used."""

import difflib
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from event_lake.errors import ConfigError

_DURATION = re.compile(r"([1-9][0-9]{0,5}) (second|minute|hour|day)s?")


def unusable(key: str, value: object, problem: str) -> ConfigError:
    """Return the one-line error to raise for a value that can't be used: key, value, problem with remedy."""
    shown = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Decimal | date) else value
    return ConfigError(f"{key} = {shown!r}: {problem}")


def nearest(key: str, known: Collection[str], prefix: str = "") -> str:
    """Return, in words, the known key that an unknown one may be meant for, or all known ones if none is like it."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(prefix + name for name in known)}"


def parse_duration(key: str, value: object) -> timedelta:
    """Return a `"10 minutes"` as a timedelta. Raise ConfigError, which names `key`, if `value` isn't written so."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise unusable(key, value, 'not a duration; write it like "10 minutes"')
    return timedelta(**{f"{match[2]}s": int(match[1])})


def parse_instant(text: str) -> datetime:
    """Return the instant of an ISO 8601 date-time with a time zone, in UTC. Raise ValueError if `text` is none."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return instant.astimezone(UTC)
