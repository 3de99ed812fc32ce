"""One row per event, whatever raw holds."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window


def first_arrivals(raw_events: DataFrame) -> DataFrame:
    """Of the rows with one `event_uuid` in a (date, event_type), the one that arrived first; same columns.

    Ties go to the lowest sequence number: numbers of any length, so the shorter text is the lower number.
    """
    same_event = Window.partitionBy("date", "event_type", "event_uuid")
    by_arrival = same_event.orderBy("arrived_at", F.length("sequence_number"), "sequence_number", "sub_sequence_number")
    return raw_events.withColumn("rank", F.row_number().over(by_arrival)).where("rank = 1").drop("rank")
