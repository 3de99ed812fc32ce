"""Measures of the fields at the top of payloads: which there are, and what changed."""

from collections.abc import Iterator

from event_lake.quality.hour.expected import Expected
from event_lake.quality.hour.inventory import LONGEST_FIELD, MOST_FIELDS, Inventory
from event_lake.quality.hour.view import HourView
from event_lake.quality.measures.declaration import Measure, ReportedChange, Value

# Of so many events that are to have a field, that none has it by chance has odds of 1 to 22,000.
_SURELY_SOME = 10
_NULL = "null"


def split_types(detail: str) -> frozenset[str]:
    """Return the JSON types that the detail of FIELD_PRESENCE names."""
    return frozenset(detail.split(", "))


def _join_types(types: frozenset[str]) -> str:
    return ", ".join(sorted(types))


def _share_having(view: HourView) -> Iterator[Value]:
    for event_type, inventory in view.inventories.items():
        for name, field in inventory.fields.items():
            yield Value(event_type, name, field.share, _join_types(field.types))


def _count_unlisted(view: HourView) -> Iterator[Value]:
    for event_type, inventory in view.inventories.items():
        if inventory.unlisted:
            yield Value(event_type, None, inventory.unlisted)


def _share_unread(view: HourView) -> Iterator[Value]:
    for event_type, inventory in view.inventories.items():
        yield Value(event_type, None, inventory.unread / (inventory.sampled + inventory.unread))


def _known_inventories(view: HourView) -> Iterator[tuple[str, Inventory, Expected]]:
    """Yield the inventory and the expected fields of each type of which any are expected."""
    for event_type, expected in view.expected.items():
        yield event_type, view.inventories[event_type], expected


def _share_new(view: HourView) -> Iterator[Value]:
    for event_type, inventory, expected in _known_inventories(view):
        for name, field in inventory.fields.items():
            if name not in expected.fields:
                yield Value(event_type, name, field.share, _join_types(field.types))


def _share_vanished(view: HourView) -> Iterator[Value]:
    """Leave out fields so rare that they may lack by chance, and all if there are fields that aren't listed."""
    for event_type, inventory, expected in _known_inventories(view):
        for name, share in expected.shares.items():
            is_gone = not inventory.unlisted and name not in inventory.fields
            if is_gone and share * inventory.sampled >= _SURELY_SOME:
                yield Value(event_type, name, share)


def _share_changed(view: HourView) -> Iterator[Value]:
    for event_type, inventory, expected in _known_inventories(view):
        for name, field in inventory.fields.items():
            known = expected.fields.get(name)
            if known and (beyond := _types_beyond(field.types, known)):
                detail = f"{_join_types(beyond)}; expected {_join_types(known)}"
                yield Value(event_type, name, field.share, detail)


def _types_beyond(types: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    # A whole number is a number. What was only ever null may become anything.
    wider = known | {_NULL} | ({"integer"} if "number" in known else set())
    return frozenset() if known == {_NULL} else types - wider


FIELD_PRESENCE = Measure(
    name="field_presence",
    unit="share",
    what="of events that have the field, also if null; detail: its JSON types; by the sample",
    worse=None,
    of_all=False,
    subject="field at the top of the payload",
    compute=_share_having,
)
MEASURES = (
    FIELD_PRESENCE,
    Measure(
        name="unlisted_fields",
        unit="fields",
        what=f"that aren't listed: beyond the {MOST_FIELDS} most frequent ones, or with names of more than"
        f" {LONGEST_FIELD:,} characters; by the sample",
        worse="higher",
        of_all=False,
        compute=_count_unlisted,
    ),
    Measure(
        name="unread_payloads",
        unit="share",
        what="of events whose fields can't be listed, as an object in them has a key twice; by the sample",
        worse="higher",
        of_all=False,
        compute=_share_unread,
    ),
    Measure(
        name="new_field",
        unit="share",
        what="of events with a field that isn't in the contract or, without one, didn't come in the seven days before",
        worse="higher",
        of_all=False,
        subject="field",
        compute=_share_new,
        change=ReportedChange(title="New field", rank=3),
    ),
    Measure(
        name="vanished_field",
        unit="share",
        what="of events that had a field on the newest day before of which no event has it (1 if it's required)",
        worse="higher",
        of_all=False,
        subject="field",
        compute=_share_vanished,
        change=ReportedChange(title="Field is gone", rank=2),
    ),
    Measure(
        name="changed_field",
        unit="share",
        what="of events with a field that has a JSON type beyond the contract's or the week's, which detail names",
        worse="higher",
        of_all=False,
        subject="field",
        compute=_share_changed,
        change=ReportedChange(title="Field of another JSON type", rank=1),
    ),
)
