"""Build raw events, and raw layers that gain and lose them, for the tests of staging."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Quality, Settings, Source, Staging
from event_lake.lake import layout, tables
from event_lake.lake.schemas import EVENT, LEDGER
from support.empty_tables import make_empty

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of raw/events. The event was created and arrived so many seconds after noon of the day number `day`.

    `says` is its payload, `number` its sequence number. `partition` is the partition that it lies in, if that isn't its
    type's own.
    """

    uuid: str = "a"
    says: str = "{}"
    event_type: str = "lesson"
    created: float = 0
    arrived: float = 1
    number: int = 100
    shard: str | None = "shardId-0"
    day: int = 0
    partition: str | None = None

    def row(self) -> tuple[Any, ...]:
        created = NOON + timedelta(days=self.day, seconds=self.created)
        arrived = NOON + timedelta(days=self.day, seconds=self.arrived)
        values = {
            "event_uuid": self.uuid,
            "event_name": f"{self.event_type}:done",
            "created_at": created.timestamp(),
            "created_datetime": created,
            "event_type": self.partition or self.event_type,
            "true_event_type": self.event_type,
            "event_subtype": "done",
            "payload": self.says,
            "date": created.date(),
            "stream": "events",
            "shard_id": self.shard,
            "sequence_number": str(self.number),
            "sub_sequence_number": 0,
            "partition_key": "key",
            "arrived_at": arrived,
            "ingested_at": arrived,
            "batch_id": 0,
        }
        return tuple(values[name] for name in EVENT.names)


def frame(spark: SparkSession, events: Sequence[Event]) -> DataFrame:
    """Return the events as rows of `schemas.EVENT`."""
    return spark.createDataFrame([event.row() for event in events], EVENT).coalesce(1)


def settings_of(root: str, **staging: Any) -> Settings:
    """Return settings to build the staging layer of the lake at `root`; measures are off, as they take most time."""
    quality = Quality(measure=False)
    return Settings(source=Source(stream="events"), lake=Lake(root=root), staging=Staging(**staging), quality=quality)


class RawLayer:
    """A raw layer that gains events batch by batch, numbered and entered in the ledger as ingest_raw does it."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self._spark = spark
        self._root = root
        self._batches = 0
        make_empty(spark, root, [*layout.RAW, *layout.STAGING])

    def gains(self, *events: Event) -> None:
        """Write a whole batch with these events."""
        self.begins(*events)
        self.ends(len(events))

    def begins(self, *events: Event) -> None:
        """Write the events of the next batch, but not its row in the ledger, which comes last."""
        rows = frame(self._spark, events).withColumn("batch_id", F.lit(self._batches).cast("long"))
        tables.append(rows, self._root, layout.RAW_EVENTS)

    def ends(self, events: int = 0, *, later: timedelta = timedelta()) -> None:
        """Enter the batch in the ledger. Its clock is that of its number, plus `later`."""
        clock = NOON + timedelta(minutes=self._batches) + later
        shard = {"stream": "events", "shard_id": "shardId-0", "batch_id": self._batches, "date": clock.date()}
        counts = {"read": events, "raw": events, "quarantined": 0, "duplicates": 0, "ingested_at": clock}
        row = tuple((shard | counts).get(name) for name in LEDGER.names)
        tables.append(self._spark.createDataFrame([row], LEDGER).coalesce(1), self._root, layout.LEDGER)
        self._batches += 1

    def forgets_batches(self, number: int) -> None:
        """Delete the newest batches everywhere, so that the next ones get their numbers."""
        self._batches -= number
        for table in (layout.RAW_EVENTS, layout.LEDGER):
            self.sql("delete from {} where batch_id >= " + str(self._batches), table)

    def gets(self, properties: Mapping[str, str]) -> None:
        """Set these properties of raw/events."""
        pairs = ", ".join(f"'{name}' = '{value}'" for name, value in properties.items())
        self.sql("alter table {} set tblproperties (" + pairs + ")")

    def sql(self, statement: str, table: layout.Table = layout.RAW_EVENTS) -> None:
        """Run a statement of SQL that calls the table {}."""
        self._spark.sql(statement.format(f"delta.`{table.path(self._root)}`"))

    def compact(self) -> None:
        """Compact the files of raw/events."""
        self.sql("optimize {}")

    def loses(self, condition: str) -> None:
        """Delete the rows of raw/events for which `condition` holds."""
        self.sql("delete from {} where " + condition)

    def vacuum(self) -> None:
        """Remove all files that the newest version of raw/events doesn't need."""
        key = "spark.databricks.delta.retentionDurationCheck.enabled"
        self._spark.conf.set(key, "false")
        self.sql("vacuum {} retain 0 hours")
        self._spark.conf.unset(key)

    def forgets_its_log(self) -> None:
        """Delete the log of raw/events up to a checkpoint of now, as Delta does some time later."""
        path, jvm = layout.RAW_EVENTS.path(self._root), self._spark._jvm
        assert jvm
        self._spark.sql(f"alter table delta.`{path}` set tblproperties ('delta.checkpointInterval' = '1')")
        commits = sorted(Path(path, "_delta_log").glob("*.json"))
        for file in commits[:-1]:
            file.unlink()
        assert Path(path, "_delta_log", f"{commits[-1].stem}.checkpoint.parquet").exists()
        jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
