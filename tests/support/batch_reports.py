"""Make progress events like Spark's, and reports of batches."""

from datetime import UTC, datetime
from typing import Any

from event_lake.lake.ledger import Totals
from event_lake.progress.report import BatchReport

BEGAN = datetime(2026, 11, 21, 15, 50, 22, 250_000, tzinfo=UTC)


def a_receipt(shard_id: str = "shardId-000000000000", **values: Any) -> dict[str, Any]:
    receipt = {"shardId": shard_id, "records": 2, "user_records": 3, "bytes": 50, "millis_behind": 0}
    return receipt | {"calls": 4, "throttled": 0, "hole": None} | values


def an_event(*receipts: dict[str, Any], batch_id: int = 5, **state: int) -> dict[str, Any]:
    """Return a progress event as Spark 4.2 gives it for a batch that has run. `state` has counts of its state."""
    operator = {"numRowsUpdated": 2, "numRowsRemoved": 1, "memoryUsedBytes": 1000, "numRowsDroppedByWatermark": 0}
    dropped = state.pop("numDroppedDuplicateRows", 0)
    return {
        "batchId": batch_id,
        "timestamp": "2026-11-21T15:50:22.250Z",
        "batchDuration": 2000,
        "durationMs": {"latestOffset": 100, "addBatch": 1500, "commitOffsets": 40, "triggerExecution": 2000},
        "stateOperators": [
            {**operator, **state, "customMetrics": {"numDroppedDuplicateRows": dropped, "rocksdbSstFileSize": 2000}}
        ],
        "observedMetrics": {"kinesis": {"shards": list(receipts)}},
    }


def a_report(**values: Any) -> BatchReport:
    defaults = {"batch_id": 5, "began": BEGAN, "seconds": 2.0, "totals": Totals(read=10, raw=7, duplicates=3)}
    return BatchReport(**{**defaults, "received": 10, "dropped": 3, **values})
