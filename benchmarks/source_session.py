"""Gives each measurement of the source alone a process of its own, a Spark session, and the source's defaults."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, TypeVar

from pyspark.sql import DataFrame, SparkSession

from benchmarks.station import JVM
from event_lake.config.files import load_settings
from event_lake.config.settings import Source
from event_lake.kinesis import options, source
from event_lake.lake.session import spark_session

T = TypeVar("T")
P = ParamSpec("P")

CORES = 2
REGION = "us-east-1"
# The servers here ask for no signature, so these are nobody's real credentials.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": REGION}


class WrongRecordsError(Exception):
    """The source lost or invented records, so that its figures mean nothing."""


def in_new_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a process that has no Spark yet, and return what it returns."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=use_any_credentials) as process:
        return process.submit(function, *args, **kwargs).result()


def use_any_credentials() -> None:
    """Set credentials for the AWS SDK of this process and of those that it starts."""
    os.environ |= _CREDENTIALS


def source_of(endpoint_url: str, stream: str = "bench") -> Source:
    """Return the settings to read a stream from its beginning, and otherwise by the source's defaults."""
    return Source(stream=stream, region=REGION, endpoint_url=endpoint_url)


@contextmanager
def session(name: str) -> Iterator[tuple[SparkSession, Path]]:
    """Give the block a Spark session on two cores that knows the source, and a folder for its checkpoints."""
    settings = load_settings("conf/local.toml", [f'spark."spark.master"="local[{CORES}]"'])
    with (
        TemporaryDirectory(dir=".bench", prefix="source-") as folder,
        spark_session(name, {**settings.spark, **JVM}) as spark,
    ):
        source.register_source(spark)
        yield spark, Path(folder).absolute()


def records(spark: SparkSession, settings: Source) -> DataFrame:
    """Return the source's rows, including receipts."""
    return spark.readStream.format(options.FORMAT).options(**options.options_of(settings)).load()


def check(what: str, actual: int, expected: int) -> None:
    """Raise WrongRecordsError, which names `what` was counted, if the numbers differ."""
    if actual != expected:
        raise WrongRecordsError(f"{what}: {actual:,}, but expected {expected:,}")
