"""The fields of the payloads of an hour's events: names and JSON types, no values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from event_lake.events.rules import FIELDS
from event_lake.quality.hour.expected import Inventory
from event_lake.quality.metric import Metric

# `refused` and `arrived` count these, as sent.
EXACTLY_KNOWN = {*FIELDS, "event_subtype"}
# A field that so many of the types have is a common one.
_NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Fields:
    """The fields of one type in one hour: those that have rows, the shares of them that aren't null, and the rest."""

    inventory: Inventory
    present: Mapping[str, float]
    unlisted: int = 0
    unread: int = 0

    def metrics(self, event_type: str, hour: datetime) -> Iterator[Metric]:
        """Their measures."""
        for name, found in self.inventory.fields.items():
            detail = ", ".join(sorted(found.types))
            yield Metric("field_presence", event_type, name, hour, found.share, detail)
        if self.unlisted:
            yield Metric("unlisted_fields", event_type, None, hour, self.unlisted)
        sampled = self.inventory.sampled + self.unread
        yield Metric("unread_payloads", event_type, None, hour, self.unread / sampled)


OfTypes = Mapping[datetime, Mapping[str, Fields]]
"""By hour and type."""


def measure_completeness(
    hour: datetime, of_types: Mapping[str, Fields], events: Mapping[str | None, float]
) -> Iterator[Metric]:
    """Of the fields that nearly all types have: in which share of all `events` they are, by each type's sample.

    Not of those whose completeness is known exactly.
    """
    types = sorted(name for name, found in of_types.items() if found.inventory.sampled)
    names = {name for of_type in types for name in of_types[of_type].present} - EXACTLY_KNOWN
    total = sum(events[name] for name in types)
    for name in sorted(names):
        having = [of_type for of_type in types if name in of_types[of_type].present]
        if len(having) >= _NEARLY_ALL * len(types):
            share = sum(events[of_type] * of_types[of_type].present[name] for of_type in having) / total
            yield Metric("completeness", None, name, hour, share)
