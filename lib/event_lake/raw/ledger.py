"""The ledger: what became of every record that a batch read from a shard."""

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from event_lake.schemas import LEDGER


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Records of one batch or many; `read` = `raw` + `quarantined` + `duplicates`."""

    read: int = 0
    raw: int = 0
    quarantined: int = 0
    duplicates: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            read=self.read + other.read,
            raw=self.raw + other.raw,
            quarantined=self.quarantined + other.quarantined,
            duplicates=self.duplicates + other.duplicates,
        )

    def __str__(self) -> str:
        return (
            f"{self.read:,} records read = {self.raw:,} raw + {self.duplicates:,} duplicates"
            f" + {self.quarantined:,} quarantined"
        )


def entries(batch: DataFrame) -> DataFrame:
    """The ledger's rows (`schemas.LEDGER`) of a deduplicated batch: one for each of its receipts."""
    by_shard = batch.groupBy("stream", "shard_id", "batch_id").agg(
        F.max("receipt").alias("receipt"),
        F.count_if("is_event").alias("raw"),
        F.count_if(F.expr("not is_event and receipt is null")).alias("quarantined"),
        F.max("ingested_at").alias("ingested_at"),
    )
    return by_shard.select(
        "*",
        F.col("receipt.first_sequence_number"),
        F.col("receipt.last_sequence_number"),
        F.col("receipt.user_records").alias("read"),
        (F.col("receipt.user_records") - F.col("raw") - F.col("quarantined")).alias("duplicates"),
        F.col("receipt.bytes"),
        F.col("receipt.millis_behind").alias("lag_ms"),
        F.col("receipt.hole"),
        F.to_date("ingested_at").alias("date"),
    ).select(*LEDGER.names)


def totals(rows: Iterable[Row]) -> Totals:
    """The sums over ledger rows. Without a receipt, nothing is known of duplicates: read is what came."""
    return sum((_totals_of(row) for row in rows), Totals())


def _totals_of(row: Row) -> Totals:
    read = row.raw + row.quarantined if row.read is None else row.read
    return Totals(read=read, raw=row.raw, quarantined=row.quarantined, duplicates=row.duplicates or 0)
