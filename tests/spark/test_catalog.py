"""The tables and views of a lake in a catalog, here Spark's own in memory: registered once, and never over others'."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from event_lake.config.settings import Lake, Settings
from event_lake.errors import ConfigError, UserError
from event_lake.lake import catalog, columns, layout, tables, views
from event_lake.lake.descriptions import describe, find_uncommented
from event_lake.lake.session import set_for
from event_lake.lake.views import View
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.staging.build import build_staging
from support.emulators import Stream
from support.raw_layers import Event, RawLayer, settings_of

pytestmark = pytest.mark.spark41
CONTRACT = """
event_type = "Order Completed"
description = "An order was paid."
[columns.price]
type = "decimal(10,2)"
description = "In euros."
"""

RAW_NAMES = {*("raw_events", "raw_quarantine", "raw_ledger", "raw_event_types", "raw_findings"), "quarantine_readable"}


@pytest.fixture
def schema(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the test's own in the session's catalog."""
    name = f"events_{abs(hash(request.node.name))}"
    spark.sql(f"create schema {name}")
    yield name
    spark.sql(f"drop schema {name} cascade")


@pytest.fixture
def raw(spark: SparkSession, root: str) -> RawLayer:
    """A lake with empty tables."""
    return RawLayer(spark, root)


def lake_of(root: str, schema: str) -> Lake:
    return Lake(root=root, catalog=schema)


def registered(settings: Settings, schema: str) -> Settings:
    return replace(settings, lake=replace(settings.lake, catalog=schema))


def register_raw(spark: SparkSession, lake: Lake, *of: View) -> None:
    catalog.register(spark, lake, [describe(table) for table in layout.RAW], of or views.RAW)


def names_in(spark: SparkSession, schema: str) -> set[str]:
    return {row.tableName.partition("__")[0] for row in spark.sql(f"show tables in {schema}").collect()}


def details_of(spark: SparkSession, name: str) -> dict[str, Any]:
    return {row.col_name: row.data_type for row in spark.sql(f"describe table extended {name}").collect()}


def versions(spark: SparkSession, root: str) -> list[int]:
    return [tables.newest_version(spark, root, table) for table in (*layout.RAW, *layout.STAGING)]


def test_tables_are_registered_where_they_are_with_their_comments(
    spark: SparkSession, root: str, raw: RawLayer, schema: str
) -> None:
    raw.gains(Event())
    register_raw(spark, lake_of(root, schema))
    assert names_in(spark, schema) == RAW_NAMES
    found = details_of(spark, f"{schema}.raw_events")
    assert (found["Type"], found["Provider"]) == ("EXTERNAL", "delta")
    assert found["Location"] == f"file:{root}/raw/events"
    assert found["Comment"] == columns.ROWS["raw/events"]
    comments = {field.name: field.metadata["comment"] for field in spark.table(f"{schema}.raw_events").schema}
    assert comments == columns.MEANINGS["raw/events"]
    assert spark.table(f"{schema}.raw_events").count() == 1


def test_columns_within_columns_have_comments_too(spark: SparkSession, root: str, raw: RawLayer, schema: str) -> None:
    described = [describe(table) for table in (layout.REJECTED, layout.CONFLICTS)]
    assert all(len(list(find_uncommented(one.table.schema, one.comments))) == len(one.comments) for one in described)
    catalog.register(spark, lake_of(root, schema), described, ())
    for one in described:
        assert list(find_uncommented(spark.table(f"{schema}.{one.name}").schema, one.comments)) == []


def test_to_register_again_commits_nothing(spark: SparkSession, root: str, raw: RawLayer, schema: str) -> None:
    register_raw(spark, lake_of(root, schema))
    before = versions(spark, root)
    register_raw(spark, lake_of(root, schema))
    assert versions(spark, root) == before


def test_nothing_is_committed_without_the_lease(spark: SparkSession, root: str, raw: RawLayer, schema: str) -> None:
    def lost() -> None:
        raise UserError("the lease is lost")

    before = versions(spark, root)
    with pytest.raises(UserError, match="the lease is lost"):
        catalog.register(spark, lake_of(root, schema), [describe(table) for table in layout.RAW], (), lost)
    assert versions(spark, root) == before


def test_without_a_catalog_nothing_is_asked(spark: SparkSession, root: str, raw: RawLayer) -> None:
    no_session: Any = object()
    register_raw(no_session, Lake(root=root))
    before = versions(spark, root)[len(layout.RAW) :]
    build_staging(spark, settings_of(root))
    assert versions(spark, root)[len(layout.RAW) :] == before


