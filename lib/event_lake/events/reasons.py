"""Every reason why a record is no event."""

from collections.abc import Callable
from dataclasses import dataclass

from event_lake.events.json_text import Form, Value
from event_lake.events.rules import Rules, is_uuid

_NO_STRING = ("number", "boolean", "array", "object")
_NO_TIME = ("boolean", "array", "object")
TIMES = ("string", "number")


@dataclass(frozen=True, kw_only=True)
class ReadRecord:
    """What was seen of a record: its form, None where it's too large, its fields, and the seconds that they mean.

    A field that isn't there is of the kind "missing", and of the kind "unseen" where no field was looked at.
    """

    rules: Rules
    arrived_at: float
    form: Form | None
    is_utf8: bool
    is_too_deep: bool
    uuid: Value
    name: Value
    created_at: Value
    seconds: float | None

    def is_text(self, form: Form) -> bool:
        """Whether it's a text of this form: what is said of JSON is said of text only."""
        return self.form is form and self.is_utf8


@dataclass(frozen=True)
class Reason:
    """Its `name` in raw/quarantine, the field that it's about, None for the whole record, and when it `holds`."""

    name: str
    of_field: str | None
    holds: Callable[[ReadRecord], bool]

    @property
    def is_there(self) -> bool:
        """Whether it's about a field that has a value."""
        return self.of_field is not None and not self.name.startswith("missing_")


def _says_no(value: Value, what: Callable[[str], bool]) -> bool:
    return value.kind == "string" and not what(value.text or "")


# In the order in which a record has them.
REASONS = (
    Reason("too_large", None, lambda seen: seen.form is None),
    Reason("not_utf8", None, lambda seen: not seen.is_utf8),
    Reason("too_deep", None, lambda seen: seen.is_too_deep),
    Reason("not_an_object", None, lambda seen: seen.is_text(Form.VALUE)),
    Reason("trailing_data", None, lambda seen: seen.is_text(Form.OBJECT_AND_MORE)),
    Reason("not_json", None, lambda seen: seen.is_text(Form.NOTHING)),
    Reason("missing_event_uuid", "event_uuid", lambda seen: seen.uuid.kind == "missing" or seen.uuid.text == ""),
    Reason("missing_event_name", "event_name", lambda seen: seen.name.kind == "missing"),
    Reason("missing_created_at", "created_at", lambda seen: seen.created_at.kind == "missing"),
    Reason("wrong_type_event_uuid", "event_uuid", lambda seen: seen.uuid.kind in _NO_STRING),
    Reason("wrong_type_event_name", "event_name", lambda seen: seen.name.kind in _NO_STRING),
    Reason("wrong_type_created_at", "created_at", lambda seen: seen.created_at.kind in _NO_TIME),
    Reason("malformed_event_uuid", "event_uuid", lambda seen: seen.uuid.text != "" and _says_no(seen.uuid, is_uuid)),
    Reason("malformed_event_name", "event_name", lambda seen: _says_no(seen.name, seen.rules.is_name)),
    Reason("unreadable_created_at", "created_at", lambda seen: seen.created_at.kind in TIMES and seen.seconds is None),
    Reason("created_at_in_future", "created_at", lambda seen: seen.rules.is_in_future(seen.seconds, seen.arrived_at)),
    Reason("created_at_too_old", "created_at", lambda seen: seen.rules.is_too_old(seen.seconds, seen.arrived_at)),
)
