"""Start or configure the Spark session of a job: with Delta, in UTC, and with a bounded state store."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, IllegalArgumentException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from event_lake.config.event_names import ANY
from event_lake.config.lake_root import absolute_root, scheme_of
from event_lake.config.parsing import unusable
from event_lake.config.settings import Settings
from event_lake.errors import UserError
from event_lake.lake.hadoop_files import HadoopFiles, default_file_system
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.running_session import find_running, on_platform, refuse_remote, take_settings

_log = logging.getLogger(__name__)

# Settings that the jobs need for correct results. Users can't change them.
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # `date` is the UTC date of an event, on every cluster.
    "spark.sql.session.timeZone": "UTC",
    # Spark's default keeps the dedup state on the heap and writes it whole with every batch.
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    # The raw stream's clock is the batch's own time, so a batch without data has no key to evict.
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    # Spark's default is INT96, which has no time zone and no statistics, and which pyarrow and delta-rs misread before
    # 1677 and after 2262.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # When an executor is lost, Spark computes its rows again, and may keep other copies of events. With these settings
    # no job succeeds that has used both computations. They are Spark 4.2's defaults, but not 4.1's.
    "spark.sql.shuffle.orderIndependentChecksum.enabled": "true",
    "spark.sql.shuffle.orderIndependentChecksum.enableFullRetryOnMismatch": "true",
}

# Settings that we measured to be better than Spark's defaults; docs/decisions has the figures. The section [spark] of
# the configuration overrides them, `--conf` of spark-submit doesn't.
PREFERRED = {
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
    # Every batch looks through all keys for expired ones, and through deleted ones that RocksDB hasn't merged away yet.
    # With RocksDB's default of 64 MB the latter become more and more for half a day.
    "spark.sql.streaming.stateStore.rocksdb.writeBufferSizeMB": "16",
    "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows": "false",
    # A batch needs more generated classes than the 100 that Spark keeps by default. Each batch would compile some 35 of
    # them again, and Java would run them slowly at first.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # Spark would try to infer filters from other filters. It finds none here, and the search takes seconds for each
    # typed table, as it grows with the columns.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    # Level 1 is faster than the default, 3, and the files are no larger: a small file's columns are too short for the
    # longer search to find more.
    "spark.hadoop.parquet.compression.codec.zstd.level": "1",
    # The values of these columns don't repeat: the writer would make a dictionary, and then give it up.
    **{
        f"spark.hadoop.parquet.enable.dictionary#{column}": "false"
        for column in ("event_uuid", "payload", "sequence_number", "created_at", "created_datetime")
    },
    # A batch is cached for the seconds in which its three tables are written.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Small batches over many partitions: writing their files in parallel beats having few tasks.
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}


# These log an exception that then fails the job anyway, with values of rows in its text if a table refused a row.
_LOGS_OF_ROWS = (
    "org.apache.spark.executor.Executor",
    "org.apache.spark.sql.delta.files.DeltaFileFormatWriter",
    "org.apache.spark.sql.delta.commands.MergeIntoCommand",
)
_PYSPARK_LOGS_OF_ROWS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")


def configure(spark: SparkSession, environment: Mapping[str, str] = os.environ) -> None:
    """Set what the jobs need in a session that runs already, like a notebook's.

    Set all of `REQUIRED`, with the time zone UTC among it, and those of `PREFERRED` that nobody has set and that can
    still be set. Raise UserError, which names every key, if required settings can't be set any more; nothing is changed
    then. Raise it, too, for a session of Spark Connect. On Databricks, which `environment` tells, some settings are
    others (`on_platform`).
    """
    needed = _find_missing(spark, environment)
    if fixed := {key: value for key, value in needed.items() if not spark.conf.isModifiable(key)}:
        pairs = ", ".join(f"{key}={value}" for key, value in fixed.items())
        raise UserError(f"this Spark session can't take {pairs} any more; start it with them (--conf, or the builder)")
    explicit = spark.conf.getAll
    for key, value in PREFERRED.items():
        # Spark reads those of Hadoop only when it starts.
        if key not in explicit and not key.startswith("spark.hadoop."):
            with suppress(AnalysisException):  # it can't be set any more
                spark.conf.set(key, value)
    for key, value in needed.items():
        spark.conf.set(key, value)


def refuse_unconfigured(spark: SparkSession, environment: Mapping[str, str] = os.environ) -> None:
    """Raise UserError unless the session has what `configure` sets."""
    if missing := _find_missing(spark, environment):
        raise UserError(f"this Spark session lacks {', '.join(missing)}; call event_lake.configure(spark) first")


def _find_missing(spark: SparkSession, environment: Mapping[str, str]) -> Mapping[str, str]:
    refuse_remote(spark)
    required = on_platform(REQUIRED, spark, environment)
    # A session's value may be a list: it may have other extensions beside Delta's.
    return {key: value for key, value in required.items() if value not in (spark.conf.get(key, None) or "").split(",")}


def refuse_misplaced(spark: SparkSession, settings: Settings) -> None:
    """Raise ConfigError if Spark would look for the lake elsewhere than its leases are, or can't reach it.

    Raise it, too, if Java can't write the names of all the lake's folders (`_refuse_unnameable`). Raise UserError for
    a session of Spark Connect.

    The lease of a root without a scheme is on the driver's disk, and is taken before Spark starts. Only a session
    knows its default file system: a cluster's files of Hadoop, Spark's defaults and `--conf` decide.
    """
    refuse_remote(spark)
    root = settings.lake.root
    path = absolute_root(root)
    default = default_file_system(spark)
    if scheme_of(root) is None and default != "file:":
        raise unusable("lake.root", root, f"to Spark this is {default}{path}; write it like that")
    try:
        HadoopFiles(spark, path)
    except (Py4JJavaError, IllegalArgumentException) as error:
        reason = error.java_exception.toString() if isinstance(error, Py4JJavaError) else str(error)
        problem = f"Spark can't use this file system: {reason.splitlines()[0]}"
        raise unusable("lake.root", root, f"{problem}; check the scheme, and what Spark has for it") from None
    if scheme_of(root) is None and settings.raw.name_characters == ANY:
        _refuse_unnameable(spark)


def _refuse_unnameable(spark: SparkSession) -> None:
    """Raise ConfigError if Java can't give local folders names of other characters than ASCII.

    It takes the encoding from the locale of its process, which is C where a scheduler sets none. Partitions have the
    names of types, and a batch with a type that can't be written would fail for ever.
    """
    jvm: Any = spark._jvm  # noqa: SLF001 (PySpark has no other way to Java's properties)
    encoding = jvm.System.getProperty("sun.jnu.encoding")
    if encoding is not None and encoding.upper() != "UTF-8":
        problem = f"Java writes names of local folders in {encoding} here; start the job with LC_ALL=C.UTF-8"
        raise unusable("raw.name_characters", ANY, problem)


@contextmanager
def lake_session(run: RunNotes, settings: Settings) -> Iterator[SparkSession]:
    """Run a job's Spark session while the block runs, and log the id of the run.

    Raise ConfigError as `refuse_misplaced` does for the lake.
    """
    _log.info("%s: run %s", run.job, run.id)
    with spark_session(run.job, settings.spark) as spark:
        refuse_misplaced(spark, settings)
        yield spark


@contextmanager
def spark_session(app: str, settings: Mapping[str, str]) -> Iterator[SparkSession]:
    """Run a Spark session named `app` while the block runs, and stop it at the end.

    `settings` are Spark's own, by their full names. They override `PREFERRED`, and `REQUIRED` overrides them. Where
    Spark runs already, the block gets that session, configured (`configure`) and with the settings that it takes, and
    it isn't stopped: on Databricks that would fail the task and others of the cluster.
    """
    if running := find_running():
        configure(running)
        take_settings(running, {key: value for key, value in settings.items() if key not in REQUIRED})
        _keep_rows_out_of_logs(running)
        yield running
        return
    # Without this Spark's Python workers would be the first python3 on the PATH. On executors of other machines
    # spark.pyspark.python or the cluster decides.
    if settings.get("spark.master", "").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    for key, value in {**PREFERRED, **settings, **REQUIRED}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        refuse_remote(spark)
        _keep_rows_out_of_logs(spark)
        yield spark
    finally:
        spark.stop()


def _keep_rows_out_of_logs(spark: SparkSession) -> None:
    """Silence what would log values of rows in this process and its JVM. A cluster's executors have their own logs."""
    log4j: Any = spark._jvm.org.apache.logging.log4j  # type: ignore[union-attr]  # noqa: SLF001 (there's no other way)
    for name in _LOGS_OF_ROWS:
        log4j.core.config.Configurator.setLevel(name, log4j.Level.OFF)
    for name in _PYSPARK_LOGS_OF_ROWS:
        PySparkLogger.getLogger(name).disabled = True


@contextmanager
def set_for(spark: SparkSession, key: str, value: str) -> Iterator[None]:
    """Set the session's setting `key` to `value` while the block runs, and then back to what it was."""
    before = spark.conf.get(key, None)
    spark.conf.set(key, value)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, before)
