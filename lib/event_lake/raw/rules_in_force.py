"""The rules by which a batch is judged, and what changed of them since it was begun. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta

from event_lake import __version__
from event_lake.config.settings import Raw, Settings

# A batch has the same records whenever it's run; and the window and the key of duplicates belong to its checkpoint.
_NO_RULES = {"trigger_interval", "dedup_window", "dedup_on"}


def rules_of(settings: Settings, spark_version: str) -> dict[str, str]:
    """What decides whether a record is an event, by the setting's key, and the versions that decide it, as text."""
    rules = {
        f"raw.{field.name}": format_value(getattr(settings.raw, field.name))
        for field in fields(Raw)
        if field.name not in _NO_RULES
    }
    return {**rules, "Event Lake": __version__, "Spark": spark_version}


def describe_changes(begun: Mapping[str, str] | None, now: Mapping[str, str]) -> Sequence[str]:
    """How the rules `now` differ from those by which a batch was begun, for people; these may not be known."""
    if begun is None:
        return ["an older version of Event Lake began it, which didn't note its rules"]
    return [
        f"{key} is {now.get(key, 'no more')} and was {begun.get(key, 'not there')}"
        for key in sorted(begun.keys() | now.keys())
        if begun.get(key) != now.get(key)
    ]


def format_value(value: object) -> str:
    """A setting's value as it may be written in a file of settings."""
    # As many digits as a double has: by default there would be six.
    return repr(f"{value.total_seconds():.15g} seconds" if isinstance(value, timedelta) else value)
