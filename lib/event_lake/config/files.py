"""Load the settings from a TOML file and `--set` flags."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from event_lake.config.parsing import BACKSLASH, unusable
from event_lake.config.settings import Settings
from event_lake.config.toml import read_table, read_toml
from event_lake.errors import ConfigError


def load_settings(path: str, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings in the TOML file at `path`, changed by `overrides` like "section.key=value", in order.

    The value of an override is a TOML value; what isn't one is taken as a string. Raise ConfigError for a file that
    can't be read, an unknown key, a wrong type or an unusable value.
    """
    table = _read(path, overrides)
    _refuse_control_characters(table)
    _read_positions(table)
    return read_table(Settings, table)


def positions_file(path: str, overrides: Sequence[str] = ()) -> str | None:
    """Return the .json file that `source.start_from` names in these settings, which `load_settings` reads, or None."""
    return _positions_file(_read(path, overrides).get("source"))


def _read(path: str, overrides: Sequence[str]) -> dict[str, Any]:
    table = read_toml(path, f"--config {path}", "conf/reference.toml")
    for override in overrides:
        _apply(table, override)
    return table


def _apply(table: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set {override}: write it like --set raw.dedup_window='2 hours'")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    # Spark's keys have dots themselves.
    *subsections, key = [key.strip('"')] if section == "spark" or key.startswith('"') else key.split(".")
    target = table
    for name in (section, *subsections):
        target = target.setdefault(name, {})
        if not isinstance(target, dict):
            raise ConfigError(f"--set {override}: [{name}] is no section of the configuration")
    target[key] = value


def _refuse_control_characters(table: dict[str, Any]) -> None:
    """Raise ConfigError for a text with a control character: in double quotes, TOML reads the t of a path as a tab."""
    for section in ("lake", "staging", "quality"):
        values = table.get(section)
        for key, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, str) and any(character < " " for character in value):
                raise unusable(f"{section}.{key}", value, f"has a control character; {BACKSLASH}")


def _read_positions(table: dict[str, Any]) -> None:
    """Replace the value of `source.start_from`, if it names a .json file, by the file's text."""
    source: Any = table.get("source")
    name = _positions_file(source)
    if name is not None:
        try:
            source["start_from"] = " ".join(Path(name).read_text("utf-8-sig").split())
        except (OSError, UnicodeDecodeError) as error:
            raise unusable("source.start_from", name, f"a file of positions that can't be read: {error}") from None


def _positions_file(source: Any) -> str | None:
    name = source.get("start_from") if isinstance(source, dict) else None
    return name if isinstance(name, str) and name.endswith(".json") else None
