"""Jobs in a process where Spark runs already, as on Databricks, and sessions that can't run any."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.errors import PySparkAttributeError
from pyspark.sql import SparkSession

from event_lake import functions
from event_lake.config.settings import Lake, Settings, Source
from event_lake.errors import ConfigError, UserError
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.session import REQUIRED, configure, lake_session, set_for, spark_session
from event_lake.lake.sole_writer import writing_session

DATABRICKS = {"DATABRICKS_RUNTIME_VERSION": "19.0"}
PROVIDER = "spark.sql.streaming.stateStore.providerClass"


@pytest.fixture
def own(spark: SparkSession) -> Iterator[SparkSession]:
    """A session of its own within the tests' Spark, which is this thread's active one meanwhile."""
    session = spark.newSession()
    session.createDataFrame([], "nothing int")
    yield session
    spark.createDataFrame([], "nothing int")


def a_lake(root: str, **spark_settings: str) -> Settings:
    return Settings(
        source=Source(stream="nowhere"),
        lake=Lake(root=root),
        spark={key.replace("__", "."): value for key, value in spark_settings.items()},
    )


def test_a_job_takes_the_session_that_runs_makes_it_fit_and_leaves_it_running(own: SparkSession, root: str) -> None:
    own.conf.set("spark.sql.session.timeZone", "Europe/Zurich")
    with lake_session(RunNotes("reconcile", None), a_lake(root)) as session:
        assert session.conf.get("spark.app.name") == "tests"
        assert all(session.conf.get(key) == value for key, value in REQUIRED.items())
    assert own.range(3).count() == 3


def test_a_job_on_a_running_session_that_looks_elsewhere_is_refused_before_it_leaves_a_lease(
    own: SparkSession, root: str
) -> None:
    """As for a root without a scheme on Databricks, a volume's like any other."""
    job = writing_session(RunNotes("ingest_raw", None), a_lake(root), "raw")
    with (
        set_for(own, "fs.defaultFS", "dbfs:///"),
        pytest.raises(ConfigError, match=f"to Spark this is dbfs:{root}"),
        job,
    ):
        pass
    assert not Path(root).exists()


def test_a_session_of_another_thread_is_left_running_too(spark: SparkSession) -> None:
    def job() -> str | None:
        with spark_session("elsewhere", {}) as session:
            return session.conf.get("spark.app.name")

    with ThreadPoolExecutor(1) as another:
        assert another.submit(job).result() == "tests"
    assert spark.range(3).count() == 3


def test_a_running_session_takes_the_settings_that_it_can_and_the_log_names_the_others(
    own: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {
        "spark.sql.shuffle.partitions": "7",
        "spark.sql.session.timeZone": "Europe/Zurich",
        "spark.executor.memory": "1g",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-central-1",
        "spark.app.name": "tests",
    }
    with caplog.at_level(logging.WARNING, "event_lake"), spark_session("job", settings):
        assert own.conf.get("spark.sql.shuffle.partitions") == "7"
        assert own.conf.get("spark.sql.session.timeZone") == "UTC"
    [warning] = caplog.messages
    assert warning == (
        "Spark runs already, so it doesn't take these settings any more: spark.executor.memory,"
        " spark.hadoop.fs.s3a.endpoint.region; give them where it is started, like in a cluster's Spark config"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "com.databricks.sql.streaming.state.RocksDBStateStoreProvider",
            "com.databricks.sql.streaming.state.RocksDBStateStoreProvider",
        ),
        (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        ),
        (
            "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
            "com.databricks.sql.streaming.state.RocksDBStateStoreProvider",
        ),
    ],
)
def test_on_databricks_the_state_store_is_rocksdb_by_either_name(own: SparkSession, before: str, after: str) -> None:
    own.conf.set(PROVIDER, before)
    configure(own, DATABRICKS)
    assert own.conf.get(PROVIDER) == after


def test_on_databricks_delta_needs_no_setting(own: SparkSession) -> None:
    with set_for(own, "spark.sql.catalog.spark_catalog", "theirs"):
        configure(own, DATABRICKS)
        assert own.conf.get("spark.sql.catalog.spark_catalog") == "theirs"


class RemoteSession:
    """What Spark Connect gives: a session without a JVM in this process."""

    def __getattr__(self, name: str) -> object:
        raise PySparkAttributeError(errorClass="JVM_ATTRIBUTE_NOT_SUPPORTED", messageParameters={"attr_name": name})


@pytest.mark.parametrize(
    "use",
    [
        lambda spark, _: configure(spark),
        functions.ingest_raw,
        functions.build_staging,
        functions.reconcile,
        functions.check_quality,
        functions.open_lake,
    ],
)
def test_a_remote_session_is_refused_and_the_access_mode_named(use: Callable[..., object], root: str) -> None:
    with pytest.raises(UserError) as refused:
        use(RemoteSession(), a_lake(root))
    assert str(refused.value) == (
        "this Spark session is remote (Spark Connect), as on Databricks in standard access mode and on serverless"
        " compute; the jobs need Spark's driver: on Databricks choose dedicated access mode"
    )
