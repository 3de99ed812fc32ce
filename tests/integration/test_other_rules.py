"""A run that is killed in the middle of a batch, and started again with other rules."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from event_lake.config.settings import Lake, Raw, Settings
from event_lake.errors import UserError, error_in_traceback
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream, make_stream
from support.sent import an_event

pytestmark = pytest.mark.slow

NARROW, WIDE = Raw(), Raw(max_future=timedelta(hours=1))


@pytest.fixture(scope="module")
def stream(kinesis_endpoint: str) -> Stream:
    """A stream of 5 events, and 30 that come from the future by narrow rules; by wide ones they are events."""
    stream = make_stream(kinesis_endpoint, "other_rules")
    now = int(stream.client().now().timestamp())
    for n in range(35):
        ahead = 1_800 if n >= 5 else 0
        stream.put(an_event(event_uuid=str(n), created_at=now + ahead), key=str(n))
    return stream


def ingest(
    spark: SparkSession, settings: Settings, *, check: Callable[[], None] = lambda: None, anew: bool = False
) -> Totals:
    return ingest_raw(spark, settings, IngestOptions(until_caught_up=True, new_checkpoint=anew), check=check).totals


def die_at_quarantine() -> None:
    """Quarantine is written beside raw, by a thread of its own."""
    if threading.current_thread() is not threading.main_thread() and "ThreadPool" in threading.current_thread().name:
        raise OSError("killed")


def counts(spark: SparkSession, settings: Settings) -> list[int]:
    held = (layout.RAW_EVENTS, layout.QUARANTINE, layout.LEDGER)
    return [tables.read(spark, settings.lake.root, table).count() for table in held]


def copy(settings: Settings, root: str, raw: Raw) -> Settings:
    """A copy of the lake, checkpoint included, with these rules."""
    shutil.copytree(settings.lake.root, root)
    return replace(settings, lake=Lake(root=root), raw=raw)


@pytest.fixture(scope="module")
def killed(spark: SparkSession, stream: Stream, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake whose first run, by narrow rules, was killed when it had written raw/events and not yet quarantine."""
    settings = stream.settings(str(tmp_path_factory.mktemp("killed") / "lake"), raw=NARROW)
    with pytest.raises(StreamingQueryException, match="killed"):
        ingest(spark, settings, check=die_at_quarantine)
    return settings


@dataclass(frozen=True)
class Refused:
    """A copy of that lake on which wide rules were tried twice: the errors, and the counts after each run."""

    settings: Settings
    errors: list[Exception | None]
    counts: list[list[int]]


@pytest.fixture(scope="module")
def refused(spark: SparkSession, killed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    settings = copy(killed, str(tmp_path_factory.mktemp("refused") / "lake"), WIDE)
    tried = Refused(settings, [], [])
    for _ in range(2):
        with pytest.raises(StreamingQueryException) as error:
            ingest(spark, settings)
        tried.errors.append(error_in_traceback(str(error.value)))
        tried.counts.append(counts(spark, settings))
    return tried


def test_a_batch_begun_by_narrow_rules_is_not_finished_by_wide_ones(
    spark: SparkSession, killed: Settings, refused: Refused
) -> None:
    for error in refused.errors:
        assert isinstance(error, UserError)
        assert "raw.max_future is '3600 seconds' and was '300 seconds'" in str(error)
    assert refused.counts == [counts(spark, killed)] * 2
    assert refused.counts[0][:2] == [5, 0]


def test_a_new_checkpoint_is_the_way_out(spark: SparkSession, refused: Refused, root: str) -> None:
    wide = copy(refused.settings, root, WIDE)
    assert ingest(spark, wide, anew=True) == Totals(read=35, raw=35)
    assert counts(spark, wide)[:2] == [35, 0]
    reconcile(spark, wide, Window()).refuse_faults()


def test_the_old_rules_finish_it(spark: SparkSession, refused: Refused, root: str) -> None:
    narrow = copy(refused.settings, root, NARROW)
    assert ingest(spark, narrow) == Totals(read=35, raw=5, quarantined=30)
    reconcile(spark, narrow, Window()).refuse_faults()


def test_a_batch_begun_by_wide_rules_is_not_finished_by_narrow_ones(
    spark: SparkSession, stream: Stream, root: str
) -> None:
    narrow, wide = stream.settings(root, raw=NARROW), stream.settings(root, raw=WIDE)

    def die_at_the_ledger() -> None:
        if counts(spark, wide)[0]:
            raise OSError("killed")

    with pytest.raises(StreamingQueryException, match="killed"):
        ingest(spark, wide, check=die_at_the_ledger)
    with pytest.raises(StreamingQueryException, match="raw/events holds 30 records that wouldn't be there"):
        ingest(spark, narrow)
    assert ingest(spark, narrow, anew=True) == Totals(read=35, raw=5, quarantined=30)
    reconcile(spark, narrow, Window()).refuse_faults()


def test_rules_that_change_nothing_in_the_batch_finish_it(spark: SparkSession, killed: Settings, root: str) -> None:
    older = copy(killed, root, replace(NARROW, max_age=timedelta(days=90)))
    assert ingest(spark, older) == Totals(read=35, raw=5, quarantined=30)
    reconcile(spark, older, Window()).refuse_faults()
