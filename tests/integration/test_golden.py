"""Lakes that older code wrote are gone on with: every record once, every event staged once, nothing made anew."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from event_lake import tables
from event_lake.config import Quality, Settings
from event_lake.pipelines.build_staging import build_staging
from event_lake.pipelines.ingest_raw import Asked, ingest_raw
from event_lake.pipelines.reconcile import reconcile
from event_lake.raw.ledger import Totals
from event_lake.raw.verdict import Window
from event_lake.schemas import OTHER
from event_lake.staging.write import Staged
from faulty_kinesis import serve
from golden.sets import FOLDER, SHARDS, GoldenSet, Record, shards_of, unpack

SETS = sorted(FOLDER.glob("*.tar.*"))
A = SHARDS[0]


@dataclass(frozen=True)
class TakenOver:
    """A golden lake before and after today's jobs have gone on with it, over its stream with some more records."""

    spark: SparkSession
    settings: Settings
    records: Sequence[Record]
    ledger_before: Sequence[Row]
    staged_before: Sequence[int]
    read: Totals
    staged: Staged
    staged_again: Staged

    @property
    def sent(self) -> list[tuple[str, str]]:
        """The event_uuid and payload of each event of the stream, copies included, by arrival."""
        by_arrival = sorted(self.records, key=lambda record: record.arrives)
        return [(uuid, record.data.decode()) for record in by_arrival if (uuid := uuid_in(record.data))]

    @property
    def versions(self) -> dict[tuple[str, str], None]:
        """The same without copies."""
        return dict.fromkeys(self.sent)

    @property
    def first_versions(self) -> dict[str, str]:
        """The payload of each event_uuid that came first."""
        return dict(reversed(self.sent))

    def rows(self, name: str, *columns: str) -> Counter[tuple]:
        """Of a table of the lake."""
        found = self.spark.read.format("delta").load(f"{self.settings.lake.root}/{name}")
        return Counter(tuple(row) for row in found.select(*columns).collect())


def uuid_in(data: bytes) -> str | None:
    """The event's event_uuid; None of what is no event. In golden sets the events are those with a created_at."""
    try:
        return json.loads(data)["event_uuid"] if b"created_at" in data else None
    except ValueError:
        return None


def more(before: Sequence[Record]) -> list[Record]:
    """What comes to the stream later: events of an old and a new type, what is no event, and a copy of the oldest."""
    told = '{"event_uuid":"%s","event_name":"%s:done","created_at":1795000000,"score":1}'
    sent = (told % ("new", "lesson"), told % ("other", "of_a_new_type"), "new")
    behind = max(record.arrives for record in before) + 1_000
    return [Record(A, behind + n, data) for n, data in enumerate([*map(str.encode, sent), before[0].data])]


def go_on_with(spark: SparkSession, golden: GoldenSet) -> TakenOver:
    records = [*golden.records, *more(golden.records)]
    with serve(shards_of(records)) as kinesis:
        # Measures take longer than all the rest.
        settings = replace(golden.settings(kinesis.url), quality=Quality(measure=False))
        root = settings.lake.root
        ledger = tables.read(spark, root, tables.LEDGER).collect()
        read = ingest_raw(spark, settings, Asked(until_caught_up=True)).totals
    staged_before = [tables.read(spark, root, table).count() for table in (tables.STAGING_EVENTS, tables.CONFLICTS)]
    return TakenOver(
        spark=spark,
        settings=settings,
        records=records,
        ledger_before=ledger,
        staged_before=staged_before,
        read=read,
        staged=build_staging(spark, settings),
        staged_again=build_staging(spark, settings),
    )


@pytest.fixture(scope="module", params=SETS, ids=lambda archive: archive.name.partition(".")[0])
def lake(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> TakenOver:
    return go_on_with(spark, unpack(Path(request.param), tmp_path_factory.mktemp("golden")))


@pytest.fixture(scope="module", autouse=True)
def one_partition_number(spark: SparkSession) -> Iterator[None]:
    """As many as the sets were made with: a checkpoint is held to it."""
    key = "spark.sql.shuffle.partitions"
    before = spark.conf.get(key)
    spark.conf.set(key, "4")
    yield
    spark.conf.set(key, str(before))


def test_every_version_of_an_event_is_in_raw_once(lake: TakenOver) -> None:
    assert lake.rows("raw/events", "event_uuid", "payload") == Counter(lake.versions.keys())


def test_every_other_record_is_quarantined_once(lake: TakenOver) -> None:
    expected = Counter(record.data for record in lake.records if uuid_in(record.data) is None)
    assert Counter({bytes(data): n for (data,), n in lake.rows("raw/quarantine", "data").items()}) == expected


def test_only_records_behind_the_ledger_are_read(lake: TakenOver) -> None:
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
