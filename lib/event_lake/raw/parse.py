"""From Kinesis records to judged rows: what a record says, and every reason why it is no event.

All of it is Spark's own expressions, and the payload is parsed once.
"""

from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.schemas import EVENT, QUARANTINE

_FIELDS = ("event_uuid", "event_name", "created_at")

# JSON as RFC 8259 has it; Spark's reader is more generous by default.
_STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_NAME_PART = "[A-Za-z0-9_.-]{1,100}"
# `$` would let a line break pass at the end; Hive's and our own names of partitions begin with "__".
_EVENT_NAME = rf"^(?!__){_NAME_PART}(:{_NAME_PART})*\z"
_NUMBER_AS_TEXT = r"^-?[0-9]{1,15}([.][0-9]{1,9})?\z"

# Seconds up to here are before the year 5138, milliseconds from here on are after March 1973.
_FIRST_MILLISECONDS = 1e11
# Beyond this no number is a time: in milliseconds it's the year 5138.
_LAST_CREATED_AT = 1e14


@dataclass(frozen=True, kw_only=True)
class EventRules:
    """What is plausible: how far `created_at` may lie ahead of the arrival, and behind it."""

    max_future: timedelta
    max_age: timedelta


def judged(records: DataFrame, rules: EventRules) -> DataFrame:
    """One row for each row of `records` (`schemas.RECORD`), saying what it is and what it holds.

    An event has no `reasons` and its text as `payload`; a record that is no event has them all and its bytes as
    `data`, and whatever fields could be read; a receipt has neither.
    """
    read = records.transform(_parsed).transform(_read).withColumn("reasons", _reasons(rules))
    is_event = F.col("receipt").isNull() & (F.size("reasons") == 0)
    return read.withColumn("is_event", is_event).select(
        "is_event",
        F.when(~F.col("is_event"), F.col("data")).alias("data"),
        F.when(F.col("is_event"), _text()).alias("payload"),
        "reasons",
        "event_uuid",
        "event_name",
        F.col("created_at_text").alias("created_at"),
        F.when(F.col("is_event"), F.col("created_seconds")).alias("created_seconds"),
        "stream",
        F.col("shardId").alias("shard_id"),
        F.col("sequenceNumber").alias("sequence_number"),
        F.col("subSequenceNumber").alias("sub_sequence_number"),
        F.col("partitionKey").alias("partition_key"),
        F.col("approximateArrivalTimestamp").alias("arrived_at"),
        "receipt",
    )


def events(judged_rows: DataFrame) -> DataFrame:
    """The events among judged rows that have `ingested_at` and `batch_id`, in `schemas.EVENT`'s columns."""
    name_parts = F.split("event_name", ":")
    return (
        judged_rows.where("is_event")
        .withColumns(
            {
                "created_at": F.col("created_seconds"),
                "created_datetime": F.timestamp_micros(F.round(F.col("created_seconds") * 1_000_000).cast("long")),
                "event_type": F.get(name_parts, F.lit(0)),
                "event_subtype": F.get(name_parts, F.lit(1)),
            }
        )
        .withColumn("date", F.to_date("created_datetime"))
        .select(*EVENT.names)
    )


def quarantined(judged_rows: DataFrame) -> DataFrame:
    """The complement of `events` among judged rows, receipts aside, in `schemas.QUARANTINE`'s columns."""
    rows = judged_rows.where("not is_event and receipt is null")
    return rows.withColumn("date", F.to_date("arrived_at")).select(*QUARANTINE.names)


def _parsed(records: DataFrame) -> DataFrame:
    """With `json`: the three fields of the record's object as variants, or null."""
    # Spark stops reading at the end of the first value and ignores what follows it: `{"a":1}{"b":2}` would pass
    # for one event. With an element behind it that holds what no producer can know, the record's sequence
    # number, a text passes only if it is one JSON value: less, and that element is out of reach; more, and there
    # are more than two.
    framed = F.concat(F.lit("["), _text(), F.lit(',{"end":"'), F.col("sequenceNumber"), F.lit('"}]'))
    schema = "array<struct<" + ",".join(f"{name}:variant" for name in _FIELDS) + ",end:string>>"
    return records.withColumn("framed", F.from_json(framed, schema, _STRICT)).withColumn(
        "json",
        F.when(
            (F.size("framed") == 2) & (F.get("framed", F.lit(1))["end"] == F.col("sequenceNumber")),
            F.get("framed", F.lit(0)),
        ),
    )


