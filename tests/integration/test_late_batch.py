"""A batch behind the watermark: found before it's written, kept, acknowledged, and read again."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from event_lake.config.settings import Settings
from event_lake.errors import DataLossError, error_in_traceback
from event_lake.lake import layout, tables
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.ledger import Totals
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from event_lake.reconciliation.verdict import Verdict
from support.emulators import Stream
from support.sent import an_event

pytestmark = pytest.mark.slow


def ingest(
    spark: SparkSession, settings: Settings, acknowledge: Sequence[int] = (), check: Callable[[], None] = lambda: None
) -> Totals:
    asked = IngestOptions(until_caught_up=True, acknowledge=acknowledge, user="ada on host")
    return ingest_raw(spark, settings, asked, check=check).totals


def put(stream: Stream, *uuids: str) -> None:
    now = int(stream.client().now().timestamp())
    for uuid in uuids:
        stream.put(an_event(event_uuid=uuid, created_at=now), key=uuid)


def die() -> None:
    raise OSError("killed")


def plan_behind_the_watermark(spark: SparkSession, settings: Settings) -> int:
    """Leave a batch that is planned, and whose clock is that of a machine that is behind; returns its number."""
    with pytest.raises(StreamingQueryException, match="killed"):
        ingest(spark, settings, check=die)
    checkpoint = Checkpoint(spark, layout.checkpoint_path(settings.lake.root, "ingest_raw"))
    newest = checkpoint.newest_batch
    assert newest is not None
    file = Path(checkpoint.path, "offsets", str(newest))
    file.write_text(re.sub(r'"batchTimestampMs":\d+', '"batchTimestampMs":1', file.read_text("utf-8")), "utf-8")
    (file.parent / f".{newest}.crc").unlink()
    return newest


def found(spark: SparkSession, settings: Settings) -> Verdict:
    return reconcile(spark, settings, Window())


def test_a_late_batch_stays_an_error_until_it_is_acknowledged_and_then_loses_nothing(
    spark: SparkSession, stream: Stream, root: str
) -> None:
    settings = stream.settings(root)
    for uuids in ("ab", "cd"):
        put(stream, *uuids)
        ingest(spark, settings)
    put(stream, *"ef")
    late = plan_behind_the_watermark(spark, settings)

    with pytest.raises(StreamingQueryException) as refused:
        ingest(spark, settings)
    error = error_in_traceback(str(refused.value))
    assert isinstance(error, DataLossError)
    assert re.match(f"batch {late}: its clock, 1970-.* isn't later than the watermark of the batches", str(error))
    for _ in range(2):
        with pytest.raises(DataLossError, match=f"batch {late}: its clock, .* ingest_raw --acknowledge {late}"):
            ingest(spark, settings)
    with pytest.raises(DataLossError, match=f"finding: raw/findings: batch {late}: its clock"):
        found(spark, settings).refuse_faults()

    assert ingest(spark, settings, [late]) == Totals(read=2, raw=2)
    uuids = [row.event_uuid for row in tables.read(spark, root, layout.RAW_EVENTS).collect()]
    assert sorted(uuids) == [*"abcdef"]
    verdict = found(spark, settings)
    verdict.refuse_faults()
    assert any(note.startswith("acknowledged by ada on host at ") for note in verdict.notes)
