"""Whether the raw layer's tables still stand: an empty one must not take the place of one that held rows."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.errors import DataLossError
from event_lake.lake import layout, tables
from event_lake.lake.storage_errors import PUT_BACK

# The ledger's count of each table's rows.
_COUNTED = {layout.RAW_EVENTS: "raw", layout.QUARANTINE: "quarantined"}


def refuse_missing_tables(spark: SparkSession, root: str, *, has_begun: bool) -> None:
    """Raise DataLossError, saying what it held, if a table is gone that held rows.

    `has_begun`: whether there's a checkpoint with a batch. Without one, a lake without ledger and without rows is a new
    one.
    """
    if not tables.exists(spark, root, layout.LEDGER):
        if has_begun or any(_has_rows(spark, root, table) for table in _COUNTED):
            raise DataLossError(f"{layout.LEDGER.path(root)} is gone, and with it what every batch read; {PUT_BACK}")
        return
    if not tables.exists(spark, root, layout.EVENT_TYPES) and _has_rows(spark, root, layout.RAW_EVENTS):
        raise DataLossError(f"{layout.EVENT_TYPES.path(root)} is gone: it held the types with partitions; {PUT_BACK}")
    for table, counted in _COUNTED.items():
        if not tables.exists(spark, root, table) and (held := _held(spark, root, counted)):
            raise DataLossError(f"{table.path(root)} is gone: {held}; {PUT_BACK}")


def _has_rows(spark: SparkSession, root: str, table: layout.Table) -> bool:
    return tables.exists(spark, root, table) and not tables.read(spark, root, table).isEmpty()


def _held(spark: SparkSession, root: str, counted: str) -> str | None:
    """What the ledger says that a table held; None if nothing."""
    ledger = tables.read(spark, root, layout.LEDGER).where(F.col(counted) > 0)
    [found] = ledger.agg(F.sum(counted), F.min("batch_id"), F.max("batch_id")).collect()
    rows, first, last = found
    return f"by the ledger it held {rows:,} rows of the batches {first} to {last}" if rows else None
