"""docs/reference/reasons.md: why a record is quarantined, from the judge's reasons."""

from event_lake.events.reasons import REASONS
from tools.reference.markdown import as_code, as_page, as_prose, as_table

_INTRO = """
A record that is no event is in raw/quarantine, byte for byte, with all `reasons` that apply. An event is one JSON
object (RFC 8259, with nothing before or behind it) that has `event_uuid`, `event_name` and `created_at`. Of a key that
comes twice the last counts. Of what is no such object, or too deep, the fields aren't looked at.
"""
# By name, what each reason says of a record.
MEANINGS = {
    "too_large": "Unpacked, it has more than `raw.max_payload_bytes` bytes; nothing else was looked at.",
    "not_utf8": "Its bytes aren't UTF-8.",
    "too_deep": "Objects and arrays lie within each other more than `raw.max_depth` deep.",
    "not_an_object": "It's JSON, but an array, a string, a number, `true`, `false` or `null`.",
    "trailing_data": "Something follows the JSON object: maybe a second event, see `raw.payload_split`.",
    "not_json": "It's no JSON, or empty. JSON that has a key of more than 50,000 characters or more than a million"
    " levels counts as none.",
    "missing_event_uuid": "There's no `event_uuid`, or it's null or empty.",
    "missing_event_name": "There's no `event_name`, or it's null.",
    "missing_created_at": "There's no `created_at`, or it's null.",
    "wrong_type_event_uuid": "`event_uuid` is a number, a boolean, an array or an object.",
    "wrong_type_event_name": "`event_name` is a number, a boolean, an array or an object.",
    "wrong_type_created_at": "`created_at` is a boolean, an array or an object.",
    "malformed_event_uuid": "`event_uuid` has more than 256 characters, or holds NUL or half of a surrogate pair.",
    "malformed_event_name": "`event_name` isn't 1 to 8 parts with `:` between, each of 1 to 100 ASCII letters, digits"
    " and `raw.name_characters`; or it begins with `__`.",
    "unreadable_created_at": "`created_at` is a string that doesn't spell a number as JSON does, or a number too large"
    " for a time, in seconds and in milliseconds.",
    "created_at_in_future": "`created_at` is more than `raw.max_future` ahead of the record's arrival at Kinesis.",
    "created_at_too_old": "`created_at` is more than `raw.max_age` behind the record's arrival, or before 1970.",
}


def make_page() -> str:
    """Return the page."""
    rows = (
        (as_code(reason.name), as_code(reason.of_field) if reason.of_field else "", as_prose(MEANINGS[reason.name]))
        for reason in REASONS
    )
    return as_page("Reasons of the quarantine", as_prose(_INTRO), as_table(["reason", "field", "what it says"], rows))
