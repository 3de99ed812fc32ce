"""Named builders for the frames that tests arrange."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from event_lake.raw.parse import EventRules
from event_lake.schemas import RECORD

ARRIVED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RULES = EventRules(max_future=timedelta(minutes=5), max_age=timedelta(days=30))


def an_event(**fields: Any) -> bytes:
    """A valid event as its producer sends it; a field that is None is left out."""
    event = {
        "event_uuid": "11111111-1111-4111-8111-111111111111",
        "event_name": "lesson:started",
        "created_at": int(ARRIVED.timestamp()) - 10,
        **fields,
    }
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def records(spark: SparkSession, data: Sequence[bytes], *, shard: str = "shardId-0", first: int = 100) -> DataFrame:
    """A record for each of `data`, numbered from `first`, as the source gives them: with the receipt behind."""
    numbers = [str(first + index) for index in range(len(data))]
    rows: list[tuple[Any, ...]] = [
        (payload, "key", "events", shard, number, ARRIVED, None) for payload, number in zip(data, numbers, strict=True)
    ]
    receipt = (len(data), sum(map(len, data)), numbers[0], numbers[-1], 0)
    rows.append((None, None, "events", shard, numbers[-1], ARRIVED, receipt))
    return spark.createDataFrame(rows, RECORD).coalesce(1)
