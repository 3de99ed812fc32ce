"""What a job as a process prints when a table refuses a row: nothing of the row."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake import functions
from event_lake.lake import layout
from event_lake.staging.build import build_staging
from support.emulators import Stream
from support.raw_layers import Event, RawLayer, settings_of
from support.sent import an_event

pytestmark = pytest.mark.slow

TYPED = layout.Table("staging/types/gamma", layout.STAGING_EVENTS.schema, (), ())


@pytest.fixture
def contracts(tmp_path: Path) -> str:
    """The type gamma has a contract."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "gamma.toml").write_text('event_type = "gamma"\n[columns.x]\ntype = "string"\n')
    return str(folder)


@pytest.mark.parametrize(
    ("table", "changed"),
    [
        (layout.STAGING_EVENTS, "add constraint c check (payload not like '%1%')"),
        (TYPED, "add constraint c check (length(x) < 4)"),
    ],
)
def test_build_staging_says_which_table_refused_and_nothing_of_the_row(
    spark: SparkSession, root: str, contracts: str, table: layout.Table, changed: str
) -> None:
    raw = RawLayer(spark, root)
    raw.gains(Event(uuid="u0", event_type="gamma", says='{"x":"bob"}'))
    build_staging(spark, settings_of(root, contracts=contracts))
    spark.sql(f"alter table delta.`{table.path(root)}` {changed}")
    raw.gains(*(Event(uuid=f"u{n}", event_type="gamma", says=f'{{"x":"anna{n}"}}') for n in range(3)))
    flags = ["--set", f"lake.root={root}", "--set", f"staging.contracts={contracts}"]
    assert_silent("build_staging", table.path(root), flags)


def test_ingest_raw_says_which_table_refused_and_nothing_of_the_row(
    spark: SparkSession, stream: Stream, root: str
) -> None:
    now = int(stream.client().now().timestamp())
    stream.put(an_event(event_uuid="bob", created_at=now))
    functions.ingest_raw(spark, stream.settings(root), until_caught_up=True)
    path = layout.RAW_EVENTS.path(root)
    spark.sql(f"alter table delta.`{path}` add constraint c check (event_uuid not like '%1%')")
    stream.put(*(an_event(event_uuid=f"anna{n}", created_at=now) for n in range(3)))
    assert_silent("ingest_raw", path, [*stream.overrides(root), "--until-caught-up"])


# Each way to write a table, and a column that doesn't take a value.
WRITES = """
import sys
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StringType, StructField, StructType
from event_lake.errors import UserError
from event_lake.lake import tables
from event_lake.lake.layout import Table
from event_lake.lake.session import spark_session

root = sys.argv[1]
fields = [StructField("date", DateType()), StructField("x", StringType())]
table, retyped = (Table(name, StructType(fields), ("date",), ()) for name in ("checked", "retyped"))
with spark_session("writes", {"spark.master": "local[1]", "spark.sql.shuffle.partitions": "1"}) as spark:
    rows = spark.sql("select date'2026-11-21' as date, explode(array('bob', 'anna')) as x").coalesce(1)
    tables.create(spark, root, [table])
    spark.sql(f"alter table delta.`{table.path(root)}` add constraint c check (length(x) < 4)")
    spark.sql(f"create table delta.`{retyped.path(root)}` (date date, x bigint) using delta partitioned by (date)")
    for write in (
        lambda: tables.append(rows, root, table),
        lambda: tables.append_once(rows, root, table, writer="w", batch_id=0),
        lambda: tables.replace(rows, root, table, F.col("date") == "2026-11-21"),
        lambda: tables.merge(rows, root, table, on="target.x = source.x"),
        lambda: tables.rewrite(rows, root, table),
        lambda: tables.append(rows, root, retyped),
    ):
        try:
            write()
        except UserError as error:
            print(error)
"""


def test_no_way_to_write_a_table_logs_the_row_that_the_table_refused(root: str) -> None:
    done = subprocess.run([sys.executable, "-c", WRITES, root], capture_output=True, text=True, check=True)
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == [
        *["DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"] * 5,
        "CAST_INVALID_INPUT; undo what doesn't fit (DESCRIBE HISTORY tells what was done), and start again",
    ]
    assert "TaskSetManager" in done.stderr  # what holds no values is logged as ever
    assert "anna" not in done.stdout + done.stderr


def assert_silent(job: str, path: str, flags: Sequence[str]) -> None:
    command = [sys.executable, f"jobs/{job}.py", "--config", "conf/local.toml", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        f"{job}.py: UserError: {path} was changed by somebody else: DELTA_VIOLATE_CONSTRAINT_WITH_VALUES: CHECK"
    )
    assert "anna" not in done.stdout + done.stderr
