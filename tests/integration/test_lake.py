"""The demo's path, every count asserted: what was sent = raw + duplicates + quarantined, kind by kind."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.config.settings import Quality, Settings
from event_lake.generator.events import Timeline
from event_lake.generator.faults import FAULTS, reason_of
from event_lake.generator.put import RecordPutter, batches
from event_lake.generator.sequence import EVENT, LATE, RETRY, Record, records
from event_lake.kinesis import source
from event_lake.kinesis.options import FORMAT, options_of, without_bounds
from event_lake.lake import layout
from event_lake.lake.ledger import Totals
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.staging.build import build_staging
from support.emulators import Stream

pytestmark = pytest.mark.spark41

COUNT = 3_000


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    start = datetime.now(UTC) - timedelta(minutes=5)
    return Timeline(seed=7, start_ms=int(start.timestamp() * 1000), rate=100)


def test_all_that_was_sent_is_in_the_lake_and_again_after_a_restart(
    spark: SparkSession, stream: Stream, root: str, timeline: Timeline
) -> None:
    settings = stream.settings(root, max_batch_seconds=1)
    ingest = partial(_ingested, spark, settings)
    sent = list(records(timeline, first=0, count=COUNT))
    _put(stream, sent)
    assert ingest() == _expected(sent)
    _assert_lake_holds(spark, settings, sent)

    repeated = [record for record in sent[-500:] if record.kind in (EVENT, LATE)]
    _put(stream, repeated)
    assert ingest() == Totals(read=len(repeated), duplicates=len(repeated))
    _assert_lake_holds(spark, settings, sent)
    assert ingest() == Totals()

    good = [record for record in sent if record.kind in (EVENT, LATE)]
    assert build_staging(spark, replace(settings, quality=Quality(measure=False))).inserted == len(good)
    staged = _table(spark, settings, layout.STAGING_EVENTS).select("payload").collect()
    assert Counter(row.payload for row in staged) == Counter(record.data.decode() for record in good)


def test_latest_means_what_arrives_after_the_first_start(spark: SparkSession, stream: Stream, root: str) -> None:
    configured = stream.settings(root)
    settings = Settings(
        source=type(configured.source)(**{**vars(configured.source), "start_from": "latest"}),
        lake=configured.lake,
    )
    stream.put(b"before")
    # Kinesis' clock is known to a second.
    _wait_for_the_next_second(stream)
    assert _ingested(spark, settings) == Totals()
    stream.put(b"after 1", key="a")
    stream.put(b"after 2", key="b")
    assert _ingested(spark, settings) == Totals(read=2, quarantined=2)


def _ingested(spark: SparkSession, settings: Settings) -> Totals:
    return ingest_raw(spark, settings, IngestOptions(until_caught_up=True)).totals


def _wait_for_the_next_second(stream: Stream) -> None:
    client = stream.client()
    begun = client.now() + timedelta(seconds=2)
    while client.now() < begun:
        pass


def _put(stream: Stream, sent: list[Record]) -> None:
    putter = RecordPutter(stream.client())
    for batch in batches(sent, most_seconds=float("inf")):
        putter.put(batch)


def _expected(sent: list[Record]) -> Totals:
    kinds = Counter(record.kind for record in sent)
    bad = sum(kinds[kind] for kind in FAULTS)
    return Totals(read=len(sent), raw=kinds[EVENT] + kinds[LATE], duplicates=kinds[RETRY], quarantined=bad)


def _assert_lake_holds(spark: SparkSession, settings: Settings, sent: list[Record]) -> None:
    raw = _table(spark, settings, layout.RAW_EVENTS).select("payload").collect()
    assert Counter(row.payload for row in raw) == Counter(
        record.data.decode() for record in sent if record.kind in (EVENT, LATE)
    )
    quarantine = _table(spark, settings, layout.QUARANTINE).select("data", "reasons").collect()
    assert Counter((bytes(row.data), *row.reasons) for row in quarantine) == Counter(
        (record.data, reason_of(record.kind)) for record in sent if record.kind in FAULTS
    )
    [entered] = _table(spark, settings, layout.LEDGER).selectExpr("sum(raw)", "sum(quarantined)").collect()
    assert tuple(entered) == (len(raw), len(quarantine))


def _table(spark: SparkSession, settings: Settings, table: layout.Table):
    return spark.read.format("delta").load(table.path(settings.lake.root))


def test_a_progress_event_tells_each_shards_receipt(spark: SparkSession, stream: Stream, tmp_path: Path) -> None:
    stream.put(b"1", b"22")
    source.register_source(spark)
    options = without_bounds(options_of(stream.settings("lake").source))
    records = source.observe_receipts(spark.readStream.format(FORMAT).options(**options).load())
    writing = records.writeStream.format("noop").option("checkpointLocation", str(tmp_path))
    query = writing.trigger(availableNow=True).start()
    assert query.awaitTermination(60)
    [shard] = [shard for progress in query.recentProgress for shard in progress.observedMetrics["kinesis"]["shards"]]
    expected = {"records": 2, "user_records": 2, "bytes": 3, "millis_behind": 0, "throttled": 0, "hole": None}
    assert {name: shard[name] for name in expected} == expected
