"""Define the rules that an event's three fields must satisfy."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property

from event_lake.config.event_names import part_pattern
from event_lake.config.settings import Raw
from event_lake.events.iso_time import parse_iso_time
from event_lake.json_reader import NUMBER

FIELDS = ("event_uuid", "event_name", "created_at")
MAX_UUID_LENGTH = 256
# No names that we know have more. A producer that repeats a part by mistake soon does.
_MAX_NAME_PARTS = 8
# A `created_at` is in seconds below this number, and in milliseconds from it on. In seconds it's the year 5138, in
# milliseconds March 1973. From 1,000 times this number on, which is the year 5138 in milliseconds, it's in
# microseconds, and so on; if the rules don't take the finer unit, it's no time.
_MILLISECONDS_FROM = 100_000_000_000
_number = re.compile(NUMBER)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules for events in `config.Raw`. All fields are plain values, so that Spark can send them to executors.

    `max_depth` counts levels of arrays and objects. `name_characters` may stand in a name beside letters and digits;
    `event_names.ANY` stands for all printable ones.
    `paths` lead to the fields (`config.Fields.paths`).
    """

    max_payload_bytes: int
    max_depth: int
    name_characters: str
    paths: tuple[tuple[str, ...], ...]
    finest_created_at: str
    created_at_strings: str
    max_future_seconds: float
    max_age_seconds: float

    @staticmethod
    def of(raw: Raw) -> "Rules":
        """Return the rules that the settings contain."""
        seconds = {f"{name}_seconds": getattr(raw, name).total_seconds() for name in ("max_future", "max_age")}
        as_they_are = (field.name for field in fields(Rules) if field.name not in (*seconds, "paths"))
        return Rules(**seconds, paths=raw.fields.paths, **{name: getattr(raw, name) for name in as_they_are})

    def to_json(self) -> str:
        """Return a text from which `from_json` makes the same rules."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Rules":
        """Return the rules of which `to_json` made the text."""
        values = json.loads(text)
        return Rules(**{**values, "paths": tuple(map(tuple, values["paths"]))})

    @cached_property
    def has_usual_fields(self) -> bool:
        """True if the fields have the names that they have in tables, and are members of the payload itself."""
        return self.paths == tuple((name,) for name in FIELDS)

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
        """Return the Unix seconds of a `created_at` in one of the units. Return None if it's too large."""
        amount = abs(number)
        for bound, per_second in self._units:
            if amount < bound:
                return number / per_second
        return None

    @cached_property
    def _units(self) -> Sequence[tuple[int, int]]:
        # For each unit, from seconds on, the number at which the next one begins, and how many make a second.
        count = 4 if self.finest_created_at == "nanoseconds" else 2
        return [(_MILLISECONDS_FROM * 1_000**at, 1_000**at) for at in range(count)]

    def read_seconds(self, created_at: object) -> float | None:
        """Return the Unix seconds of a `created_at`: a number, or a string. Return None if it can't be read as a time.

        A string spells a number, or a time if `created_at_strings` is "iso8601".
        """
        # Not isinstance: to Python a boolean is an int.
        if type(created_at) is float or type(created_at) is int:
            return self.to_seconds(float(created_at))
        if type(created_at) is not str:
            return None
        number = parse_number(created_at)
        if number is not None:
            return self.to_seconds(number)
        return parse_iso_time(created_at) if self.created_at_strings == "iso8601" else None

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
