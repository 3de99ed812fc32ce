"""`import event_lake` in a notebook: a session that is there already, and all that is promised called once."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import event_lake as el
from event_lake.kinesis import source
from event_lake.lake.session import REQUIRED
from support.emulators import Stream
from support.sent import an_event

NAMES = ("payment:order:completed", "lesson:started")


@pytest.fixture
def session(spark: SparkSession) -> Iterator[SparkSession]:
    """A session of its own within the tests' Spark, with settings of somebody who hasn't heard of us.

    Another session knows our source already, and is this thread's active one.
    """
    source.register_source(spark)
    own = spark.newSession()
    own.conf.set("spark.sql.session.timeZone", "Europe/Zurich")
    yield own
    spark.createDataFrame([], "nothing int")


def settings_of(stream: Stream, root: str, tmp_path: Path) -> el.Settings:
    overrides = stream.overrides(root)[1::2]
    return el.load_settings("conf/local.toml", [*overrides, f"staging.contracts={tmp_path}"])


def test_a_lake_is_filled_proven_and_read(session: SparkSession, stream: Stream, root: str, tmp_path: Path) -> None:
    (tmp_path / "lesson.toml").write_text(Path("conf/contracts/lesson.toml").read_text("utf-8"), "utf-8")
    settings = settings_of(stream, root, tmp_path)
    now = datetime.now(UTC).timestamp()
    events = [an_event(event_uuid=f"u-{i}", event_name=NAMES[i % 2], created_at=now) for i in range(4)]
    stream.put(*events, events[0], b"not an event")

    with pytest.raises(el.UserError, match=r"lacks spark\.sql\.session\.timeZone.*call event_lake\.configure\(spark\)"):
        el.reconcile(session, settings)
    el.configure(session)
    assert all(session.conf.get(key) == value for key, value in REQUIRED.items())

    totals = el.ingest_raw(session, settings, until_caught_up=True, run_id="first")
    assert (totals.read, totals.raw, totals.duplicates, totals.quarantined) == (6, 4, 1, 1)
    assert not el.reconcile(session, settings).faults
    assert el.build_staging(session, settings).inserted == 4
    today = datetime.now(UTC).date()
    dates = el.Dates(today - timedelta(days=1), today)
    assert el.build_staging(session, settings, rebuild_dates=dates).came == 4
    [ingested] = el.outcomes(settings, "ingest_raw")
    assert (ingested.run_id, ingested.exit_code, ingested.last_line) == ("first", 0, str(totals))
    rebuilt, staged = el.outcomes(root, "build_staging")
    assert (rebuilt.window, staged.window.startswith("batch"), rebuilt.exit_code) == (f"dates {dates}", True, 0)
    assert not el.stop(settings, "staging").was_running

    lake = el.open_lake(session, settings)
    assert lake.raw_events.count() == lake.staging.events.count() == 4
    assert [bytes(row.data) for row in lake.quarantine.collect()] == [b"not an event"]
    assert lake.ledger.selectExpr("sum(read)").first()[0] == 6
    assert lake.findings.isEmpty()
    assert lake.staging.conflicts.isEmpty()
    assert not lake.metrics.isEmpty()
    assert list(lake.staging.types) == ["lesson"]
    typed = lake.staging.types["lesson"].count()
    assert typed + lake.staging.rejected.count() == 2
    with pytest.raises(KeyError, match="no table of the type 'payment'; there are: lesson"):
        _ = lake.staging.types["payment"]
    assert el.check_quality(session, settings).newest.tzinfo is UTC
    # Nobody has stopped the session.
    assert session.range(3).count() == 3


def test_a_table_that_is_not_there_yet_is_told(spark: SparkSession, root: str) -> None:
    settings = el.Settings(source=el.Source(stream="events"), lake=el.Lake(root=root))
    with pytest.raises(el.UserError, match="has no raw/events yet: the job that makes it hasn't run"):
        _ = el.open_lake(spark, settings).raw_events
    assert dict(el.open_lake(spark, settings).staging.types) == {}


def test_a_session_that_cannot_be_made_fit_is_refused_with_the_way_to_start_it() -> None:
    code = """
import event_lake as el
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
before = spark.conf.getAll
try:
    el.configure(spark)
except el.UserError as error:
    print(error)
assert spark.conf.getAll == before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == (
        "this Spark session can't take spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension any more; start it"
        " with them (--conf, or the builder)\n"
    ), done.stderr[-2000:]
