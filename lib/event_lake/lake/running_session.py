"""Use a Spark session that somebody else started, like a notebook's or that of a job on Databricks."""

import logging
from collections.abc import Mapping

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from event_lake.errors import UserError

_log = logging.getLogger(__name__)

_PROVIDER = "spark.sql.streaming.stateStore.providerClass"
_DELTA = ("spark.sql.extensions", "spark.sql.catalog.spark_catalog")
_DATABRICKS_ROCKSDB = "com.databricks.sql.streaming.state.RocksDBStateStoreProvider"


def find_running() -> SparkSession | None:
    """Return the session that runs in this process, with preference this thread's; None if there's none."""
    if active := SparkSession.getActiveSession():
        return active
    # Another thread's. Python alone knows of it: Java's default session may be one that was stopped.
    is_running = SparkContext._active_spark_context is not None  # noqa: SLF001 (PySpark has no other way)
    return SparkSession.builder.getOrCreate() if is_running else None


def refuse_remote(spark: SparkSession) -> None:
    """Raise UserError if the session is one of Spark Connect, which can't reach Spark's driver."""
    try:
        spark.sparkContext  # noqa: B018 (it raises where there's none)
    except (PySparkException, Py4JError):
        raise UserError(
            "this Spark session is remote (Spark Connect), as on Databricks in standard access mode and on serverless"
            " compute; the jobs need Spark's driver: on Databricks choose dedicated access mode"
        ) from None


def take_settings(spark: SparkSession, settings: Mapping[str, str]) -> None:
    """Set those of Spark's own `settings` that a running session takes, and log a warning that names the others."""
    missed = []
    for key, value in settings.items():
        if spark.conf.isModifiable(key):
            spark.conf.set(key, value)
        elif spark.conf.get(key, None) != value:
            missed.append(key)
    if missed:
        _log.warning(
            "Spark runs already, so it doesn't take these settings any more: %s; give them where it is started, like in"
            " a cluster's Spark config",
            ", ".join(missed),
        )


def on_platform(required: Mapping[str, str], spark: SparkSession, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the `required` settings as the platform has them: without changes, but for Databricks.

    There, where `environment` has DATABRICKS_RUNTIME_VERSION, Delta is a part of Spark and needs no setting, and the
    state store has a RocksDB of its own. Source: Databricks' documentation, "Configure RocksDB state store" (the
    default from Databricks Runtime 17.3 on).
    """
    if "DATABRICKS_RUNTIME_VERSION" not in environment:
        return required
    provider = spark.conf.get(_PROVIDER)
    is_rocksdb = provider is not None and provider.endswith(".RocksDBStateStoreProvider")
    others = {key: value for key, value in required.items() if key not in _DELTA}
    return {**others, _PROVIDER: provider if provider and is_rocksdb else _DATABRICKS_ROCKSDB}
