"""Drop the copies of events that producers send again."""

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.raw.beginning import Beginning
from event_lake.raw.varying import vary_by_batch


def with_watermark(
    validated_rows: DataFrame, window: timedelta, on: str = "event_uuid", *, clock: Column | None = None
) -> DataFrame:
    """Return watermarked rows: `validated_rows` with the columns `ingested_at` and `dedup_key`.

    `ingested_at` has the watermark. It is the batch's time, or `clock` in a simulation. Rows with the same `dedup_key`
    are copies of one event: they have the same values in the columns that `on` names (`config.Raw.dedup_on`). Records
    that are no events, and receipts, have keys made of their place in the stream, so that no two share one.
    """
    key = (
        F.when(F.col("is_event"), event_key(on))
        .when(F.col("receipt").isNull(), record_key())
        .otherwise(F.concat_ws(" ", F.lit("receipt"), _position(), "receipt.hole"))
    )
    # Spark notes current_timestamp() of a batch in the offset log, so that a repeated batch sees the same time. And
    # unlike created_at no producer can move it.
    now = vary_by_batch(F.current_timestamp()) if clock is None else clock
    delay = f"{int(window.total_seconds())} seconds"
    return validated_rows.withColumns({"ingested_at": now, "dedup_key": key}).withWatermark("ingested_at", delay)


def event_key(on: str) -> Column:
    """Return the key of an event, which its copies share. `on` names the columns of the key (`config.Raw.dedup_on`)."""
    parts = [F.lit("event "), F.col("event_uuid")]
    if on == "event_uuid+payload":
        # A hash, because the state store keeps the keys.
        parts += [F.lit(" "), F.sha2("payload", 256)]
    return F.concat(*parts)


def record_key() -> Column:
    """Return the key of a record that is no event: its place in the stream, and a hash of its bytes, `data`."""
    return F.concat_ws(" ", F.lit("record"), _position(), F.md5("data"))


def _position() -> Column:
    return F.concat_ws(" ", "shard_id", "sequence_number", "sub_sequence_number")


def drop_duplicates(watermarked_rows: DataFrame) -> DataFrame:
    """Return one of the watermarked rows with each `dedup_key`, without that column.

    Of copies in several batches the first batch's is kept. Of copies in one batch that came in one shard the first is
    kept; if they came in several shards, it may be any of these shards' first copies.

    The window runs on `ingested_at`. A copy that comes within it is dropped. A later one is kept once Spark has
    forgotten the key. The watermark lies one window before the newest `ingested_at`, and Spark forgets a key once the
    watermark is one window past the first copy. So that happens about two windows after the copy, or later after a
    pause. (Spark looks a key up without testing its expiry, and evicts keys only at the end of a batch, by the
    watermark of the batches before it.)
    """
    return watermarked_rows.dropDuplicatesWithinWatermark(["dedup_key"]).drop("dedup_key")


def known_events(raw_events: DataFrame, beginning: Beginning, clock: datetime) -> DataFrame | None:
    """Return the events from before this checkpoint that a batch must not repeat, or None if there can't be any.

    They were ingested within the dedup window before `clock`, the batch's `ingested_at`, but the checkpoint's state
    store doesn't hold them. Few files are read, as Delta has statistics of `batch_id` and `ingested_at`.
    """
    edge = clock - beginning.dedup_window
    if beginning.older_until is None or beginning.older_until < edge:
        return None
    is_older = F.col("batch_id") < beginning.first_batch
    return raw_events.where(is_older & (F.col("ingested_at") >= F.lit(edge)))


def drop_known(batch: DataFrame, known: DataFrame, dedup_on: str) -> DataFrame:
    """Return the rows of `batch` (from `drop_duplicates`) without the events of which `known` has a copy.

    `dedup_on` is `config.Raw.dedup_on`. The receipts count the dropped rows as read, so the ledger counts them as
    duplicates.
    """
    key = dedup_on.split("+")
    known_keys = known.select(*(F.col(name).alias(f"known_{name}") for name in key))
    is_known = F.col("is_event")
    for name in key:
        is_known &= F.col(name) == F.col(f"known_{name}")
    return batch.join(known_keys, is_known, "left_anti")
