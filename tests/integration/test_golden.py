"""Lakes that older code wrote are gone on with: every record once, every event staged once, nothing made anew."""

import json
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.lake.schemas import OTHER
from event_lake.lake.window import Window
from event_lake.reconciliation.reconcile import reconcile
from event_lake.staging.write import Staged
from support.golden_sets import FOLDER, unpack
from support.taking_over import TakenOver, go_on_with, uuid_in

pytestmark = pytest.mark.slow

SETS = sorted(FOLDER.glob("*.tar.*"))


@pytest.fixture(scope="module", params=SETS, ids=lambda archive: archive.name.partition(".")[0])
def lake(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> TakenOver:
    return go_on_with(spark, unpack(Path(request.param), tmp_path_factory.mktemp("golden")))


def test_every_version_of_an_event_is_in_raw_once(lake: TakenOver) -> None:
    assert lake.rows("raw/events", "event_uuid", "payload") == Counter(lake.versions.keys())


def test_every_other_record_is_quarantined_once(lake: TakenOver) -> None:
    expected = Counter(record.data for record in lake.records if uuid_in(record.data) is None)
    assert Counter({bytes(data): n for (data,), n in lake.rows("raw/quarantine", "data").items()}) == expected


def test_only_records_after_the_ledger_are_read(lake: TakenOver) -> None:
    before = sum(row["read"] or 0 for row in lake.ledger_before)
    assert 0 < before < len(lake.records)
    assert lake.read.read == len(lake.records) - before


def test_the_state_store_still_knows_events_of_before(lake: TakenOver) -> None:
    known = sum(row["duplicates"] or 0 for row in lake.ledger_before)
    quarantined = sum(uuid_in(record.data) is None for record in lake.records)
    assert lake.read.duplicates == len(lake.records) - quarantined - len(lake.versions) - known


def test_the_lake_balances(lake: TakenOver) -> None:
    reconcile(lake.spark, lake.settings, Window()).refuse_faults()


def test_staging_adds_what_it_lacked_and_nothing_twice(lake: TakenOver) -> None:
    # How much is looked at again isn't promised across formats, only that it's known.
    events = len(lake.first_versions)
    lacked = (events, len(lake.versions) - events)
    added = [now - before for now, before in zip(lacked, lake.staged_before, strict=True)]
    assert [lake.staged.inserted, lake.staged.conflicts] == added
    assert min(added) > 0
    assert lake.staged_again == Staged()


def test_every_event_is_staged_once_in_its_first_version(lake: TakenOver) -> None:
    first = Counter(lake.first_versions.items())
    assert lake.rows("staging/events", "event_uuid", "payload") == first
    assert lake.rows("staging/conflicts", "event_uuid", "payload") == Counter(lake.versions.keys()) - first


def test_types_keep_their_partitions(lake: TakenOver) -> None:
    own = {name for (name,) in lake.rows("raw/event_types", "event_type")}
    assert len(own) == lake.settings.raw.max_event_types
    for table in ("raw/events", "staging/events"):
        rows = lake.rows(table, "event_type", "true_event_type")
        assert {true for partition, true in rows if partition == OTHER}.isdisjoint(own)
        assert {partition for partition, _ in rows} == {*own, OTHER}


def test_every_lesson_is_in_the_typed_table_or_rejected(lake: TakenOver) -> None:
    lessons = {uuid: payload for uuid, payload in lake.first_versions.items() if '"lesson:' in payload}
    scores = {uuid: json.loads(payload).get("score") for uuid, payload in lessons.items()}
    kept = {(uuid, score) for uuid, score in scores.items() if isinstance(score, int)}
    assert lake.rows("staging/types/lesson", "event_uuid", "score") == Counter(kept)
    assert lake.rows("staging/rejected", "event_uuid") == Counter(
        (uuid,) for uuid in scores if (uuid, scores[uuid]) not in kept
    )
