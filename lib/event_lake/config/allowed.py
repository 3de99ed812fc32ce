"""List the values that settings may have, and refuse others."""

from collections.abc import Mapping, Sequence
from math import inf

from event_lake.config.parsing import unusable

# Kinesis keeps records for a year at most.
_YEAR_SECONDS = 365 * 24 * 3600
# By section and key, what a value may be: one of these …
CHOICES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "lake": {"lease": ("aws_sdk", "hadoop")},
    "raw": {
        "dedup_on": ("event_uuid", "event_uuid+payload"),
        "compression": ("none", "auto"),
        "payload_split": ("none", "lines", "objects", "array", "cloudwatch_logs"),
        "finest_created_at": ("milliseconds", "nanoseconds"),
        "created_at_strings": ("numbers", "iso8601"),
    },
    "staging": {"keep": ("first", "latest"), "when_busy": ("refuse", "wait")},
    "progress": {"log": ("auto", "text", "json")},
}
# … or a number from the first to the second, both included.
BOUNDS: Mapping[str, Mapping[str, tuple[int, float]]] = {
    "source": {"max_batch_seconds": (1, _YEAR_SECONDS), "max_batch_records": (1, 1_000_000_000)},
    "raw": {
        "max_payload_bytes": (1, 128 * 1024 * 1024),
        "max_events_per_record": (1, 10_000_000),
        "max_depth": (1, 1_000),
        "max_event_types": (1, 10_000),
        "max_batch_partitions": (1, 10_000),
    },
    "staging": {"max_batch_bytes": (1, inf)},
}


def refuse_unknown(section: str, values: object) -> None:
    """Raise ConfigError if one of the `values` of a section has choices and is none of them."""
    for key, known in CHOICES[section].items():
        value = getattr(values, key)
        if value not in known:
            raise unusable(f"{section}.{key}", value, f"not known; write one of {', '.join(known)}")


def refuse_unbounded(section: str, values: object, **problems: str) -> None:
    """Raise ConfigError if one of the `values` of a section is out of its bounds. `problems` has texts for keys."""
    for key, (least, most) in BOUNDS[section].items():
        value = getattr(values, key)
        if not least <= value <= most:
            raise unusable(f"{section}.{key}", value, problems.get(key, f"must be {least:,} to {most:,}"))
