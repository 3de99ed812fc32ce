"""What runs of a few seconds leave behind doesn't grow with their number."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.session import set_for
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream
from support.ledger_files import enter_batches

pytestmark = [pytest.mark.spark41, pytest.mark.slow]

RUNS = 10
# Spark takes a snapshot once there are so many changelogs; its default is 10.
CHANGELOGS = 2
KEPT_VERSIONS = 2


@pytest.fixture
def impatient(spark: SparkSession) -> Iterator[SparkSession]:
    """A Spark that takes snapshots and forgets old versions sooner than by default."""
    sooner = {"stateStore.minDeltasForSnapshot": CHANGELOGS, "minBatchesToRetain": KEPT_VERSIONS}
    with ExitStack() as settings:
        for name, value in sooner.items():
            settings.enter_context(set_for(spark, f"spark.sql.streaming.{name}", str(value)))
        yield spark


def versions(partition: Path, suffix: str) -> list[int]:
    """The versions of the state of which the partition has a file with this suffix."""
    matches = [re.fullmatch(rf"(\d+)(?:_.*)?\.{suffix}", file.name) for file in partition.iterdir()]
    return sorted(int(match[1]) for match in matches if match)


def test_after_any_number_of_short_runs_few_changelogs_lie_behind_the_newest_snapshot(
    impatient: SparkSession, stream: Stream, root: str
) -> None:
    checkpoint = Path(layout.checkpoint_path(root, "ingest_raw"))
    for run in range(RUNS):
        stream.put(f"record {run}".encode())
        totals = ingest_raw(impatient, stream.settings(root), IngestOptions(until_caught_up=True)).totals
        assert totals == Totals(read=1, quarantined=1)
        partitions = [path for path in checkpoint.glob("state/0/*") if path.name.isdecimal()]
        assert len(partitions) == 4
        for partition in partitions:
            changelogs, snapshots = versions(partition, "changelog"), versions(partition, "zip")
            newest = max(snapshots, default=0)
            # The first run has two batches: Spark's batch 0 is empty.
            assert len([version for version in changelogs if version > newest]) <= CHANGELOGS
            assert len(changelogs) <= 2 * CHANGELOGS + KEPT_VERSIONS


def test_a_batch_that_ends_a_hundred_merges_the_ledgers_files_and_a_crash_after_that_is_harmless(
    spark: SparkSession, stream: Stream, root: str
) -> None:
    settings = stream.settings(root)
    stream.put(b"in batch 1")
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True))
    enter_batches(spark, root, range(2, 99), stream="another")
    stream.put(b"in batch 100")
    anew = IngestOptions(until_caught_up=True, new_checkpoint=True)
    assert ingest_raw(spark, settings, anew).totals == Totals(read=1, quarantined=1)
    ledger = tables.read(spark, root, layout.LEDGER)
    assert ledger.agg({"batch_id": "max"}).collect()[0][0] == 100
    dates = ledger.select("date").distinct().count()
    # Batch 99 was merged, batch 100 came after that.
    assert len(ledger.inputFiles()) == dates + 1

    commits = Path(layout.checkpoint_path(root, "ingest_raw"), "commits")
    for name in ("0", "1"):
        (commits / name).unlink()
        (commits / f".{name}.crc").unlink(missing_ok=True)
    assert ingest_raw(spark, settings, IngestOptions(until_caught_up=True)).totals.read <= 1
    assert Path(commits, "1").exists()
    assert not reconcile(spark, settings, Window()).faults
