"""Judged rows (`schemas.VALIDATED`) become the rows of the tables."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from event_lake.lake.schemas import EVENT, QUARANTINE


def select_events(validated_rows: DataFrame) -> DataFrame:
    """The events among judged rows that have `ingested_at` and `batch_id`, in `schemas.EVENT`'s columns.

    `event_type` is the true one, whether or not it has a partition of its own.
    """
    return (
        validated_rows.where("is_event")
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


def select_quarantined(validated_rows: DataFrame) -> DataFrame:
    """The complement of `events` among judged rows, receipts aside, in `schemas.QUARANTINE`'s columns."""
    rows = validated_rows.where("not is_event and receipt is null")
    return rows.withColumn("date", F.to_date("arrived_at")).select(*QUARANTINE.names)
