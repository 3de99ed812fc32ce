"""From a TOML file and `--set` flags to `Settings`."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from event_lake.config.parsing import unusable
from event_lake.config.settings import Settings
from event_lake.config.toml import read_table, read_toml
from event_lake.errors import ConfigError


def load_settings(path: str, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings in the TOML file at `path`, with `section.key=value` overrides applied in order.

    An override's value is a TOML value; a bare word is a string. Raise ConfigError for a file that can't be read, an
    unknown key, a wrong type or an unusable value.
    """
    table = read_toml(path, f"--config {path}", "conf/reference.toml")
    for override in overrides:
        _apply(table, override)
    _read_positions(table)
    return read_table(Settings, table)


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
