"""Define the columns of every table and frame: the contract between the jobs, and with those who read the lake.

`columns` says what each column holds. docs/reference/tables.md lists both.
"""

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

# A receipt says what one batch read of one shard.
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
# A row of the Kinesis source: Databricks' columns for Kinesis, and four of ours. The last row of each shard and batch
# has its `receipt` and no `data`.
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
    .add("tooManyEvents", BooleanType())
    .add("receipt", RECEIPT)
)

# The place in the stream from which a record came.
_PLACE = (
    StructType()
    .add("stream", StringType())
    .add("shard_id", StringType())
    .add("sequence_number", StringType())
    .add("sub_sequence_number", LongType())
    .add("partition_key", StringType())
    .add("arrived_at", TimestampType())
)
# The place from which a record came, and the batch that read it.
_ORIGIN = StructType([*_PLACE, *StructType().add("ingested_at", TimestampType()).add("batch_id", LongType())])

# A record that was validated. An event has its text as `payload`. Any other record has its bytes as `data`, all
# `reasons` why it is no event, and those of its fields that could be read. A receipt's row has none of these.
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

# The value of the partition column `event_type` that all types without a partition of their own share.
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

EVENT_TYPE = StructType().add("event_type", StringType()).add("batch_id", LongType())

# `kind` is a `raw.findings.Kind`. `found_at` tells two findings of one batch apart.
FINDING = (
    StructType()
    .add("batch_id", LongType())
    .add("kind", StringType())
    .add("what", StringType())
    .add("found_at", TimestampType())
    .add("acknowledged_by", StringType())
    .add("acknowledged_at", TimestampType())
)

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

# The columns that every typed table begins with. Those of its contract follow.
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
