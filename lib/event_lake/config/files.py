"""From TOML files and `--set` flags to `Settings`, refusing whatever can't be meant."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, timedelta
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from event_lake.config.settings import Settings
from event_lake.config.values import nearest, parse_duration, unusable
from event_lake.errors import ConfigError

_T = TypeVar("_T")


def load_settings(path: str, overrides: Sequence[str] = ()) -> Settings:
    """The settings in the TOML file at `path`, with `section.key=value` overrides applied in order.

    An override's value is a TOML value; a bare word is a string. Raises ConfigError for a file that can't be
    read, an unknown key, a wrong type or an unusable value.
    """
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"--config {path}: no such file; conf/reference.toml shows what it may hold") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"--config {path}: can't be read as TOML: {error}") from None
    for override in overrides:
        _apply(table, override)
    _read_positions(table)
    return _made(Settings, table, "")


def _apply(table: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set {override}: write it like --set raw.dedup_window='2 hours'")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    target = table.setdefault(section, {})
    if not isinstance(target, dict):
        raise ConfigError(f"--set {override}: [{section}] is no section of the configuration")
    target[key.strip('"')] = value


def _read_positions(table: dict[str, Any]) -> None:
    """Put the text of the file that `source.start_from` names, where it names one, in its place."""
    source = table.get("source")
    name = source.get("start_from") if isinstance(source, dict) else None
    if isinstance(source, dict) and isinstance(name, str) and name.endswith(".json"):
        try:
            source["start_from"] = " ".join(Path(name).read_text("utf-8").split())
        except (OSError, UnicodeDecodeError) as error:
            raise unusable("source.start_from", name, f"a file of positions that can't be read: {error}") from None


def _made(cls: type[_T], table: Mapping[str, object], prefix: str) -> _T:
    """An instance of the dataclass `cls` from a TOML table whose keys are its fields."""
    hints = get_type_hints(cls)
    for key in table:
        if key not in hints:
            raise ConfigError(f"unknown key {prefix}{key}; {nearest(key, hints, prefix)}")
    values = {key: _typed(prefix + key, value, hints[key]) for key, value in table.items()}
    for f in fields(cls):  # type: ignore[arg-type]
        if f.name in values or f.default is not MISSING or f.default_factory is not MISSING:
            continue
        if is_dataclass(hints[f.name]):
            values[f.name] = _made(hints[f.name], {}, f"{prefix}{f.name}.")
        else:
            raise ConfigError(f"{prefix}{f.name} is missing; set it in the file or with --set {prefix}{f.name}=…")
    return cls(**values)


def _typed(key: str, value: object, hint: Any) -> object:
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise unusable(key, value, f"not a section; write [{key}] and its keys below")
        return _made(hint, value, f"{key}.")  # type: ignore[arg-type]
    if hint is timedelta:
        return parse_duration(key, value)
    if hint == Mapping[str, str]:
        return _strings(key, value)
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise unusable(key, value, 'not a list of strings; write it like ["lesson", "payment"]')
        return tuple(value)
    if hint is str and isinstance(value, date):
        return value.isoformat()  # TOML has dates of its own; ours are text
    wanted = get_args(hint)[0] if isinstance(hint, UnionType) else hint
    # bool is an int to Python, not to a reader of the file.
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        names = {
            str: 'a string; write it like "text"',
            int: "a whole number; write it like 600",
            bool: "true or false; write it without quotes",
        }
        raise unusable(key, value, f"not {names[wanted]}")
    return value


def _strings(key: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise unusable(key, value, f"not a section; write [{key}] and its keys below")
    for name, text in value.items():
        if not isinstance(text, str):
            raise unusable(f'{key}."{name}"', text, 'not a string; put it in quotes like "4"')
    return dict(value)
