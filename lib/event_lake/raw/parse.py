"""Turn validated rows (`schemas.VALIDATED`) into rows of raw/events and raw/quarantine."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.schemas import EVENT, QUARANTINE


def created_datetime() -> Column:
    """Return the instant at which an event among validated rows was created, by its producer's clock."""
    return F.timestamp_micros(F.round(F.col("created_seconds") * 1_000_000).cast("long"))


def select_events(validated_rows: DataFrame) -> DataFrame:
    """Return the events among validated rows as rows of `schemas.EVENT`.

    `validated_rows` have `ingested_at` and `batch_id`, too. `event_type` becomes the true type, even if it has no
    partition of its own.
    """
    return (
        validated_rows.where("is_event")
        .withColumns(
            {
                "created_at": F.col("created_seconds"),
                "created_datetime": created_datetime(),
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
    """Return the records among validated rows that are no events as rows of `schemas.QUARANTINE`.

    `validated_rows` have `ingested_at` and `batch_id`, too.
    """
    rows = validated_rows.where("not is_event and receipt is null")
    return rows.withColumn("date", F.to_date("arrived_at")).select(*QUARANTINE.names)
