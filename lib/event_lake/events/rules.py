"""The rules for an event's three fields."""

import re
from dataclasses import dataclass, fields
from functools import cached_property
from string import ascii_letters, digits

from event_lake.config.settings import MAX_NAME_PART_LENGTH, Raw
from event_lake.events.json_text import NUMBER

FIELDS = ("event_uuid", "event_name", "created_at")
MAX_UUID_LENGTH = 256
# Nobody has more; a producer that repeats a part by mistake soon has.
_MAX_NAME_PARTS = 8
# A `created_at` is in seconds below this, and in milliseconds from it on: as seconds it's the year 5138, as
# milliseconds March 1973. A thousand times as much is no time in either unit.
_MILLISECONDS_FROM = 100_000_000_000
_number = re.compile(NUMBER)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What `config.Raw` says of events, in bytes and seconds. Made of plain values, so that it travels to executors."""

    max_payload_bytes: int
    max_depth: int
    name_characters: str
    max_future_seconds: float
    max_age_seconds: float

    @staticmethod
    def of(raw: Raw) -> "Rules":
        """Those of the settings."""
        seconds = {f"{name}_seconds": getattr(raw, name).total_seconds() for name in ("max_future", "max_age")}
        as_they_are = (field.name for field in fields(Rules) if field.name not in seconds)
        return Rules(**seconds, **{name: getattr(raw, name) for name in as_they_are})

    @cached_property
    def _name(self) -> re.Pattern[str]:
        part = f"[{re.escape(ascii_letters + digits + self.name_characters)}]{{1,{MAX_NAME_PART_LENGTH}}}+"
        return re.compile(f"(?!__){part}(?::{part}){{0,{_MAX_NAME_PARTS - 1}}}")

    def is_name(self, text: str) -> bool:
        """Whether `text` can be an `event_name`.

        The first part may be "." or "..": the folder is `event_type=..`, and no way up. Names of partitions that begin
        with "__" are Hive's and ours.
        """
        return self._name.fullmatch(text) is not None

    def seconds_in(self, number: float) -> float | None:
        """The Unix seconds that `number` means; None for more than any time has, either way."""
        amount = abs(number)
        if amount < _MILLISECONDS_FROM:
            return number
        return number / 1000 if amount < 1000 * _MILLISECONDS_FROM else None

    def is_in_future(self, seconds: float | None, arrived_at: float) -> bool:
        """Whether `seconds`, if known, is more than `max_future` ahead of the arrival."""
        return seconds is not None and seconds > arrived_at + self.max_future_seconds

    def is_too_old(self, seconds: float | None, arrived_at: float) -> bool:
        """Whether `seconds`, if known, is more than `max_age` behind the arrival, or before 1970 in any case."""
        return seconds is not None and (seconds < arrived_at - self.max_age_seconds or seconds < 0)


def is_uuid(text: str) -> bool:
    """Whether `text` can be an `event_uuid`: not empty, not too long, and without NUL, which many readers end at."""
    return 0 < len(text) <= MAX_UUID_LENGTH and "\0" not in text


def parse_number(text: str) -> float | None:
    """The number that `text` is, as JSON spells numbers; else None. What's beyond a double is infinite."""
    return float(text) if _number.fullmatch(text) else None
