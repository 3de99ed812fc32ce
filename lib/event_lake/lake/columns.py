"""What a row of each table is, and what each of its columns holds.

The columns themselves and their types are in `schemas`. A column within another one has both names, with a dot between.
"""

from collections.abc import Mapping

ROWS = {
    "raw/events": "Each row is an event, as it was sent; copies that came within `raw.dedup_window` were dropped.",
    "raw/quarantine": "Each row is a record that is no event, byte for byte, with all reasons why.",
    "raw/ledger": "Each row says what a micro-batch read of a shard, and what became of it. Where a query began, each"
    " shard has a row with nothing but its `start`.",
    "raw/event_types": "Each row is an event type that has a partition of its own in `raw/events`.",
    "raw/findings": "Each row is a loss that ingest_raw found. Who acknowledges it adds the same row once more, with"
    " `acknowledged_by` and `acknowledged_at`.",
    "staging/events": "Each row is an event: there is one for each `event_uuid` of a `date` and `true_event_type`.",
    "staging/conflicts": "Each row is another version of an event in `staging/events`: with the same `event_uuid`,"
    " `date` and `true_event_type`, and another payload.",
    "staging/rejected": "Each row is an event that breaks its type's contract. Its payload is in `staging/events`.",
    "quality/metrics": "Each row is one measure of the events that arrived in one hour.",
}
# Of the views (`views`).
VIEW_ROWS = {
    "events_latest": "Each row is an event in `staging/events`, in the version that was created last, and of these in"
    " the one that arrived last, whatever `staging.keep` says.",
    "quarantine_readable": "Each row is a record in `raw/quarantine`, with its bytes as text. It shows all that the"
    " table shows, personal data included.",
}
# Of the typed tables, whatever their event type.
TYPED_ROWS = "Each row is an event in `staging/events` that keeps its type's contract."

_POSITION = (
    "a sequence number, `AT` and a time, or `TRIM_HORIZON`, which is the shard's beginning (with `LOST` and a time, if"
    " what arrived before then had expired unread)"
)
RECEIPT = {
    "start": f"The position after which the range was read: {_POSITION}.",
    "records": "Kinesis' own records in the range.",
    "user_records": "The rows that they became: KPL aggregates are split, and texts with several events, if"
    " `raw.payload_split` says how.",
    "bytes": "The data of Kinesis' own records, in bytes.",
    "first_sequence_number": "The first record of the range; null if there's none.",
    "last_sequence_number": "Where the range ends, and where the shard's next one starts, also if what lay there"
    " expired; null if a hole is all there is.",
    "millis_behind": "The distance to the shard's tip when the range's end was read, in milliseconds.",
    "calls": "The calls to Kinesis that the range took.",
    "throttled": "How many of them Kinesis throttled.",
    "hole": "What of the range had expired unread; null if nothing had.",
}
# The columns that the Kinesis source gives; those before `receipt` are null in a receipt's row if it can't have them.
RECORD = {
    "data": "The record's bytes as they were sent; of an aggregate, or of a text with several events, its part.",
    "partitionKey": "The record's partition key.",
    "stream": "The stream's name.",
    "shardId": "The shard that it was read from.",
    "sequenceNumber": "The sequence number of the Kinesis record.",
    "subSequenceNumber": "The row's place in its Kinesis record; 0 where that is one row.",
    "approximateArrivalTimestamp": "When Kinesis took the record, in milliseconds.",
    "content": "What `data` holds if it is gzip that was unpacked; else null.",
    "tooManyEvents": "True if the record holds more events than `maxEventsPerRecord`: `data` is then all of it.",
    "receipt": "Null in a record's row. Each shard's range in a batch ends with a row that has no `data` but this.",
    **{f"receipt.{name}": meaning for name, meaning in RECEIPT.items()},
}

_PLACE = {
    "stream": "The stream that it was read from.",
    "shard_id": "The shard that it was read from.",
    "sequence_number": "The sequence number of its Kinesis record.",
    "sub_sequence_number": "Its place in the Kinesis record; 0 where that holds nothing else.",
    "partition_key": "The partition key that it was put with.",
    "arrived_at": "When Kinesis took it.",
}
_ORIGIN = {
    **_PLACE,
    "ingested_at": "When the micro-batch that read it began.",
    "batch_id": "The micro-batch that wrote it to the raw layer.",
}
_EVENT = {
    "event_uuid": "What tells the event from others, as sent.",
    "event_name": "Its name, as sent: one or more parts with `:` between.",
    "created_at": "When its producer created it, in Unix seconds, however that was spelled.",
    "created_datetime": "When its producer created it, as a timestamp.",
    "event_type": "The first part of `event_name`, or `__other__` if the event lies in no partition of its type.",
    "true_event_type": "The first part of `event_name` in any case.",
    "event_subtype": "The second part of `event_name`; null where there's none.",
    "payload": "Its JSON text, exactly as sent.",
    "date": "The UTC date of `created_datetime`.",
    **_ORIGIN,
}

