"""The fields that the payloads of a type should have.

The type's contract says them; without one they are those of the seven days before the hour's date. By dates, so that a
field is new for a day at most, and not for an hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from event_lake.contracts import column_types
from event_lake.contracts.contract import Column, Contract
from event_lake.events.rules import FIELDS
from event_lake.quality.hour.before import Days, days_before

_SCALARS = {
    "boolean": {"boolean"},
    "int": {"integer"},
    "bigint": {"integer"},
    "double": {"integer", "number"},
    "date": {"string"},
    "timestamp": {"string"},
}


@dataclass(frozen=True)
class Expected:
    """The fields that a type may have.

    `fields` has their JSON types by name (None: any). `shares` has, of fields that events usually have, the share of
    events that do.
    """

    fields: Mapping[str, frozenset[str] | None]
    shares: Mapping[str, float]


def expect_fields(day: date, event_type: str, days: Days, contract: Contract | None) -> Expected | None:
    """Return the fields that the type's events of `day` may have; None if neither a contract nor a day before says."""
    before = [types[event_type] for types in days_before(day, days) if event_type in types]
    shares = {name: total / before[0].hours for name, total in before[0].shares.items()} if before else {}
    if contract:
        known = dict.fromkeys(FIELDS) | _of_contract(contract)
        required = {c.keys[0]: 1.0 for c in contract.columns if c.required and not c.subtypes}
        return Expected(known, {name: share for name, share in shares.items() if name in known} | required)
    if not before:
        return None
    seen: dict[str, frozenset[str]] = {}
    for earlier in before:
        for name, of_types in earlier.types.items():
            seen[name] = seen.get(name, frozenset()) | of_types
    return Expected(seen, shares)


def _of_contract(contract: Contract) -> dict[str, frozenset[str] | None]:
    """Return the JSON types by field at the top of which the contract reads something; None if it takes any."""
    fields: dict[str, frozenset[str] | None] = {}
    for column in contract.columns:
        name, of_types = column.keys[0], _json_types(column)
        known = fields.get(name, frozenset())
        fields[name] = None if known is None or of_types is None else known | of_types
    return fields


def _json_types(column: Column) -> frozenset[str] | None:
    """Return those that `staging.typed` reads as the column's type; None for any."""
    if len(column.keys) > 1:
        return frozenset({"object"})
    if column.type == "string":
        return None
    if column_types.parse_element(column.type):
        return frozenset({"array"})
    if column_types.parse_decimal(column.type):
        return frozenset({"integer", "number", "string"})
    return frozenset(_SCALARS[column.type])
