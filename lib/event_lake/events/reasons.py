"""The reasons why a record is no event: each with its name, the field that it's about, and its condition."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from event_lake.events.json_text import Form, Value
from event_lake.events.rules import Rules, is_uuid

_NO_STRING = ("number", "boolean", "array", "object")
_NO_TIME = ("boolean", "array", "object")
TIMES = ("string", "number")


@dataclass(frozen=True, kw_only=True)
class ReadRecord:
    """A record as it was read: its form (None if it wasn't), its fields, and the Unix seconds of its created_at.

    The value of a field that the record lacks is of the kind "missing". Where the fields weren't looked at, all values
    are of the kind "unseen".
    """

    rules: Rules
    arrived_at: float
    has_too_many_events: bool
    form: Form | None
    is_utf8: bool
    is_too_deep: bool
    uuid: Value
    name: Value
    created_at: Value
    seconds: float | None

    def is_text(self, form: Form) -> bool:
        """Return True if the record is UTF-8 of this form. Bytes that aren't UTF-8 have no reason about their JSON."""
        return self.form is form and self.is_utf8


class Problem(Enum):
    """The kinds of reasons."""

    UNREADABLE = "the record's fields can't be looked at"
    MISSING = "the field has no value"
    WRONG = "the field's value is there and wrong"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A reason for which raw/quarantine holds records, under this `name`.

    `field` is the one that it's about, or None for the whole record. `meaning` is a sentence for the reference. A
    record has the reason if its `condition` is true.
    """

    name: str
    field: str | None
    problem: Problem
    meaning: str
    condition: Callable[[ReadRecord], bool]


def _is_string_but_not(value: Value, is_good: Callable[[str], bool]) -> bool:
    return value.kind == "string" and not is_good(value.text or "")


# A record's reasons are listed in this order.
REASONS = (
    Reason(
        name="too_many_events",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="The record holds more than `raw.max_events_per_record` events. It isn't split, and nothing else of it"
        " was looked at.",
        condition=lambda record: record.has_too_many_events,
    ),
    Reason(
        name="too_large",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="Unpacked, the record has more than `raw.max_payload_bytes` bytes. Nothing else of it was looked at.",
        condition=lambda record: record.form is None and not record.has_too_many_events,
    ),
    Reason(
        name="not_utf8",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="The record's bytes aren't UTF-8.",
        condition=lambda record: not record.is_utf8,
    ),
    Reason(
        name="too_deep",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="Objects and arrays lie within each other more than `raw.max_depth` deep.",
        condition=lambda record: record.is_too_deep,
    ),
    Reason(
        name="not_an_object",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="The record is JSON, but an array, a string, a number, `true`, `false` or `null`.",
        condition=lambda record: record.is_text(Form.VALUE),
    ),
    Reason(
        name="trailing_data",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="Something follows the JSON object, maybe a second event: see `raw.payload_split`.",
        condition=lambda record: record.is_text(Form.OBJECT_AND_MORE),
    ),
    Reason(
        name="not_json",
        field=None,
        problem=Problem.UNREADABLE,
        meaning="The record is empty or isn't JSON. Text with a key of more than 50,000 characters, or nested more"
        " than a million levels deep, counts as no JSON.",
        condition=lambda record: record.is_text(Form.NOTHING),
    ),
    Reason(
        name="missing_event_uuid",
        field="event_uuid",
        problem=Problem.MISSING,
        meaning="There's no `event_uuid`, or it's null or empty.",
        condition=lambda record: record.uuid.kind == "missing" or record.uuid.text == "",
    ),
    Reason(
        name="missing_event_name",
        field="event_name",
        problem=Problem.MISSING,
        meaning="There's no `event_name`, or it's null.",
        condition=lambda record: record.name.kind == "missing",
    ),
    Reason(
        name="missing_created_at",
        field="created_at",
        problem=Problem.MISSING,
        meaning="There's no `created_at`, or it's null.",
        condition=lambda record: record.created_at.kind == "missing",
    ),
    Reason(
        name="wrong_type_event_uuid",
        field="event_uuid",
        problem=Problem.WRONG,
        meaning="The `event_uuid` is a number, a boolean, an array or an object.",
        condition=lambda record: record.uuid.kind in _NO_STRING,
    ),
    Reason(
        name="wrong_type_event_name",
        field="event_name",
        problem=Problem.WRONG,
        meaning="The `event_name` is a number, a boolean, an array or an object.",
        condition=lambda record: record.name.kind in _NO_STRING,
    ),
    Reason(
        name="wrong_type_created_at",
        field="created_at",
        problem=Problem.WRONG,
        meaning="The `created_at` is a boolean, an array or an object.",
        condition=lambda record: record.created_at.kind in _NO_TIME,
    ),
    Reason(
        name="malformed_event_uuid",
        field="event_uuid",
        problem=Problem.WRONG,
        meaning="The `event_uuid` has more than 256 characters, or holds NUL or half of a surrogate pair.",
        condition=lambda record: record.uuid.text != "" and _is_string_but_not(record.uuid, is_uuid),
    ),
    Reason(
        name="malformed_event_name",
        field="event_name",
        problem=Problem.WRONG,
        meaning="The `event_name` isn't 1 to 8 parts with `:` between, each of 1 to 100 ASCII letters, digits and"
        " `raw.name_characters` (with `any`: printable characters, so no control characters, marks that turn the"
        " direction of text, or halves of surrogate pairs); or it begins with `__`.",
        condition=lambda record: _is_string_but_not(record.name, record.rules.is_name),
    ),
    Reason(
        name="unreadable_created_at",
        field="created_at",
        problem=Problem.WRONG,
        meaning="The `created_at` is a string that doesn't spell a number as JSON does (nor a time, with"
        ' `raw.created_at_strings = "iso8601"`), or a number too large for a time in any unit that'
        " `raw.finest_created_at` allows.",
        condition=lambda record: record.created_at.kind in TIMES and record.seconds is None,
    ),
    Reason(
        name="created_at_in_future",
        field="created_at",
        problem=Problem.WRONG,
        meaning="The `created_at` is more than `raw.max_future` ahead of the record's arrival at Kinesis.",
        condition=lambda record: record.rules.is_in_future(record.seconds, record.arrived_at),
    ),
    Reason(
        name="created_at_too_old",
        field="created_at",
        problem=Problem.WRONG,
        meaning="The `created_at` is more than `raw.max_age` behind the record's arrival, or before 1970.",
        condition=lambda record: record.rules.is_too_old(record.seconds, record.arrived_at),
    ),
)


def reason_names(problem: Problem, field: str | None = None) -> frozenset[str]:
    """Return the names of the reasons of this kind that are about `field`, or about the whole record for None."""
    return frozenset(reason.name for reason in REASONS if reason.problem is problem and reason.field == field)