def test_a_table_that_was_dropped_comes_back(spark: SparkSession, root: str, raw: RawLayer, schema: str) -> None:
    raw.gains(Event())
    register_raw(spark, lake_of(root, schema))
    spark.sql(f"drop table {schema}.raw_events")
    register_raw(spark, lake_of(root, schema))
    assert spark.table(f"{schema}.raw_events").count() == 1


def test_another_lakes_table_is_refused_and_left_as_it_is(
    spark: SparkSession, root: str, raw: RawLayer, schema: str, tmp_path: Path
) -> None:
    register_raw(spark, lake_of(root, schema))
    other = str(tmp_path / "other")
    RawLayer(spark, other)
    with pytest.raises(UserError) as refused:
        register_raw(spark, lake_of(other, schema))
    assert str(refused.value).startswith(f"lake.catalog = {schema!r}: raw_")
    assert f" is the table at {root}/raw/" in str(refused.value)
    assert str(refused.value).endswith(
        "; drop it there, which deletes no data of an external table, or give each lake a schema of its own"
    )
    assert details_of(spark, f"{schema}.raw_events")["Location"] == f"file:{root}/raw/events"
    assert versions(spark, other) == [0] * len(versions(spark, other))


@pytest.mark.parametrize(
    "taken",
    [
        ("create table {schema}.raw_findings using delta location '{gone}'", "a table that is gone"),
        ("create view {schema}.raw_findings as select 1 as one", "a view of somebody else"),
        ("create view {schema}.quarantine_readable as select 1 as one", "a view of somebody else"),
    ],
)
def test_a_name_that_somebody_else_uses_is_refused(
    spark: SparkSession, raw: RawLayer, schema: str, tmp_path: Path, taken: tuple[str, str]
) -> None:
    statement, is_what = taken
    gone = tmp_path / "gone"
    spark.range(1).write.format("delta").save(str(gone))
    spark.sql(statement.format(schema=schema, gone=gone))
    for file in sorted(gone.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    gone.rmdir()
    with pytest.raises(UserError, match=f" is {is_what}, and not "):
        register_raw(spark, lake_of(str(tmp_path / "lake"), schema))


@pytest.mark.parametrize("name", ["no_such_schema", "spark_catalog.no_such_schema"])
def test_a_schema_that_is_not_there_is_refused_with_the_remedy(
    spark: SparkSession, root: str, raw: RawLayer, name: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        register_raw(spark, lake_of(root, name))
    assert str(refused.value) == (
        f"lake.catalog = {name!r}: there is no such schema, and this session's catalog is forgotten at its end; set"
        ' "spark.sql.catalogImplementation" = "hive" in [spark], and say where the metastore is'
    )


def test_a_catalog_that_spark_does_not_know_is_refused(spark: SparkSession, root: str, raw: RawLayer) -> None:
    with pytest.raises(ConfigError, match=r"there is no such schema; run CREATE SCHEMA `main`\.`events`, or write"):
        register_raw(spark, lake_of(root, "main.events"))


def test_a_catalog_that_fails_is_told_and_events_are_staged_all_the_same(
    spark: SparkSession, root: str, raw: RawLayer, caplog: pytest.LogCaptureFixture
) -> None:
    raw.gains(Event())
    with caplog.at_level(logging.WARNING, "event_lake"), set_for(spark, "spark.sql.catalog.broken", "org.example.None"):
        staged = build_staging(spark, registered(settings_of(root), "broken.events"))
    assert staged.inserted == 1
    [told] = [record.getMessage() for record in caplog.records]
    assert told.startswith("lake.catalog = 'broken.events' failed, so tables may be missing there; the next run")
    assert "\n" not in told


def test_staging_registers_its_tables_and_one_for_each_contract(
    spark: SparkSession, root: str, raw: RawLayer, schema: str, tmp_path: Path
) -> None:
    file = tmp_path / "order.toml"
    file.write_text(CONTRACT)
    settings = registered(settings_of(root, contracts=str(tmp_path)), schema)
    raw.gains(Event(event_type="Order Completed", says='{"price": 1}'))
    build_staging(spark, settings)
    assert names_in(spark, schema) == {
        *("staging_events", "staging_conflicts", "staging_rejected", "quality_metrics"),
        *("type_order_completed", "events_latest"),
    }
    [typed] = [row.tableName for row in spark.sql(f"show tables in {schema} like 'type_*'").collect()]
    assert details_of(spark, f"{schema}.{typed}")["Comment"] == "Events of the type Order Completed. An order was paid."
    comments = {field.name: field.metadata["comment"] for field in spark.table(f"{schema}.{typed}").schema}
    assert comments == {**columns.TYPED, "price": "In euros."}
    file.write_text(CONTRACT.replace("decimal(10,2)", "decimal(12,2)").replace("An order was", "Was"))
    build_staging(spark, settings)
    assert details_of(spark, f"{schema}.{typed}")["Comment"] == "Events of the type Order Completed. Was paid."
    comments = {field.name: field.metadata["comment"] for field in spark.table(f"{schema}.{typed}").schema}
    assert comments == {**columns.TYPED, "price": "In euros."}


def test_ingest_raw_registers_its_tables(spark: SparkSession, root: str, stream: Stream, schema: str) -> None:
    stream.put(b"no event")
    ingest_raw(spark, registered(stream.settings(root), schema), IngestOptions(until_caught_up=True))
    assert names_in(spark, schema) == RAW_NAMES
    [row] = spark.table(f"{schema}.quarantine_readable").collect()
    assert (row.content, row.encoding, row.reasons) == ("no event", "text", "not_json")


def test_a_view_is_replaced_if_its_definition_has_changed_and_only_then(
    spark: SparkSession, root: str, raw: RawLayer, schema: str
) -> None:
    name, view = f"{schema}.quarantine_readable", views.QUARANTINE_READABLE
    register_raw(spark, lake_of(root, schema), replace(view, template=f"{view.template} where false"))
    assert "where false" in details_of(spark, name)["View Text"]
    register_raw(spark, lake_of(root, schema))
    assert "where false" not in details_of(spark, name)["View Text"]
    # A view that is replaced loses such a property.
    spark.sql(f"alter view {name} set tblproperties ('mark' = 'kept')")
    register_raw(spark, lake_of(root, schema))
    assert "mark=kept" in details_of(spark, name)["Table Properties"]


def test_the_latest_version_of_each_event_is_shown_whichever_staging_keeps(
    spark: SparkSession, root: str, raw: RawLayer, schema: str
) -> None:
    raw.gains(
        Event(uuid="a", says='{"v":1}', created=5, arrived=9),
        Event(uuid="a", says='{"v":2}', created=7, arrived=8),
        Event(uuid="a", says='{"v":3}', created=7, arrived=8, number=99),
        Event(uuid="b", says='{"v":1}'),
        Event(uuid="b", says='{"v":1}', arrived=3),
        Event(uuid="c", says='{"v":1}', arrived=3, number=9, event_type="exam"),
        Event(uuid="c", says='{"v":2}', arrived=3, number=10, event_type="exam"),
        Event(uuid="c", says='{"v":3}', day=1),
    )
    build_staging(spark, registered(settings_of(root, keep="first"), schema))
    found = spark.table(f"{schema}.events_latest")
    assert found.columns == layout.STAGING_EVENTS.schema.names
    shown = {
        (row.event_uuid, row.true_event_type, row.date.day, row.payload, row.arrived_at) for row in found.collect()
    }
    by_event = {(uuid, kind, day): payload for uuid, kind, day, payload, _ in shown}
    assert len(by_event) == len(shown) == tables.read(spark, root, layout.STAGING_EVENTS).count()
    assert by_event == {
        ("a", "lesson", 20): '{"v":2}',
        ("b", "lesson", 20): '{"v":1}',
        ("c", "exam", 20): '{"v":2}',
        ("c", "lesson", 21): '{"v":3}',
    }


def test_quarantined_bytes_are_shown_as_text_or_else_as_base64(
    spark: SparkSession, root: str, raw: RawLayer, schema: str
) -> None:
    names = layout.QUARANTINE.schema.names
    for data in ("{é".encode(), b"\xff\x00", None):
        row = {"data": data, "reasons": ["not_json", "too_deep"]}
        frame = spark.createDataFrame([tuple(row.get(name) for name in names)], layout.QUARANTINE.schema)
        tables.append(frame, root, layout.QUARANTINE)
    register_raw(spark, lake_of(root, schema))
    found = spark.table(f"{schema}.quarantine_readable")
    assert {(row.content, row.encoding, row.reasons) for row in found.collect()} == {
        ("{é", "text", "not_json, too_deep"),
        ("/wA=", "base64", "not_json, too_deep"),
        (None, "base64", "not_json, too_deep"),
    }
    assert {field.name: field.metadata["comment"] for field in found.schema} == dict(views.QUARANTINE_READABLE.comments)
