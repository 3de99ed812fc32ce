"""Read TOML files into frozen dataclasses, whose type hints say what the files may hold."""

import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from event_lake.config.parsing import BACKSLASH, nearest, parse_duration, unusable
from event_lake.errors import ConfigError

_T = TypeVar("_T")

# The problem to report of a value that isn't of the key's type, by that type.
_WRONG: Mapping[Any, str] = {
    str: 'not a string; write it like "text"',
    bool: "not true or false; write it without quotes",
    int: "not a whole number; write it like 600",
    float: "not a number; write it like 0.01",
    int | Decimal | date: "not a number or a date; write it like 99.5, or 2026-01-31 without quotes",
    tuple[str, ...]: 'not a list of strings; write it like ["lesson", "payment"]',
    tuple[str | int, ...]: 'not a list of strings or whole numbers; write it like ["web", "ios"]',
    str | tuple[str, ...]: 'not a string or a list of strings; write it like "text", or ["lesson", "payment"]',
}


def read_toml(
    path: str | Path, named: str, example: str, parse_float: Callable[[str], object] = float
) -> dict[str, Any]:
    """Return the table in the TOML file at `path`. `parse_float` makes the numbers with a fraction from their text.

    Raise ConfigError, in one line that begins with `named`, if the file can't be read as TOML, or isn't there; then the
    line refers to `example`, a file that shows what this one may hold.
    """
    try:
        # Windows' editors put a byte order mark before the text.
        return tomllib.loads(Path(path).read_text("utf-8-sig"), parse_float=parse_float)
    except FileNotFoundError:
        raise ConfigError(f"{named}: no such file; {example} shows what it may hold") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{named}: can't be read as TOML: {error}") from None
    except tomllib.TOMLDecodeError as error:
        is_escape = str(error).startswith(("Unescaped", "Invalid hex value"))
        remedy = f"; {BACKSLASH}" if is_escape else ""
        raise ConfigError(f"{named}: can't be read as TOML: {error}{remedy}") from None


@contextmanager
def name_in_errors(place: object) -> Iterator[None]:
    """Put `place` in front of the message of a ConfigError that the block raises."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None


def read_table(cls: type[_T], table: Mapping[str, object], prefix: str = "", **known: object) -> _T:
    """Return an instance of the dataclass `cls`, with fields from the keys of `table`, and those given as `known`.

    A field may be a dataclass (the file has [key]), a tuple of dataclasses ([key.<name>] if they have a field `name`,
    else [[key]]), a mapping from strings, a timedelta ("10 minutes"), or of a type in `_WRONG`; it may be optional.
    Raise ConfigError for an unknown or missing key, and for a value of another type. Its one line has the key after
    `prefix`, the value, and the remedy.
    """
    hints = {name: hint for name, hint in get_type_hints(cls).items() if name not in known}
    for key in table:
        if key not in hints:
            raise ConfigError(f"unknown key {prefix}{key}; {nearest(key, hints, prefix)}")
    values = known | {key: _read_value(prefix + key, value, hints[key]) for key, value in table.items()}
    for f in fields(cls):  # type: ignore[arg-type]
        if f.name in values or f.default is not MISSING or f.default_factory is not MISSING:
            continue
        if not is_dataclass(hints[f.name]):
            raise ConfigError(f"{prefix}{f.name} is missing; set {prefix}{f.name} = …")
        values[f.name] = read_table(hints[f.name], {}, f"{prefix}{f.name}.")
    return cls(**values)


def _read_value(key: str, value: object, hint: Any) -> object:
    if isinstance(hint, UnionType):
        # TOML has no null: a file leaves out what is optional.
        hint = reduce(or_, (kind for kind in get_args(hint) if kind is not NoneType))
    of = get_args(hint)
    if is_dataclass(hint):
        return read_table(hint, _section(key, value), f"{key}.")  # type: ignore[arg-type]
    if get_origin(hint) is tuple and is_dataclass(of[0]):
        return tuple(_sections(key, value, of[0]))  # type: ignore[arg-type]
    if get_origin(hint) is Mapping:
        return {name: _read_value(f'{key}."{name}"', one, of[1]) for name, one in _section(key, value).items()}
    if hint is timedelta:
        return parse_duration(key, value)
    if hint is str and isinstance(value, date):
        return value.isoformat()  # TOML has a type for dates and times, but Settings has them as text
    if not _is_of(value, hint):
        raise unusable(key, value, _WRONG[hint])
    return tuple(value) if isinstance(value, list) else value


def _section(key: str, value: object, header: str = "") -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise unusable(key, value, f"not a section; write [{header or key}] and its keys below")
    return value


def _sections(key: str, value: object, cls: type[_T]) -> Iterator[_T]:
    if "name" in get_type_hints(cls):
        for name, table in _section(key, value, f"{key}.<name>").items():
            yield read_table(cls, _section(f"{key}.{name}", table), f"{key}.{name}.", name=name)
        return
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise unusable(key, value, f"not sections; write [[{key}]] and its keys below, for each of them")
    for number, table in enumerate(value, 1):
        # The number tells sections with the same key apart: those of [[rules]] are called "rule 1", "rule 2".
        with name_in_errors(f"{key.removesuffix('s')} {number}"):
            yield read_table(cls, table)


def _is_of(value: object, hint: Any) -> bool:
    if isinstance(hint, UnionType):
        return any(_is_of(value, kind) for kind in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_is_of(item, get_args(hint)[0]) for item in value)
    # In Python a bool is an int, but a user who writes true for a number has made a mistake.
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        # Neither nan nor inf, nor a whole number that would become inf.
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return isinstance(value, hint)
