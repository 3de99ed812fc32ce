"""A table whose making was killed before its first commit: the folder of its log is there, and nothing in it."""

from pathlib import Path

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from event_lake.contracts.contract import Column
from event_lake.lake import layout, tables
from event_lake.lake.layout import Table
from event_lake.staging import typed_tables
from support.staged_events import a_contract

CONTRACT = a_contract(Column(name="score", type="int"))
ALL = (*layout.RAW, *layout.STAGING, typed_tables.table_of(CONTRACT))


def half_make(table: Table, root: str) -> Path:
    """Leave what Delta leaves if it's killed while it writes the first commit."""
    log = Path(table.path(root)) / "_delta_log"
    (log / "_staged_commits").mkdir(parents=True)
    (log / ".00000000000000000000.json.0d2f7a5e-1111-4222-8333-444444444444.tmp").write_text("{")
    return log.parent


def test_it_is_made_as_if_nothing_had_happened(spark: SparkSession, root: str) -> None:
    for table in ALL:
        half_make(table, root)
    tables.create(spark, root, [*layout.RAW, *layout.STAGING])
    typed_tables.prepare_tables(spark, root, {CONTRACT.event_type: CONTRACT})
    assert {table.name: tables.read(spark, root, table).count() for table in ALL} == {table.name: 0 for table in ALL}


def test_one_with_files_of_data_has_lost_its_log_and_is_not_made_anew(spark: SparkSession, root: str) -> None:
    folder = half_make(layout.RAW_EVENTS, root)
    (folder / "date=2026-11-21").mkdir()
    with pytest.raises(AnalysisException, match="DELTA_TABLE_NOT_FOUND"):
        tables.create(spark, root, [layout.RAW_EVENTS])
    assert (folder / "_delta_log" / "_staged_commits").is_dir()
