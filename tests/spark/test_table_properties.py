"""A table is what we make it, whatever a cluster has as its defaults."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from deltalake import DeltaTable
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from event_lake.contracts.contract import Column
from event_lake.errors import UserError
from event_lake.lake import layout, tables
from event_lake.lake.table_properties import NEWER_PROPERTIES
from event_lake.staging import typed_tables
from support.raw_layers import Event, frame
from support.staged_events import a_contract

# Each changes what a reader or a writer of a table must know, or what may be written.
DEFAULTS = {
    "minReaderVersion": "3",
    "minWriterVersion": "7",
    "columnMapping.mode": "name",
    "enableDeletionVectors": "true",
    "enableRowTracking": "true",
    "enableTypeWidening": "true",
    "enableChangeDataFeed": "true",
    "enableInCommitTimestamps": "true",
    "enableVariantShredding": "true",
    "enableIcebergCompatV2": "true",
    "enableIcebergCompatV3": "true",
    "universalFormat.enabledFormats": "iceberg",
    "compatibility.symlinkFormatManifest.enabled": "true",
    "enableMaterializePartitionColumnsFeature": "true",
    "checkpointPolicy": "v2",
    "parquet.format.version": "2.12.0",
    "randomizeFilePrefixes": "true",
    "appendOnly": "true",
    "setTransactionRetentionDuration": "interval 1 second",
    "feature.timestampNtz": "supported",
    "feature.vacuumProtocolCheck": "supported",
}
# Delta 4.3, which runs on Spark 4.1, doesn't know it yet.
if not pyspark.__version__.startswith("4.1."):
    DEFAULTS["writePartitionColumnsToParquet"] = "true"
ALL = (*layout.RAW, *layout.STAGING)


@pytest.fixture
def odd(spark: SparkSession) -> Iterator[SparkSession]:
    """A session of a cluster with other defaults."""
    keys = [f"spark.databricks.delta.properties.defaults.{name}" for name in DEFAULTS]
    for key, value in zip(keys, DEFAULTS.values(), strict=True):
        spark.conf.set(key, value)
    yield spark
    for key in keys:
        spark.conf.unset(key)


@pytest.fixture(scope="module")
def plain(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake by a session without any."""
    root = str(tmp_path_factory.mktemp("plain"))
    tables.create(spark, root, ALL)
    return root


def describe(spark: SparkSession, root: str, table: layout.Table) -> Row:
    columns = ("properties", "minReaderVersion", "minWriterVersion", "tableFeatures", "partitionColumns")
    [row] = spark.sql(f"describe detail delta.`{table.path(root)}`").select(*columns).collect()
    return row


def without_newer(row: Row) -> Row:
    """Without properties that are told only where a cluster has a default that they overrule."""
    kept = {key: value for key, value in row.properties.items() if key not in NEWER_PROPERTIES}
    return Row(**{**row.asDict(), "properties": kept})


def test_a_clusters_defaults_dont_change_what_a_table_is(odd: SparkSession, plain: str, root: str) -> None:
    tables.create(odd, root, ALL)
    made = [describe(odd, root, table) for table in ALL]
    assert [without_newer(row) for row in made] == [describe(odd, plain, table) for table in ALL]
    assert all(
        NEWER_PROPERTIES.items() >= (row.properties.items() - without_newer(row).properties.items()) for row in made
    )


def test_a_rewritten_typed_table_stays_what_it_is(odd: SparkSession, root: str) -> None:
    def made_with(kind: str) -> Row:
        contract = a_contract(Column(name="score", type=kind))
        typed_tables.prepare_tables(odd, root, {"lesson": contract})
        return describe(odd, root, typed_tables.table_of(contract))

    assert made_with("int") == made_with("bigint")


def test_a_table_asks_no_more_than_the_first_versions_of_the_protocol(spark: SparkSession, plain: str) -> None:
    row = describe(spark, plain, layout.RAW_EVENTS)
    assert (row.minReaderVersion, row.minWriterVersion, row.tableFeatures) == (1, 2, ["appendOnly", "invariants"])


def test_what_is_written_beside_such_defaults_is_read_by_others(odd: SparkSession, root: str) -> None:
    tables.create(odd, root, [layout.STAGING_EVENTS])
    tables.append(frame(odd, [Event(uuid="a"), Event(uuid="b")]), root, layout.STAGING_EVENTS)
    table = DeltaTable(layout.STAGING_EVENTS.path(root))
    assert sorted(table.to_pyarrow_table()["event_uuid"].to_pylist()) == ["a", "b"]
    assert [Path(file).parts[-3] for file in table.file_uris()] == ["date=2026-11-20"]


def test_a_table_that_only_takes_appends_is_named_with_the_way_out(spark: SparkSession, root: str) -> None:
    table, path = layout.STAGING_EVENTS, layout.STAGING_EVENTS.path(root)
    tables.create(spark, root, [table])
    events = frame(spark, [Event(uuid="a")])
    tables.append(events, root, table)
    spark.sql(f"alter table delta.`{path}` set tblproperties ('delta.appendOnly' = 'true')")
    said = f"{re.escape(path)} was changed by somebody else: DELTA_CANNOT_MODIFY_APPEND_ONLY: .* SET TBLPROPERTIES"
    with pytest.raises(UserError, match=said):
        tables.merge(events, root, table, on="target.event_uuid = source.event_uuid")
    with pytest.raises(UserError, match=said):
        tables.replace(events, root, table, F.expr("true"))
