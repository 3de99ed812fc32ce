"""docs/reference/reasons.md: why a record is quarantined, from the judge's reasons."""

from event_lake.events.reasons import REASONS
from tools.reference.markdown import as_code, as_page, as_prose, as_table

_INTRO = """
A record that is no event is in raw/quarantine, byte for byte, with all `reasons` that apply. An event is one JSON
object (RFC 8259, with nothing before or after it) that has `event_uuid`, `event_name` and `created_at`. Of a key that
comes twice the last counts. Of what is no such object, or too deep, the fields aren't looked at.
"""


def make_page() -> str:
    """Return the page."""
    rows = (
        (as_code(reason.name), as_code(reason.field) if reason.field else "", as_prose(reason.meaning))
        for reason in REASONS
    )
    return as_page("Reasons of the quarantine", as_prose(_INTRO), as_table(["reason", "field", "what it says"], rows))
