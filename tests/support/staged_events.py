"""Build staged events and contracts for the tests of contracts and typed tables."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from event_lake.contracts.contract import Column, Contract
from event_lake.generator.events import Draft, Timeline, draft_event
from event_lake.lake.schemas import EVENT

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of staging/events. The event was created at noon of the day number `day`; `payload` is its JSON text.

    `partition` is the partition that it lies in, if that isn't its type's own.
    """

    uuid: str = "a"
    name: str = "lesson:started"
    payload: str = "{}"
    day: int = 0
    partition: str | None = None

    def row(self) -> tuple[Any, ...]:
        created = NOON + timedelta(days=self.day)
        event_type, *others = self.name.split(":")
        values = {
            "event_uuid": self.uuid,
            "event_name": self.name,
            "created_at": created.timestamp(),
            "created_datetime": created,
            "event_type": self.partition or event_type,
            "true_event_type": event_type,
            "event_subtype": others[0] if others else None,
            "payload": self.payload,
            "date": created.date(),
            "stream": "events",
            "shard_id": "shardId-0",
            "sequence_number": "100",
            "sub_sequence_number": 0,
            "partition_key": "key",
            "arrived_at": created + timedelta(seconds=1),
            "ingested_at": created + timedelta(seconds=2),
            "batch_id": 0,
        }
        return tuple(values[name] for name in EVENT.names)


def frame(spark: SparkSession, events: Sequence[Event]) -> DataFrame:
    """Return the events as rows of `schemas.EVENT`."""
    return spark.createDataFrame([event.row() for event in events], EVENT).coalesce(1)


def generated(count: int, seed: int) -> list[Event]:
    """Return `count` good events of the generator's 100 types."""
    timeline = Timeline(seed=seed, start_ms=int(NOON.timestamp() * 1000), rate=300.0)
    drafts: Iterable[Draft] = (draft_event(timeline.rng(number), timeline.place_ms(number)) for number in range(count))
    return [Event(uuid=draft.event_uuid, name=draft.event_name, payload=draft.text()) for draft in drafts]


def a_contract(*columns: Column, event_type: str = "lesson") -> Contract:
    """Return a contract with these columns."""
    return Contract(event_type=event_type, columns=columns, file=f"{event_type}.toml")


def says(**fields: Any) -> str:
    """Return the payload with these fields, as JSON text."""
    return json.dumps(fields)
