"""Measure how fast hours of events come into staging, with 1, 10 and 30 days of events there before them.

The days before are 50 times smaller than real ones: half a million events each. The hour that is measured has a million
events of 100 types, in 6 commits to raw/events. 0.2 % of them are late, and belong to the two days before.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.figures import Figures
from benchmarks.meter import Usage
from benchmarks.source_session import check, in_new_process, session
from event_lake.config.settings import Lake, Quality, Raw, Settings, Source
from event_lake.contracts.propose import Sampling, propose_contracts
from event_lake.generator.events import Timeline
from event_lake.generator.sequence import EVENT, LATE, records
from event_lake.lake import layout, tables
from event_lake.lake.schemas import LEDGER, RECORD
from event_lake.raw.parse import select_events
from event_lake.raw.validation import validate_records
from event_lake.staging.build import build_staging

COMMITS = 6
# So many events are drawn one by one. An hour and a day are so many copies of them, each with an event_uuid of its own.
_DRAWN = 100_000
_HOUR, _DAY = 10, 5
_NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
_MB = 1_000_000


def hours(scale: float) -> Figures:
    """Return the figures, with `scale` times the events of each hour and day."""
    return in_new_process(_measure, scale)


def _measure(scale: float) -> Figures:
    with session("staging-hours") as (spark, folder):
        return _Measurement(spark, folder, scale).measure()


class _Measurement:
    """A measurement of lakes that grow by a day at a time. It prints each figure once it is known."""

    def __init__(self, spark: SparkSession, folder: Path, scale: float) -> None:
        self._spark = spark
        self._folder = folder
        self._hour, self._day = (max(1, round(copies * scale)) for copies in (_HOUR, _DAY))
        self._lake, self._days = "", 0
        self._drawn = _draw_events(spark, folder)
        self._events = self._drawn.count()
        self._figures: Figures = {}

    def measure(self) -> Figures:
        """Return the figures of an old lake and of a young one."""
        alone = self._begin_lake("old")
        self._time_hour(alone, self._day)  # This warms the JVM up.
        seconds = {}
        for days in (10, 30):
            missing = days - self._days
            self._add_days(*[self._day] * missing)
            with Usage() as usage:
                self._run(alone, missing * self._day)
            self._note(f"peak MB, {missing * self._day * self._events:,} events in a run", usage.peak_jvm / _MB)
            with Usage() as usage:
                seconds[days] = self._time_hour(alone, self._hour)
            self._note(f"s, an hour with {days} days behind", seconds[days])
        self._note(f"peak MB, {self._hour * self._events:,} events in a run", usage.peak_jvm / _MB)
        self._note("events/s, staging/events alone", self._hour * self._events / seconds[30])
        self._note("s, a run without news", min(self._run(alone, 0) for _ in range(3)))
        # The young lake comes after the old one, so that the old one isn't faster only because the JVM is warmer.
        alone = self._begin_lake("young")
        self._time_hour(alone, self._day)
        seconds[1] = self._time_hour(alone, self._hour)
        self._note("s, an hour with 1 day behind", seconds[1])
        self._note("s, 30 days behind / 1 day behind", seconds[30] / seconds[1])
        self._measure_typed(alone)
        return self._figures

    def _measure_typed(self, alone: Settings) -> None:
        contracts = str(self._folder / "contracts")
        propose_contracts(self._spark, alone, Sampling(), contracts, force=False)
        typed = replace(alone, staging=replace(alone.staging, contracts=contracts))
        self._time_hour(typed, 1)  # This makes the tables.
        self._note("events/s, with all typed tables", self._hour * self._events / self._time_hour(typed, self._hour))
        measuring = replace(typed, quality=Quality())
        self._note("events/s, and all measures", self._hour * self._events / self._time_hour(measuring, self._hour))

    def _begin_lake(self, name: str) -> Settings:
        """Make a new lake, to which days are added from now on, and return its settings."""
        self._lake, self._days = str(self._folder / name), 0
        tables.create(self._spark, self._lake, layout.RAW)
        return Settings(source=Source(stream="bench"), lake=Lake(root=self._lake), quality=Quality(measure=False))

    def _note(self, name: str, value: float) -> None:
        self._figures[name] = value
        print(f"  {name}: {value:,.2f}", flush=True)

    def _time_hour(self, settings: Settings, copies: int) -> float:
        """Add an hour of `copies` copies on a new day, and return the seconds that it takes to stage it."""
        self._add_days(copies, commits=COMMITS)
        return self._run(settings, copies)

    def _run(self, settings: Settings, copies: int) -> float:
        began = time.monotonic()
        result = build_staging(self._spark, settings)
        seconds = time.monotonic() - began
        check("events staged", result.inserted, copies * self._events)
        return seconds

    def _add_days(self, *days: int, commits: int = 1) -> None:
        """Add a day to the raw layer for each of `days`, which says how many copies of the drawn events it has."""
        for copies in days:
            for part in range(commits):
                number = self._days * COMMITS + part
                copied = _copy_part(self._drawn, self._days, part, commits, copies)
                rows = copied.withColumn("batch_id", F.lit(number).cast("long")).hint("rebalance", "date", "event_type")
                with tables.enable_adaptive(self._spark):
                    tables.append_once(rows, self._lake, layout.RAW_EVENTS, writer="bench", batch_id=number)
                ledger_row = _ledger_row(self._spark, number, copies * self._events // commits)
                tables.append(ledger_row, self._lake, layout.LEDGER)
            self._days += 1


def _ledger_row(spark: SparkSession, number: int, events: int) -> DataFrame:
    """Return the ledger's row of a batch of so many events."""
    clock = _NOON + timedelta(minutes=number)
    place = {"stream": "bench", "shard_id": "shardId-0", "batch_id": number, "ingested_at": clock, "date": clock.date()}
    counts = {"read": events, "raw": events, "quarantined": 0, "duplicates": 0}
    row = tuple((place | counts).get(name) for name in LEDGER.names)
    return spark.createDataFrame([row], LEDGER).coalesce(1)


