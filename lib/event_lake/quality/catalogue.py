"""Every measure: what it's called, what it says, and which way it gets worse."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# Of each type and hour about so many events (chosen by their event_uuid, so always the same) are read for their fields.
SAMPLED_EVENTS = 1_000
# The most frequent fields of a type in an hour have rows; a producer that sends ids as keys would have any number.
MOST_FIELDS = 100

Worse = Literal["higher", "lower", "either"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """`unit` of its values; `worse`: which of them are; None where neither is.

    `of_all`, `of_types`: whether it has rows of all types together (no event_type), and of each. `subject` says what
    that is where rows have one; `is_also_whole`: there are rows without it, too.
    """

    name: str
    unit: str
    what: str
    worse: Worse | None
    of_all: bool = True
    of_types: bool = True
    subject: str | None = None
    is_also_whole: bool = False


def _catalogue(*measures: Measure) -> MappingProxyType[str, Measure]:
    return MappingProxyType({measure.name: measure for measure in measures})


MEASURES = _catalogue(
    Measure(
        name="events",
        unit="events",
        what="arrived in raw/events; 0 for a type of the week before that didn't",
        worse="lower",
    ),
    Measure(
        name="unusual_events",
        unit="deviations",
        what="how far `events` is from the median of the same hour in the weeks before (robust z-score)",
        worse="either",
    ),
    Measure(
        name="new_type",
        unit="events",
        what="of a type that didn't come in the seven days before",
        worse="higher",
        of_all=False,
    ),
    Measure(
        name="vanished_type",
        unit="events",
        what="usual in this hour, of a type of which none came",
        worse="higher",
        of_all=False,
    ),
    Measure(
        name="completeness",
        unit="share",
        what="of what was sent as JSON objects, with the field (not null); optional fields: of events, by the sample",
        worse="lower",
        subject="event_uuid, event_name, created_at, event_subtype, or a field of nearly all types",
    ),
    Measure(
        name="valid_format",
        unit="share",
        what="of the field's values as sent, in the form that the raw layer reads",
        worse="lower",
        of_types=False,
        subject="event_uuid, event_name or created_at",
    ),
    Measure(
        name="created_before_arrival",
        unit="share",
        what="of events, whose created_at isn't later than their arrival",
        worse="lower",
    ),
    Measure(
        name="quarantined",
        unit="share",
        what="of events and quarantined records; a record counts for each of its reasons",
        worse="higher",
        of_types=False,
        subject="reason",
        is_also_whole=True,
    ),
    Measure(
        name="duplicates",
        unit="share",
        what="of records read that the raw layer dropped as copies, by the ledger (batches that ended in the hour)",
        worse="higher",
        of_types=False,
    ),
    Measure(
        name="conflicts",
        unit="share",
        what="of events, that are in staging/conflicts",
        worse="higher",
    ),
    Measure(
        name="lateness",
        unit="seconds",
        what="from created_at to arrival; percentiles within 1 %",
        worse="higher",
        subject="p50, p95, p99 or max",
    ),
    Measure(
        name="ingest_latency",
        unit="seconds",
        what="from arrival to the beginning of the batch that took it; percentiles within 1 %",
        worse="higher",
        of_types=False,
        subject="p50, p95, p99 or max",
    ),
    Measure(
        name="newest_arrival",
        unit="Unix seconds",
        what="of the hour's events",
        worse=None,
    ),
    Measure(
        name="freshness",
        unit="seconds",
        what="since the newest arrival, when check_quality runs; not in the table",
        worse="higher",
    ),
    Measure(
        name="field_presence",
        unit="share",
        what="of events that have the field, also if null; detail: its JSON types; by the sample",
        worse=None,
        of_all=False,
        subject="field at the top of the payload",
    ),
    Measure(
        name="unlisted_fields",
        unit="fields",
        what=f"beyond the {MOST_FIELDS} most frequent ones, which aren't listed; by the sample",
        worse="higher",
        of_all=False,
    ),
    Measure(
        name="unread_payloads",
        unit="share",
        what="of events whose fields can't be listed, as an object in them has a key twice; by the sample",
        worse="higher",
        of_all=False,
    ),
    Measure(
        name="new_field",
        unit="share",
        what="of events with a field that isn't in the contract or, without one, didn't come in the seven days before",
        worse="higher",
        of_all=False,
        subject="field",
    ),
    Measure(
        name="vanished_field",
        unit="share",
        what="of events that had a field on the newest day before of which no event has it (1 if it's required)",
        worse="higher",
        of_all=False,
        subject="field",
    ),
    Measure(
        name="changed_field",
        unit="share",
        what="of events with a field that has a JSON type beyond the contract's or the week's, which detail names",
        worse="higher",
        of_all=False,
        subject="field",
    ),
    Measure(
        name="null_share",
        unit="share",
        what="of events without a value (not there, or null) where the column reads it; by the sample",
        worse="higher",
        of_all=False,
        subject="column of the contract",
    ),
    Measure(
        name="contract_violations",
        unit="share",
        what="of the type's events that are in staging/rejected; detail: the reason",
        worse="higher",
        of_all=False,
        subject="column, or payload where none can be named",
        is_also_whole=True,
    ),
    Measure(
        name="uuid_elsewhere",
        unit="events",
        what="whose event_uuid is in staging/events on another date or under another type, too; detail: the types",
        worse="higher",
        subject="date or event_type: what differs; partition: neither, staging holds the event twice",
        is_also_whole=True,
    ),
)
