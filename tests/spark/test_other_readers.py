"""Raw and staging by readers that aren't Spark: delta-rs and DuckDB see the same rows and types, on S3 too."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from event_lake.config.settings import Lake
from event_lake.lake import layout, tables, views
from event_lake.lake.catalog import register
from event_lake.lake.descriptions import describe
from event_lake.staging.build import build_staging
from support.documents import Block, blocks_of
from support.duckdb_extensions import extension_file, install_extensions
from support.emulators import moto_endpoint
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


@pytest.fixture
def schema(spark: SparkSession) -> Iterator[str]:
    spark.sql("create schema other_readers")
    yield "other_readers"
    spark.sql("drop schema other_readers cascade")


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
    for data in ("{é".encode(), b"\xff\x00", "\ufffd".encode()):
        row = {"data": data, "reasons": ["not_json", "too_deep"]}
        values = [tuple(row.get(name) for name in layout.QUARANTINE.schema.names)]
        tables.append(spark.createDataFrame(values, layout.QUARANTINE.schema), root, layout.QUARANTINE)
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


ATHENA = Path("docs/how-to/athena.md")


@pytest.mark.parametrize("view", [*views.RAW, *views.STAGING], ids=lambda view: view.name)
def test_the_views_for_athena_show_what_sparks_views_show(
    spark: SparkSession, lake: str, view: views.View, schema: str
) -> None:
    described = [describe(table) for table in (*layout.RAW, *layout.STAGING)]
    register(spark, Lake(root=lake, catalog=schema), described, [view])
    expected = spark.table(f"{schema}.{view.name}")
    [statement] = [
        block.text for block in blocks_of(ATHENA, "sql") if f"VIEW events_athena.{view.name} AS" in block.text
    ]
    with duckdb.connect() as athena:
        athena.execute("set timezone = 'UTC'")
        athena.load_extension(str(extension_file("delta")))
        athena.execute("create schema events_athena")
        for one in described:
            path = one.table.path(lake)
            athena.execute(f"create view events_athena.{one.name} as select * from delta_scan('{path}')")
        # What Athena calls otherwise than DuckDB.
        athena.execute("create macro from_utf8(bytes) as coalesce(try(decode(bytes)), '\ufffd')")
        athena.execute("create macro to_utf8(text) as encode(text)")
        athena.execute("create macro array_join(list, separator) as array_to_string(list, separator)")
        athena.execute(statement)
        found = athena.sql(f"select * from events_athena.{view.name}").to_arrow_table()
    assert found.column_names == expected.columns
    assert expected.count() > 0
    assert _rows(found) == _rows(expected.toArrow())


@pytest.mark.parametrize("block", [block for block in blocks_of(ATHENA, "python") if block.needs_account], ids=str)
def test_the_documented_readers_read_a_lake_on_s3(lake: str, block: Block, tmp_path: Path) -> None:
    install_extensions(tmp_path, "aws", "delta", "httpfs")
    events = Path(lake, "staging/events")
    with moto_endpoint() as url:
        s3 = boto3.client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="example-lake")
        for file in (path for path in events.rglob("*") if path.is_file()):
            s3.upload_file(str(file), "example-lake", f"events/staging/events/{file.relative_to(events)}")
        options = f"endpoint '{urlsplit(url).netloc}', url_style 'path', use_ssl false"
        code = block.text.replace("region 'eu-central-1'", f"region 'eu-central-1', {options}")
        environment = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert re.search(rf"\b{by_delta_rs(str(events)).num_rows}\b", done.stdout)


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in from_arrow_schema(schema)}


def _rows(table: pa.Table) -> list[str]:
    return sorted(str(sorted(row.items())) for row in table.to_pylist())
