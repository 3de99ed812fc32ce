"""Measures of how well events keep to the contracts of their types."""

from collections.abc import Iterator

from event_lake.contracts.contract import Column
from event_lake.quality.hour.view import HourView
from event_lake.quality.measures.declaration import Measure, Value


def _share_null(view: HourView) -> Iterator[Value]:
    for event_type in sorted(view.inventories.keys() & view.contracts.keys()):
        for column in view.contracts[event_type].columns:
            filled = _share_filled(view, event_type, column)
            if filled is not None:
                yield Value(event_type, column.name, 1 - filled)


def _share_filled(view: HourView, event_type: str, column: Column) -> float | None:
    """Return the share of the type's sampled events with a value for the column; None if it isn't known."""
    inventory = view.inventories[event_type]
    if not inventory.sampled:
        return None
    if len(column.keys) > 1:
        return view.values_in_objects.get((event_type, column.name), 0) / inventory.sampled
    if column.keys[0] in inventory.fields:
        return inventory.fields[column.keys[0]].filled
    # Of the rare fields, which aren't listed, nothing is known.
    return None if inventory.unlisted else 0.0


def _share_violating(view: HourView) -> Iterator[Value]:
    refusals = view.refusals
    for event_type, counts in view.arrivals.of_types.items():
        if event_type in view.contracts or event_type in refusals.rejected:
            yield Value(event_type, None, refusals.rejected.get(event_type, 0) / counts.events)
        for (column, reason), count in refusals.violations.get(event_type, {}).items():
            yield Value(event_type, column or "payload", count / counts.events, reason)


MEASURES = (
    Measure(
        name="null_share",
        unit="share",
        what="of events without a value (not there, or null) where the column reads it; by the sample",
        worse="higher",
        of_all=False,
        subject="column of the contract",
        compute=_share_null,
    ),
    Measure(
        name="contract_violations",
        unit="share",
        what="of the type's events that are in staging/rejected; detail: the reason",
        worse="higher",
        of_all=False,
        subject="column, or payload where none can be named",
        is_also_whole=True,
        compute=_share_violating,
    ),
)
