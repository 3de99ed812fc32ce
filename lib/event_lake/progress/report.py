"""Make the report of a batch from Spark's progress event and from the counts of its writer. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from event_lake.lake.ledger import Totals, Written


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """A batch that Spark has committed.

    It began at `began` (UTC) and took `seconds`, among them `planning_seconds` to find its end, and `writing_seconds`
    to read and write it. `totals` and `known` are the writer's counts (`Written`). The state store dropped `dropped`
    rows as duplicates (None without deduplication), and `late` rows as behind the watermark.

    The other counts come from receipts: the rows in which the source says what it read of each shard. It read
    `received` events of `shards` shards, which came in `records` Kinesis records with `bytes` of data. That took
    `calls` calls, of which Kinesis refused `throttled`. `lag_ms` is the largest number of milliseconds that the batch
    was behind the newest record of a shard. In `holes` shards records had expired unread.
    """

    batch_id: int
    began: datetime
    seconds: float
    planning_seconds: float = 0.0
    writing_seconds: float = 0.0
    totals: Totals
    known: int = 0
    dropped: int | None = None
    late: int = 0
    received: int = 0
    shards: int = 0
    records: int = 0
    bytes: int = 0
    calls: int = 0
    throttled: int = 0
    holes: int = 0
    lag_ms: int | None = None
    state_rows_added: int = 0
    state_rows_removed: int = 0
    state_memory_bytes: int = 0
    state_disk_bytes: int = 0

    @property
    def ended(self) -> datetime:
        """Return the time at which Spark had committed the batch."""
        return self.began + timedelta(seconds=self.seconds)

    @property
    def events_per_second(self) -> float:
        """Return the records read per second of the whole batch, from planning to commit."""
        return self.totals.read / self.seconds if self.seconds else 0.0

    @property
    def imbalance(self) -> int | None:
        """Return how many of the ledger's duplicates nobody dropped; None without deduplication.

        If it is more than 0, so many records vanished. It is less than 0 if Spark ran tasks again, and counted the rows
        that they dropped again.
        """
        if self.dropped is None:
            return None
        return self.totals.duplicates - self.known - self.dropped


def is_of_batch(event: Mapping[str, Any], batch_id: int) -> bool:
    """True if a progress event is about this batch, and the batch has run.

    An idle trigger's event has the number of the next batch, but figures of the last one.
    """
    return bool(event["batchId"] == batch_id and "addBatch" in event["durationMs"])


def make_report(event: Mapping[str, Any], written: Written, *, first_batch: int = 0) -> BatchReport:
    """Return the report of a batch. `event` is the JSON of Spark's StreamingQueryProgress of it.

    `first_batch` is the number of Spark's batch 0 in the ledger.
    """
    durations, states = event["durationMs"], event["stateOperators"]
    receipts = _receipts(event)
    lags = [receipt["millis_behind"] for receipt in receipts]

    def state(name: str) -> int:
        return sum(operator[name] for operator in states)

    def custom(name: str) -> int:
        return sum(operator.get("customMetrics", {}).get(name, 0) for operator in states)

    def received(name: str) -> int:
        return sum(receipt[name] for receipt in receipts)

    return BatchReport(
        batch_id=first_batch + event["batchId"],
        began=datetime.fromisoformat(event["timestamp"]),
        seconds=event["batchDuration"] / 1000,
        planning_seconds=durations.get("latestOffset", 0) / 1000,
        writing_seconds=durations["addBatch"] / 1000,
        totals=written.totals,
        known=written.known,
        dropped=custom("numDroppedDuplicateRows") if states else None,
        late=state("numRowsDroppedByWatermark"),
        received=received("user_records"),
        shards=len(receipts),
        records=received("records"),
        bytes=received("bytes"),
        calls=received("calls"),
        throttled=received("throttled"),
        holes=sum(receipt.get("hole") is not None for receipt in receipts),
        lag_ms=max(lags, default=None),
        state_rows_added=state("numRowsUpdated"),
        state_rows_removed=state("numRowsRemoved"),
        state_memory_bytes=state("memoryUsedBytes"),
        state_disk_bytes=custom("rocksdbSstFileSize"),
    )


def _receipts(event: Mapping[str, Any]) -> Collection[Mapping[str, Any]]:
    receipts = event.get("observedMetrics", {}).get("kinesis", {}).get("shards") or []
    # A task that ran again left another receipt, maybe with another number of calls: one of them counts.
    return {receipt["shardId"]: receipt for receipt in receipts}.values()