# What each typed table begins with.
TYPED = {
    name: _EVENT[name]
    for name in (
        "event_uuid",
        "event_name",
        "event_subtype",
        "created_datetime",
        "arrived_at",
        "ingested_at",
        "date",
    )
}

MEANINGS: Mapping[str, Mapping[str, str]] = {
    "raw/events": _EVENT,
    "raw/quarantine": {
        "data": "The record's bytes, as sent.",
        "reasons": "All reasons why it's no event.",
        "event_uuid": "The field, as far as it could be read.",
        "event_name": "The field, as far as it could be read.",
        "created_at": "The field as text, as far as it could be read.",
        "date": "The UTC date of `arrived_at`.",
        **_ORIGIN,
    },
    "raw/ledger": {
        "stream": "The stream's name.",
        "shard_id": "The shard.",
        "batch_id": "The micro-batch.",
        "start": f"The position after which it was read, where the shard's row before ended: {_POSITION}.",
        "first_sequence_number": "The first Kinesis record that was read; null if none was.",
        "last_sequence_number": "Where the range ends; null if nothing was read.",
        "read": "Records that were read, those of KPL aggregates one by one: `raw` + `quarantined` + `duplicates`.",
        "raw": "Those that are events, and in `raw/events`.",
        "quarantined": "Those that are none, and in `raw/quarantine`.",
        "duplicates": "Those that are copies, and were dropped.",
        "bytes": "The data of the Kinesis records, in bytes.",
        "lag_ms": "The distance to the shard's tip when it was read, in milliseconds.",
        "hole": "What had expired unread; null if nothing had.",
        "read_until": "The batch read all shards up to this arrival time at least.",
        "ingested_at": "When the batch began.",
        "date": "The UTC date of `ingested_at`.",
    },
    "raw/event_types": {
        "event_type": "The type.",
        "batch_id": "The micro-batch in which it came first.",
    },
    "raw/findings": {
        "batch_id": "The micro-batch in which it was found.",
        "kind": "`lost`: records vanished between Kinesis and the tables; `late`: nothing of the batch was written, as"
        " Spark would have dropped it; `unchecked`: the job ended before it had checked the batch. That stops nothing.",
        "what": "What was found, in one line.",
        "found_at": "When it was found.",
        "acknowledged_by": "Who has acknowledged it; null in the row that tells of the loss.",
        "acknowledged_at": "When that was.",
    },
    "staging/events": _EVENT,
    "staging/conflicts": {
        **_EVENT,
        "kept": "Where the version in `staging/events` came from.",
        **{f"kept.{name}": meaning for name, meaning in _PLACE.items() if name != "partition_key"},
    },
    "staging/rejected": {
        "event_uuid": _EVENT["event_uuid"],
        "event_name": _EVENT["event_name"],
        "created_datetime": _EVENT["created_datetime"],
        "event_type": "The first part of `event_name`.",
        "event_subtype": _EVENT["event_subtype"],
        "reasons": "All that is wrong, in the order of the contract's columns.",
        "reasons.column": "The contract's column; null if none can be named.",
        "reasons.reason": "`missing`: required, and null or not there; `wrong_type`: not readable as the column's type;"
        " `not_allowed`: none of the allowed values; `out_of_range`: not within the bounds; `unreadable`: Spark can't"
        " read the payload.",
        "date": _EVENT["date"],
        **_ORIGIN,
    },
    "quality/metrics": {
        "measure": "Which measure.",
        "event_type": "Of which event type; null: of all of them together.",
        "subject": "The field, column or reason that it's about; null if it's about none.",
        "hour": "The hour's beginning, UTC.",
        "value": "The measure's value.",
        "detail": "What a number can't say, like the types of a field.",
        "date": "The UTC date of `hour`.",
    },
}

# By view what its columns hold.
VIEW_MEANINGS: Mapping[str, Mapping[str, str]] = {
    "events_latest": _EVENT,
    "quarantine_readable": {
        "content": "The record's bytes, in the form that `encoding` says.",
        "encoding": "`text` if the bytes are UTF-8, else `base64`.",
        **MEANINGS["raw/quarantine"],
        "reasons": "All reasons why it's no event, with `, ` between.",
    },
}
