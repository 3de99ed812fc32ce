"""List the rules that decide what a batch writes, and describe their changes since an earlier run. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta

from event_lake import __version__
from event_lake.config.settings import Raw, Settings

# Settings that don't change what a planned batch writes: its records are fixed, and the dedup window and the dedup key
# can't change while its checkpoint is in use.
_NO_RULES = {"trigger_interval", "dedup_window", "dedup_on"}


def rules_of(settings: Settings, spark_version: str) -> dict[str, str]:
    """Return the settings that decide what a batch writes, by their keys, and the versions of Event Lake and Spark."""
    values = {field.name: getattr(settings.raw, field.name) for field in fields(Raw) if field.name not in _NO_RULES}
    values |= {f"fields.{name}": path for name, path in vars(values.pop("fields")).items()}
    rules = {f"raw.{name}": format_value(value) for name, value in values.items()}
    return {**rules, "Event Lake": __version__, "Spark": spark_version}


def describe_changes(begun: Mapping[str, str] | None, now: Mapping[str, str]) -> Sequence[str]:
    """Describe each rule in which `now` differs from `begun`, the rules by which a batch was begun.

    `begun` is None if they aren't known.
    """
    if begun is None:
        return ["an older version of Event Lake began it, which didn't note its rules"]
    return [
        f"{key} is {now.get(key, 'no more')} and was {begun.get(key, 'not there')}"
        for key in sorted(begun.keys() | now.keys())
        if begun.get(key) != now.get(key)
    ]


def format_value(value: object) -> str:
    """Return a setting's value as it may be written in a settings file."""
    # 15 digits, which a double always holds exactly; the default is 6.
    return repr(f"{value.total_seconds():.15g} seconds" if isinstance(value, timedelta) else value)
