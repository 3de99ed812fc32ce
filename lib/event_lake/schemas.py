"""The columns of every table: the contract between jobs, and with those who read the lake."""

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DateType,
    DoubleType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

# What was read of a shard in one batch: `records` are Kinesis', `user_records` what they hold after KPL aggregates are
# split, `bytes` of data, `millis_behind` the distance to the tip at the time of reading, `calls` to Kinesis and
# `throttled` of them, `hole` what expired unread (null without one).
RECEIPT = (
    StructType()
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
# What the Kinesis source gives: Databricks' columns for Kinesis, a user record's place in its KPL aggregate, and the
# receipt that ends each shard's range.
RECORD = (
    StructType()
    .add("data", BinaryType())
    .add("partitionKey", StringType())
    .add("stream", StringType())
    .add("shardId", StringType())
    .add("sequenceNumber", StringType())
    .add("subSequenceNumber", LongType())
    .add("approximateArrivalTimestamp", TimestampType())
    .add("receipt", RECEIPT)
)

# Where a row came from: one record of one shard, read by one batch.
_ORIGIN = (
    StructType()
    .add("stream", StringType())
    .add("shard_id", StringType())
    .add("sequence_number", StringType())
    .add("sub_sequence_number", LongType())
    .add("partition_key", StringType())
    .add("arrived_at", TimestampType())
    .add("ingested_at", TimestampType())
    .add("batch_id", LongType())
)

EVENT = StructType(
    [
        *StructType()
        .add("event_uuid", StringType())
        .add("event_name", StringType())
        .add("created_at", DoubleType())
        .add("created_datetime", TimestampType())
        .add("event_type", StringType())
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
    .add("first_sequence_number", StringType())
    .add("last_sequence_number", StringType())
    .add("read", LongType())
    .add("raw", LongType())
    .add("quarantined", LongType())
    .add("duplicates", LongType())
    .add("bytes", LongType())
    .add("lag_ms", LongType())
    .add("hole", StringType())
    .add("ingested_at", TimestampType())
    .add("date", DateType())
)
