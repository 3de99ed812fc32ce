"""The fields of the events' payloads, counted in a sample: names and JSON types, no values."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from event_lake.contracts.contract import Contract
from event_lake.lake.json_columns import parse_variant
from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.frames.arrivals import is_arrived_in, measured_type
from event_lake.quality.hour.arrived import Arrivals
from event_lake.quality.hour.inventory import LONGEST_FIELD, MOST_FIELDS, SAMPLED_EVENTS, Field, Inventory

_JSON_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def make_sampling_intervals(spark: SparkSession, arrivals: Mapping[datetime, Arrivals]) -> DataFrame:
    """Return a row for each hour and type: one event in `every` is to be read, so about `SAMPLED_EVENTS` or all."""
    rows = [
        (int(hour.timestamp()), event_type, ceil(counts.events / SAMPLED_EVENTS))
        for hour, of_hour in arrivals.items()
        for event_type, counts in of_hour.of_types.items()
    ]
    return spark.createDataFrame(rows, "hour long, measured string, every long")


def take_inventory(
    events: DataFrame, hours: Collection[datetime], contracts: Collection[str], every: DataFrame
) -> DataFrame:
    """Count the fields at the top of the payloads of `events` (`schemas.EVENT`), a row for each hour, type and field.

    `every` is of `make_sampling_intervals`. A field's `events` have it, `values` of them not null, and `types` are its
    JSON types, in bits. Of the type `sampled` events were read, `unread` couldn't be, and there are `fields`, of which
    at most `MOST_FIELDS`, with names of at most `LONGEST_FIELD` characters, have rows. If an event has no field, or is
    unread, there's one row more, whose `key` is null.
    """
    chosen = (
        _sample(events, hours, contracts, every)
        # Spark hands on what is needed after the fields' rows with each of them: not the whole content, then.
        .withColumn("is_read", F.col("content").isNotNull())
    )
    of_fields = chosen.lateralJoin(events.sparkSession.tvf.variant_explode_outer(F.col("content").outer()))
    is_first = F.coalesce("pos", F.lit(0)) == 0
    by_field = (
        # In two steps: in one, Spark would find out the schema for each look at it.
        of_fields.withColumn("schema", F.schema_of_variant("value"))
        .withColumn("of_type", _json_type(F.col("schema")))
        .groupBy("hour", "measured", "key")
        .agg(
            F.count("*").alias("events"),
            F.count_if(F.col("of_type") != _bit("null")).alias("values"),
            F.bit_or("of_type").alias("types"),
            F.count_if(F.col("is_read") & is_first).alias("first"),
            F.count_if(~F.col("is_read")).alias("unread"),
        )
    )
    of_type = Window.partitionBy("hour", "measured")
    is_long = F.coalesce(F.length("key") > LONGEST_FIELD, F.lit(col=False))
    by_rank = of_type.orderBy(F.col("key").isNull(), is_long, F.col("events").desc(), "key")
    return (
        by_field.withColumns(
            {
                "rank": F.row_number().over(by_rank),
                "sampled": F.sum("first").over(of_type),
                "unread": F.sum("unread").over(of_type),
                "fields": F.count("key").over(of_type),
            }
        )
        .where(((F.col("rank") <= MOST_FIELDS) & ~is_long) | F.col("key").isNull())
        .select("hour", "measured", "key", "events", "values", "types", "sampled", "unread", "fields")
    )


def count_values_in_objects(
    events: DataFrame, hours: Collection[datetime], contracts: Mapping[str, Contract], every: DataFrame
) -> DataFrame | None:
    """Count the sampled events that have a value where columns of `contracts` lie within objects.

    Return a row for each hour, type and column that has any; None if no contract has such columns.
    """
    paths = [
        (contract.event_type, column.name, column.keys)
        for contract in contracts.values()
        for column in contract.columns
        if len(column.keys) > 1
    ]
    if not paths:
        return None
    types = sorted({event_type for event_type, _, _ in paths})
    wanted = events.sparkSession.createDataFrame(paths, "measured string, column string, keys array<string>")
    # A path in words can't name a key with both kinds of quotes.
    value = F.aggregate(
        "keys", F.col("content"), lambda at, key: F.try_variant_get(at, "$", "map<string,variant>")[key]
    )
    return (
        # Partitions of other types aren't read again.
        _sample(events.where(F.col("event_type").isin(*types, OTHER)), hours, contracts, every)
        .join(F.broadcast(wanted), "measured")
        .where(value.isNotNull() & ~F.is_variant_null(value))
        .groupBy("hour", "measured", "column")
        .agg(F.count("*").alias("values"))
    )


def group_inventories(rows: Iterable[Row], hours: Collection[datetime]) -> dict[datetime, dict[str, Inventory]]:
    """Return the inventories by hour and type, by the rows of `take_inventory`."""
    grouped: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.hour, row.measured), []).append(row)
    by_hour: dict[datetime, dict[str, Inventory]] = {hour: {} for hour in hours}
    for (hour, event_type), of_type in grouped.items():
        by_hour[hour_at(hour)][event_type] = _inventory(of_type)
    return by_hour


def group_values_in_objects(
    rows: Iterable[Row], hours: Collection[datetime]
) -> dict[datetime, dict[tuple[str, str], int]]:
    """Return the rows of `count_values_in_objects` by hour, and by type and column."""
    by_hour: dict[datetime, dict[tuple[str, str], int]] = {hour: {} for hour in hours}
    for row in rows:
        by_hour[hour_at(row.hour)][row.measured, row.column] = row["values"]
    return by_hour


def _inventory(rows: Sequence[Row]) -> Inventory:
    sampled, unread = rows[0].sampled, rows[0].unread
    fields = {
        row.key: Field(row.events / sampled, row["values"] / sampled, _types(row.types))
        for row in rows
        if row.key is not None
    }
    return Inventory(sampled, fields, unlisted=rows[0].fields - len(fields), unread=unread)


def _sample(events: DataFrame, hours: Collection[datetime], contracts: Collection[str], every: DataFrame) -> DataFrame:
    """Return the contents of some events of each hour and type: the same ones whatever files they lie in."""
    return (
        events.where(is_arrived_in(hours))
        .select(hour_of().alias("hour"), measured_type(contracts).alias("measured"), "event_uuid", "payload")
        .join(F.broadcast(every), ["hour", "measured"])
        .where(F.pmod(F.xxhash64("event_uuid"), "every") == 0)
        .select("hour", "measured", parse_variant(F.col("payload")).alias("content"))
    )


def _types(bits: int) -> frozenset[str]:
    return frozenset(name for name in _JSON_TYPES if bits & _bit(name))


def _bit(json_type: str) -> int:
    return 1 << _JSON_TYPES.index(json_type)


def _json_type(schema: Column) -> Column:
    """Return the bit of the JSON type of a variant's schema; a whole number is an integer if it's spelled as one."""
    is_integer = (schema == "BIGINT") | schema.rlike(r"\ADECIMAL\((?:19|[23][0-9]),0\)")
    return (
        F.when(schema == "STRING", _bit("string"))
        .when(schema.startswith("OBJECT"), _bit("object"))
        .when(schema.startswith("ARRAY"), _bit("array"))
        .when(schema == "VOID", _bit("null"))
        .when(schema == "BOOLEAN", _bit("boolean"))
        .when(is_integer, _bit("integer"))
        .when(schema.isNotNull(), _bit("number"))
    )
