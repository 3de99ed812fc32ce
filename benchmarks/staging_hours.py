"""Hours of events into staging with 1, 10 and 30 days behind them: rates, and what a run costs by the table's age.

The days behind are 50 times smaller than real ones: half a million events. The hour that is measured has a million in
100 types, in 6 commits of raw, 0.2 % of them late, which belong to the two days before.
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
from event_lake.raw.validation import validated
from event_lake.staging.build import build_staging

COMMITS = 6
# Drawn one by one; an hour and a day are so many copies of these, under event_uuids of their own.
_DRAWN = 100_000
_HOUR, _DAY = 10, 5
_NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
_MB = 1_000_000


def hours(scale: float) -> Figures:
    """The figures, with so much of the events of each hour and day."""
    return in_new_process(_hours, scale)


def _hours(scale: float) -> Figures:
    with session("staging-hours") as (spark, folder):
        return _Measuring(spark, folder, scale).figures()


class _Measuring:
    def __init__(self, spark: SparkSession, folder: Path, scale: float) -> None:
        self._spark = spark
        self._folder = folder
        self._hour, self._day = (max(1, round(copies * scale)) for copies in (_HOUR, _DAY))
        self._lake, self._days = "", 0
        self._drawn = _drawn(spark, folder)
        self._events = self._drawn.count()
        self._figures: Figures = {}

    def figures(self) -> Figures:
        alone = self._begun("old")
        self._staged(alone, self._day)  # and what is compiled the first time
        seconds = {}
        for days in (10, 30):
            missing = days - self._days
            self._gains(*[self._day] * missing)
            with Usage() as usage:
                self._run(alone, missing * self._day)
            self._note(f"peak MB, {missing * self._day * self._events:,} events in a run", usage.peak_jvm / _MB)
            with Usage() as usage:
                seconds[days] = self._staged(alone, self._hour)
            self._note(f"s, an hour with {days} days behind", seconds[days])
        self._note(f"peak MB, {self._hour * self._events:,} events in a run", usage.peak_jvm / _MB)
        self._note("events/s, staging/events alone", self._hour * self._events / seconds[30])
        self._note("s, a run without news", min(self._run(alone, 0) for _ in range(3)))
        # Last of these, so that the others aren't faster only for a JVM that knows its work.
        alone = self._begun("young")
        self._staged(alone, self._day)
        seconds[1] = self._staged(alone, self._hour)
        self._note("s, an hour with 1 day behind", seconds[1])
        self._note("s, 30 days behind / 1 day behind", seconds[30] / seconds[1])
        self._note_typed(alone)
        return self._figures

    def _note_typed(self, alone: Settings) -> None:
        contracts = str(self._folder / "contracts")
        propose_contracts(self._spark, alone, Sampling(), contracts, force=False)
        typed = replace(alone, staging=replace(alone.staging, contracts=contracts))
        self._staged(typed, 1)  # which makes the tables
        self._note("events/s, with all typed tables", self._hour * self._events / self._staged(typed, self._hour))
        measured = replace(typed, quality=Quality())
        self._note("events/s, and all measures", self._hour * self._events / self._staged(measured, self._hour))

    def _begun(self, name: str) -> Settings:
        """The settings of a new lake, to which days are added from now on."""
        self._lake, self._days = str(self._folder / name), 0
        tables.create(self._spark, self._lake, layout.RAW)
        return Settings(source=Source(stream="bench"), lake=Lake(root=self._lake), quality=Quality(measure=False))

    def _note(self, name: str, value: float) -> None:
        self._figures[name] = value
        print(f"  {name}: {value:,.2f}", flush=True)

    def _staged(self, settings: Settings, copies: int) -> float:
        """The seconds for an hour of so many copies, on a day more."""
        self._gains(copies, commits=COMMITS)
        return self._run(settings, copies)

    def _run(self, settings: Settings, copies: int) -> float:
        began = time.monotonic()
        done = build_staging(self._spark, settings)
        seconds = time.monotonic() - began
        check("events staged", done.inserted, copies * self._events)
        return seconds

    def _gains(self, *days: int, commits: int = 1) -> None:
        """A day more for each of `days`, of so many copies."""
        for copies in days:
            for part in range(commits):
                number = self._days * COMMITS + part
                moved = _moved(self._drawn, self._days, part, commits, copies)
                rows = moved.withColumn("batch_id", F.lit(number).cast("long")).hint("rebalance", "date", "event_type")
                with tables.enable_adaptive(self._spark):
                    tables.append_once(rows, self._lake, layout.RAW_EVENTS, writer="bench", batch_id=number)
                booked = _booked(self._spark, number, copies * self._events // commits)
                tables.append(booked, self._lake, layout.LEDGER)
            self._days += 1


def _booked(spark: SparkSession, number: int, events: int) -> DataFrame:
    """The ledger's row of a batch of so many events."""
    clock = _NOON + timedelta(minutes=number)
    told = {"stream": "bench", "shard_id": "shardId-0", "batch_id": number, "ingested_at": clock, "date": clock.date()}
    counts = {"read": events, "raw": events, "quarantined": 0, "duplicates": 0}
    row = tuple((told | counts).get(name) for name in LEDGER.names)
    return spark.createDataFrame([row], LEDGER).coalesce(1)


def _drawn(spark: SparkSession, folder: Path) -> DataFrame:
    """Events of an hour, as rows of raw/events."""
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
    select_events(validated(sent, Raw(max_future=timedelta(days=1))).withColumns(clock)).write.parquet(path)
    return spark.read.parquet(path)


def _moved(drawn: DataFrame, days: int, part: int, parts: int, copies: int) -> DataFrame:
    """A part of so many copies of an hour's events, `days` later."""
    later = F.expr(f"interval {days} days")
    digits = F.md5(F.concat_ws(" ", "event_uuid", "copy", F.lit(days)))
    uuid = F.regexp_replace(digits, "(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5")
    moved = {
        "event_uuid": uuid,
        "created_datetime": F.col("created_datetime") + later,
        "created_at": F.col("created_at") + 86_400 * days,
        "arrived_at": F.col("arrived_at") + later,
        "ingested_at": F.col("ingested_at") + later,
        "date": F.date_add("date", days),
        "sequence_number": F.concat(F.lit(f"495903382714902566{days:03}"), "copy", F.lpad("sequence_number", 34, "0")),
    }
    some = drawn.where(F.pmod(F.col("sequence_number").cast("long"), F.lit(parts)) == part)
    spread = some.crossJoin(drawn.sparkSession.range(copies).select(F.col("id").alias("copy")))
    return spread.withColumns(moved).select(*drawn.columns)