def _draw_events(spark: SparkSession, folder: Path) -> DataFrame:
    """Draw the events of an hour, and return them as rows of raw/events."""
    begin_ms = int(_NOON.timestamp()) * 1000
    timeline = Timeline(seed=1, start_ms=begin_ms, rate=_DRAWN / 3600)
    rows = [
        (record.data, "key", "bench", "shardId-0", str(number), 0, _NOON + timedelta(seconds=number * 3600 / _DRAWN))
        for number, record in enumerate(records(timeline, first=0, count=_DRAWN))
        if record.kind in (EVENT, LATE)
    ]
    path = str(folder / "drawn")
    sent = spark.createDataFrame([(*row, None, None) for row in rows], RECORD).repartition(4)
    clock = {"ingested_at": F.col("arrived_at"), "batch_id": F.lit(0).cast("long")}
    select_events(validate_records(sent, Raw(max_future=timedelta(days=1))).withColumns(clock)).write.parquet(path)
    return spark.read.parquet(path)


def _copy_part(drawn: DataFrame, days: int, part: int, parts: int, copies: int) -> DataFrame:
    """Return part number `part` of `parts` of the drawn events, `days` later, and in so many copies."""
    later = F.expr(f"interval {days} days")
    digits = F.md5(F.concat_ws(" ", "event_uuid", "copy", F.lit(days)))
    uuid = F.regexp_replace(digits, "(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5")
    changes = {
        "event_uuid": uuid,
        "created_datetime": F.col("created_datetime") + later,
        "created_at": F.col("created_at") + 86_400 * days,
        "arrived_at": F.col("arrived_at") + later,
        "ingested_at": F.col("ingested_at") + later,
        "date": F.date_add("date", days),
        "sequence_number": F.concat(F.lit(f"495903382714902566{days:03}"), "copy", F.lpad("sequence_number", 34, "0")),
    }
    originals = drawn.where(F.pmod(F.col("sequence_number").cast("long"), F.lit(parts)) == part)
    repeated = originals.crossJoin(drawn.sparkSession.range(copies).select(F.col("id").alias("copy")))
    return repeated.withColumns(changes).select(*drawn.columns)
