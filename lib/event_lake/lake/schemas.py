"""The columns of every table: the contract between jobs, and with those who read the lake."""

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DateType,
    DoubleType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

# What was read of a shard in one batch: `start` is the position it was read behind, as in the offset log (a sequence
# number, "TRIM_HORIZON", maybe with "LOST" and a time, or "AT" and a time); `last_sequence_number` is where the range
# ends, and where the shard's next one starts, also if what lies there expired; it's null if a hole is all there is.
# `records` are Kinesis', `user_records` the rows that they became (KPL aggregates, and lines where asked, are split),
# `bytes` of data, `millis_behind` the distance to the tip at the time of reading, `calls` to Kinesis and `throttled`
# of them, `hole` what expired unread (null without one).
RECEIPT = (
    StructType()
    .add("start", StringType())
    .add("records", LongType())
    .add("user_records", LongType())
    .add("bytes", LongType())
    .add("first_sequence_number", StringType())
    .add("last_sequence_number", StringType())
    .add("millis_behind", LongType())
    .add("calls", LongType())
    .add("throttled", LongType())
    .add("hole", StringType())
)
# What the Kinesis source gives: Databricks' columns for Kinesis, a user record's place in its Kinesis record, the
# `content` of `data` where it was compressed (else null), and the receipt that ends each shard's range.
RECORD = (
    StructType()
    .add("data", BinaryType())
    .add("partitionKey", StringType())
    .add("stream", StringType())
    .add("shardId", StringType())
    .add("sequenceNumber", StringType())
    .add("subSequenceNumber", LongType())
    .add("approximateArrivalTimestamp", TimestampType())
    .add("content", BinaryType())
    .add("receipt", RECEIPT)
)

# Where a record came from: its place in one shard.
_PLACE = (
    StructType()
    .add("stream", StringType())
    .add("shard_id", StringType())
    .add("sequence_number", StringType())
    .add("sub_sequence_number", LongType())
    .add("partition_key", StringType())
    .add("arrived_at", TimestampType())
)
# And by which batch it was read.
_ORIGIN = StructType([*_PLACE, *StructType().add("ingested_at", TimestampType()).add("batch_id", LongType())])

# What a record was judged to be. An event has its text as `payload`; what is no event has its bytes as `data`, all its
# `reasons`, and the fields that could be read; a receipt has none of it.
VALIDATED = StructType(
    [
        *StructType()
        .add("is_event", BooleanType())
        .add("data", BinaryType())
        .add("payload", StringType())
        .add("reasons", ArrayType(StringType(), containsNull=False))
        .add("event_uuid", StringType())
        .add("event_name", StringType())
        .add("created_at", StringType())
        .add("created_seconds", DoubleType()),
        *_PLACE,
        *StructType().add("receipt", RECEIPT),
    ]
)

# The partition of the event types that have none of their own.
OTHER = "__other__"

EVENT = StructType(
    [
        *StructType()
        .add("event_uuid", StringType())
        .add("event_name", StringType())
        .add("created_at", DoubleType())
        .add("created_datetime", TimestampType())
        .add("event_type", StringType())
        .add("true_event_type", StringType())
        .add("event_subtype", StringType())
        .add("payload", StringType())
        .add("date", DateType()),
        *_ORIGIN,
    ]
)

QUARANTINE = StructType(
    [
        *StructType()
        .add("data", BinaryType())
        .add("reasons", ArrayType(StringType(), containsNull=False))
        .add("event_uuid", StringType())
        .add("event_name", StringType())
        .add("created_at", StringType())
        .add("date", DateType()),
        *_ORIGIN,
    ]
)

# One shard of one batch. `start` as in the receipt; the next row of the shard starts at this one's
# `last_sequence_number`. Where a query began there is a row for each shard with nothing but its `start`. The batch read
# all shards up to the arrival time `read_until` at least.
LEDGER = (
    StructType()
    .add("stream", StringType())
    .add("shard_id", StringType())
    .add("batch_id", LongType())
    .add("start", StringType())
    .add("first_sequence_number", StringType())
    .add("last_sequence_number", StringType())
    .add("read", LongType())
    .add("raw", LongType())
    .add("quarantined", LongType())
    .add("duplicates", LongType())
    .add("bytes", LongType())
    .add("lag_ms", LongType())
    .add("hole", StringType())
    .add("read_until", TimestampType())
    .add("ingested_at", TimestampType())
    .add("date", DateType())
)

# The types that have partitions of their own in raw/events, in the order in which they came.
EVENT_TYPE = StructType().add("event_type", StringType()).add("batch_id", LongType())

# A loss that ingest_raw found in a batch, `what` in one line; `kind` is `raw.findings.Kind`'s. `found_at` tells two of
# one batch apart. Who acknowledges it adds the same row once more, with `acknowledged_by` and `acknowledged_at`.
FINDING = (
    StructType()
    .add("batch_id", LongType())
    .add("kind", StringType())
    .add("what", StringType())
    .add("found_at", TimestampType())
    .add("acknowledged_by", StringType())
    .add("acknowledged_at", TimestampType())
)

# An event whose event_uuid is in staging/events on its date, under its type, with another payload; `kept` is where that
# came from.
CONFLICT = StructType(
    [
        *EVENT,
        *StructType().add(
            "kept",
            StructType()
            .add("stream", StringType())
            .add("shard_id", StringType())
            .add("sequence_number", StringType())
            .add("sub_sequence_number", LongType())
            .add("arrived_at", TimestampType()),
        ),
    ]
)

# An event that breaks its type's contract: `reasons` by column of the contract. Its payload is in staging/events.
REJECTED = StructType(
    [
        *StructType()
        .add("event_uuid", StringType())
        .add("event_name", StringType())
        .add("created_datetime", TimestampType())
        .add("event_type", StringType())
        .add("event_subtype", StringType())
        .add(
            "reasons",
            ArrayType(StructType().add("column", StringType()).add("reason", StringType()), containsNull=False),
        )
        .add("date", DateType()),
        *_ORIGIN,
    ]
)

# What a typed table holds of each event before its contract's own columns.
TYPED = (
    StructType()
    .add("event_uuid", StringType())
    .add("event_name", StringType())
    .add("event_subtype", StringType())
    .add("created_datetime", TimestampType())
    .add("arrived_at", TimestampType())
    .add("ingested_at", TimestampType())
    .add("date", DateType())
)

# One measure of the events that arrived in the hour from `hour` on, of one event type (null: of all of them together);
# `subject` is the field, column or reason that it is about, if it's about one, and `detail` what a number can't say.
METRIC = (
    StructType()
    .add("measure", StringType())
    .add("event_type", StringType())
    .add("subject", StringType())
    .add("hour", TimestampType())
    .add("value", DoubleType())
    .add("detail", StringType())
    .add("date", DateType())
)
