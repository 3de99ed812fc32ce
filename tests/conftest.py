"""What all tests share: one Spark session, and an emulated Kinesis."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.config.files import load_settings
from event_lake.lake.session import spark_session
from support.emulators import Stream, make_stream, moto_endpoint

# Emulators ask for credentials and take any. Set before Spark starts: its Python workers inherit them.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of all tests (of one of the processes that run them), as conf/local.toml has it, but for memory."""
    settings = {
        **load_settings("conf/local.toml").spark,
        "spark.driver.memory": "4g",
        # Delta's small tables are read anew with nearly every command; a task costs more than what it reads.
        "spark.databricks.delta.snapshotPartitions": "1",
        # A table is a test's own: what Delta knows of earlier ones would fill a quarter of the heap.
        "spark.databricks.delta.delta.log.cacheSize": "16",
        # For each task Spark would write the source of its projections anew, a fifth of the CPU that small tables cost.
        # Tests that start a job in a process of its own keep Spark's default.
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    with spark_session("tests", settings) as session:
        yield session


@pytest.fixture(scope="session")
def kinesis_endpoint() -> Iterator[str]:
    """The URL of moto's Kinesis."""
    with moto_endpoint() as url:
        yield url


@pytest.fixture
def stream(kinesis_endpoint: str, request: pytest.FixtureRequest) -> Stream:
    """A new stream of 4 shards, named after the test."""
    return make_stream(kinesis_endpoint, re.sub(r"[^\w.-]", "_", request.node.name)[:120])


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A lake that doesn't exist yet."""
    return str(tmp_path / "lake")
