"""A batch whose rows are computed again between its count and its append, as where an executor is lost."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.errors import DataLossError
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.raw.beginning import make_beginning
from event_lake.raw.ledger_rows import Batch
from event_lake.raw.validation import validate_records
from event_lake.raw.write import RawWriter
from support.empty_tables import make_empty
from support.record_frames import RULES, records
from support.sent import ARRIVED, an_event

BATCH = Batch(batch_id=1, clock=ARRIVED, read_until=ARRIVED)
# What Spark 4.2 says of a job that it gives up.
WOULD_MIX = (
    "Job aborted due to stage failure: A shuffle map stage with indeterminate output was failed and retried. However,"
    " Spark cannot rollback the ResultStage 114 to re-process the input data, and has to fail this job."
)


@dataclass
class Recomputed:
    """A batch of `first`, which is lost before anything is written and then found to be `second`."""

    spark: SparkSession
    root: str
    folder: Path
    raw: Raw

    def write(self, first: DataFrame, second: DataFrame) -> Totals:
        place = self.folder / "rows"
        place.write_bytes(pickle.dumps(first.collect()))

        def read(_: Iterator[int]) -> Iterator[Row]:
            return iter(pickle.loads(place.read_bytes()))

        one_task = self.spark.sparkContext.parallelize([0], 1)
        rows = self.spark.createDataFrame(one_task.mapPartitions(read), first.schema)
        then = second.collect()

        def lost() -> None:
            place.write_bytes(pickle.dumps(then))
            rows.unpersist()

        tables.create(self.spark, self.root, layout.RAW)
        settings = Settings(source=Source(stream="events"), lake=Lake(root=self.root), raw=self.raw)
        writer = RawWriter(settings, make_beginning(self.spark, settings), "query", lost)
        # The first batch of a run is counted by what raw has in any case.
        writer.write(first.limit(0), Batch(batch_id=0, clock=ARRIVED, read_until=ARRIVED))
        return writer.write(rows, BATCH).totals

    def ledger(self) -> dict[str, tuple[int, int, int]]:
        rows = tables.read(self.spark, self.root, layout.LEDGER).collect()
        return {row.shard_id: (row.read, row.raw, row.duplicates) for row in rows}


@pytest.fixture
def recomputed(spark: SparkSession, root: str, tmp_path: Path) -> Recomputed:
    return Recomputed(spark, root, tmp_path, RULES)


def test_the_ledger_counts_the_copies_that_raw_has_and_not_those_that_were_counted(
    spark: SparkSession, recomputed: Recomputed
) -> None:
    rows = _of_two_shards(spark, ["1", "2", "3"])
    first, second = rows.where(_kept("a", "a", "b")), rows.where(_kept("b", "b", "a"))
    assert recomputed.write(first, second) == Totals(read=6, raw=3, duplicates=3)
    assert recomputed.ledger() == {"a": (3, 1, 2), "b": (3, 2, 1)}


def test_events_that_came_and_are_not_in_raw_are_a_loss_before_the_ledger_has_the_batch(
    spark: SparkSession, recomputed: Recomputed
) -> None:
    rows = _of_two_shards(spark, ["1", "2", "3"])
    with pytest.raises(DataLossError, match="batch 1: 3 events came, but the 2 in raw/events aren't the same"):
        recomputed.write(rows.where(_kept("a", "a", "b")), rows.where(_kept("a", "a", "-")))
    assert recomputed.ledger() == {}


def test_an_event_in_place_of_another_is_a_loss_though_the_counts_agree(
    spark: SparkSession, recomputed: Recomputed
) -> None:
    rows = _of_two_shards(spark, ["1", "2", "3"])
    with pytest.raises(DataLossError, match="batch 1: 2 events came, but the 2 in raw/events aren't the same"):
        recomputed.write(rows.where(_kept("a", "a", "-")), rows.where(_kept("a", "-", "b")))


def test_where_the_payload_makes_the_event_another_payload_is_another_event(
    spark: SparkSession, root: str, tmp_path: Path
) -> None:
    first, second = (_of_two_shards(spark, ["1"], extra=extra) for extra in "xy")
    by_uuid, by_payload = (
        Recomputed(spark, f"{root}-{on}", tmp_path, Raw(dedup_on=on)) for on in ("event_uuid", "event_uuid+payload")
    )
    assert by_uuid.write(first.where(_kept("a")), second.where(_kept("a"))).raw == 1
    with pytest.raises(DataLossError, match="aren't the same"):
        by_payload.write(first.where(_kept("a")), second.where(_kept("a")))


def test_an_append_that_spark_gave_up_is_begun_again(spark: SparkSession, root: str) -> None:
    failures = [RuntimeError(WOULD_MIX)]

    def failing() -> None:
        if failures:
            raise failures.pop()

    make_empty(spark, root, layout.RAW)
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    writer = RawWriter(settings, make_beginning(spark, settings), "query", failing)
    rows = _of_two_shards(spark, ["1"]).where(_kept("a"))
    assert writer.write(rows, BATCH).totals == Totals(read=2, raw=1, duplicates=1)
    assert not failures


def _of_two_shards(spark: SparkSession, uuids: Sequence[str], extra: str = "") -> DataFrame:
    data = [an_event(event_uuid=uuid, extra=extra) for uuid in uuids]
    both = records(spark, data, shard="a").union(records(spark, data, shard="b"))
    return validate_records(both, RULES).withColumn("ingested_at", F.lit(ARRIVED))


def _kept(*shards: str) -> str:
    """Receipts, and of event n + 1 the copy in the shard that is given n-th."""
    copies = [f"event_uuid = '{number}' and shard_id = '{shard}'" for number, shard in enumerate(shards, start=1)]
    return " or ".join(f"({condition})" for condition in ["receipt is not null", *copies])
