"""What every measurement of the source alone runs in: a process of its own, a session, the source's own defaults."""

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
# For servers that ask for no signature: nobody's real credentials.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": REGION}


class WrongRecordsError(Exception):
    """The source lost or invented records, so that its figures mean nothing."""


def in_new_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, in a process that has no Spark yet."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=use_any_credentials) as process:
        return process.submit(function, *args, **kwargs).result()


def use_any_credentials() -> None:
    """For the AWS SDK of this process and of those that it starts."""
    os.environ |= _CREDENTIALS


def source_of(endpoint_url: str, stream: str = "bench") -> Source:
    """A stream read from its beginning, and otherwise by the source's defaults."""
    return Source(stream=stream, region=REGION, endpoint_url=endpoint_url)


@contextmanager
def session(name: str) -> Iterator[tuple[SparkSession, Path]]:
    """A session on two cores that knows the source, and a folder for its checkpoints."""
    settings = load_settings("conf/local.toml", [f'spark."spark.master"="local[{CORES}]"'])
    with (
        TemporaryDirectory(dir=".bench", prefix="source-") as folder,
        spark_session(name, {**settings.spark, **JVM}) as spark,
    ):
        source.register(spark)
        yield spark, Path(folder).absolute()


def records(spark: SparkSession, settings: Source) -> DataFrame:
    """The source's rows, receipts among them."""
    return spark.readStream.format(options.FORMAT).options(**options.options_of(settings)).load()


def check(what: str, found: int, expected: int) -> None:
    """Raise WrongRecordsError where they differ."""
    if found != expected:
        raise WrongRecordsError(f"{what}: {found:,}, but expected {expected:,}")
