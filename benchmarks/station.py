"""The stations of the way from Kinesis to the lake, each run and measured in a process of its own."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from benchmarks import plain
from benchmarks.figures import Figures, figures_of
from benchmarks.load import BATCH_SECONDS, SHARDS
from benchmarks.meter import Mark, Usage, batches, metered
from event_lake.config.files import load_settings
from event_lake.config.settings import Quality, Settings
from event_lake.kinesis import options, source
from event_lake.lake import layout
from event_lake.lake.ledger import Totals
from event_lake.lake.session import spark_session
from event_lake.raw.ingest import IngestOptions, deduplicate, ingest_raw
from event_lake.raw.ledger_rows import sum_totals
from event_lake.raw.source import read_validated
from event_lake.staging.build import build_staging

# conf/local.toml is for jobs of a minute. A benchmark asks what a job of hours does, as conf/prod.toml has it.
JVM = {"spark.driver.extraJavaOptions": "-XX:+UseParallelGC"}

_RAW_TABLES = (layout.RAW_EVENTS, layout.QUARANTINE, layout.LEDGER)


class WrongResultError(Exception):
    """A station lost or invented events, so that its times mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One station's run: over the load at `endpoint_url`, in the lake at `root`."""

    station: str
    endpoint_url: str
    root: str
    warm_up: int
    expected: Totals
    overrides: tuple[str, ...]


def measured(task: Task) -> Figures:
    """The station's figures, in a process that has no Spark yet. Raises WrongResultError."""
    # For the replay server, which asks for no signature: nobody's real credentials.
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    settings = _settings(task)
    station = STATIONS[task.station]
    with spark_session(task.station, settings.spark) as spark, Usage() as usage:
        if station.query is None:
            return _of_job(spark, task, settings, usage)
        with metered(spark, usage, task.endpoint_url) as marks:
            station.run(spark, settings)
        station.check(spark, task, marks)
        return figures_of(
            marks,
            usage,
            warm_up=task.warm_up,
            receipts=SHARDS,
            written=[Path(table.path(task.root)) for table in station.writes],
            state=Path(layout.checkpoint_path(task.root, station.query), "state"),
        )


def _of_job(spark: SparkSession, task: Task, settings: Settings, usage: Usage) -> Figures:
    """The figures of a station that is no stream: a job that starts, does its steps and ends."""
    station, first, began = STATIONS[task.station], usage.cpu(), time.monotonic()
    station.run(spark, settings)
    seconds, last = time.monotonic() - began, usage.cpu()
    station.check(spark, task, [])
    events = task.expected.raw
    return {
        "events": events,
        "events/s": events / seconds,
        "us/event": 1e6 * seconds / events,
        "CPU us/event, JVM": 1e6 * (last.jvm - first.jvm) / events,
        "CPU us/event, Python": 1e6 * (last.python - first.python) / events,
        "peak MB": (usage.peak_jvm + usage.peak_worker) / 1_000_000,
    }


def _settings(task: Task) -> Settings:
    overrides = (
        'spark."spark.master"="local[2]"',
        *task.overrides,
        f"source.endpoint_url={task.endpoint_url}",
        f"source.max_batch_seconds={BATCH_SECONDS}",
        f"lake.root={task.root}",
    )
    settings = load_settings("conf/local.toml", overrides)
    return replace(settings, spark={**settings.spark, **JVM})


@dataclass(frozen=True, kw_only=True)
class Station:
    """What is run, how its result is checked, where it leaves what it wrote. `query`: None if it's no stream."""

    run: Callable[[SparkSession, Settings], object]
    check: Callable[[SparkSession, Task, list[Mark]], None]
    query: str | None
    writes: tuple[layout.Table, ...] = ()


def _up_to(stage: Callable[[SparkSession, Settings], DataFrame]) -> Station:
    """The raw path up to and with `stage`, whose rows are all made and then thrown away."""

    def run(spark: SparkSession, settings: Settings) -> None:
        (
            stage(spark, settings)
            .writeStream.format("noop")
            .option("checkpointLocation", layout.checkpoint_path(settings.lake.root, "noop"))
            .trigger(availableNow=True)
            .start()
            .awaitTermination()
        )

    return Station(run=run, check=_check_read, query="noop")


def _read(spark: SparkSession, settings: Settings) -> DataFrame:
    source.register(spark)
    return spark.readStream.format(options.FORMAT).options(**options.options_of(settings.source, settings.raw)).load()


def _judged(spark: SparkSession, settings: Settings) -> DataFrame:
    return read_validated(spark, settings.source, settings.raw)


def _check_read(_: SparkSession, task: Task, marks: list[Mark]) -> None:
    """Every record was read once, and the state store dropped exactly the copies, where there is one."""
    done = batches(marks)
    read = sum(progress.numInputRows - SHARDS for progress in done)
    _check(task, "records read", read, task.expected.read)
    if done[-1].stateOperators:
        dropped = [state.customMetrics["numDroppedDuplicateRows"] for p in done for state in p.stateOperators]
        _check(task, "duplicates dropped", sum(dropped), task.expected.duplicates)


def _check_ledger(spark: SparkSession, task: Task, marks: list[Mark]) -> None:
    """The ledger says what was replayed, and the tables hold what the ledger says."""
    _check_read(spark, task, marks)
    events, quarantine, ledger = (spark.read.format("delta").load(table.path(task.root)) for table in _RAW_TABLES)
    found = sum_totals(row.asDict() for row in ledger.collect())
    _check(task, "ledger", found, task.expected)
    _check(task, "rows in raw", events.count(), found.raw)
    _check(task, "rows in quarantine", quarantine.count(), found.quarantined)


def _check_plain(spark: SparkSession, task: Task, marks: list[Mark]) -> None:
    """It wrote every event, and what it takes for one."""
    _check_read(spark, task, marks)
    rows = spark.read.format("delta").load(layout.RAW_EVENTS.path(task.root)).count()
    most = task.expected.raw + task.expected.quarantined
    _check(task, "rows in raw", min(max(rows, task.expected.raw), most), rows)


def _check_staging(spark: SparkSession, task: Task, _: list[Mark]) -> None:
    staged = spark.read.format("delta").load(layout.STAGING_EVENTS.path(task.root))
    _check(task, "rows in staging", staged.count(), task.expected.raw)


def _check(task: Task, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise WrongResultError(f"{task.station}: {what}: {found}, but expected {expected}")


def _ingest(spark: SparkSession, settings: Settings) -> None:
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True))


def _stage(spark: SparkSession, settings: Settings) -> None:
    build_staging(spark, replace(settings, quality=Quality(measure=False)))


_INGEST = Station(run=_ingest, check=_check_ledger, query="ingest_raw", writes=_RAW_TABLES)

# In the order of the way; "staging" reads what "raw" wrote.
STATIONS = {
    "source": _up_to(_read),
    "source+parse": _up_to(_judged),
    "source+parse+dedup": _up_to(lambda spark, settings: deduplicate(_judged(spark, settings), settings.raw)),
    "plain": Station(run=plain.ingest, check=_check_plain, query="plain", writes=(layout.RAW_EVENTS,)),
    "raw": _INGEST,
    "small": _INGEST,
    "staging": Station(
        run=_stage,
        check=_check_staging,
        query=None,
    ),
}
