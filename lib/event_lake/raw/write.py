"""Writing a deduplicated batch to its three tables, each exactly once."""

from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from event_lake import tables
from event_lake.errors import DataLossError
from event_lake.raw.ledger import Totals, entries, totals
from event_lake.raw.parse import events, quarantined
from event_lake.schemas import LEDGER


@dataclass(frozen=True)
class RawWriter:
    """Writes batches of `dedupe.deduplicated` rows for the query with the id `query_id`.

    Without receipts, which only our own source gives, the ledger says what came, but not what was read.
    """

    root: str
    query_id: str
    has_receipts: bool = True

    def write(self, rows: DataFrame, batch_id: int) -> Totals:
        """Events to raw, the rest to quarantine, the count to the ledger; a replay completes what a crash left.

        The ledger comes last, so that a batch in it is a batch that is written. Raises DataLossError, before
        anything is written, if more rows came than the receipts say were read.
        """
        batch = rows.withColumn("batch_id", F.lit(batch_id).cast("long")).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            with tables.adaptive(rows.sparkSession):
                return self._write(batch, batch_id)
        finally:
            batch.unpersist()

    def _write(self, batch: DataFrame, batch_id: int) -> Totals:
        entered = entries(batch).collect()
        for row in entered:
            if self.has_receipts and (row.read is None or row.duplicates < 0):
                raise DataLossError(f"the ledger doesn't balance: batch {batch_id}, shard {row.shard_id}: {row}")
        counted = totals(entered)
        if counted.raw:
            by_partition = events(batch).hint("rebalance", *tables.RAW_EVENTS.partitioned_by)
            self._append(by_partition, tables.RAW_EVENTS, batch_id)
        if counted.quarantined:
            self._append(quarantined(batch).coalesce(1), tables.QUARANTINE, batch_id)
        if entered:
            ledger = batch.sparkSession.createDataFrame(entered, LEDGER).coalesce(1)
            self._append(ledger, tables.LEDGER, batch_id)
        return counted

    def _append(self, rows: DataFrame, table: tables.Table, batch_id: int) -> None:
        tables.append_once(rows, self.root, table, writer=self.query_id, batch_id=batch_id)
