"""Raw and staging by readers that aren't Spark: delta-rs and DuckDB see the same rows and types."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from event_lake.lake import layout
from event_lake.staging.build import build_staging
from support.odd_types import ODD_TYPES
from support.raw_layers import Event, RawLayer, settings_of
from support.readers import by_delta_rs, by_duckdb

CONTRACT = """
event_type = "lesson"
[columns.score]
type = "bigint"
[columns.price]
type = "decimal(10,2)"
[columns.due]
type = "date"
[columns.at]
type = "timestamp"
[columns.tags]
type = "array<string>"
"""
FAR = '{"score":1,"price":1,"due":"%s","at":"%sT00:00:00Z"}'
SAYS = '{"score":%d,"price":"12.50","due":"2026-11-30","at":"2026-11-21T09:00:00.25Z","tags":["é","😀",null]}'
TABLES = (
    *("raw/events", "staging/events", "staging/conflicts", "staging/rejected"),
    *("staging/types/lesson", "staging/types/Order=20Completed"),
)


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("readers")
    (folder / "lesson.toml").write_text(CONTRACT)
    (folder / "orders.toml").write_text(CONTRACT.replace("lesson", "Order Completed"))
    root = str(folder / "lake")
    raw, settings = RawLayer(spark, root), settings_of(root, contracts=str(folder))
    raw.gains(Event(uuid="a", says=SAYS % 1), Event(uuid="b", says=SAYS % 2, event_type="a b(c)"), Event(day=1))
    raw.gains(*(Event(uuid="o", says=SAYS % 1, event_type=name) for name in ODD_TYPES))
    raw.gains(Event(uuid="a", says=SAYS % 2, arrived=9, number=7), Event(uuid="x", says='{"score":"no","price":1}'))
    build_staging(spark, settings)
    raw.gains(Event(uuid="a", says=SAYS % 3, arrived=0, number=1))
    # Dates that producers write for "never" and "always".
    raw.gains(*(Event(uuid=day, says=FAR % (day, day)) for day in ("0001-01-01", "9999-12-31")))
    build_staging(spark, settings)
    return root


@pytest.mark.parametrize("read", [by_delta_rs, by_duckdb])
@pytest.mark.parametrize("name", TABLES)
def test_another_reader_sees_the_same_rows_and_types(
    spark: SparkSession, lake: str, name: str, read: Callable[[str], pa.Table]
) -> None:
    expected = spark.read.format("delta").load(f"{lake}/{name}")
    found = read(f"{lake}/{name}").select(expected.columns)
    assert _types(found.schema) == {field.name: field.dataType.simpleString() for field in expected.schema}
    assert expected.count() > 0
    assert _rows(found) == _rows(expected.toArrow())


def test_tables_ask_no_more_of_a_reader_than_the_first_version_of_the_protocol(lake: str) -> None:
    logs = [log.parent for log in Path(lake).rglob("_delta_log")]
    assert {DeltaTable(log).protocol().min_reader_version for log in logs} == {1}
    assert len(logs) > len(TABLES)
    assert {table.name for table in layout.STAGING} <= {str(log.relative_to(lake)) for log in logs}


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in from_arrow_schema(schema)}


def _rows(table: pa.Table) -> list[str]:
    return sorted(str(sorted(row.items())) for row in table.to_pylist())
