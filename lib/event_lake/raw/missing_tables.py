"""Refuse to start when a table of the raw layer is gone: it would be made anew, empty, which hides what is lost."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.errors import DataLossError
from event_lake.lake import layout, tables
from event_lake.lake.storage_errors import PUT_BACK

# For each table, the column of the ledger that counts its rows.
_COUNTED = {layout.RAW_EVENTS: "raw", layout.QUARANTINE: "quarantined"}


def refuse_missing_tables(spark: SparkSession, root: str, *, has_begun: bool) -> None:
    """Raise DataLossError if a table is gone that held rows; the message says which rows.

    `has_begun` is True if the checkpoint has a batch. If it has none, a lake without ledger and without rows is new,
    and nothing is wrong.
    """
    if not tables.exists(spark, root, layout.LEDGER):
        if has_begun or any(_has_rows(spark, root, table) for table in _COUNTED):
            raise DataLossError(f"{layout.LEDGER.path(root)} is gone, and with it what every batch read; {PUT_BACK}")
        return
    if not tables.exists(spark, root, layout.EVENT_TYPES) and _has_rows(spark, root, layout.RAW_EVENTS):
        raise DataLossError(f"{layout.EVENT_TYPES.path(root)} is gone: it held the types with partitions; {PUT_BACK}")
    for table, counted in _COUNTED.items():
        if not tables.exists(spark, root, table) and (held := _describe_held(spark, root, counted)):
            raise DataLossError(f"{table.path(root)} is gone: {held}; {PUT_BACK}")


def _has_rows(spark: SparkSession, root: str, table: layout.Table) -> bool:
    return tables.exists(spark, root, table) and not tables.read(spark, root, table).isEmpty()


def _describe_held(spark: SparkSession, root: str, counted: str) -> str | None:
    """Return which rows the ledger counts in its column `counted`, in words, or None if it counts none."""
    ledger = tables.read(spark, root, layout.LEDGER).where(F.col(counted) > 0)
    [sums] = ledger.agg(F.sum(counted), F.min("batch_id"), F.max("batch_id")).collect()
    rows, first, last = sums
    return f"by the ledger it held {rows:,} rows of the batches {first} to {last}" if rows else None
