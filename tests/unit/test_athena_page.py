"""docs/how-to/athena.md: a statement for each table, and the view that is the same in all SQL."""

import re
from pathlib import Path

from event_lake.config.type_folders import folder_of
from event_lake.lake import layout, views
from event_lake.lake.catalog_names import catalog_name, typed_name
from support.documents import blocks_of

SQL = " ".join(block.text for block in blocks_of(Path("docs/how-to/athena.md"), "sql"))


def test_each_table_has_its_statement_with_its_folder_and_nothing_else() -> None:
    folders = {catalog_name(table.name): table.name for table in (*layout.RAW, *layout.STAGING)}
    folders[typed_name("page_view")] = f"{layout.TYPED_TABLES}/{folder_of('page_view')}"
    expected = [
        f"CREATE EXTERNAL TABLE events_athena.{name} LOCATION 's3://example-lake/events/{folder}/'"
        " TBLPROPERTIES ('table_type' = 'DELTA');"
        for name, folder in folders.items()
    ]
    assert re.findall(r"CREATE EXTERNAL TABLE[^;]+;", " ".join(SQL.split())) == expected


def test_the_view_of_the_latest_versions_is_sparks_own_text() -> None:
    expected = views.EVENTS_LATEST.query("events_athena")
    [found] = re.findall(r"VIEW events_athena.events_latest AS\s+([^;]+);", SQL)
    assert found.split() == expected.split()
