"""Define the columns of every table and frame: the contract between the jobs, and with those who read the lake."""

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

# A receipt says what one batch read of one shard: a range of records, from `start` to `last_sequence_number`.
# - `start`: the position behind which the batch read, as the offset log has it: a sequence number, "TRIM_HORIZON"
#   (maybe with "LOST" and a time), or "AT" and a time.
# - `first_sequence_number`: the first record that was read; null if none was.
# - `last_sequence_number`: where the range ends and the shard's next one starts, even if that record has expired. It's
#   null if all there was to read had expired.
# - `records`: how many Kinesis records. `user_records`: how many rows they became, as KPL aggregates are split, and
#   lines if the user wants that.
# - `bytes`: of data. `millis_behind`: the shard's distance to its tip while it was read.
# - `calls`: to Kinesis. `throttled`: how many of them Kinesis refused as too many.
# - `hole`: the records that expired before they were read, in words; null if none did.
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
# A row of the Kinesis source. It has the columns of Databricks' source for Kinesis, and besides: `subSequenceNumber`,
# the row's place in its Kinesis record; `content`, the unpacked `data` if that was compressed, else null; and
# `receipt`. The last row of each shard and batch has its `receipt` and no `data`; in all other rows the receipt is
# null.
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

# The counts of one shard in one batch. `start` is the receipt's; the shard's next row starts at this one's
# `last_sequence_number`. In a query's first batch, and in one that read nothing at all, a shard of which nothing was
# read has a row with its position as `start` and no range. The batch read all shards at least up to the arrival time
# `read_until`. `lag_ms` is the receipt's `millis_behind`.
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

# An event type that has a partition of its own in raw/events, and the batch in which it came first.
EVENT_TYPE = StructType().add("event_type", StringType()).add("batch_id", LongType())

# A loss that ingest_raw found in a batch. `kind` is a `raw.findings.Kind`, `what` describes it in one line, and
# `found_at` tells two findings of one batch apart. An acknowledgement is the same row once more, with `acknowledged_by`
# and `acknowledged_at`.
FINDING = (
    StructType()
    .add("batch_id", LongType())
    .add("kind", StringType())
    .add("what", StringType())
    .add("found_at", TimestampType())
    .add("acknowledged_by", StringType())
    .add("acknowledged_at", TimestampType())
)

# An event that isn't in staging/events, because an event with the same date, type and event_uuid and another payload is
# there. `kept` is the place from which that one came.
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

# An event that breaks its type's contract. `reasons` name the contract's columns that it breaks. Its payload is in
# staging/events.
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

# The `value` of one measure for the events that arrived in the hour that begins at `hour`. `event_type` is null if it's
# about events of all types. `subject` is the field, column or reason that it's about, if any. `detail` adds in words
# what a number can't say.
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
