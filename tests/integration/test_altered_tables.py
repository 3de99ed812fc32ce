"""A lake whose tables somebody has given features of Delta that ours haven't is read right by every job."""

import json
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.contracts.propose import Sampling, propose_contracts
from event_lake.lake import layout
from event_lake.lake.window import Window
from event_lake.quality import thresholds
from event_lake.quality.check import check_quality
from event_lake.reconciliation.reconcile import reconcile
from event_lake.report.gather import quality_report
from support.golden_sets import FOLDER, unpack
from support.taking_over import TakenOver, go_on_with

pytestmark = pytest.mark.slow

FEATURES = {
    "delta.columnMapping.mode": "name",
    "delta.enableDeletionVectors": "true",
    "delta.enableRowTracking": "true",
    "delta.enableTypeWidening": "true",
    "delta.enableChangeDataFeed": "true",
    "delta.enableInCommitTimestamps": "true",
    "delta.randomizeFilePrefixes": "true",
    "delta.checkpointPolicy": "v2",
    # So that there is one of them.
    "delta.checkpointInterval": "2",
}
ALTERED = (layout.RAW_EVENTS, layout.LEDGER, layout.STAGING_EVENTS)


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> TakenOver:
    """Gone on with, over its stream with some more records."""
    golden = unpack(FOLDER / "lake-1.tar.xz", tmp_path_factory.mktemp("altered"))
    properties = ", ".join(f"'{key}' = '{value}'" for key, value in FEATURES.items())
    for table in ALTERED:
        spark.sql(f"alter table delta.`{golden.folder}/lake/{table.name}` set tblproperties ({properties})")
    # An event and its conflicts, in a file with others: they get a deletion vector.
    spark.sql(f"delete from delta.`{golden.folder}/lake/{layout.RAW_EVENTS.name}` where event_uuid = 'unread-0'")
    return go_on_with(spark, golden)


def test_staging_has_every_event_that_raw_holds_once(lake: TakenOver) -> None:
    expected = {uuid: payload for uuid, payload in lake.first_versions.items() if uuid != "unread-0"}
    assert lake.rows("staging/events", "event_uuid", "payload") == Counter(expected.items())


def test_typed_columns_are_read(lake: TakenOver) -> None:
    scores = {uuid: json.loads(text).get("score") for uuid, text in lake.first_versions.items() if '"lesson:' in text}
    good = {(uuid, score) for uuid, score in scores.items() if isinstance(score, int) and uuid != "unread-0"}
    assert lake.rows("staging/types/lesson", "event_uuid", "score") == Counter(good)


def test_reconcile_finds_the_deletion_and_nothing_else(lake: TakenOver) -> None:
    verdict = reconcile(lake.spark, lake.settings, Window())
    assert {fault.check.key for fault in verdict.faults.first} == {"raw"}


def test_the_jobs_that_only_read_do(lake: TakenOver, tmp_path: Path) -> None:
    rules = thresholds.load_rules("conf/quality.toml")
    assert check_quality(lake.spark, lake.settings, rules).newest is not None
    proposed = propose_contracts(lake.spark, lake.settings, Sampling(), str(tmp_path), force=True)
    assert "lesson.toml" in proposed.written
    assert (
        quality_report(lake.spark, lake.settings, Window()).quarantined == lake.rows("raw/quarantine", "data").total()
    )
