"""The small files of the raw layer's small tables are merged, and no row changes by it."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from event_lake.lake import layout, tables
from event_lake.raw.resume import LastCommitted, last_committed
from event_lake.raw.upkeep import compact_when_due
from support.empty_tables import make_empty
from support.ledger_files import NOON, enter_batches

DAYS = 3
FILES = 30


@pytest.fixture
def ledger(spark: SparkSession, root: str) -> str:
    """The path of a ledger of `FILES` batches, a file each, that lie on three dates."""
    make_empty(spark, root, layout.RAW)
    enter_batches(spark, root, range(FILES), days=DAYS)
    return layout.LEDGER.path(root)


def files(spark: SparkSession, root: str) -> Sequence[str]:
    return tables.read(spark, root, layout.LEDGER).inputFiles()


def rows(spark: SparkSession, root: str) -> Counter[Row]:
    return Counter(tables.read(spark, root, layout.LEDGER).collect())


def allow() -> None:
    """This process may write."""


def test_the_ledger_has_one_file_for_each_date_and_the_same_rows(spark: SparkSession, root: str, ledger: str) -> None:
    before = rows(spark, root)
    assert len(before) == len(files(spark, root)) == FILES
    compact_when_due(spark, root, 99, allow)
    assert len(files(spark, root)) == DAYS
    assert rows(spark, root) == before


def test_a_table_without_small_files_gets_no_commit(spark: SparkSession, root: str, ledger: str) -> None:
    compact_when_due(spark, root, 99, allow)
    versions = [tables.newest_version(spark, root, table) for table in layout.RAW]
    compact_when_due(spark, root, 199, allow)
    assert [tables.newest_version(spark, root, table) for table in layout.RAW] == versions


@pytest.mark.parametrize("batch_id", [0, 1, 98, 100])
def test_only_a_batch_that_ends_a_hundred_costs_anything(
    spark: SparkSession, root: str, ledger: str, batch_id: int
) -> None:
    compact_when_due(spark, root, batch_id, lambda: pytest.fail("looked whether it may write"))
    assert len(files(spark, root)) == FILES


def test_however_many_batches_there_were_few_files_are_left(spark: SparkSession, root: str) -> None:
    make_empty(spark, root, layout.RAW)
    for hundred in range(0, 300, 100):
        enter_batches(spark, root, range(hundred, hundred + 100))
        assert len(files(spark, root)) <= 101
        compact_when_due(spark, root, hundred + 99, allow)
    assert len(files(spark, root)) == 1
    assert tables.read(spark, root, layout.LEDGER).count() == 300


@pytest.mark.parametrize("name", ["delta.appendOnly", "delta.enableDeletionVectors", "delta.enableChangeDataFeed"])
def test_features_that_somebody_gave_the_table_forbid_nothing(
    spark: SparkSession, root: str, ledger: str, name: str
) -> None:
    spark.sql(f"alter table delta.`{ledger}` set tblproperties ('{name}' = 'true')")
    before = rows(spark, root)
    compact_when_due(spark, root, 99, allow)
    assert len(files(spark, root)) == DAYS
    assert rows(spark, root) == before


def test_a_batch_that_was_written_before_is_still_known(spark: SparkSession, root: str, ledger: str) -> None:
    batch = tables.read(spark, root, layout.LEDGER).limit(1).localCheckpoint()
    tables.append_once(batch, root, layout.LEDGER, writer="query", batch_id=7)
    before = rows(spark, root)
    compact_when_due(spark, root, 99, allow)
    tables.append_once(batch, root, layout.LEDGER, writer="query", batch_id=7)
    assert rows(spark, root) == before


def test_a_process_that_may_not_write_compacts_nothing(spark: SparkSession, root: str, ledger: str) -> None:
    def refuse() -> None:
        raise PermissionError("another process has the lease")

    with pytest.raises(PermissionError):
        compact_when_due(spark, root, 99, refuse)
    assert len(files(spark, root)) == FILES


def test_a_file_that_is_gone_is_a_warning_and_the_other_tables_are_compacted(
    spark: SparkSession, root: str, ledger: str, caplog: pytest.LogCaptureFixture
) -> None:
    version = tables.newest_version(spark, root, layout.LEDGER)
    next(Path(ledger).glob("date=*/*.parquet")).unlink()
    types = spark.createDataFrame([("lesson", 1), ("payment", 2)], layout.EVENT_TYPES.schema)
    tables.append(types.repartition(2, "event_type"), root, layout.EVENT_TYPES)
    with caplog.at_level(logging.WARNING):
        compact_when_due(spark, root, 99, allow)
    [warning] = caplog.messages
    assert warning.startswith(f"{ledger} isn't compacted (")
    assert "\n" not in warning
    assert tables.newest_version(spark, root, layout.LEDGER) == version
    assert len(tables.read(spark, root, layout.EVENT_TYPES).inputFiles()) == 1


def test_a_start_reads_none_of_the_ledgers_older_dates(spark: SparkSession, root: str, ledger: str) -> None:
    for folder in sorted(Path(ledger).glob("date=*"))[:-1]:
        for file in folder.iterdir():
            file.unlink()
    newest = NOON + timedelta(days=(FILES - 1) % DAYS, minutes=FILES - 1)
    assert last_committed(spark, root) == LastCommitted(FILES - 1, newest)
