"""Whether the payloads of a type have the fields that they should have. Pure.

What they should have is in the type's contract; without one it's what they had in the seven days before the hour's
date. By dates, so that a field is new for a day at most, and not for an hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from event_lake.contracts import column_types
from event_lake.contracts.contract import Column, Contract
from event_lake.quality.metric import Metric

DAYS = 7
_REQUIRED = frozenset({"event_uuid", "event_name", "created_at"})
# Of so many events that are to have a field, that none has it by chance has odds of 1 to 22,000.
_SURELY_SOME = 10
_NULL = "null"
_SCALARS = {
    "boolean": {"boolean"},
    "int": {"integer"},
    "bigint": {"integer"},
    "double": {"integer", "number"},
    "date": {"string"},
    "timestamp": {"string"},
}


@dataclass(frozen=True)
class Field:
    """A field at the top of payloads: the share of events that have it, and its JSON types in them."""

    share: float
    types: frozenset[str]


@dataclass(frozen=True)
class Inventory:
    """The fields of a type's events, `sampled` of which were read; `is_whole`: all of them, not the frequent ones."""

    sampled: int
    fields: Mapping[str, Field]
    is_whole: bool = True


@dataclass
class Day:
    """What the measures of one date say of a type: in how many hours it came, and the sums over them, by field."""

    hours: int = 0
    shares: dict[str, float] = field(default_factory=dict)
    types: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, name: str, share: float, of_types: frozenset[str]) -> None:
        """Count a field's share in one hour, or the sum of several hours'."""
        self.shares[name] = self.shares.get(name, 0.0) + share
        self.types[name] = self.types.get(name, frozenset()) | of_types


Days = Mapping[date, Mapping[str, Day]]
"""What came before, by date and type."""


@dataclass(frozen=True)
class Expected:
    """The fields that a type may have, with their JSON types (None: any), and the shares of them that are usual."""

    fields: Mapping[str, frozenset[str] | None]
    shares: Mapping[str, float]


def expect_fields(day: date, event_type: str, days: Days, contract: Contract | None) -> Expected | None:
    """What the type's events of `day` should have; None where nothing says it."""
    before = [
        days[back][event_type]
        for back in (day - timedelta(days=number) for number in range(1, DAYS + 1))
        if event_type in days.get(back, {})
    ]
    shares = {name: total / before[0].hours for name, total in before[0].shares.items()} if before else {}
    if contract:
        known = dict.fromkeys(_REQUIRED) | _of_contract(contract)
        required = {c.keys[0]: 1.0 for c in contract.columns if c.required and not c.subtypes}
        return Expected(known, {name: share for name, share in shares.items() if name in known} | required)
    if not before:
        return None
    seen: dict[str, frozenset[str]] = {}
    for earlier in before:
        for name, of_types in earlier.types.items():
            seen[name] = seen.get(name, frozenset()) | of_types
    return Expected(seen, shares)


def find_drift(hour: datetime, event_type: str, now: Inventory, then: Expected) -> list[Metric]:
    """What differs; nothing of fields that are rare, and may not be there by chance."""
    new = [
        Metric("new_field", event_type, name, hour, found.share, _text(found.types))
        for name, found in now.fields.items()
        if name not in then.fields
    ]
    changed = [
        Metric("changed_field", event_type, name, hour, found.share, f"{_text(beyond)}; expected {_text(known)}")
        for name, found in now.fields.items()
        if (known := then.fields.get(name)) and (beyond := _beyond(found.types, known))
    ]
    vanished = [
        Metric("vanished_field", event_type, name, hour, share)
        for name, share in then.shares.items()
        if now.is_whole and name not in now.fields and share * now.sampled >= _SURELY_SOME
    ]
    return new + changed + vanished


def new_types(hour: datetime, events: Mapping[str, float], days: Days) -> list[Metric]:
    """The types among those with `events` that no earlier day had; none where there's no earlier day."""
    earlier = [days[back] for number in range(1, DAYS + 1) if (back := hour.date() - timedelta(days=number)) in days]
    known = {name for day in earlier for name in day}
    return [
        Metric("new_type", name, None, hour, count)
        for name, count in events.items()
        if earlier and count and name not in known
    ]


def types_in(text: str) -> frozenset[str]:
    """The JSON types in the detail of `field_presence`."""
    return frozenset(text.split(", "))


def _text(of_types: frozenset[str]) -> str:
    return ", ".join(sorted(of_types))


def _beyond(found: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    # A whole number is a number. What was only ever null may become anything.
    wider = known | {_NULL} | ({"integer"} if "number" in known else set())
    return frozenset() if known == {_NULL} else found - wider


def _of_contract(contract: Contract) -> dict[str, frozenset[str] | None]:
    """The JSON types by field at the top that the contract reads something of; None where it takes any."""
    fields: dict[str, frozenset[str] | None] = {}
    for column in contract.columns:
        name, of_types = column.keys[0], _json_types(column)
        known = fields.get(name, frozenset())
        fields[name] = None if known is None or of_types is None else known | of_types
    return fields


def _json_types(column: Column) -> frozenset[str] | None:
    """Those that `staging.typed` reads as the column's type."""
    if len(column.keys) > 1:
        return frozenset({"object"})
    if column.type == "string":
        return None
    if column_types.parse_element(column.type):
        return frozenset({"array"})
    if column_types.parse_decimal(column.type):
        return frozenset({"integer", "number", "string"})
    return frozenset(_SCALARS[column.type])
