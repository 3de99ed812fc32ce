"""Define the rules that an event's three fields must satisfy."""

import re
from dataclasses import dataclass, fields
from functools import cached_property

from event_lake.config.event_names import part_pattern
from event_lake.config.settings import Raw
from event_lake.events.json_text import NUMBER

FIELDS = ("event_uuid", "event_name", "created_at")
MAX_UUID_LENGTH = 256
# No names that we know have more. A producer that repeats a part by mistake soon does.
_MAX_NAME_PARTS = 8
# A `created_at` is in seconds below this number, and in milliseconds from it on. In seconds it's the year 5138, in
# milliseconds March 1973. 1,000 times this number means no time: it's the year 5138 in milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_number = re.compile(NUMBER)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules for events in `config.Raw`. All fields are plain values, so that Spark can send them to executors.

    `max_depth` counts levels of arrays and objects. `name_characters` may stand in a name beside letters and digits;
    `event_names.ANY` stands for all printable ones.
    """

    max_payload_bytes: int
    max_depth: int
    name_characters: str
    max_future_seconds: float
    max_age_seconds: float

    @staticmethod
    def of(raw: Raw) -> "Rules":
        """Return the rules that the settings contain."""
        seconds = {f"{name}_seconds": getattr(raw, name).total_seconds() for name in ("max_future", "max_age")}
        as_they_are = (field.name for field in fields(Rules) if field.name not in seconds)
        return Rules(**seconds, **{name: getattr(raw, name) for name in as_they_are})

    @cached_property
    def _name(self) -> re.Pattern[str]:
        part = part_pattern(self.name_characters)
        return re.compile(f"(?!__){part}(?::{part}){{0,{_MAX_NAME_PARTS - 1}}}")

    def is_name(self, text: str) -> bool:
        """True if `text` can be an `event_name`: parts with ":" between them.

        The first part, the type, names a partition's folder. It may be "." or "..", as the folder `event_type=..`
        doesn't lead out of the table. It can't begin with "__", as Hive and Event Lake give such names to partitions of
        their own.
        """
        return self._name.fullmatch(text) is not None

    def to_seconds(self, number: float) -> float | None:
        """Return the Unix seconds of a `created_at` in seconds or milliseconds. Return None if it's too large."""
        amount = abs(number)
        if amount < _MILLISECONDS_FROM:
            return number
        return number / 1000 if amount < 1000 * _MILLISECONDS_FROM else None

    def is_in_future(self, seconds: float | None, arrived_at: float) -> bool:
        """True if `seconds` is known and later than the arrival by more than `max_future_seconds`."""
        return seconds is not None and seconds > arrived_at + self.max_future_seconds

    def is_too_old(self, seconds: float | None, arrived_at: float) -> bool:
        """True if `seconds` is known and before 1970, or earlier than the arrival by more than `max_age_seconds`."""
        return seconds is not None and (seconds < arrived_at - self.max_age_seconds or seconds < 0)


def is_uuid(text: str) -> bool:
    """True if `text` can be an `event_uuid`: 1 to 256 characters, and no NUL, at which many readers end a text."""
    return 0 < len(text) <= MAX_UUID_LENGTH and "\0" not in text


def parse_number(text: str) -> float | None:
    """Return the number that `text` spells in JSON, or None if it spells none. Beyond a double's range it's inf."""
    return float(text) if _number.fullmatch(text) else None
