"""What runs of a few seconds leave behind doesn't grow with their number."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.ledger import Totals
from event_lake.lake.session import set_for
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.raw.resume import last_committed
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream
from support.ledger_files import enter_batches

pytestmark = [pytest.mark.spark41, pytest.mark.slow]

RUNS = 6
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
    stream.put(b"before")
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True))
    enter_batches(spark, root, range(2, 98), stream="another")
    stream.put(b"after")
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True, new_checkpoint=True))
    if last_committed(spark, root).last < 99:  # On Spark 4.1 the first batch isn't empty.
        stream.put(b"another")
        ingest_raw(spark, settings, IngestOptions(until_caught_up=True))
    assert last_committed(spark, root).last == 99
    ledger = tables.read(spark, root, layout.LEDGER)
    assert len(ledger.inputFiles()) == ledger.select("date").distinct().count()

    checkpoint = Checkpoint(spark, layout.checkpoint_path(root, "ingest_raw"))
    newest = checkpoint.newest_batch
    assert newest is not None
    checkpoint.delete(f"commits/{newest}")
    before = ledger.collect()
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True))
    assert checkpoint.has_committed(newest)
    assert Counter(tables.read(spark, root, layout.LEDGER).collect()) == Counter(before)
    assert not reconcile(spark, settings, Window()).faults
