"""Copies are dropped on the ingest clock, in real streams."""

from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.lake.schemas import RECORD
from event_lake.raw.dedupe import drop_duplicates, with_watermark
from event_lake.raw.validation import validate_records
from support.record_frames import RULES, records
from support.sent import an_event

pytestmark = pytest.mark.spark41


class Arrivals:
    """A real stream of records, one micro-batch for each `put` and `run`."""

    def __init__(self, spark: SparkSession, folder: Path, window: timedelta = timedelta(hours=1)) -> None:
        self._spark = spark
        self._folder = folder
        self._window = window
        self._put = 0
        (folder / "in").mkdir()

    def put(self, *data: bytes, aggregated: bool = False) -> None:
        """Records that arrive next."""
        self._put += 1
        frame = records(self._spark, data, first=self._put * 1000, aggregated=aggregated)
        frame.write.mode("append").parquet(str(self._folder / "in"))

    def run(self) -> list[tuple[str, str | None]]:
        """What passes of all that is new: (sequence number, event_uuid) for records, receipts by their count."""
        stream = self._spark.readStream.schema(RECORD).option("recursiveFileLookup", "true")
        passed: list[tuple[str, str | None]] = []

        def note(rows, _: int) -> None:
            found = rows.where("receipt is null").orderBy("sequence_number").collect()
            passed.extend((row.sequence_number, row.event_uuid) for row in found)
            passed.extend(("receipt", None) for _ in rows.where("receipt is not null").collect())

        query = (
            stream.parquet(str(self._folder / "in"))
            .transform(validate_records, RULES)
            .transform(with_watermark, self._window)
            .transform(drop_duplicates)
            .writeStream.option("checkpointLocation", str(self._folder / "checkpoint"))
            .foreachBatch(note)
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        return passed


@pytest.fixture
def arrivals(spark: SparkSession, tmp_path: Path) -> Arrivals:
    return Arrivals(spark, tmp_path)


def test_a_copy_is_dropped_within_its_batch_and_after_a_restart(arrivals: Arrivals) -> None:
    arrivals.put(an_event(event_uuid="a"), an_event(event_uuid="b"), an_event(event_uuid="a"))
    assert arrivals.run() == [("1000", "a"), ("1001", "b"), ("receipt", None)]
    arrivals.put(an_event(event_uuid="b"), an_event(event_uuid="c"))
    assert arrivals.run() == [("2001", "c"), ("receipt", None)]


def test_records_that_are_no_events_pass_however_alike(arrivals: Arrivals) -> None:
    nameless = an_event(event_uuid="a", event_name=None)
    arrivals.put(nameless, nameless, an_event(event_uuid="a"), b"", b"")
    assert arrivals.run() == [
        ("1000", "a"),
        ("1001", "a"),
        ("1002", "a"),
        ("1003", None),
        ("1004", None),
        ("receipt", None),
    ]


def test_records_of_one_aggregate_are_told_apart_however_alike(arrivals: Arrivals) -> None:
    arrivals.put(b"x", b"x", an_event(event_uuid="a"), an_event(event_uuid="a"), aggregated=True)
    assert sorted(arrivals.run(), key=str) == [("1000", "a"), ("1000", None), ("1000", None), ("receipt", None)]


def test_an_event_from_the_future_makes_no_other_late(arrivals: Arrivals) -> None:
    arrivals.put(an_event(event_uuid="a", created_at=32_472_144_000))
    arrivals.run()
    arrivals.put(an_event(event_uuid="b"))
    assert arrivals.run() == [("2000", "b"), ("receipt", None)]


def test_a_uuid_that_looks_like_a_position_is_still_a_uuid(arrivals: Arrivals) -> None:
    arrivals.put(b"no event", an_event(event_uuid="record shardId-0 1000 0"), an_event(event_uuid="shardId-0 1000 0"))
    assert len(arrivals.run()) == 4
