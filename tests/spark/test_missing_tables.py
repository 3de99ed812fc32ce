"""A table that held rows is missed, and a lake that never held any is a new one."""

import shutil

import pytest
from pyspark.sql import SparkSession

from event_lake.errors import DataLossError
from event_lake.lake import layout
from event_lake.raw.missing_tables import refuse_missing_tables
from support.record_frames import write_first_batch
from support.sent import an_event

DATA = (an_event(event_uuid="1"), b"x")


@pytest.fixture(scope="module")
def written(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("written") / "lake")
    write_first_batch(spark, root, DATA)
    return root


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (layout.RAW_EVENTS, "by the ledger it held 1 rows of the batches 0 to 0"),
        (layout.QUARANTINE, "by the ledger it held 1 rows of the batches 0 to 0"),
        (layout.EVENT_TYPES, "it held the types with partitions"),
        (layout.LEDGER, "what every batch read"),
    ],
)
def test_a_table_that_held_rows_is_missed(
    spark: SparkSession, written: str, root: str, table: layout.Table, message: str
) -> None:
    shutil.copytree(written, root)
    refuse_missing_tables(spark, root, has_begun=True)
    shutil.rmtree(table.path(root))
    with pytest.raises(DataLossError, match=f"{table.path(root)} is gone.*{message}"):
        refuse_missing_tables(spark, root, has_begun=False)


def test_a_ledger_that_a_checkpoint_has_written_is_missed_though_it_held_nothing_else(
    spark: SparkSession, root: str
) -> None:
    refuse_missing_tables(spark, root, has_begun=False)
    with pytest.raises(DataLossError, match="ledger is gone"):
        refuse_missing_tables(spark, root, has_begun=True)


def test_tables_that_held_nothing_are_not_missed(spark: SparkSession, root: str) -> None:
    write_first_batch(spark, root, DATA[1:])
    shutil.rmtree(layout.RAW_EVENTS.path(root))
    shutil.rmtree(layout.EVENT_TYPES.path(root))
    refuse_missing_tables(spark, root, has_begun=True)
