"""The Spark session of every job: Delta, UTC, and a state store that stays bounded."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from event_lake.errors import UserError

# What the jobs rely on for correct results: not for users to change.
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
    # Rows that are computed again behind a lost executor may be other copies: no job may end that has used both. Spark
    # 4.2's default, but not 4.1's.
    "spark.sql.shuffle.orderIndependentChecksum.enabled": "true",
    "spark.sql.shuffle.orderIndependentChecksum.enableFullRetryOnMismatch": "true",
}

# What was measured to be better than Spark's own default, see docs/decisions; `[spark]` overrides it, not `--conf`.
PREFERRED = {
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
    # Every batch looks through all keys for those that have expired, and through the deleted ones that aren't merged
    # away yet: with RocksDB's own buffers of 64 MB, ever more of them for half a day.
    "spark.sql.streaming.stateStore.rocksdb.writeBufferSizeMB": "16",
    "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows": "false",
    # A batch needs more generated classes than Spark keeps by default (100), so that each batch would compile some 35
    # of them again, and run them uncompiled at first.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # No filter follows from another one here, and to look for some takes longer the more columns are computed: seconds
    # for each typed table.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    # Faster than zstd's default, 3, and no larger: a small file's columns are too short for a larger search.
    "spark.hadoop.parquet.compression.codec.zstd.level": "1",
    # Columns whose values don't repeat: the writer would make a dictionary, and then give it up.
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


_EXTENSIONS, _CATALOG = "spark.sql.extensions", "spark.sql.catalog.spark_catalog"


def configure(spark: SparkSession, environment: Mapping[str, str] = os.environ) -> None:
    """Set what the jobs need of a session that is there already, as a notebook's is.

    That is `REQUIRED`, the time zone UTC among it, and of `PREFERRED` what nobody has set and can still be set. Raises
    UserError, naming every key, for what is required and can't be set any more; then nothing is changed. On Databricks,
    which `environment` tells by DATABRICKS_RUNTIME_VERSION, Delta is a part of Spark and needs no setting.
    """
    needed = {key: value for key, value in REQUIRED.items() if not _has(spark, key, value, environment)}
    if fixed := {key: value for key, value in needed.items() if not spark.conf.isModifiable(key)}:
        pairs = ", ".join(f"{key}={value}" for key, value in fixed.items())
        raise UserError(f"this Spark session can't take {pairs} any more; start it with them (--conf, or the builder)")
    explicit = spark.conf.getAll
    for key, value in PREFERRED.items():
        # Hadoop's settings are read from the session's own when it starts.
        if key not in explicit and not key.startswith("spark.hadoop."):
            with suppress(AnalysisException):  # one that can't be set any more
                spark.conf.set(key, value)
    for key, value in needed.items():
        spark.conf.set(key, value)


def refuse_unconfigured(spark: SparkSession, environment: Mapping[str, str] = os.environ) -> None:
    """Raise UserError unless the session has what `configure` sets."""
    if missing := [key for key, value in REQUIRED.items() if not _has(spark, key, value, environment)]:
        raise UserError(f"this Spark session lacks {', '.join(missing)}; call event_lake.configure(spark) first")


def _has(spark: SparkSession, key: str, value: str, environment: Mapping[str, str]) -> bool:
    if key in (_EXTENSIONS, _CATALOG) and "DATABRICKS_RUNTIME_VERSION" in environment:
        return True
    # There may be other extensions beside Delta's.
    return value in (spark.conf.get(key, None) or "").split(",")


@contextmanager
def spark_session(app: str, settings: Mapping[str, str]) -> Iterator[SparkSession]:
    """A session named `app`, stopped at the end; `settings` are Spark's own, by their full names."""
    # Spark's Python workers would otherwise be the first python3 on the PATH. Executors on other machines
    # have their own: there spark.pyspark.python or the cluster decides.
    if settings.get("spark.master", "").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    for key, value in {**PREFERRED, **settings, **REQUIRED}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def set_for(spark: SparkSession, key: str, value: str) -> Iterator[None]:
    """Have the session's setting `key` at `value` while the block runs, and as it was behind it."""
    before = spark.conf.get(key, None)
    spark.conf.set(key, value)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, before)