def _read(parsed: DataFrame) -> DataFrame:
    """With each field's value and JSON type (`event_uuid`, `event_uuid_type`, …), and `created_seconds`."""
    number = F.when(
        F.col("created_at_type") == "STRING",
        F.when(F.col("created_at_text").rlike(_NUMBER_AS_TEXT), F.col("created_at_text").try_cast("double")),
    ).when(~_has_no_number(), F.expr("try_variant_get(json.created_at, '$', 'double')"))
    seconds = F.when(F.abs("created_number") >= _FIRST_MILLISECONDS, F.col("created_number") / 1000).otherwise(
        F.col("created_number")
    )
    return (
        parsed.withColumns(
            {
                **{f"{name}_type": F.expr(f"schema_of_variant(json.{name})") for name in _FIELDS},
                "event_uuid": F.expr("try_variant_get(json.event_uuid, '$', 'string')"),
                "event_name": F.expr("try_variant_get(json.event_name, '$', 'string')"),
                "created_at_text": F.expr("try_variant_get(json.created_at, '$', 'string')"),
            }
        )
        .withColumn("created_number", number)
        .withColumn("created_seconds", F.when(F.abs("created_number") < _LAST_CREATED_AT, seconds))
    )


def _reasons(rules: EventRules) -> Column:
    """Every reason why a record is no event; empty for events, and for receipts."""
    is_object = F.col("json").isNotNull()
    arrived = F.col("approximateArrivalTimestamp").cast("double")
    created = F.col("created_seconds")
    checks = {
        **{f"missing_{name}": is_object & _is_missing(name) for name in _FIELDS},
        "wrong_type_event_uuid": ~_is_missing("event_uuid") & (F.col("event_uuid_type") != "STRING"),
        "wrong_type_event_name": ~_is_missing("event_name") & (F.col("event_name_type") != "STRING"),
        "wrong_type_created_at": _has_no_number(),
        "malformed_event_name": (F.col("event_name_type") == "STRING") & ~F.col("event_name").rlike(_EVENT_NAME),
        "unreadable_created_at": ~_is_missing("created_at") & ~_has_no_number() & created.isNull(),
        "created_at_in_future": created > arrived + rules.max_future.total_seconds(),
        "created_at_too_old": created < arrived - rules.max_age.total_seconds(),
    }
    of_content = [F.when(holds, F.lit(reason)) for reason, holds in checks.items()]
    # Text first: Spark compiles concat_ws, which drops nulls, but interprets array_compact and all below it.
    found = F.concat_ws(" ", _reason_of_form(), *of_content)
    is_none = F.col("receipt").isNotNull() | (found == "")
    return F.when(is_none, F.array().cast("array<string>")).otherwise(F.split(found, " "))


def _text() -> Column:
    """The record's bytes as a string, valid UTF-8 or not; costs nothing."""
    return F.col("data").cast("string")


def _is_missing(name: str) -> Column:
    absent = F.col(f"{name}_type").isNull() | (F.col(f"{name}_type") == "VOID")
    return absent | F.col(name).eqNullSafe("") if name == "event_uuid" else absent


def _has_no_number() -> Column:
    """Whether `created_at` is of a JSON type that never is a time."""
    return F.col("created_at_type").rlike("^(BOOLEAN|OBJECT|ARRAY)")


def _reason_of_form() -> Column:
    """Why the bytes aren't one JSON object, or null. Parses again, for such records only."""
    text = _text()
    one_value = F.from_json(
        F.concat(F.lit("["), text, F.lit(',"'), F.col("sequenceNumber"), F.lit('"]')),
        "array<variant>",
        _STRICT,
    )
    is_one_value = (F.size(one_value) == 2) & (F.get(one_value, F.lit(1)).cast("string") == F.col("sequenceNumber"))
    begins_with_an_object = F.from_json(text, "struct<_corrupt_record:string>", _STRICT)
    return (
        F.when(~F.is_valid_utf8(text), F.lit("not_utf8"))
        .when(F.col("json").isNotNull(), F.lit(None))
        .when(is_one_value, F.lit("not_an_object"))
        .when(
            begins_with_an_object.isNotNull() & begins_with_an_object["_corrupt_record"].isNull(),
            F.lit("trailing_data"),
        )
        .otherwise(F.lit("not_json"))
    )
