"""Define a contract: the columns of an event type's typed table, and the values that they may have."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from event_lake.config.event_names import ANY, is_event_type
from event_lake.config.parsing import split_path, unusable
from event_lake.config.type_folders import MAX_FOLDER_BYTES, fits_table
from event_lake.contracts import column_types
from event_lake.errors import ConfigError

# The columns that every typed table begins with: the names of `schemas.TYPED`, which can't be imported without Spark.
COMMON = ("event_uuid", "event_name", "event_subtype", "created_datetime", "arrived_at", "ingested_at", "date")

# Parquet, SQL and all readers take these names as they are. Others would need Delta's column mapping, which few know.
_COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Lakes of before 0.1.0 may have types of more than 100 characters.
_MOST_CHARACTERS = 200
_WHOLE = ("int", "bigint")
# Source: Spark's DecimalType.MAX_PRECISION.
_MOST_DIGITS = 38

Bound = int | Decimal | date
_T = TypeVar("_T", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a typed table, and the value of the payload that it holds. Raises ConfigError if it can't be one.

    `type` is one of `column_types`. `path` has the keys that lead to the value, as a text with dots between them or
    each by itself; None means the column's name. If `subtypes` are named, the value is read only from events of these.
    If it isn't null, it must be one of `allowed`, and lie between `minimum` and `maximum`, both included. `pii` says
    that it's personal data.
    """

    name: str
    type: str
    path: str | tuple[str, ...] | None = None
    required: bool = False
    description: str = ""
    pii: bool = False
    allowed: tuple[str | int, ...] | None = None
    minimum: Bound | None = None
    maximum: Bound | None = None
    subtypes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not _COLUMN_NAME.fullmatch(self.name):
            problem = (
                "not a column's name; it has ASCII letters, digits and _; path says what it's called in the payload"
            )
            raise ConfigError(f"columns.{self.name}: {problem}")
        if self.name.lower() in COMMON:
            problem = "a column that every typed table has; choose another name, and set path to this one"
            raise ConfigError(f"columns.{self.name}: {problem}")
        try:
            object.__setattr__(self, "type", column_types.check_type(self.type))
        except ConfigError as error:
            raise self._unusable("type", self.type, str(error)) from None
        self._check_places()
        self._check_allowed()
        self._check_bounds()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys that lead to the value in the payload, the outermost first."""
        return (self.name,) if self.path is None else split_path(self.path)

    @property
    def comment(self) -> str:
        """Return the comment that the column has in its table."""
        return " ".join(part for part in (self.description, "[personal data]" if self.pii else "") if part)

    def _check_places(self) -> None:
        if not self.keys or not all(self.keys):
            problem = 'not a path; write it like "device.os", or ["device.model", "os"] if keys have dots'
            raise self._unusable("path", self.path, problem)
        if self.subtypes is not None and (not self.subtypes or "" in self.subtypes):
            problem = 'not a list of strings; write it like ["started", "finished"]'
            raise self._unusable("subtypes", self.subtypes, problem)

    def _check_allowed(self) -> None:
        if self.allowed is None:
            return
        if not self.allowed:
            raise self._unusable("allowed", self.allowed, 'not a list of values; write it like ["web", "ios"]')
        value_type = str if self.type == "string" else int if self.type in _WHOLE else None
        if value_type is None:
            raise self._unusable("allowed", self.allowed, f"not for a {self.type}; for string, int and bigint only")
        for value in self.allowed:
            if type(value) is not value_type:
                raise self._unusable("allowed", self.allowed, f"{value!r} is no {self.type}")
            if isinstance(value, int) and not _has_literal(value):
                raise self._unusable("allowed", self.allowed, f"{value} doesn't fit into 64 bits; leave it out")

    def _check_bounds(self) -> None:
        for key, bound in (("minimum", self.minimum), ("maximum", self.maximum)):
            if bound is not None and not self._can_bound(bound):
                raise self._unusable(key, bound, f"no bound of a {self.type}; numbers have numbers, dates have dates")
            if not isinstance(bound, date | None) and not _has_literal(bound):
                raise self._unusable(key, bound, "too long for Spark: 64 bits, or 38 digits around the point; round it")
        # The checks above have ensured that both are numbers, or both dates.
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:  # type: ignore[operator]
            raise self._unusable("minimum", self.minimum, f"above maximum = {self.maximum}; nothing would be in range")

    def _can_bound(self, bound: Bound) -> bool:
        if self.type == "date":
            return isinstance(bound, date) and not isinstance(bound, datetime)
        is_number = self.type in (*_WHOLE, "double") or column_types.parse_decimal(self.type) is not None
        return is_number and (type(bound) is int or (isinstance(bound, Decimal) and bound.is_finite()))

    def _unusable(self, key: str, value: object, problem: str) -> ConfigError:
        return unusable(f"columns.{self.name}.{key}", value, problem)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The contract of an event type. `columns` are those of its typed table, beside the `COMMON` ones.

    `file` is the name of the file that says so. Raises ConfigError if the type can't have a contract, or its columns
    don't fit together.
    """

    event_type: str
    description: str = ""
    columns: tuple[Column, ...] = ()
    file: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not is_event_type(self.event_type, ANY, _MOST_CHARACTERS):
            raise unusable("event_type", self.event_type, "no first part of an event_name, see raw.name_characters")
        if not fits_table(self.event_type):
            problem = f"can't have a contract: as a folder's name it has more than {MAX_FOLDER_BYTES} bytes"
            raise unusable("event_type", self.event_type, problem)
        if not self.columns:
            raise ConfigError("columns: there are none; write [columns.<name>] and type = … below")
        if twice := _repeated(column.name.lower() for column in self.columns):
            raise ConfigError(f"columns.{twice}: two columns have this name, as capitals don't count")
        _check_paths(self.columns)


def _has_literal(number: int | Decimal) -> bool:
    """True if Spark can compare values with the number: it's a bigint, or a decimal of at most 38 digits."""
    if isinstance(number, int):
        return -(2**63) <= number < 2**63
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "a finite number"
    return max(len(digits) + exponent, 0) + max(-exponent, 0) <= _MOST_DIGITS


def _check_paths(columns: Sequence[Column]) -> None:
    paths = {column.keys: column.name for column in columns}
    if twice := _repeated(column.keys for column in columns):
        raise unusable(f"columns.{paths[twice]}.path", ".".join(twice), "two columns are read from there; keep one")
    for column in columns:
        for length in range(1, len(column.keys)):
            if other := paths.get(column.keys[:length]):
                problem = f"lies in what columns.{other} takes as a whole; keep one of them"
                raise unusable(f"columns.{column.name}.path", ".".join(column.keys), problem)


def _repeated(values: Iterable[_T]) -> _T | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)
