"""Define the stations of the way from Kinesis to the lake, and measure each in a process of its own."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from benchmarks import plain
from benchmarks.figures import Figures, figures_of
from benchmarks.load import BATCH_SECONDS, SHARDS
from benchmarks.meter import Mark, Usage, batches, meter_query
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

# conf/local.toml is for jobs of a minute. A benchmark measures a job of hours: it takes conf/prod.toml's collector.
JVM = {"spark.driver.extraJavaOptions": "-XX:+UseParallelGC"}

_RAW_TABLES = (layout.RAW_EVENTS, layout.QUARANTINE, layout.LEDGER)


class WrongResultError(Exception):
    """Raised if a station lost or invented events, so that its times mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """The run of one station, over the load at `endpoint_url`, into the lake at `root`.

    The first `warm_up` batches don't count. The ledger must have the `expected` totals. `overrides` are settings, as
    the flag --set has them.
    """

    station: str
    endpoint_url: str
    root: str
    warm_up: int
    expected: Totals
    overrides: tuple[str, ...]


def measure(task: Task) -> Figures:
    """Return the station's figures. The process must have no Spark yet. Raises WrongResultError."""
    # The replay server checks no signature, so anything will do for credentials.
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    settings = _settings(task)
    station = STATIONS[task.station]
    with spark_session(task.station, settings.spark) as spark, Usage() as usage:
        if station.query is None:
            return _measure_job(spark, task, settings, usage)
        with meter_query(spark, usage, task.endpoint_url) as marks:
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


def _measure_job(spark: SparkSession, task: Task, settings: Settings, usage: Usage) -> Figures:
    """Return the figures of a station that is no stream, but a job that starts, does its steps and ends."""
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
    """A station: `run` does its work, `check` checks the result, and `writes` are the tables that it writes.

    `query` is the name of its streaming query; None if it's no stream.
    """

    run: Callable[[SparkSession, Settings], object]
    check: Callable[[SparkSession, Task, list[Mark]], None]
    query: str | None
    writes: tuple[layout.Table, ...] = ()


def _up_to(stage: Callable[[SparkSession, Settings], DataFrame]) -> Station:
    """Return the station that does the work of ingest_raw up to `stage`, makes all its rows and throws them away."""

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
    source.register_source(spark)
    return spark.readStream.format(options.FORMAT).options(**options.options_of(settings.source, settings.raw)).load()


def _read_validated(spark: SparkSession, settings: Settings) -> DataFrame:
    return read_validated(spark, settings.source, settings.raw)


def _check_read(_: SparkSession, task: Task, marks: list[Mark]) -> None:
    """Check that every record was read once, and that the state store, if there is one, dropped exactly the copies."""
    reports = batches(marks)
    read = sum(progress.numInputRows - SHARDS for progress in reports)
    _check(task, "records read", read, task.expected.read)
    if reports[-1].stateOperators:
        dropped = [state.customMetrics["numDroppedDuplicateRows"] for p in reports for state in p.stateOperators]
        _check(task, "duplicates dropped", sum(dropped), task.expected.duplicates)


def _check_ledger(spark: SparkSession, task: Task, marks: list[Mark]) -> None:
    """Check that the ledger has the totals of the load, and that the tables have the rows that the ledger counts."""
    _check_read(spark, task, marks)
    events, quarantine, ledger = (spark.read.format("delta").load(table.path(task.root)) for table in _RAW_TABLES)
    totals = sum_totals(row.asDict() for row in ledger.collect())
    _check(task, "ledger", totals, task.expected)
    _check(task, "rows in raw", events.count(), totals.raw)
    _check(task, "rows in quarantine", quarantine.count(), totals.quarantined)


def _check_plain(spark: SparkSession, task: Task, marks: list[Mark]) -> None:
    """Check that it wrote every event. It may take bad records for events and write them, too."""
    _check_read(spark, task, marks)
    rows = spark.read.format("delta").load(layout.RAW_EVENTS.path(task.root)).count()
    most = task.expected.raw + task.expected.quarantined
    _check(task, "rows in raw", min(max(rows, task.expected.raw), most), rows)


def _check_staging(spark: SparkSession, task: Task, _: list[Mark]) -> None:
    staged = spark.read.format("delta").load(layout.STAGING_EVENTS.path(task.root))
    _check(task, "rows in staging", staged.count(), task.expected.raw)


def _check(task: Task, what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise WrongResultError(f"{task.station}: {what}: {actual}, but expected {expected}")


def _ingest(spark: SparkSession, settings: Settings) -> None:
    ingest_raw(spark, settings, IngestOptions(until_caught_up=True))


def _stage(spark: SparkSession, settings: Settings) -> None:
    build_staging(spark, replace(settings, quality=Quality(measure=False)))


_INGEST = Station(run=_ingest, check=_check_ledger, query="ingest_raw", writes=_RAW_TABLES)

# The order is that of the way from Kinesis to staging. The station "staging" reads what "raw" wrote.
STATIONS = {
    "source": _up_to(_read),
    "source+parse": _up_to(_read_validated),
    "source+parse+dedup": _up_to(lambda spark, settings: deduplicate(_read_validated(spark, settings), settings.raw)),
    "plain": Station(run=plain.ingest, check=_check_plain, query="plain", writes=(layout.RAW_EVENTS,)),
    "raw": _INGEST,
    "small": _INGEST,
    "staging": Station(
        run=_stage,
        check=_check_staging,
        query=None,
    ),
}
