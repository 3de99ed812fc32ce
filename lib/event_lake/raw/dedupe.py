"""Dropping the copies that producers send again."""

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.raw.beginning import Beginning
from event_lake.raw.varying import vary_by_batch


def with_watermark(
    validated_rows: DataFrame, window: timedelta, on: str = "event_uuid", *, clock: Column | None = None
) -> DataFrame:
    """`validated_rows` with `ingested_at`, which has the watermark, and the `dedup_key` for `drop_duplicates`.

    Events are the same by `event_uuid`, or by `event_uuid+payload` (`config.Raw.dedup_on`). Records that are no events,
    and receipts, have a key of their own. `clock` is for a simulated one.
    """
    key = (
        F.when(F.col("is_event"), event_key(on))
        .when(F.col("receipt").isNull(), record_key())
        .otherwise(F.concat_ws(" ", F.lit("receipt"), _position(), "receipt.hole"))
    )
    # Spark pins current_timestamp() in the offset log, so that a replayed batch sees the same clock; and unlike
    # created_at no producer can move it.
    now = vary_by_batch(F.current_timestamp()) if clock is None else clock
    delay = f"{int(window.total_seconds())} seconds"
    return validated_rows.withColumns({"ingested_at": now, "dedup_key": key}).withWatermark("ingested_at", delay)


def event_key(on: str) -> Column:
    """By what an event with `event_uuid` and `payload` is the same as another: see `with_watermark`."""
    event = [F.lit("event "), F.col("event_uuid")]
    if on == "event_uuid+payload":
        # The state keeps what tells payloads apart, not the payloads.
        event += [F.lit(" "), F.sha2("payload", 256)]
    return F.concat(*event)


def record_key() -> Column:
    """The key of a record that is no event: where it came from, and its bytes, `data`."""
    return F.concat_ws(" ", F.lit("record"), _position(), F.md5("data"))


def _position() -> Column:
    return F.concat_ws(" ", "shard_id", "sequence_number", "sub_sequence_number")


def drop_duplicates(watermarked_rows: DataFrame) -> DataFrame:
    """One of the `with_watermark` rows with each `dedup_key`, without it.

    Of copies in several batches that is the first, within a batch any, but the first of those in one shard. The
    window runs on the ingest clock: a copy within it is dropped, one after twice of it is kept.
    """
    return watermarked_rows.dropDuplicatesWithinWatermark(["dedup_key"]).drop("dedup_key")


def known_events(raw_events: DataFrame, beginning: Beginning, clock: datetime) -> DataFrame | None:
    """The events of older batches that a batch at `clock` must not repeat: those that came within the window.

    The checkpoint's own state doesn't know them. None where there can be none. `clock` is the batch's `ingested_at`;
    both columns have statistics, so that little is read.
    """
    edge = clock - beginning.dedup_window
    if beginning.older_until is None or beginning.older_until < edge:
        return None
    is_older = F.col("batch_id") < beginning.first_batch
    return raw_events.where(is_older & (F.col("ingested_at") >= F.lit(edge)))


def drop_known(batch: DataFrame, known: DataFrame, dedup_on: str) -> DataFrame:
    """`batch` (`dedupe.drop_duplicates` rows) without the events that `known` has; what is no event passes.

    `dedup_on` as in `config.Raw`. What goes counts as duplicate, as its receipt tells that it was read.
    """
    key = dedup_on.split("+")
    seen = known.select(*(F.col(name).alias(f"known_{name}") for name in key))
    is_seen = F.col("is_event")
    for name in key:
        is_seen &= F.col(name) == F.col(f"known_{name}")
    return batch.join(seen, is_seen, "left_anti")
