"""From Kinesis records to judged rows: what a record says, and every reason why it is no event.

All of it is Spark's own expressions. A first look, of one parse, tells nearly every event for what it is. What it
leaves open, good or bad, is looked at again, at length.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.config import Raw
from event_lake.raw import contract
from event_lake.raw.contract import FIELDS
from event_lake.raw.second_look import second_look
from event_lake.raw.strict_json import first_look, framed, is_object, trimmed
from event_lake.schemas import EVENT, QUARANTINE


def judged(records: DataFrame, rules: Raw) -> DataFrame:
    """One row for each row of `records` (`schemas.RECORD`), saying what it is and what it holds.

    An event has no `reasons` and its text as `payload`; a record that is no event has them all and its bytes as
    `data`, and whatever fields could be read; a receipt has neither. Of a key that comes twice in an event the last
    counts. No record can fail the query.
    """
    looked_at = records.transform(_looked_at, rules).transform(_looked_at_again, rules)
    is_event = F.col("is_common") | F.coalesce(F.size("again.reasons") == 0, F.expr("false"))
    return looked_at.withColumn("is_event", is_event).select(
        "is_event",
        F.when(~F.col("is_event"), F.col("data")).alias("data"),
        F.when(F.col("is_event"), _text()).alias("payload"),
        F.coalesce("again.reasons", F.array().cast("array<string>")).alias("reasons"),
        *(_seen("is_common", f"first.{name}", f"again.{name}").alias(name) for name in FIELDS),
        F.when(F.col("is_event"), _seen("is_common", "seconds", "again.seconds")).alias("created_seconds"),
        "stream",
        F.col("shardId").alias("shard_id"),
        F.col("sequenceNumber").alias("sequence_number"),
        F.col("subSequenceNumber").alias("sub_sequence_number"),
        F.col("partitionKey").alias("partition_key"),
        F.col("approximateArrivalTimestamp").alias("arrived_at"),
        "receipt",
    )


def events(judged_rows: DataFrame) -> DataFrame:
    """The events among judged rows that have `ingested_at` and `batch_id`, in `schemas.EVENT`'s columns.

    `event_type` is the true one, whether or not it has a partition of its own.
    """
    return (
        judged_rows.where("is_event")
        .withColumns(
            {
                "created_at": F.col("created_seconds"),
                "created_datetime": F.timestamp_micros(F.round(F.col("created_seconds") * 1_000_000).cast("long")),
                "name_parts": F.split("event_name", ":"),
            }
        )
        .withColumns(
            {
                "event_type": F.get("name_parts", F.lit(0)),
                "true_event_type": F.get("name_parts", F.lit(0)),
                "event_subtype": F.get("name_parts", F.lit(1)),
                "date": F.to_date("created_datetime"),
            }
        )
        .select(*EVENT.names)
    )


def quarantined(judged_rows: DataFrame) -> DataFrame:
    """The complement of `events` among judged rows, receipts aside, in `schemas.QUARANTINE`'s columns."""
    rows = judged_rows.where("not is_event and receipt is null")
    return rows.withColumn("date", F.to_date("arrived_at")).select(*QUARANTINE.names)


def _looked_at(records: DataFrame, rules: Raw) -> DataFrame:
    """With `first`, what a first look read, and its `seconds`; `is_common`: whether it's an event beyond doubt.

    One step, one column: Spark evaluates what a step below gives once, and compiles all but the parse itself.
    """
    is_common = (
        is_object(F.col("first"))
        & ~contract.is_in_future(F.col("seconds"), _arrived_at(), rules)
        & ~contract.is_too_old(F.col("seconds"), _arrived_at(), rules)
        & contract.is_common_uuid(F.col("first.event_uuid"))
        & contract.is_common_name(F.col("first.event_name"), rules)
        & F.is_valid_utf8("framed")
    )
    small = F.when(F.octet_length(_text()) <= rules.max_payload_bytes, _text())
    return (
        records.withColumn("trimmed", trimmed(small))
        .withColumn("framed", framed(F.col("trimmed")))
        .withColumn("first", first_look(F.col("framed"), FIELDS, max_depth=rules.max_depth))
        .withColumn("number", contract.number_in(F.col("first.created_at")))
        .withColumn("seconds", contract.seconds_in(F.col("number"), rules))
        .withColumn("is_common", F.coalesce(is_common, F.expr("false")))
    )


def _looked_at_again(looked_at: DataFrame, rules: Raw) -> DataFrame:
    """With `again`, what a second look says of what isn't a common event; null for the others, and for receipts."""
    is_open = ~F.col("is_common") & F.col("receipt").isNull()
    again = second_look(_text(), is_object(F.col("first")), _arrived_at(), rules)
    return looked_at.withColumn("again", F.when(is_open, again))


def _text() -> Column:
    """The record's bytes, unpacked, as a string, valid UTF-8 or not; costs nothing."""
    return F.coalesce("content", "data").cast("string")


def _arrived_at() -> Column:
    return F.col("approximateArrivalTimestamp")


def _seen(condition: str, then: str, otherwise: str) -> Column:
    return F.when(F.col(condition), F.col(then)).otherwise(F.col(otherwise))
