"""Each column of each table has a meaning that a reader can look up."""

from collections.abc import Mapping

import pytest
from pyspark.sql.types import StructType

from event_lake.lake import columns, layout, schemas
from tools.reference.table_columns import columns_of

TABLES = {table.name: table for table in (*layout.RAW, *layout.STAGING)}


@pytest.mark.parametrize(
    ("schema", "meanings"),
    [
        *((table.schema, columns.MEANINGS[name]) for name, table in TABLES.items()),
        (schemas.TYPED, columns.TYPED),
        (schemas.RECEIPT, columns.RECEIPT),
        (schemas.RECORD, columns.RECORD),
    ],
    ids=[*TABLES, "typed", "receipt", "record"],
)
def test_each_column_has_a_meaning(schema: StructType, meanings: Mapping[str, str]) -> None:
    assert list(meanings) == [name for name, _ in columns_of(schema)]
    assert all(meaning.endswith(".") for meaning in meanings.values())


def test_of_each_table_it_is_said_what_a_row_is() -> None:
    assert set(columns.ROWS) == set(columns.MEANINGS) == set(TABLES)


def test_columns_within_columns_have_both_names() -> None:
    found = dict(columns_of(layout.REJECTED.schema))
    assert (found["reasons"], found["reasons.column"]) == ("array<struct>", "string")
