"""A table that refuses a row names itself, and no value of the row, whichever way it's written."""

import traceback
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StringType, StructField, StructType

from event_lake.errors import UserError
from event_lake.lake import layout, tables

TABLE = layout.Table(
    "some/table", StructType([StructField("date", DateType()), StructField("x", StringType())]), ("date",), ()
)
Write = Callable[[DataFrame, str], None]
CHECK = "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES: CHECK constraint c (NOT (x = 'anna'))"
WRITES: dict[str, Write] = {
    "append": lambda rows, root: tables.append(rows, root, TABLE),
    "append_once": lambda rows, root: tables.append_once(rows, root, TABLE, writer="w", batch_id=0),
    "replace": lambda rows, root: tables.replace(rows, root, TABLE, F.col("date") == "2026-11-21"),
    "merge": lambda rows, root: tables.merge(rows, root, TABLE, on="target.x = source.x"),
    "rewrite": lambda rows, root: tables.rewrite(rows, root, TABLE),
}


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.sql("select date'2026-11-21' as date, explode(array('1', 'anna', null)) as x").coalesce(1)


def refusal(write: Write, rows: DataFrame, root: str) -> str:
    """What a job would print of the error, with the traceback that Spark or a notebook would."""
    with pytest.raises(UserError) as refused:
        write(rows, root)
    assert "anna" not in "".join(traceback.format_exception(refused.value)).replace("(NOT (x = 'anna'))", "")
    return str(refused.value).partition("; undo")[0].removeprefix(f"{TABLE.path(root)} was changed by somebody else: ")


@pytest.mark.parametrize("way", WRITES)
def test_a_constraint_that_a_row_breaks_is_told_without_the_row(
    spark: SparkSession, rows: DataFrame, root: str, way: str
) -> None:
    tables.create(spark, root, [TABLE])
    spark.sql(f"alter table delta.`{TABLE.path(root)}` add constraint c check (x <> 'anna')")
    assert refusal(WRITES[way], rows, root) == CHECK


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("date date, x bigint", "CAST_INVALID_INPUT"),
        ("date date, x varchar(2)", "DELTA_EXCEED_CHAR_VARCHAR_LIMIT"),
        ("date date, x string not null", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"),
        ("date date, x string, y int not null", "DELTA_MISSING_NOT_NULL_COLUMN_VALUE"),
    ],
)
def test_a_column_that_does_not_take_a_row_is_told_without_its_values(
    spark: SparkSession, rows: DataFrame, root: str, columns: str, told: str
) -> None:
    spark.sql(f"create table delta.`{TABLE.path(root)}` ({columns}) using delta partitioned by (date)")
    assert refusal(WRITES["append"], rows, root).partition(":")[0] == told
