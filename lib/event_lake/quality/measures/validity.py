"""Measures of events that lack something, are malformed, or are refused."""

from collections.abc import Iterator

from event_lake.events.reasons import Problem, reason_names
from event_lake.events.rules import FIELDS
from event_lake.quality.hour.view import HourView
from event_lake.quality.measures.declaration import Measure, Value

_UNREADABLE = reason_names(Problem.UNREADABLE)
_MISSING = {name: reason_names(Problem.MISSING, name) for name in FIELDS}
_WRONG = {name: reason_names(Problem.WRONG, name) for name in FIELDS}
_SUBTYPE = "event_subtype"
# A field that so many of the types have is a common one.
_NEARLY_ALL = 0.9


def _objects(view: HourView) -> int:
    """Return how many JSON objects were sent, events or not. Other records say nothing of fields."""
    refusals = view.refusals
    return view.arrivals.in_all.events + refusals.records - refusals.count_records(_UNREADABLE)


def _objects_having(view: HourView, name: str) -> int:
    return _objects(view) - view.refusals.count_records(_MISSING[name])


def _share_complete(view: HourView) -> Iterator[Value]:
    if objects := _objects(view):
        for name in FIELDS:
            yield Value(None, name, _objects_having(view, name) / objects)
    for event_type, counts in view.arrivals.groups.items():
        yield Value(event_type, _SUBTYPE, counts.subtypes / counts.events)
    yield from _estimate_complete(view)


def _estimate_complete(view: HourView) -> Iterator[Value]:
    """Yield the share of all events that have a field, estimated by each type's sample.

    Only of fields that nearly all types have, and not of those whose share is known exactly.
    """
    events = view.arrivals.events
    inventories = sorted(view.inventories.items())
    fields = {event_type: inventory.fields for event_type, inventory in inventories if inventory.sampled}
    total = sum(events[event_type] for event_type in fields)
    for name in sorted({name for of_type in fields.values() for name in of_type} - {*FIELDS, _SUBTYPE}):
        having = [event_type for event_type, of_type in fields.items() if name in of_type]
        if len(having) >= _NEARLY_ALL * len(fields):
            filled = sum(events[event_type] * fields[event_type][name].filled for event_type in having)
            yield Value(None, name, filled / total)


def _share_well_formed(view: HourView) -> Iterator[Value]:
    for name in FIELDS:
        if having := _objects_having(view, name):
            yield Value(None, name, 1 - view.refusals.count_records(_WRONG[name]) / having)


def _share_in_order(view: HourView) -> Iterator[Value]:
    for event_type, counts in view.arrivals.groups.items():
        yield Value(event_type, None, counts.in_order / counts.events)


def _share_quarantined(view: HourView) -> Iterator[Value]:
    refusals = view.refusals
    if records := view.arrivals.in_all.events + refusals.records:
        yield Value(None, None, refusals.records / records)
        for reason in sorted(set[str]().union(*refusals.quarantined)):
            yield Value(None, reason, refusals.count_records({reason}) / records)


def _share_duplicates(view: HourView) -> Iterator[Value]:
    if view.refusals.read:
        yield Value(None, None, view.refusals.duplicates / view.refusals.read)


def _share_in_conflict(view: HourView) -> Iterator[Value]:
    conflicts = view.refusals.conflicts
    for event_type, counts in view.arrivals.groups.items():
        count = sum(conflicts.values()) if event_type is None else conflicts.get(event_type, 0)
        yield Value(event_type, None, count / counts.events)


MEASURES = (
    Measure(
        name="completeness",
        unit="share",
        what="of what was sent as JSON objects, with the field (not null); optional fields: of events, by the sample",
        worse="lower",
        subject="event_uuid, event_name, created_at, event_subtype, or a field of nearly all types",
        compute=_share_complete,
    ),
    Measure(
        name="valid_format",
        unit="share",
        what="of the field's values as sent, in the form that the raw layer reads",
        worse="lower",
        of_types=False,
        subject="event_uuid, event_name or created_at",
        compute=_share_well_formed,
    ),
    Measure(
        name="created_before_arrival",
        unit="share",
        what="of events, whose created_at isn't later than their arrival",
        worse="lower",
        compute=_share_in_order,
    ),
    Measure(
        name="quarantined",
        unit="share",
        what="of events and quarantined records; a record counts for each of its reasons",
        worse="higher",
        of_types=False,
        subject="reason",
        is_also_whole=True,
        compute=_share_quarantined,
    ),
    Measure(
        name="duplicates",
        unit="share",
        what="of records read that the raw layer dropped as copies, by the ledger (batches that ended in the hour)",
        worse="higher",
        of_types=False,
        compute=_share_duplicates,
    ),
    Measure(
        name="conflicts",
        unit="share",
        what="of events, that are in staging/conflicts",
        worse="higher",
        compute=_share_in_conflict,
    ),
)
