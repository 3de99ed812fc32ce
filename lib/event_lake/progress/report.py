"""What a batch did, made of Spark's progress event and of what its writer counted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from event_lake.lake.ledger import Totals, Written


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """One batch that Spark has committed.

    Began at `began` (UTC) and took `seconds`, of them `planning_seconds` to find its end, and `writing_seconds` to read
    and to write it. `totals` and `known` are the writer's (`Written`). The state store `dropped` so many rows as
    duplicates, None without deduplication, and `late` rows behind the watermark. The receipts of `shards` shards count
    `received` events in `records` of Kinesis' own of so many `bytes` of data, read
    with `calls` calls, `throttled` of them; `lag_ms` is the longest distance to a tip, and `holes` shards had records
    that expired unread.
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
        """When Spark had committed it."""
        return self.began + timedelta(seconds=self.seconds)

    @property
    def events_per_second(self) -> float:
        """How fast it was, from planning to commit."""
        return self.totals.read / self.seconds if self.seconds else 0.0

    @property
    def imbalance(self) -> int | None:
        """Duplicates by the ledger that nobody dropped; None without deduplication.

        More than 0: so many records vanished. Less: Spark counted rows again, of tasks that it ran again.
        """
        if self.dropped is None:
            return None
        return self.totals.duplicates - self.known - self.dropped


def is_of_batch(event: Mapping[str, Any], batch_id: int) -> bool:
    """Whether a progress event tells of a batch that was run, and of this one.

    An idle trigger's event has the number of the batch to come, and figures of the one before.
    """
    return bool(event["batchId"] == batch_id and "addBatch" in event["durationMs"])


def make_report(event: Mapping[str, Any], written: Written, *, first_batch: int = 0) -> BatchReport:
    """The report of the batch that `event` tells of: the JSON of Spark's StreamingQueryProgress.

    `first_batch` is the number that the ledger has for Spark's batch 0.
    """
    took, states = event["durationMs"], event["stateOperators"]
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
        planning_seconds=took.get("latestOffset", 0) / 1000,
        writing_seconds=took["addBatch"] / 1000,
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
    observed = event.get("observedMetrics", {}).get("kinesis", {}).get("shards") or []
    # A task that ran again may have needed another number of calls for the same records.
    return {receipt["shardId"]: receipt for receipt in observed}.values()


def find_loss(report: BatchReport) -> str | None:
    """Which records the batch lost between Kinesis and the ledger, in one line; None if none."""
    batch, totals = f"batch {report.batch_id}", report.totals
    if report.late:
        return (
            f"{batch}: Spark dropped {report.late:,} rows as late: this machine's clock is behind the one that ran the"
            " batches before; set it right"
        )
    if report.received > totals.read:
        return (
            f"the ledger doesn't balance: {batch}: {report.received:,} records came from Kinesis, {totals.read:,} are"
            " in the ledger"
        )
    if report.imbalance is not None and report.imbalance > 0:
        return (
            f"the ledger doesn't balance: {batch}: {totals.duplicates:,} duplicates by the ledger, but the state store"
            f" dropped {report.dropped:,} and the writer {report.known:,}: {report.imbalance:,} records vanished"
        )
    return None
